use super::{
    calls::{Calls, Noted},
    client::retrying,
};
use crate::{
    runtime::{Clock, Gate},
    tape::Player,
};
use kube::Client;
use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

/// A tape as the ground of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    pub(super) player: Player,
    pub(super) clock: Clock,
    pub(super) gate: Gate,
    pub(super) calls: Calls,
}

impl Replay {
    /// A client with the same retries as on a real cluster.
    pub(super) fn client(&self, actor: &str, namespace: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        let clock = self.clock.clone();
        let now = move || clock.now();
        let inner = self.player.service(actor, now.clone());
        let noted = Noted { inner, calls: self.calls.clone(), actor: actor.to_owned(), now };
        retrying(self.gate.service(noted, actor), namespace, fuse)
    }

    pub(super) async fn step(&self, step: &str, of: &str) {
        self.player.step(step, of).await;
    }

    pub(super) async fn settle(&self) {
        self.player.step("settled", "").await;
        self.clock.idle().await;
    }

    /// Waits until everything that binds has come, in growing steps of virtual time.
    pub(super) async fn complete(&self) {
        let mut pause = Duration::from_millis(50);
        loop {
            self.clock.idle().await;
            if self.player.is_complete() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// How much of the tape's time is still to come.
    pub(super) fn remaining(&self) -> Duration {
        self.player.end().0.saturating_sub(self.clock.now())
    }
}
