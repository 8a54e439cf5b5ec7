use super::{
    Outcome,
    acts::{all_in, create, current, delete, record, write_status},
    claim::{controller, controller_in, dying, reference},
    text,
};
use crate::{
    sim::{builtin::Schedule, store::News, verbs::State},
    wire::{ObjectKey, Resource},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const WHO: &str = "cronjob-controller";
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// How long after its time a schedule is looked at, in milliseconds.
const DELAY: i64 = 100;
/// More missed times than these are too many to start for.
const MISSED: usize = 100;

type Jobs = Vec<(ObjectKey, Arc<Value>)>;

fn cron_jobs() -> Resource {
    Resource::new("batch", "v1", "cronjobs")
}

fn jobs() -> Resource {
    Resource::new("batch", "v1", "jobs")
}

/// Schedules, and their jobs.
pub(super) fn heard(state: &mut State, news: &News) {
    let key = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("batch", "cronjobs") => Some(news.key.clone()),
        ("batch", "jobs") => controller_in(state, &news.key, &news.object, "CronJob", &cron_jobs()),
        _ => None,
    };
    key.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn ended(job: &Value) -> Option<&str> {
    let mut list = job["status"]["conditions"].as_array().into_iter().flatten();
    let over = |condition: &&Value| matches!(condition["type"].as_str(), Some("Complete" | "Failed"));
    list.find(|condition| over(condition) && condition["status"] == "True")?["type"].as_str()
}

/// Notes what became of jobs, deletes old ones, and starts the one that is due.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(object) = current(state, key) else { return Ok(()) };
    let own = |job: &Value| controller(job).is_some_and(|owner| owner["uid"] == object["metadata"]["uid"]);
    let all = all_in(state, &jobs(), key.namespace.as_deref()).into_iter();
    let own: Jobs = all.filter(|(_, job)| own(job)).collect();
    let mut next = (*object).clone();
    note_ended(state, &mut next, &own);
    clean_up(state, &next, &own);
    let outcome = if dying(&object) { Ok(()) } else { start(state, key, &mut next) };
    if next["status"] != object["status"] {
        write_status(state, key, &next)?;
    }
    outcome
}

fn active(object: &Value) -> Vec<Value> {
    object["status"]["active"].as_array().cloned().unwrap_or_default()
}

fn set_active(object: &mut Value, list: Vec<Value>) {
    match (list.is_empty(), object["status"].as_object_mut()) {
        (true, Some(status)) => _ = status.remove("active"),
        _ => object["status"]["active"] = json!(list),
    }
}

fn note_ended(state: &mut State, object: &mut Value, own: &Jobs) {
    let mut list = active(object);
    for (key, job) in own {
        let at = list.iter().position(|known| known["uid"] == job["metadata"]["uid"]);
        match (at, ended(job)) {
            (None, None) => {
                let text = format!("Saw a job that the controller did not create or forgot: {}", key.name);
                record(state, WHO, object, "Warning", "UnexpectedJob", &text);
            }
            (Some(at), Some(condition)) => {
                list.remove(at);
                let text = format!("Saw completed job: {}, condition: {condition}", key.name);
                record(state, WHO, object, "Normal", "SawCompletedJob", &text);
            }
            _ => {}
        }
        let done = time(&job["status"]["completionTime"]).filter(|_| ended(job) == Some("Complete"));
        if done > time(&object["status"]["lastSuccessfulTime"]) {
            object["status"]["lastSuccessfulTime"] = job["status"]["completionTime"].clone();
        }
    }
    let there = |known: &Value| own.iter().any(|(_, job)| job["metadata"]["uid"] == known["uid"]);
    let (kept, gone): (Vec<Value>, Vec<Value>) = list.into_iter().partition(there);
    for known in gone {
        let text = format!("Active job went missing: {}", text(&known, "name"));
        record(state, WHO, object, "Normal", "MissingJob", &text);
    }
    set_active(object, kept);
}

/// Deletes the oldest jobs beyond those that are kept.
fn clean_up(state: &mut State, object: &Value, own: &Jobs) {
    let limits = [("Complete", "successfulJobsHistoryLimit", 3), ("Failed", "failedJobsHistoryLimit", 1)];
    for (condition, field, usual) in limits {
        let kept = usize::try_from(object["spec"][field].as_i64().unwrap_or(usual)).unwrap_or(0);
        let mut over: Vec<_> = own.iter().filter(|(_, job)| ended(job) == Some(condition)).collect();
        over.sort_by_key(|(key, job)| (text(&job["status"], "startTime").to_owned(), key.name.clone()));
        let spare = over.len().saturating_sub(kept);
        for (key, _) in over.into_iter().take(spare) {
            end(state, object, key);
        }
    }
}

