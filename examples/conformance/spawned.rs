//! A simulated cluster as its users start it: a process of its own, for each vector and transcript.

use crate::{
    judge::server::{Ground, Kind, Server},
    remote,
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const TOKENS: &str =
    "admin-token,admin,1,\"system:masters\"\nuser-token,u,2,\"plain\"\njane-token,jane,3,\"plain\"\n";

/// Starts `kubetape sim`; the process before ends when the next one starts.
pub(crate) struct Spawned {
    program: PathBuf,
    tokens: tempfile::NamedTempFile,
    running: Mutex<Option<Child>>,
}

impl Spawned {
    /// With the program to start.
    pub(crate) fn new(program: PathBuf) -> anyhow::Result<Self> {
        let tokens = tempfile::NamedTempFile::new()?;
        std::fs::write(tokens.path(), TOKENS)?;
        Ok(Self { program, tokens, running: Mutex::default() })
    }

    async fn start(&self, kind: Kind) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.program);
        command.arg("sim").arg("--token-auth-file").arg(self.tokens.path());
        if !kind.accounts {
            command.args(["--disable-admission-plugins", "ServiceAccount"]);
        }
        if kind.controllers {
            command.args(["--controllers", "*,-pod"]);
        }
        command.stderr(Stdio::piped()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = child.stderr.take().ok_or_else(|| anyhow::anyhow!("no way to hear it"))?;
        let mut lines = BufReader::new(said).lines();
        let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await??;
        let url =
            line.as_deref().and_then(|line| line.split_once(" at ")).map(|(_, url)| url.trim().to_owned());
        let url = url.ok_or_else(|| anyhow::anyhow!("it said {line:?}"))?;
        let process = child.id().and_then(|id| i32::try_from(id).ok());
        *self.running.lock().map_err(|_| anyhow::anyhow!("a run before panicked"))? = Some(child);
        let mut server = remote::server(remote::door(&url)?, "admin-token");
        server.poor = Some("user-token".to_owned());
        server.other = Some("jane-token".to_owned());
        server.compact = process.map(|process| {
            Arc::new(move || {
                let signal =
                    std::process::Command::new("kill").args(["-USR1", &process.to_string()]).status();
                // What is asked next waits until the signal is there.
                drop(signal.map(|_| std::process::Command::new("sleep").arg("0.2").status()));
            }) as Arc<dyn Fn() + Send + Sync>
        });
        Ok(server)
    }
}

impl Ground for Spawned {
    fn fresh(&self, kind: Kind) -> BoxFuture<'_, Result<Server, String>> {
        async move { self.start(kind).await.map_err(|error| format!("{}: {error}", self.program.display())) }
            .boxed()
    }
}
