//! Leader election on a `Lease`: many candidates, at most one leader.
//!
//! As in client-go, nobody trusts anybody else's clock. A candidate takes a lease over
//! when it has watched it stand unchanged for as long as the lease says it lasts, and a
//! leader gives up well before that when it cannot renew. Every write is a replacement
//! that carries the resourceVersion it was decided on, so that of two the second fails.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::clock;

/// The name of the lease.
pub const NAME: &str = "myapp-operator";
/// How long a lease lasts after it was last renewed.
pub const DURATION: Duration = Duration::from_secs(15);
/// How often it is renewed, and how often a candidate looks.
pub const PERIOD: Duration = Duration::from_secs(5);
/// How long a leader that cannot renew goes on; shorter than [`DURATION`].
pub const DEADLINE: Duration = Duration::from_secs(10);

const RETRY: Duration = Duration::from_secs(2);

// A first term is counted from the answer, which may be this long on its way.
const _: () = assert!(RETRY.as_secs() + DEADLINE.as_secs() < DURATION.as_secs());

/// Why the lease was not got or kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The lease was not read.
    #[error("failed to read the lease: {0}")]
    Read(#[source] kube::Error),
    /// The lease was not written.
    #[error("failed to write the lease: {0}")]
    Write(#[source] kube::Error),
    /// Somebody else has the lease, or has taken it away.
    #[error("the lease is no longer ours")]
    Lost,
}

/// One candidate's side of the election.
pub struct Election {
    leases: Api<Lease>,
    identity: String,
}

/// A lease as it was first seen to be, and when: it is proven stale by standing still.
struct Sighting {
    spec: LeaseSpec,
    since: Instant,
}

impl Election {
    /// A candidate for the lease in the client's default namespace.
    pub fn new(client: Client, identity: String) -> Self {
        Self { leases: Api::default_namespaced(client), identity }
    }

    /// Waits until the lease is ours.
    pub async fn acquire(&self) -> Lease {
        let mut sighting = None;
        loop {
            match timeout(RETRY, self.attempt(&mut sighting)).await {
                Ok(Ok(Some(lease))) => return lease,
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "no lease yet"),
                // If it was written all the same, the next attempt finds it to be ours.
                Err(_) => tracing::warn!("no lease yet: no answer"),
            }
            sleep(PERIOD).await;
        }
    }

    /// Renews the lease for as long as it is ours, and returns when it is not.
    pub async fn hold(&self, mut lease: Lease) {
        let mut deadline = Instant::now() + DEADLINE;
        let mut pause = PERIOD;
        loop {
            let attempt = async {
                sleep(pause).await;
                // From when it is sent, for the answer may be long on its way.
                (Instant::now(), self.renew(&lease).await)
            };
            match timeout_at(deadline, attempt).await {
                Ok((sent, Ok(renewed))) => (lease, deadline, pause) = (renewed, sent + DEADLINE, PERIOD),
                Ok((_, Err(Error::Lost))) | Err(_) => return,
                Ok((_, Err(error))) => {
                    tracing::warn!(%error, "lease not renewed");
                    pause = RETRY;
                }
            }
        }
    }

    /// Gives the lease back, so that the next leader need not wait for its end.
    pub async fn release(&self) {
        match timeout(PERIOD, self.give_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "lease not given back"),
            Err(_) => tracing::warn!("lease not given back: no answer"),
        }
    }

    async fn attempt(&self, sighting: &mut Option<Sighting>) -> Result<Option<Lease>, Error> {
        let written = match self.read().await? {
            None => self.leases.create(&PostParams::default(), &self.taken(Lease::default())).await,
            Some(lease) if self.may_take(&lease, sighting, Instant::now()) => {
                self.replace(self.taken(lease)).await
            }
            Some(_) => return Ok(None),
        };
        match written {
            Ok(lease) => Ok(Some(lease)),
            // Somebody was quicker.
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
            Err(error) => Err(Error::Write(error)),
        }
    }

    fn may_take(&self, lease: &Lease, sighting: &mut Option<Sighting>, now: Instant) -> bool {
        let spec = lease.spec.clone().unwrap_or_default();
        match spec.holder_identity.as_deref() {
            None | Some("") => return true,
            Some(holder) if holder == self.identity => return true,
            Some(_) => {}
        }
        let lasts = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        match sighting {
            Some(seen) if seen.spec == spec => {
                now.duration_since(seen.since) >= lasts.map_or(DURATION, Duration::from_secs)
            }
            _ => {
                *sighting = Some(Sighting { spec, since: now });
                false
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, Error> {
        match self.replace(self.renewed(lease.clone())).await {
            Ok(lease) => return Ok(lease),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {}
            Err(error) => return Err(Error::Write(error)),
        }
        // A label set by a passer-by is a conflict too, and no reason to step down.
        match self.read().await? {
            Some(lease) if self.is_ours(&lease) => {
                self.replace(self.renewed(lease)).await.map_err(Error::Write)
            }
            _ => Err(Error::Lost),
        }
    }

    async fn give_back(&self) -> Result<(), Error> {
        let Some(mut lease) = self.read().await?.filter(|lease| self.is_ours(lease)) else {
            return Ok(());
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        self.replace(lease).await.map(drop).map_err(Error::Write)
    }

    async fn read(&self) -> Result<Option<Lease>, Error> {
        self.leases.get_opt(NAME).await.map_err(Error::Read)
    }

    async fn replace(&self, mut lease: Lease) -> kube::Result<Lease> {
        // Who owns which field is the server's to keep, and long to send.
        lease.metadata.managed_fields = None;
        self.leases.replace(NAME, &PostParams::default(), &lease).await
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(&self.identity)
    }

    fn taken(&self, lease: Lease) -> Lease {
        let now = MicroTime(clock::now());
        let before = lease.spec.unwrap_or_default();
        let changes = before.holder_identity.as_deref() != Some(&self.identity);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            lease_transitions: Some(before.lease_transitions.map_or(0, |n| n + i32::from(changes))),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..lease.metadata };
        Lease { metadata, spec: Some(spec) }
    }

    fn renewed(&self, mut lease: Lease) -> Lease {
        let spec = lease.spec.get_or_insert_default();
        spec.renew_time = Some(MicroTime(clock::now()));
        lease
    }
}
