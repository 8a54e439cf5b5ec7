//! The controller of jobs, and the one that deletes them some time after they are over.
//!
//! In go the keys of jobs, and of pods that lost theirs; out come pods, their end, and the status of jobs. A pod
//! is held by a finalizer until it is counted, so that none is forgotten or counted twice. Jobs that decide about
//! failed pods one by one are left alone.

mod finish;
mod indexes;
mod manage;

use super::{
    Outcome,
    acts::{current, delete, patch},
    claim::{claim, concerned, controller_in, dying},
    pod::{is_active, is_ready, pods},
    text,
};
use crate::{
    sim::{store::News, verbs::State},
    wire::{ObjectKey, Resource},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

const WHO: &str = "job-controller";
const TTL: &str = "ttl-after-finished-controller";
const HOLD: &str = "batch.kubernetes.io/job-tracking";
/// News of pods is put together for so many milliseconds.
const BATCH: u64 = 1000;

fn jobs() -> Resource {
    Resource::new("batch", "v1", "jobs")
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

fn is_held(pod: &Value) -> bool {
    let list = pod["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.into_iter().any(|finalizer| finalizer == HOLD)
}

/// A condition of a job that is true.
fn condition<'a>(job: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut list = job["status"]["conditions"].as_array()?.iter();
    list.find(|condition| condition["type"] == kind && condition["status"] == "True")
}

fn finished(job: &Value) -> Option<&Value> {
    condition(job, "Complete").or_else(|| condition(job, "Failed"))
}

/// Which jobs a write concerns, and when.
pub(super) fn heard(state: &mut State, news: &News) {
    let later = state.clock.elapsed() + BATCH;
    match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("batch", "jobs") if news.removed => orphans(state, news),
        ("batch", "jobs") => {
            let generation = |job: &Value| job["metadata"]["generation"].clone();
            let task = (WHO, news.key.clone());
            match &news.old {
                Some(old) if generation(old) == generation(&news.object) => state.agenda.add_at(later, task),
                _ => state.agenda.add(task),
            }
        }
        ("", "pods") => {
            for key in concerned(state, news, "Job", &jobs()) {
                state.agenda.add_at(later, (WHO, key));
            }
            let lost = is_held(&news.object)
                && super::claim::controller(&news.object).is_some_and(|owner| owner["kind"] == "Job")
                && controller_in(state, &news.key, &news.object, "Job", &jobs()).is_none();
            if lost && !news.removed {
                state.agenda.add((WHO, news.key.clone()));
            }
        }
        _ => {}
    }
}

/// The pods of a job that is gone are let go.
fn orphans(state: &mut State, news: &News) {
    for (key, pod) in super::acts::all_in(state, &pods(), news.key.namespace.as_deref()) {
        let own = super::claim::controller(&pod)
            .is_some_and(|owner| owner["uid"] == news.object["metadata"]["uid"]);
        if own && is_held(&pod) {
            state.agenda.add((WHO, key));
        }
    }
}

/// Takes the hold of jobs from a pod.
fn let_go(state: &mut State, key: &ObjectKey, pod: &Value) -> Outcome {
    let list = pod["metadata"]["finalizers"].as_array().into_iter().flatten();
    let kept: Vec<&Value> = list.filter(|finalizer| *finalizer != HOLD).collect();
    let kept = if kept.is_empty() { Value::Null } else { json!(kept) };
    match patch(state, key, &json!({"metadata": {"finalizers": kept}})) {
        Err(failure) if failure.code != 404 => Err(failure),
        _ => Ok(()),
    }
}

/// Whether this controller does not look after a job.
fn is_foreign(spec: &Value) -> bool {
    let foreign = spec["managedBy"].as_str().is_some_and(|who| who != "kubernetes.io/job-controller");
    let unknown = ["podFailurePolicy", "successPolicy", "backoffLimitPerIndex"];
    foreign || unknown.iter().any(|field| !spec[*field].is_null())
}

/// One look at a job and at its pods.
struct Look<'a> {
    state: &'a mut State,
    key: ObjectKey,
    job: Value,
    pods: Vec<(ObjectKey, Arc<Value>)>,
    active: i64,
    ready: i64,
    terminating: i64,
    succeeded: i64,
    failed: i64,
    /// The numbers that are done, before and now.
    done: (BTreeSet<i64>, BTreeSet<i64>),
    /// The condition that ends the job.
    end: Option<Value>,
    flush: bool,
}

