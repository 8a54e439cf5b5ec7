//! The controllers of a cluster, as far as operators meet them.
//!
//! In go the writes that nobody has heard of yet, out come writes through the verbs, as clients make them.
//! A controller hears of a write and notes which objects that concerns; later it looks at each of them once, and
//! does the next thing. What fails comes again, later each time. What takes time stands in the agenda; the
//! service wakes this room when something is due.

mod accounts;
mod acts;
mod claim;
mod cron_jobs;
mod daemon_sets;
mod deployments;
mod disruption;
mod endpoints;
mod garbage;
mod jobs;
mod namespaces;
mod pod;
mod pods;
mod quotas;
mod replica_sets;
mod revisions;
mod stateful_sets;
mod template_hash;
mod volumes;

pub use pods::NODE;

use super::{store::News, verbs::State};
use crate::wire::{Failure, ObjectKey};
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a look came to; a failure brings the object again.
type Outcome = Result<(), Failure>;

/// A controller: what it does when something was written, and when it looks at an object.
struct Role {
    name: &'static str,
    heard: fn(&mut State, &News),
    sync: fn(&mut State, &ObjectKey) -> Outcome,
    /// How often it tries again.
    tries: Option<u32>,
}

const fn role(
    name: &'static str,
    heard: fn(&mut State, &News),
    sync: fn(&mut State, &ObjectKey) -> Outcome,
) -> Role {
    Role { name, heard, sync, tries: None }
}

const ROLES: [Role; 19] = [
    role("garbage-collector-controller", garbage::heard, garbage::judge),
    role("namespace-controller", namespaces::heard, namespaces::sync),
    role("serviceaccount-controller", accounts::heard_of_accounts, accounts::accounts),
    role("root-ca-certificate-publisher-controller", accounts::heard_of_certificates, accounts::certificates),
    Role { tries: Some(15), ..role("deployment-controller", deployments::heard, deployments::sync) },
    role("replicaset-controller", replica_sets::heard, replica_sets::sync),
    role("job-controller", jobs::heard, jobs::sync),
    role("ttl-after-finished-controller", jobs::heard_of_ends, jobs::expire),
    role("daemonset-controller", daemon_sets::heard, daemon_sets::sync),
    role("cronjob-controller", cron_jobs::heard, cron_jobs::sync),
    role("resourcequota-controller", quotas::heard, quotas::sync),
    role("statefulset-controller", stateful_sets::heard, stateful_sets::sync),
    role("endpoints-controller", endpoints::heard_of_endpoints, endpoints::sync_endpoints),
    role("endpointslice-controller", endpoints::heard_of_slices, endpoints::sync_slices),
    role("disruption-controller", disruption::heard, disruption::sync),
    role("persistentvolume-binder-controller", volumes::heard_of_binding, volumes::bind),
    role("persistentvolumeclaim-protection-controller", volumes::heard_of_claims, volumes::protect_claim),
    role("persistentvolume-protection-controller", volumes::heard_of_volumes, volumes::protect_volume),
    role("pod", pods::heard, pods::sync),
];

/// The controllers that there are, by the names that kube-controller-manager gives them; `pod` stands for the
/// scheduler and the kubelets.
pub const CONTROLLERS: [&str; ROLES.len()] = {
    let mut names = [""; ROLES.len()];
    let mut index = 0;
    while index < ROLES.len() {
        names[index] = ROLES[index].name;
        index += 1;
    }
    names
};

/// Looks after one write; more than that is a loop of our own, and goes on a second later.
const LOOKS: usize = 20_000;
const PAUSE: u64 = 1000;

/// Does all that is to be done now.
pub fn work(state: &mut State) {
    hear(state);
    for _ in 0..LOOKS {
        let Some(task) = state.agenda.next(state.clock.elapsed()) else { return };
        let Some(role) = ROLES.iter().find(|role| role.name == task.0) else { continue };
        // A look that breaks ends as a failed one; what it has written stays.
        let looked = catch_unwind(AssertUnwindSafe(|| (role.sync)(state, &task.1)));
        hear(state);
        match looked {
            Ok(Ok(())) => state.agenda.done(&task),
            _ => state.agenda.failed(task, state.clock.elapsed(), role.tries),
        }
    }
    state.agenda.pause_until(state.clock.elapsed() + PAUSE);
}

/// Lets all controllers hear what was written, until nothing new comes of that.
fn hear(state: &mut State) {
    for _ in 0..LOOKS {
        let news = state.store.take_news();
        if news.is_empty() {
            return;
        }
        for piece in news {
            for role in &ROLES {
                if state.runs(role.name) {
                    (role.heard)(state, &piece);
                }
            }
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// A count, or a share of a number of pods.
fn share(value: &Value, of: i64, up: bool) -> i64 {
    let percent =
        value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.parse::<i64>().ok());
    match percent {
        Some(percent) if up => of.saturating_mul(percent).saturating_add(99) / 100,
        Some(percent) => of.saturating_mul(percent) / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

/// Whether a write was refused because its namespace is being deleted: there will be no better time.
fn is_ending(failure: &Failure) -> bool {
    let mut causes = failure.details["causes"].as_array().into_iter().flatten();
    causes.any(|cause| cause["reason"] == "NamespaceTerminating")
}
