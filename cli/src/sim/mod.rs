//! `kubetape sim`: a simulated cluster over HTTP.

mod contents;
mod recorded;
mod settings;

use crate::{
    child::{self, Context},
    out,
    signals::Ends,
};
use anyhow::{Context as _, Result};
use kubetape::{serve::serve, sim::Sim};
use std::{future, net::SocketAddr, path::PathBuf, process::ExitCode};
use tokio::net::TcpListener;

/// Serve a simulated cluster over plain HTTP, on a port of this machine alone unless told otherwise.
///
/// Examples:
///   kubetape sim -- kubectl get namespaces
///   kubetape sim -f config/crd -f config/samples -- kubectl get webs
///   kubetape sim --from shop.tar.zst --record try.ktape -- ./bin/manager
///   kubetape sim --controllers '*' -- ./deploy-and-check.sh
///
/// It ends with the command, or with Ctrl-C. SIGUSR1 makes it forget its history, as a compaction of etcd does.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Put these manifests into it: a file, or a directory with all below it; `-` reads standard input; may be given
    /// again. Definitions come first and owners before what they own; namespaces that are missing are made
    #[arg(short, long = "filename", value_name = "FILE|DIR")]
    filename: Vec<PathBuf>,
    /// Put the objects of a capture into it, with their status; uids are new, and owner references follow them
    #[arg(long, value_name = "CAPTURE")]
    from: Option<PathBuf>,
    /// Record what clients say to it on a new tape; an actor is named by the first word of its user agent
    #[arg(long, value_name = "TAPE")]
    record: Option<PathBuf>,
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
///
/// # Errors
/// When an option cannot be understood, the address cannot be had, or the cluster does not take what is put into it.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.context("failed to start the runtime; see the limits of this process with `ulimit -a`")?;
    runtime.block_on(listen(args))
}

async fn listen(args: Args) -> Result<ExitCode> {
    let mut ends = Ends::listen()?;
    let options = settings::options(&args)?;
    let recorder = args.record.as_deref().map(recorded::begin).transpose()?;
    let listener = TcpListener::bind(args.listen).await;
    let listener = listener.with_context(|| {
        format!("failed to listen on {}; choose another address with --listen", args.listen)
    })?;
    let address = listener.local_addr()?;
    let token = options.tokens.keys().next().cloned().unwrap_or_default();
    let idle = options.controllers.is_empty();
    let sim = Sim::new(options);
    contents::put(&sim, &token, &args).await?;
    tokio::spawn(compact_on_signal(sim.clone()));
    match &recorder {
        Some(recorder) => {
            let recorded = recorded::Recorded { sim, recorder: recorder.clone() };
            tokio::spawn(serve(listener, recorded, future::pending()));
        }
        None => drop(tokio::spawn(serve(listener, sim, future::pending()))),
    }
    if args.command.is_empty() {
        out::talk(&format!("serving a simulated cluster at http://{address}"));
        if idle {
            out::talk(
                "no controllers run, as beside a kube-apiserver alone; --controllers '*' runs them all",
            );
        }
    }
    let contexts = [Context { name: "sim".to_owned(), address, token }];
    let done = child::run(&contexts, &args.command, &mut ends).await;
    if let Some(recorder) = recorder {
        recorded::end(&recorder)?;
    }
    done
}

/// SIGUSR1 makes the server forget its history, as a compaction of etcd does.
async fn compact_on_signal(sim: Sim) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut signals) = signal(SignalKind::user_defined1()) else { return };
    while signals.recv().await.is_some() {
        sim.compact();
    }
}
