use super::Failure;
use crate::gather::{self, Logs, Options, Progress};
use kube::Client;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Captures the namespace of a scenario that failed, and says in the failure where it is.
pub(super) async fn keep(client: Client, namespace: &str, scenario: &str, failure: Failure) -> Failure {
    let place = folder().join(gather::escape(scenario));
    let note = match capture(client, namespace, &place).await {
        Ok(()) => format!("the namespace as it was: kubetape show {}", place.display()),
        Err(error) => format!("the namespace could not be captured: {}", super::error::chain(&error)),
    };
    match failure {
        // A payload that is no text stays as it is: somebody may wait for it.
        Failure::Panic(panic) if !(panic.is::<String>() || panic.is::<&str>()) => Failure::Panic(panic),
        failure => Failure::Scenario(format!("{failure}\n\n{note}")),
    }
}

async fn capture(client: Client, namespace: &str, place: &Path) -> Result<(), gather::Error> {
    let options = Options {
        namespaces: vec![namespace.parse()?],
        logs: Logs::All,
        timeout: Duration::from_secs(20),
        silence: Duration::from_secs(10),
        ..Options::default()
    };
    gather::gather(client, "", &options, place, true, &Progress::new()).await.map(drop)
}

/// `target/kubetape`, wherever the target folder is.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // The test stands in target/debug/deps.
    let target = program.ancestors().nth(3).filter(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| PathBuf::from("target"), PathBuf::from).join("kubetape")
}
