//! etcd and kube-apiserver as plain processes, with the controllers on request.
//!
//! No certificates are made here: kube-apiserver signs its own in `--cert-dir`, and the
//! same key signs service-account tokens, since it is there by the time that flag is read.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::api::Session;
use super::folders::Assets;
use super::site::{Site, write_private};
use super::{Error, Options, ports, stages, wall};

/// How often another process may take the port we chose.
const ATTEMPTS: u32 = 3;

/// Binaries that are looked up before anything is started.
struct Binaries {
    etcd: PathBuf,
    apiserver: PathBuf,
    controller_manager: Option<PathBuf>,
    scheduler: Option<PathBuf>,
    kwok: Option<PathBuf>,
}

impl Binaries {
    fn locate(options: &Options) -> Result<Self, Error> {
        let assets = Assets::locate(options.assets.as_deref())?;
        let when = |on: bool, program| on.then(|| assets.binary(program)).transpose();
        Ok(Self {
            etcd: assets.binary("etcd")?,
            apiserver: assets.binary("kube-apiserver")?,
            controller_manager: when(options.controller_manager, "kube-controller-manager")?,
            scheduler: when(options.scheduler, "kube-scheduler")?,
            kwok: when(options.kwok, "kwok")?,
        })
    }
}

/// Starts everything that `options` asks for and waits until it is ready.
pub(super) fn raise(site: &mut Site, options: &Options) -> Result<(), Error> {
    let binaries = Binaries::locate(options)?;
    let token = wall::token()?;
    let line = format!("{token},admin,admin,\"system:masters\"\n");
    write_private(&site.path("tokens.csv"), &line)?;
    for attempt in 1.. {
        match raise_servers(site, &binaries, &token) {
            Err(error) if error.is_taken_port() && attempt < ATTEMPTS => site.clear(),
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    raise_controllers(site, options, binaries)
}

fn raise_servers(site: &mut Site, binaries: &Binaries, token: &str) -> Result<(), Error> {
    let [client, peer, api] = ports::free()?;
    site.spawn(binaries.etcd.clone(), etcd_args(site, client, peer))?;
    // The API server would wait a second before it asked an unborn etcd again.
    listening(site, "etcd", client)?;
    let controllers = binaries.controller_manager.is_some();
    let args = apiserver_args(site, client, api, controllers);
    site.spawn(binaries.apiserver.clone(), args)?;
    let kubeconfig = kubeconfig(site, api, token).to_string();
    write_private(&site.record.kubeconfig, &kubeconfig)?;
    // The certificate is on disk once the port is open.
    listening(site, "kube-apiserver", api)
}

fn raise_controllers(site: &mut Site, options: &Options, bin: Binaries) -> Result<(), Error> {
    let session = Session::open(&site.record.kubeconfig, Duration::from_secs(5))?;
    session.until_serving(site)?;
    let controllers = bin.controller_manager.is_some();
    if let Some(program) = bin.controller_manager {
        site.spawn(program, controller_manager_args(site))?;
    }
    if let Some(program) = bin.scheduler {
        site.spawn(program, scheduler_args(site))?;
    }
    if let Some(program) = bin.kwok {
        write_private(&site.path("stages.yaml"), &stages::read(&options.stages)?)?;
        site.spawn(program, kwok_args(site))?;
        session.create_nodes(options.nodes)?;
    }
    session.until_ready(site)?;
    if controllers {
        session.until_pods_are_admitted(site)?;
    }
    session.until_nodes(site, options.nodes)
}

/// Ends the API server and waits until its successor is ready. Open watches break.
pub(super) fn restart_apiserver(site: &mut Site) -> Result<(), Error> {
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        site.restart("kube-apiserver")?;
        // A session of the old server may hold a dead connection, so this is a new one.
        let session = Session::open(&site.record.kubeconfig, Duration::from_secs(5))?;
        match session.until_ready(site) {
            // The end of a process that is not our child shows before its port is free.
            Err(error) if error.is_taken_port() && attempts > 0 => {
                wall::pause(Duration::from_millis(200));
            }
            result => return result,
        }
    }
}

/// Forgets all revisions before the present one, in etcd and in the API server's watch
/// cache, and tells the revision.
pub(super) fn compact(site: &mut Site) -> Result<u64, Error> {
    let etcd = &site.record.components[0];
    let etcdctl = etcd.program.with_file_name("etcdctl");
    if !etcdctl.is_file() {
        return Err(Error::Missing {
            program: "etcdctl".to_owned(),
            folder: etcd.program.with_file_name(""),
        });
    }
    let flag = etcd.args.iter().find_map(|arg| arg.strip_prefix("--advertise-client-urls="));
    let endpoint = flag.expect("every etcd is started with this flag").to_owned();
    let status = etcdctl_output(&etcdctl, &endpoint, &["endpoint", "status", "-w", "json"])?;
    let status: Value = serde_json::from_str(&status).unwrap_or_default();
    let revision = status[0]["Status"]["header"]["revision"].as_u64().unwrap_or(0);
    etcdctl_output(&etcdctl, &endpoint, &["compaction", &revision.to_string()])?;
    restart_apiserver(site)?;
    Ok(revision)
}

fn etcdctl_output(etcdctl: &Path, endpoint: &str, args: &[&str]) -> Result<String, Error> {
    let output = Command::new(etcdctl)
        .args(["--endpoints", endpoint])
        .args(args)
        .output()
        .map_err(|source| Error::Spawn { program: etcdctl.to_owned(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::Command {
        command: format!("etcdctl --endpoints {endpoint} {}", args.join(" ")),
        status: output.status.to_string(),
        tail: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn listening(site: &mut Site, what: &str, port: u16) -> Result<(), Error> {
    site.until(&format!("an open port of {what}"), || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|error| error.to_string())
    })
}

fn kubeconfig(site: &Site, port: u16, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "envtest",
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "admin"}}],
        "clusters": [{"name": "envtest", "cluster": {
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority": site.text("certs/apiserver.crt"),
        }}],
        "users": [{"name": "admin", "user": {"token": token}}],
    })
}

fn etcd_args(site: &Site, client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    vec![
        format!("--data-dir={}", site.text("etcd")),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // Nothing here is worth a disk's time.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn apiserver_args(site: &Site, etcd: u16, port: u16, controllers: bool) -> Vec<String> {
    let key = site.text("certs/apiserver.key");
    let mut args = vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        // An endpoint may not be a loopback address; asking for one only fills the log.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", site.text("certs")),
        format!("--token-auth-file={}", site.text("tokens.csv")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!("--service-account-key-file={key}"),
        format!("--service-account-signing-key-file={key}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--authorization-mode=RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
    ];
    if !controllers {
        // Nobody makes service accounts, and nobody takes the taint off a ready node.
        args.push("--disable-admission-plugins=ServiceAccount,TaintNodesByCondition".to_owned());
    }
    args
}

fn controller_manager_args(site: &Site) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", site.record.kubeconfig.display()),
        format!("--service-account-private-key-file={}", site.text("certs/apiserver.key")),
        format!("--root-ca-file={}", site.text("certs/apiserver.crt")),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ]
}

fn scheduler_args(site: &Site) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", site.record.kubeconfig.display()),
        "--leader-elect=false".to_owned(),
        "--secure-port=0".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=1000".to_owned(),
    ]
}

fn kwok_args(site: &Site) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", site.record.kubeconfig.display()),
        format!("--config={}", site.text("stages.yaml")),
        "--manage-all-nodes=true".to_owned(),
        "--node-lease-duration-seconds=40".to_owned(),
        "--cidr=10.244.0.0/16".to_owned(),
    ]
}