/// Takes the next step of a job, or lets a pod go that lost its job.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(object) = current(state, key) else { return Ok(()) };
    if key.plural == "pods" {
        let lost = controller_in(state, key, &object, "Job", &jobs()).is_none();
        return if lost && is_held(&object) { let_go(state, key, &object) } else { Ok(()) };
    }
    if is_foreign(&object["spec"]) || finished(&object).is_some() {
        return Ok(());
    }
    let own = claim(state, key, &object, &pods(), |_| true)?;
    let (state, key) = (state, key.clone());
    let mut look = Look {
        job: (*object).clone(),
        active: own.iter().filter(|(_, pod)| is_active(pod)).count() as i64,
        ready: own.iter().filter(|(_, pod)| is_active(pod) && is_ready(pod)).count() as i64,
        terminating: own.iter().filter(|(_, pod)| super::pod::is_ending(pod)).count() as i64,
        state,
        key,
        pods: own,
        succeeded: 0,
        failed: 0,
        done: Default::default(),
        end: None,
        flush: false,
    };
    look.work()
}

impl Look<'_> {
    fn indexed(&self) -> bool {
        self.job["spec"]["completionMode"] == "Indexed"
    }

    fn suspended(&self) -> bool {
        self.job["spec"]["suspend"] == true
    }

    /// Whether a pod counts as failed: one that goes does, unless only what has ended is replaced.
    fn has_failed(&self, pod: &Value) -> bool {
        let phase = text(&pod["status"], "phase");
        let late = self.job["spec"]["podReplacementPolicy"] == "Failed";
        phase == "Failed" || (!late && dying(pod) && phase != "Succeeded")
    }

    fn uncounted(&self, what: &str) -> Vec<String> {
        let list = self.job["status"]["uncountedTerminatedPods"][what].as_array().into_iter().flatten();
        list.filter_map(|uid| uid.as_str().map(str::to_owned)).collect()
    }

    fn count(&mut self) {
        let (known_good, known_bad) = (self.uncounted("succeeded"), self.uncounted("failed"));
        let known = |pod: &Value| {
            let uid = text(&pod["metadata"], "uid");
            known_good.iter().chain(&known_bad).any(|known| known == uid)
        };
        let new: Vec<&Arc<Value>> =
            self.pods.iter().map(|(_, pod)| pod).filter(|pod| is_held(pod) && !known(pod)).collect();
        let good = new.iter().filter(|pod| pod["status"]["phase"] == "Succeeded").count() + known_good.len();
        let bad = new.iter().filter(|pod| self.has_failed(pod)).count() + known_bad.len();
        let status = &self.job["status"];
        let (succeeded, failed) =
            (number(&status["succeeded"]) + good as i64, number(&status["failed"]) + bad as i64);
        (self.succeeded, self.failed) = (succeeded, failed);
        if self.indexed() {
            let most = number(&self.job["spec"]["completions"]);
            let before = indexes::read(text(&self.job["status"], "completedIndexes"), most);
            let held =
                self.pods.iter().filter(|(_, pod)| is_held(pod) && pod["status"]["phase"] == "Succeeded");
            let new = held.filter_map(|(_, pod)| indexes::of(pod)).filter(|index| *index < most);
            let now: BTreeSet<i64> = before.iter().copied().chain(new).collect();
            self.succeeded = now.len() as i64;
            self.done = (before, now);
        }
    }

    fn work(&mut self) -> Outcome {
        self.count();
        if self.job["status"]["startTime"].is_null() && !self.suspended() {
            self.job["status"]["startTime"] = json!(self.state.clock.seconds());
        }
        self.judge();
        let managed = if self.end.is_some() {
            let (active, outcome) = (self.active, self.end_all());
            if self.active != 0 && active != 0 {
                self.end = None;
            }
            outcome
        } else {
            let outcome = if dying(&self.job) { Ok(()) } else { self.manage() };
            self.complete();
            outcome
        };
        let status = &mut self.job["status"];
        for (field, count) in
            [("active", self.active), ("ready", self.ready), ("terminating", self.terminating)]
        {
            self.flush |= status[field].as_i64() != Some(count)
                && !(field == "active" && count == 0 && status[field].is_null());
            status[field] = json!(count);
        }
        if status["uncountedTerminatedPods"].is_null() {
            status["uncountedTerminatedPods"] = json!({});
        }
        self.track()?;
        managed
    }

    /// Finds what ends the job before all its pods have succeeded.
    fn judge(&mut self) {
        if let Some(met) = condition(&self.job, "SuccessCriteriaMet") {
            self.end = Some(met.clone());
            return;
        }
        if let Some(target) = condition(&self.job, "FailureTarget") {
            let mut failed = target.clone();
            failed["type"] = json!("Failed");
            self.end = Some(failed);
            return;
        }
        let spec = &self.job["spec"];
        let limit = spec["backoffLimit"].as_i64().unwrap_or(6);
        if self.failed > limit || self.restarts_exceed(limit) {
            let text = "Job has reached the specified backoff limit";
            self.end = Some(self.new_condition("FailureTarget", "True", "BackoffLimitExceeded", text));
            return;
        }
        let Some(seconds) = spec["activeDeadlineSeconds"].as_i64().filter(|_| !self.suspended()) else {
            return;
        };
        let since = self.job["status"]["startTime"].as_str().and_then(|time| time.parse::<Timestamp>().ok());
        let Some(since) = since else { return };
        let left =
            since.as_millisecond() + seconds.saturating_mul(1000) - self.state.clock.now().as_millisecond();
        if left <= 0 {
            let text = "Job was active longer than specified deadline";
            self.end = Some(self.new_condition("FailureTarget", "True", "DeadlineExceeded", text));
        } else {
            let at = self.state.clock.elapsed() + u64::try_from(left).unwrap_or(0);
            self.state.agenda.add_at(at, (WHO, self.key.clone()));
        }
    }

    /// Whether containers that start again have done so too often.
    fn restarts_exceed(&self, limit: i64) -> bool {
        if self.job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
            return false;
        }
        let running = self
            .pods
            .iter()
            .filter(|(_, pod)| matches!(pod["status"]["phase"].as_str(), Some("Running" | "Pending")));
        let restarts: i64 = running
            .flat_map(|(_, pod)| pod["status"]["containerStatuses"].as_array().into_iter().flatten())
            .map(|status| number(&status["restartCount"]))
            .sum();
        if limit == 0 { restarts > 0 } else { restarts >= limit }
    }

    fn new_condition(&self, kind: &str, status: &str, reason: &str, message: &str) -> Value {
        let now = self.state.clock.seconds();
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastProbeTime": now,
            "lastTransitionTime": now,
        })
    }
}

/// Jobs that are over and say how long they stay.
pub(super) fn heard_of_ends(state: &mut State, news: &News) {
    if news.key.group == "batch" && news.key.plural == "jobs" && !news.removed {
        state.agenda.add((TTL, news.key.clone()));
    }
}

/// Deletes a job when its time after its end is over.
pub(super) fn expire(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(job) = current(state, key).filter(|job| !dying(job)) else { return Ok(()) };
    let (Some(seconds), Some(end)) = (job["spec"]["ttlSecondsAfterFinished"].as_i64(), finished(&job)) else {
        return Ok(());
    };
    let Ok(at) = text(end, "lastTransitionTime").parse::<Timestamp>() else { return Ok(()) };
    let left = at.as_millisecond() + seconds.saturating_mul(1000) - state.clock.now().as_millisecond();
    if left > 0 {
        let due = state.clock.elapsed() + u64::try_from(left).unwrap_or(0);
        state.agenda.add_at(due, (TTL, key.clone()));
        return Ok(());
    }
    let options =
        json!({"propagationPolicy": "Foreground", "preconditions": {"uid": job["metadata"]["uid"]}});
    match delete(state, key, &options) {
        Err(failure) if failure.code != 404 => Err(failure),
        _ => Ok(()),
    }
}
