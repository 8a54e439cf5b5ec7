use anyhow::{Context, Result, bail};
use kubetape::{
    serve::serve,
    sim::{CONTROLLERS, Options, PLUGINS, Sim},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::net::TcpListener;

/// Serve a simulated cluster over plain HTTP, on a port of this machine alone unless told otherwise.
///
/// Examples:
///   kubetape sim -- kubectl get namespaces
///   kubetape sim --controllers '*' -- ./deploy-and-check.sh
///
/// It ends with the command, or with Ctrl-C. SIGUSR1 makes it forget its history, as a compaction of etcd does.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Who may come: lines of `token,user,uid,"groups"`, as kube-apiserver reads them; everybody without it.
    #[arg(long)]
    token_auth_file: Option<PathBuf>,
    /// Where uids and generated names come from: the same seed gives the same ones.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Admission plugins to turn off, as kube-apiserver spells them.
    #[arg(long, value_delimiter = ',')]
    disable_admission_plugins: Vec<String>,
    /// Controllers to run, as kube-controller-manager spells them; `*` for all of them, `*,-pod` for all but one,
    /// none by default. `pod` stands for the scheduler and the kubelets.
    #[arg(long, value_delimiter = ',')]
    controllers: Vec<String>,
    /// Run this with KUBECONFIG set, and end with it.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Serves until the command ends, or until it is interrupted.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("failed to start the runtime")?.block_on(listen(args))
}

async fn listen(args: Args) -> Result<ExitCode> {
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| {
        format!("failed to listen on {}; choose another address with --listen", args.listen)
    })?;
    let address = listener.local_addr()?;
    let options = options(&args)?;
    let token = options.tokens.keys().next().cloned().unwrap_or_default();
    let sim = Sim::new(options);
    tokio::spawn(compact_on_signal(sim.clone()));
    if args.command.is_empty() {
        crate::out::talk(&format!("serving a simulated cluster at http://{address}"));
        let end = async {
            // Without signals it runs until it is killed.
            let _ = tokio::signal::ctrl_c().await;
        };
        serve(listener, sim, end).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = tempfile::tempdir().context("failed to make a folder for the kubeconfig")?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, config(address, &token)).context("failed to write the kubeconfig")?;
    let serving = tokio::spawn(serve(listener, sim, std::future::pending()));
    let (program, rest) = args.command.split_first().context("a command stands behind `--`")?;
    let status =
        tokio::process::Command::new(program).args(rest).env("KUBECONFIG", &kubeconfig).status().await;
    let status = status.with_context(|| format!("failed to start {program:?}; is it on the PATH?"))?;
    serving.abort();
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

fn options(args: &Args) -> Result<Options> {
    let known = |name: &&String| !PLUGINS.contains(&name.as_str());
    if let Some(unknown) = args.disable_admission_plugins.iter().find(known) {
        bail!("there is no admission plugin {unknown:?}; those that run here are {}", PLUGINS.join(", "));
    }
    let mut options = Options {
        seed: args.seed,
        disabled_admission: args.disable_admission_plugins.clone(),
        ..Options::default()
    };
    if let Some(path) = &args.token_auth_file {
        options.tokens = tokens(path)?;
    }
    options.controllers = controllers(&args.controllers)?;
    Ok(options)
}

/// Those that are named, or all of them but those with a `-`.
fn controllers(asked: &[String]) -> Result<Vec<String>> {
    let bare = |name: &str| name.strip_prefix('-').unwrap_or(name).to_owned();
    let unknown =
        asked.iter().map(|name| bare(name)).find(|name| name != "*" && !CONTROLLERS.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        bail!("there is no controller {unknown:?}; those that run here are {}", CONTROLLERS.join(", "));
    }
    let named = |name: &str| asked.iter().any(|own| own == name);
    let runs = |name: &&str| (named("*") || named(name)) && !named(&format!("-{name}"));
    Ok(CONTROLLERS.into_iter().filter(runs).map(str::to_owned).collect())
}

/// The users of a token file, by token.
fn tokens(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("failed to read {}; name another file", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let user = |line: &str| {
        let mut columns = line.split(',').map(|column| column.trim().trim_matches('"').to_owned());
        let (token, user) = (columns.next()?, columns.next()?);
        (!token.is_empty() && !user.is_empty()).then_some((token, user))
    };
    let mut tokens = BTreeMap::new();
    for line in lines {
        let Some((token, user)) = user(line) else {
            bail!("{}: a line has no token and user; write token,user,uid", path.display());
        };
        tokens.insert(token, user);
    }
    if tokens.is_empty() {
        bail!("{} has no tokens, so nobody could come; write token,user,uid in it", path.display());
    }
    Ok(tokens)
}

fn config(address: SocketAddr, token: &str) -> String {
    let user = serde_json::json!({"name": "sim", "user": if token.is_empty() {
        serde_json::json!({})
    } else {
        serde_json::json!({"token": token})
    }});
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "sim", "users": [user],
        "clusters": [{"name": "sim", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "sim"}}],
    })
    .to_string()
}

/// SIGUSR1 makes the server forget its history, as a compaction of etcd does.
async fn compact_on_signal(sim: Sim) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut signals) = signal(SignalKind::user_defined1()) else { return };
    while signals.recv().await.is_some() {
        sim.compact();
    }
}
