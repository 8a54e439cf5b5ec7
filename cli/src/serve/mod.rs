//! `kubetape serve`: captures and tapes as API servers that can only be read.

mod answer;
mod discovery;
mod form;
mod logs;
mod reviews;
mod source;
mod watch;

use crate::{
    child::{self, Context},
    exit::Usage,
    out,
    signals::Ends,
};
use answer::Still;
use anyhow::Context as _;
use kubetape::serve::serve;
use source::{At, Source};
use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};
use tokio::{net::TcpListener, task::JoinSet};

/// Serve captures and tapes as clusters that can only be read, over plain HTTP on ports of this machine alone.
///
/// Each source is a context of one kubeconfig file, which is made for this run; the first
/// one is the current context. Your own kubeconfig is never touched. It ends with the
/// command, or with Ctrl-C.
///
/// Examples:
///   kubetape serve shop.tar.zst -- kubectl get pods -A
///   kubetape serve before after -- kubectl --context after describe deploy web -n shop
///   kubetape serve rollout.ktape --at 41 -- kubectl get pods
///   kubectl get all -A -o yaml | kubetape serve - -- kubectl get po
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Captures, whatever `show` reads, or tapes; `-` reads one from standard input
    #[arg(required = true, value_name = "CAPTURE|TAPE")]
    sources: Vec<PathBuf>,
    /// Of tapes: the state after this event, by its number as `show` prints it, or after a time such as +12s; the end
    /// without it
    #[arg(long, value_name = "POS")]
    at: Option<At>,
    /// Where the first source is served; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Say nothing of what is served
    #[arg(short, long)]
    quiet: bool,
    /// Run this with KUBECONFIG set, and end with its exit code
    #[arg(last = true)]
    command: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// When a source cannot be read, a port cannot be had, or the command cannot be started.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let sources = open(&args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime =
        runtime.context("failed to start the runtime; see the limits of this process with `ulimit -a`")?;
    runtime.block_on(listen(args, sources))
}

fn open(args: &Args) -> anyhow::Result<Vec<Source>> {
    if args.sources.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        let text = "standard input can be one source; write the others to files and name them";
        return Err(Usage(text.to_owned()).into());
    }
    let sources: Vec<Source> =
        args.sources.iter().map(|path| Source::open(path, args.at)).collect::<anyhow::Result<_>>()?;
    if args.at.is_some() && !sources.iter().any(|source| source.is_tape) {
        let text = "--at chooses an event of a tape, and a capture has none; leave it out";
        return Err(Usage(text.to_owned()).into());
    }
    Ok(sources)
}

async fn listen(args: Args, sources: Vec<Source>) -> anyhow::Result<ExitCode> {
    let mut ends = Ends::listen()?;
    let (mut serving, mut contexts) = (JoinSet::new(), Vec::new());
    let mut names = BTreeSet::new();
    for (number, source) in sources.into_iter().enumerate() {
        let address = if number == 0 { args.listen } else { SocketAddr::new(args.listen.ip(), 0) };
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| {
            format!("failed to listen on {address}; choose another address with --listen")
        })?;
        let address = listener.local_addr()?;
        let name = unused(&source.context, &mut names);
        if !args.quiet {
            out::talk(&format!(" {name:<12} {}  http://{address}", source.title()));
        }
        contexts.push(Context { name, address, token: String::new() });
        serving.spawn(serve(listener, Still(Arc::new(source)), std::future::pending()));
    }
    child::run(&contexts, &args.command, &mut ends).await
}

/// A name that no other context has.
fn unused(name: &str, names: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !names.contains(name));
    let name = free.unwrap_or_default();
    names.insert(name.clone());
    name
}
