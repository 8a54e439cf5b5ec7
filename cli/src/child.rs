//! A command that is run against clusters of ours: with a kubeconfig of its own, never the user's.

use crate::{exit, out, signals::Ends};
use anyhow::Context as _;
use serde_json::json;
use std::{
    io,
    net::SocketAddr,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{ExitCode, ExitStatus},
};

/// A cluster, as a context of the kubeconfig.
pub(crate) struct Context {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    /// Who comes; empty where everybody may.
    pub(crate) token: String,
}

/// Runs the command with `KUBECONFIG` set and gives its exit code; without one it says how to use the clusters, and
/// waits to be ended.
///
/// # Errors
/// When the kubeconfig cannot be written.
pub(crate) async fn run(
    contexts: &[Context],
    command: &[String],
    ends: &mut Ends,
) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("failed to make a folder for the kubeconfig; see TMPDIR")?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, config(contexts)).context("failed to write the kubeconfig; see TMPDIR")?;
    let Some((program, rest)) = command.split_first() else {
        // Who does not read the line has been told the address.
        let _ = out::data(&format!("export KUBECONFIG={}\n", kubeconfig.display()));
        ends.next().await;
        return Ok(ExitCode::SUCCESS);
    };
    let child = tokio::process::Command::new(program)
        .args(rest)
        .env("KUBECONFIG", &kubeconfig)
        // What kubectl knows of a server on some port is of no use to the next one.
        .env("KUBECACHEDIR", folder.path().join("cache"))
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            out::talk(&format!("error: failed to start {program:?}: {error}; is it on the PATH?"));
            let found = error.kind() != io::ErrorKind::NotFound;
            return Ok(ExitCode::from(if found { exit::NOT_EXECUTABLE } else { exit::NOT_FOUND }));
        }
    };
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.context("failed to wait for the command")?,
            signal = ends.next() => forward(signal, child.id()).await,
        }
    };
    Ok(code(status, Path::new(program)))
}

/// A Ctrl-C of a terminal reaches the command by itself; other signals are sent on.
async fn forward(signal: &str, child: Option<u32>) {
    if let Some(child) = child.filter(|_| signal == "TERM") {
        // When it is gone already, there is nothing to end.
        let _ = tokio::process::Command::new("kill").args(["-s", signal, &child.to_string()]).status().await;
    }
}

/// As a shell tells it: the command's own code, or 128 and the signal that ended it.
fn code(status: ExitStatus, program: &Path) -> ExitCode {
    if let Some(signal) = status.signal() {
        out::talk(&format!(" {} was ended by signal {signal}", program.display()));
        return ExitCode::from(u8::try_from(128 + signal).unwrap_or(exit::NO));
    }
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(exit::NO))
}

fn config(contexts: &[Context]) -> String {
    let of = |make: fn(&Context) -> serde_json::Value| contexts.iter().map(make).collect::<Vec<_>>();
    let user = |context: &Context| {
        let user = if context.token.is_empty() { json!({}) } else { json!({"token": context.token}) };
        json!({"name": context.name, "user": user})
    };
    json!({
        "apiVersion": "v1", "kind": "Config", "users": of(user),
        "current-context": contexts.first().map(|context| &context.name),
        "clusters": of(|context| {
            json!({"name": context.name, "cluster": {"server": format!("http://{}", context.address)}})
        }),
        "contexts": of(|context| {
            json!({"name": context.name, "context": {"cluster": context.name, "user": context.name}})
        }),
    })
    .to_string()
}
