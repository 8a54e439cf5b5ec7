use super::{
    age::age,
    cell::{at, text},
};
use crate::wire::span;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The cells of pods and of what makes them.
pub(super) fn cell(name: &str, path: &str, object: &Value, now: Timestamp) -> Value {
    let number = |path: &str| at(object, path).as_i64().unwrap_or(0);
    match name {
        "podReady" => json!(pod_ready(object)),
        "podStatus" => json!(pod_status(object)),
        "restarts" => json!(restarts(object, now)),
        "gates" => json!("<none>"),
        "ready" => json!(format!("{}/{}", number(".status.readyReplicas"), number(".spec.replicas"))),
        "containers" => json!(containers(object, path, "name")),
        "images" => json!(containers(object, path, "image")),
        "jobStatus" => json!(job_status(object)),
        "completions" => json!(completions(object)),
        "duration" => json!(duration(object, now)),
        "suspend" => json!(if object["spec"]["suspend"] == true { "True" } else { "False" }),
        "lastSchedule" => match &object["status"]["lastScheduleTime"] {
            Value::Null => json!("<none>"),
            time => json!(age(time, now)),
        },
        "target" => {
            let target = &object["spec"]["scaleTargetRef"];
            json!(format!("{}/{}", text(target, ".kind"), text(target, ".name")))
        }
        _ => json!(targets(object)),
    }
}

fn statuses<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    pod["status"][list].as_array().into_iter().flatten()
}

fn pod_ready(pod: &Value) -> String {
    let all = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    let ready = statuses(pod, "containerStatuses").filter(|status| status["ready"] == true).count();
    format!("{ready}/{all}")
}

/// Why a pod is not simply running, as far as its containers say it.
fn pod_status(pod: &Value) -> String {
    let phase = text(pod, ".status.phase");
    let mut reason = match text(pod, ".status.reason") {
        "" => phase.to_owned(),
        reason => reason.to_owned(),
    };
    for status in statuses(pod, "containerStatuses") {
        let (waiting, over) = (&status["state"]["waiting"], &status["state"]["terminated"]);
        if let Some(why) = waiting["reason"].as_str().filter(|why| !why.is_empty()) {
            reason = why.to_owned();
        } else if let Some(why) = over["reason"].as_str().filter(|why| !why.is_empty()) {
            reason = why.to_owned();
        } else if let Some(code) = over["exitCode"].as_i64() {
            reason = format!("ExitCode:{code}");
        }
    }
    if pod["metadata"].get("deletionTimestamp").is_some() {
        return if reason == "NodeLost" { "Unknown".to_owned() } else { "Terminating".to_owned() };
    }
    reason
}

fn restarts(pod: &Value, now: Timestamp) -> String {
    let count: i64 =
        statuses(pod, "containerStatuses").filter_map(|status| status["restartCount"].as_i64()).sum();
    let ends =
        statuses(pod, "containerStatuses").map(|status| &status["lastState"]["terminated"]["finishedAt"]);
    match ends.filter(|end| !end.is_null()).max_by_key(|end| end.as_str().map(str::to_owned)) {
        Some(end) if count > 0 => format!("{count} ({} ago)", age(end, now)),
        _ => count.to_string(),
    }
}

fn containers(object: &Value, path: &str, field: &str) -> String {
    let base = if path.is_empty() { object } else { at(object, path) };
    let template = if path == "template" { &base["spec"] } else { &base["spec"]["template"]["spec"] };
    let containers = template["containers"].as_array().into_iter().flatten();
    containers.filter_map(|container| container[field].as_str()).collect::<Vec<_>>().join(",")
}

fn job_status(job: &Value) -> &'static str {
    let has = |wanted: &str| {
        let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == wanted && condition["status"] == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if job["metadata"].get("deletionTimestamp").is_some() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(job: &Value) -> String {
    let done = job["status"]["succeeded"].as_i64().unwrap_or(0);
    match (job["spec"]["completions"].as_i64(), job["spec"]["parallelism"].as_i64()) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, Some(parallel)) if parallel > 1 => format!("{done}/1 of {parallel}"),
        _ => format!("{done}/1"),
    }
}

fn duration(job: &Value, now: Timestamp) -> String {
    let time = |path: &str| text(job, path).parse::<Timestamp>().ok();
    let Some(start) = time(".status.startTime") else { return String::new() };
    let end = time(".status.completionTime").unwrap_or(now);
    span(end.as_second() - start.as_second())
}

/// What an autoscaler aims at; nothing measures anything here.
fn targets(object: &Value) -> String {
    let metrics = object["spec"]["metrics"].as_array().into_iter().flatten();
    let shown = metrics.map(|metric| {
        let resource = &metric["resource"];
        let wanted = match resource["target"]["averageUtilization"].as_i64() {
            Some(percent) => format!("{percent}%"),
            None => text(resource, ".target.averageValue").to_owned(),
        };
        format!("{}: <unknown>/{wanted}", text(resource, ".name"))
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if shown.is_empty() { "<none>".to_owned() } else { shown }
}