fn end(state: &mut State, object: &Value, key: &ObjectKey) {
    match delete(state, key, &json!({"propagationPolicy": "Background"})) {
        Ok(()) => {
            record(state, WHO, object, "Normal", "SuccessfulDelete", &format!("Deleted job {}", key.name));
        }
        Err(failure) => {
            let text = format!("Deleted job: {}", failure.message);
            record(state, WHO, object, "Warning", "FailedDelete", &text);
        }
    }
}

/// Starts the job of the last time that is due, and looks again at the next.
fn start(state: &mut State, key: &ObjectKey, object: &mut Value) -> Outcome {
    let spec = object["spec"].clone();
    // Other zones have rules that are not known here.
    let known_zone = matches!(spec["timeZone"].as_str(), None | Some("UTC" | "Etc/UTC"));
    if spec["suspend"] == true || !known_zone {
        return Ok(());
    }
    let Ok(schedule) = Schedule::parse(text(&spec, "schedule")) else {
        let text = format!("unparseable schedule: {:?}", text(&spec, "schedule"));
        record(state, WHO, object, "Warning", "UnparseableSchedule", &text);
        return Ok(());
    };
    let now = state.clock.now();
    let from = time(&object["status"]["lastScheduleTime"]).or(time(&object["metadata"]["creationTimestamp"]));
    let due = from.and_then(|from| last_due(&schedule, from, now));
    if let Some(next) = schedule.after(now) {
        let left = next.as_millisecond() - now.as_millisecond() + DELAY;
        let at = state.clock.elapsed() + u64::try_from(left).unwrap_or(0);
        state.agenda.add_at(at, (WHO, key.clone()));
    }
    let Some(due) = due else { return Ok(()) };
    let late = spec["startingDeadlineSeconds"].as_i64();
    if late.is_some_and(|late| due.as_second() + late < now.as_second()) {
        let text = format!("Missed scheduled time to start a job: {due}");
        record(state, WHO, object, "Warning", "MissSchedule", &text);
        return Ok(());
    }
    let running = active(object);
    match spec["concurrencyPolicy"].as_str() {
        Some("Forbid") if !running.is_empty() => {
            let text = "Not starting job because prior execution is running and concurrency policy is Forbid";
            record(state, WHO, object, "Normal", "JobAlreadyActive", text);
            return Ok(());
        }
        Some("Replace") => {
            for known in running {
                let old = ObjectKey::new(&jobs(), key.namespace.as_deref(), text(&known, "name"));
                end(state, object, &old);
            }
            set_active(object, Vec::new());
        }
        _ => {}
    }
    make(state, key, object, due)
}

/// The last time that is due and was not before.
fn last_due(schedule: &Schedule, from: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let mut last = None;
    let mut at = from;
    for _ in 0..MISSED {
        match schedule.after(at).filter(|next| *next <= now) {
            Some(next) => (at, last) = (next, Some(next)),
            None => return last,
        }
    }
    // Too many were missed: what counts is the last before now.
    let near = [60, 3600, 86_400, 31 * 86_400].into_iter().find_map(|back| {
        let start = Timestamp::from_second(now.as_second() - back - 1).ok()?;
        let mut found = None;
        let mut at = start;
        while let Some(next) = schedule.after(at).filter(|next| *next <= now) {
            (at, found) = (next, Some(next));
        }
        found
    });
    near.or(last)
}

fn make(state: &mut State, key: &ObjectKey, object: &mut Value, due: Timestamp) -> Outcome {
    let template = &object["spec"]["jobTemplate"];
    let name = format!("{}-{}", key.name, due.as_second() / 60);
    let mut job = json!({
        "metadata": {"name": name, "ownerReferences": [reference(object)]}, "spec": template["spec"],
    });
    for field in ["labels", "annotations"] {
        if let Some(value) = template["metadata"].get(field) {
            job["metadata"][field] = value.clone();
        }
    }
    job["metadata"]["annotations"][SCHEDULED] = json!(due.to_string());
    let made = match create(state, &jobs(), key.namespace.as_deref(), &job) {
        Ok(made) => made,
        Err(failure) if failure.reason == "AlreadyExists" || super::is_ending(&failure) => return Ok(()),
        Err(failure) => {
            let text = format!("Error creating job: {}", failure.message);
            record(state, WHO, object, "Warning", "FailedCreate", &text);
            return Err(failure);
        }
    };
    record(state, WHO, object, "Normal", "SuccessfulCreate", &format!("Created job {name}"));
    let metadata = &made["metadata"];
    let mut list = active(object);
    list.push(json!({
        "kind": "Job", "apiVersion": "batch/v1", "name": name, "namespace": metadata["namespace"],
        "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
    }));
    set_active(object, list);
    object["status"]["lastScheduleTime"] = json!(due.to_string());
    Ok(())
}
