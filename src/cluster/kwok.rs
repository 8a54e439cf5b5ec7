//! A cluster of kwokctl's binary runtime.
//!
//! kwokctl's own folder lies inside the cluster's (`KWOK_WORKDIR`), so neither `~/.kwok`
//! nor the user's kubeconfig is touched and names cannot clash.

use std::time::Duration;

use super::api::Session;
use super::folders::Assets;
use super::site::{Record, Site, make_private, write_private};
use super::{Error, Options, ports, stages};

const CONFIG: &str = include_str!("../../kwok/kwokctl.yaml");

/// The record of a cluster that is not there yet, which says how it will be ended.
pub(super) fn plan(mut record: Record, options: &Options) -> Result<Record, Error> {
    let assets = Assets::locate(options.assets.as_deref())?;
    let kwokctl = assets.binary("kwokctl")?;
    let workdir = record.dir.join("kwok");
    record.log = workdir.join(format!("clusters/{}/logs/kube-apiserver.log", record.name));
    record.env = vec![
        ("KWOK_WORKDIR".to_owned(), workdir.to_string_lossy().into_owned()),
        // Not a flag of kwokctl; without it kwokctl would download one when it needs it.
        ("KWOK_KUBECTL_BINARY".to_owned(), assets.binary("kubectl")?.to_string_lossy().into_owned()),
    ];
    record.farewell = [
        &*kwokctl.to_string_lossy(),
        "delete",
        "cluster",
        "--name",
        &record.name,
        "--kubeconfig",
        &*record.kubeconfig.to_string_lossy(),
    ]
    .map(str::to_owned)
    .to_vec();
    Ok(record)
}

/// Creates the cluster and its nodes and waits until both are ready.
pub(super) fn raise(site: &mut Site, options: &Options) -> Result<(), Error> {
    let assets = Assets::locate(options.assets.as_deref())?;
    let kwokctl = assets.binary("kwokctl")?;
    let config = format!("{CONFIG}{}---\n{}", port_options()?, stages::read(&options.stages)?);
    write_private(&site.path("kwokctl.yaml"), &config)?;
    let mut args = ["create", "cluster", "--runtime", "binary"].map(str::to_owned).to_vec();
    for (flag, value) in [
        ("--name", site.record.name.clone()),
        ("--config", site.text("kwokctl.yaml")),
        ("--kubeconfig", site.record.kubeconfig.to_string_lossy().into_owned()),
        ("--wait", format!("{}s", site.left().as_secs().max(1))),
    ] {
        args.extend([flag.to_owned(), value]);
    }
    for (flag, program) in [
        ("--etcd-binary", "etcd"),
        ("--kube-apiserver-binary", "kube-apiserver"),
        ("--kube-controller-manager-binary", "kube-controller-manager"),
        ("--kube-scheduler-binary", "kube-scheduler"),
        ("--kwok-controller-binary", "kwok"),
    ] {
        let binary = assets.binary(program)?;
        args.extend([flag.to_owned(), binary.to_string_lossy().into_owned()]);
    }
    site.run(&kwokctl, &args)?;
    make_private(&site.record.kubeconfig)?;
    if options.nodes > 0 {
        let replicas = options.nodes.to_string();
        let name = site.record.name.clone();
        let args = ["scale", "node", "--name", &name, "--replicas", &replicas];
        site.run(&kwokctl, &args.map(str::to_owned))?;
    }
    let session = Session::open(&site.record.kubeconfig, Duration::from_secs(5))?;
    session.until_ready(site)?;
    session.until_pods_are_admitted(site)?;
    session.until_nodes(site, options.nodes)
}

/// More lines for the configuration's last mapping, `options`. kwokctl's own search counts
/// down from a fixed number, so that two at the same time choose the same ports.
fn port_options() -> Result<String, Error> {
    let keys = [
        "etcdPeerPort",
        "etcdPort",
        "kubeApiserverPort",
        "kubeControllerManagerPort",
        "kubeSchedulerPort",
        "kwokControllerPort",
    ];
    let ports: [u16; 6] = ports::free()?;
    Ok(keys.iter().zip(ports).map(|(key, port)| format!("  {key}: {port}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version of one module in a go.mod beside the configuration.
    fn pinned(folder: &str, module: &str) -> String {
        let root = env!("CARGO_MANIFEST_DIR");
        let text = std::fs::read_to_string(format!("{root}/kwok/{folder}/go.mod")).unwrap();
        let line = text.lines().find_map(|line| line.trim().strip_prefix(module));
        line.unwrap().split_whitespace().next().unwrap().to_owned()
    }

    #[test]
    fn the_versions_are_those_of_the_assets() {
        let config: serde_json::Value = serde_saphyr::from_str(CONFIG).unwrap();
        let options = &config["options"];
        assert_eq!(options["kubeVersion"], pinned("kubernetes", "k8s.io/kubernetes "));
        assert_eq!(options["kwokVersion"], pinned("kwok", "sigs.k8s.io/kwok "));
        let etcd = pinned("etcd", "go.etcd.io/etcd/server/v3 ");
        assert_eq!(options["etcdVersion"], etcd.trim_start_matches('v'));
    }
}
