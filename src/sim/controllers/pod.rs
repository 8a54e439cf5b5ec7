//! What several controllers ask about pods.

use super::{
    acts::{create, record},
    claim::dying,
    text,
};
use crate::{
    sim::verbs::State,
    wire::{Failure, Resource},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{cmp::Ordering, collections::BTreeMap};

/// The longest start of a generated name.
const PREFIX: usize = 253;

pub(super) fn pods() -> Resource {
    Resource::new("", "v1", "pods")
}

/// The start of the names of pods of an owner.
pub(super) fn prefix(owner: &str) -> String {
    if owner.len() < PREFIX { format!("{owner}-") } else { owner.to_owned() }
}

/// Makes a pod of an owner, beside it, and says so in an event; whether it was made, which a namespace that goes away
/// does not let.
///
/// # Errors
/// What the server refuses, after an event that says why.
pub(super) fn make(state: &mut State, who: &str, owner: &Value, pod: &Value) -> Result<bool, Failure> {
    match create(state, &pods(), owner["metadata"]["namespace"].as_str(), pod) {
        Ok(pod) => {
            let message = format!("Created pod: {}", text(&pod["metadata"], "name"));
            record(state, who, owner, "Normal", "SuccessfulCreate", &message);
            Ok(true)
        }
        Err(failure) if super::is_ending(&failure) => Ok(false),
        Err(failure) => {
            let message = format!("Error creating: {}", failure.message);
            record(state, who, owner, "Warning", "FailedCreate", &message);
            Err(failure)
        }
    }
}

/// Whether a pod has ended, one way or the other.
pub(super) fn is_over(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"))
}

/// Whether a pod counts as one that runs or will run.
pub(super) fn is_active(pod: &Value) -> bool {
    !is_over(pod) && !dying(pod)
}

/// Whether a pod that runs is being deleted.
pub(super) fn is_ending(pod: &Value) -> bool {
    !is_over(pod) && dying(pod)
}

/// A condition of a pod.
pub(super) fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    pod["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether a pod is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|condition| condition["status"] == "True")
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn ready_since(pod: &Value) -> Option<Timestamp> {
    condition(pod, "Ready").and_then(|condition| time(&condition["lastTransitionTime"]))
}

/// Whether a pod has been ready for so many seconds.
pub(super) fn is_available(pod: &Value, seconds: i64, now: Timestamp) -> bool {
    let passed = |since: Timestamp| since.as_second().saturating_add(seconds) <= now.as_second();
    is_ready(pod) && (seconds == 0 || ready_since(pod).is_some_and(passed))
}

/// In how many milliseconds the next of these pods becomes available.
pub(super) fn available_in<'a>(
    state: &State,
    spec: &Value,
    pods: impl Iterator<Item = &'a Value>,
) -> Option<u64> {
    let seconds = spec["minReadySeconds"].as_i64().filter(|seconds| *seconds > 0)?;
    let now = state.clock.now();
    let waiting = pods.filter(|pod| is_ready(pod) && !is_available(pod, seconds, now));
    let left = waiting.filter_map(|pod| {
        let at = ready_since(pod)?.as_millisecond().saturating_add(seconds.saturating_mul(1000));
        u64::try_from(at.saturating_sub(now.as_millisecond()).max(1)).ok()
    });
    left.min()
}

/// Which of two pods goes first when there are too many.
pub(super) fn order_of_deletion(
    a: &Value,
    b: &Value,
    crowd: &BTreeMap<String, usize>,
    now: Timestamp,
) -> Ordering {
    let node = |pod: &Value| text(&pod["spec"], "nodeName").to_owned();
    let crowded = |pod: &Value| crowd.get(&node(pod)).copied().unwrap_or(0);
    node(b)
        .is_empty()
        .cmp(&node(a).is_empty())
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| crowded(b).cmp(&crowded(a)))
        .then_with(|| if is_ready(a) { younger(a, b, ready_since, now) } else { Ordering::Equal })
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| younger(a, b, |pod| time(&pod["metadata"]["creationTimestamp"]), now))
}

fn phase(pod: &Value) -> Option<usize> {
    ["Pending", "Unknown", "Running"].iter().position(|phase| pod["status"]["phase"] == *phase)
}

/// What its deletion costs, as an annotation says.
fn cost(pod: &Value) -> i64 {
    let annotations = &pod["metadata"]["annotations"];
    let cost = annotations["controller.kubernetes.io/pod-deletion-cost"].as_str();
    cost.and_then(|cost| cost.parse().ok()).unwrap_or(0)
}

fn restarts(pod: &Value) -> i64 {
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    statuses.map(|status| status["restartCount"].as_i64().unwrap_or(0)).max().unwrap_or(0)
}

/// The much younger one first; among those of about the same age chance decides, by their uids.
fn younger(a: &Value, b: &Value, since: impl Fn(&Value) -> Option<Timestamp>, now: Timestamp) -> Ordering {
    let (Some(x), Some(y)) = (since(a), since(b)) else { return Ordering::Equal };
    if x == y {
        return Ordering::Equal;
    }
    let rank = |at: Timestamp| {
        let nanos = now.as_nanosecond() - at.as_nanosecond();
        if nanos > 0 { i64::from(nanos.ilog2()) } else { -1 }
    };
    let uid = |pod: &Value| text(&pod["metadata"], "uid").to_owned();
    rank(x).cmp(&rank(y)).then_with(|| uid(a).cmp(&uid(b)))
}
