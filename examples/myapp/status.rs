//! What to say about an app: plain functions from what was seen to what is written.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::events::{Event, EventType};

use super::resource::{MyApp, MyAppStatus};

/// The type of the one condition we keep.
pub const AVAILABLE: &str = "Available";

/// The status of an app that has `before` as its status and whose Deployment was last
/// seen as `deployment`. The time of the last transition moves with the condition only.
pub fn observe(
    app: &MyApp,
    before: Option<&MyAppStatus>,
    deployment: &Deployment,
    now: Timestamp,
) -> MyAppStatus {
    let wanted = app.spec.replicas;
    let available = available(deployment);
    let is_ready = available == Some(wanted);
    let status = if is_ready { "True" } else { "False" };
    let reason = match available {
        None => "RollingOut",
        Some(_) if is_ready => "AllReplicasAvailable",
        Some(_) => "ReplicasUnavailable",
    };
    let kept = before
        .and_then(|before| before.conditions.iter().find(|condition| condition.type_ == AVAILABLE))
        .filter(|condition| condition.status == status)
        .map(|condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: AVAILABLE.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: format!("{} of {wanted} replicas are available", available.unwrap_or(0)),
        observed_generation: app.metadata.generation,
        last_transition_time: kept.unwrap_or(Time(now)),
    };
    MyAppStatus { is_ready, conditions: vec![condition] }
}

/// How many replicas of the wanted shape serve, or `None` while the Deployment's own
/// counts are from before its last change or still count Pods of the old shape.
fn available(deployment: &Deployment) -> Option<i32> {
    let seen = deployment.status.as_ref()?;
    let current = seen.observed_generation >= deployment.metadata.generation;
    let total = seen.replicas.unwrap_or(0);
    let updated = seen.updated_replicas.unwrap_or(0);
    (current && total == updated).then_some(seen.available_replicas.unwrap_or(0))
}

/// What is worth telling people about a change of status.
pub fn events(app: &MyApp, before: Option<&MyAppStatus>, after: &MyAppStatus) -> Vec<Event> {
    let name = app.name_any();
    let was_ready = before.is_some_and(|before| before.is_ready);
    let mut events = Vec::new();
    if before.is_none() {
        let note = format!("created the Deployment and the Service {name}");
        events.push(event("Created", "Create", note));
    }
    if after.is_ready && !was_ready {
        events.push(event("Ready", "Observe", format!("all replicas of {name} are available")));
    }
    if was_ready && !after.is_ready {
        events.push(event("NotReady", "Observe", format!("not all replicas of {name} are available")));
    }
    events
}

fn event(reason: &str, action: &str, note: String) -> Event {
    Event {
        type_: EventType::Normal,
        reason: reason.to_owned(),
        note: Some(note),
        action: action.to_owned(),
        secondary: None,
    }
}
