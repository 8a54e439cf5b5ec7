use anyhow::{Context, Result};
use kubetape::{
    serve::serve,
    sim::{Options, Sim},
};
use std::{net::SocketAddr, process::ExitCode};
use tokio::net::TcpListener;

/// Serve a simulated cluster on a loopback port.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where uids and generated names come from: the same seed gives the same ones.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Admission plugins to turn off, as kube-apiserver spells them.
    #[arg(long, value_delimiter = ',')]
    disable_admission_plugins: Vec<String>,
    /// Controllers to run, as kube-controller-manager spells them; `*` for all of them, none by default.
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
    let mut options =
        Options { seed: args.seed, disabled_admission: args.disable_admission_plugins, ..Options::default() };
    if !args.controllers.iter().any(|name| name == "*") {
        options.controllers = args.controllers;
    }
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| {
        format!("failed to listen on {}; choose another address with --listen", args.listen)
    })?;
    let address = listener.local_addr()?;
    crate::out::talk(&format!("serving a simulated cluster at http://{address}"));
    let sim = Sim::new(options);
    tokio::spawn(compact_on_signal(sim.clone()));
    let end = async {
        // Without signals it runs until it is killed.
        let _ = tokio::signal::ctrl_c().await;
    };
    let _ = args.command;
    serve(listener, sim, end).await?;
    Ok(ExitCode::SUCCESS)
}

/// SIGUSR1 makes the server forget its history, as a compaction of etcd does.
async fn compact_on_signal(sim: Sim) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut signals) = signal(SignalKind::user_defined1()) else { return };
    while signals.recv().await.is_some() {
        sim.compact();
    }
}
