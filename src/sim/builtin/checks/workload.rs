use super::{not_negative, pod, text};
use crate::sim::{
    builtin::cron,
    discovery::Kind,
    refusal::FieldError,
    verbs::{label_map_errors, selects},
};
use serde_json::{Value, json};

/// What is wrong with what makes pods.
pub(super) fn errors(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let spec = &object["spec"];
    match kind.resource.plural.as_str() {
        "deployments" => deployment(kind, spec),
        "replicasets" => [replicas(spec), template(kind, spec, &["Always"])].concat(),
        "statefulsets" => [replicas(spec), template(kind, spec, &["Always"])].concat(),
        "daemonsets" => template(kind, spec, &["Always"]),
        "replicationcontrollers" => {
            [replicas(spec), pod::errors("spec.template.spec", &spec["template"]["spec"], &["Always"])]
                .concat()
        }
        "jobs" => job("spec", spec),
        "cronjobs" => cron_job(spec, old.map_or(&Value::Null, |old| &old["spec"])),
        _ => Vec::new(),
    }
}

fn replicas(spec: &Value) -> Vec<FieldError> {
    not_negative("spec.replicas", &spec["replicas"]).into_iter().collect()
}

/// The selector and the template that it selects.
fn template(kind: &Kind, spec: &Value, policies: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let selector = &spec["selector"];
    if selector.is_null() {
        errors.push(FieldError::required("spec.selector", ""));
    } else if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        let why = format!("empty selector is invalid for {}", kind.kind.to_lowercase());
        errors.push(FieldError::invalid("spec.selector", selector, &why));
    }
    errors.extend(label_map_errors("spec.selector.matchLabels", &selector["matchLabels"]));
    let labels = &spec["template"]["metadata"]["labels"];
    let empty = selector.as_object().is_none_or(serde_json::Map::is_empty);
    if selector.is_null() || (!empty && !selects(selector, labels)) {
        let why = "`selector` does not match template `labels`";
        errors.push(FieldError::invalid("spec.template.metadata.labels", labels, why));
    }
    errors.extend(label_map_errors("spec.template.labels", labels));
    errors.extend(pod::errors("spec.template.spec", &spec["template"]["spec"], policies));
    errors
}

fn deployment(kind: &Kind, spec: &Value) -> Vec<FieldError> {
    let mut errors = replicas(spec);
    errors.extend(template(kind, spec, &["Always"]));
    let strategy = &spec["strategy"];
    match text(strategy, "type") {
        "RollingUpdate" => {
            let rolling = &strategy["rollingUpdate"];
            let none = |value: &Value| *value == 0 || *value == "0%" || *value == "0";
            if none(&rolling["maxSurge"]) && none(&rolling["maxUnavailable"]) {
                let field = "spec.strategy.rollingUpdate.maxUnavailable";
                let why = "may not be 0 when `maxSurge` is 0";
                errors.push(FieldError::invalid(field, &rolling["maxUnavailable"], why));
            }
        }
        "Recreate" => {
            if !strategy["rollingUpdate"].is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                errors.push(FieldError::forbidden("spec.strategy.rollingUpdate", why));
            }
        }
        other => {
            // The server prints its own struct here, fields in its order.
            let shown = format!("{{\"Type\":{},\"RollingUpdate\":null}}", json!(other));
            let message =
                format!("Unsupported value: {shown}: supported values: \"Recreate\", \"RollingUpdate\"");
            let field = "spec.strategy".to_owned();
            errors.push(FieldError { field, reason: "FieldValueNotSupported", message });
        }
    }
    let (deadline, ready) = (spec["progressDeadlineSeconds"].as_i64(), spec["minReadySeconds"].as_i64());
    if let Some(deadline) = deadline.filter(|deadline| *deadline <= ready.unwrap_or(0)) {
        let why = "must be greater than minReadySeconds";
        errors.push(FieldError::invalid("spec.progressDeadlineSeconds", &json!(deadline), why));
    }
    errors
}

fn job(path: &str, spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in
        ["parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"]
    {
        errors.extend(not_negative(&format!("{path}.{field}"), &spec[field]));
    }
    let pod = &spec["template"]["spec"];
    errors.extend(pod::errors(&format!("{path}.template.spec"), pod, &["OnFailure", "Never"]));
    errors
}

/// What is wrong with the name of a time zone.
fn zone_error(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some("timeZone must be nil or non-empty string".to_owned());
    }
    let plain = |part: &str| {
        !matches!(part, "." | "..")
            && !part.starts_with('-')
            && (1..=14).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte))
    };
    if zone.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        return Some(why.to_owned());
    }
    (!zone.split('/').all(plain) || !cron::is_zone(zone)).then(|| format!("unknown time zone {zone}"))
}

fn cron_job(spec: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        errors.push(FieldError::required("spec.schedule", ""));
    } else {
        let mut wrong: Vec<String> = cron::parse(schedule).err().into_iter().collect();
        match schedule.contains("TZ") {
            true if !old["schedule"].as_str().is_some_and(|old| old.contains("TZ")) => {
                wrong.push("cannot use TZ or CRON_TZ in schedule, use timeZone field instead".to_owned());
            }
            true if !spec["timeZone"].is_null() => {
                wrong.push("cannot use both timeZone field and TZ or CRON_TZ in schedule".to_owned());
            }
            _ => {}
        }
        let error = |why: &String| FieldError::invalid("spec.schedule", &json!(schedule), why);
        errors.extend(wrong.iter().map(error));
    }
    errors.extend(not_negative("spec.startingDeadlineSeconds", &spec["startingDeadlineSeconds"]));
    if old.get("timeZone") != spec.get("timeZone")
        && let Some(zone) = spec["timeZone"].as_str()
        && let Some(why) = zone_error(zone)
    {
        errors.push(FieldError::invalid("spec.timeZone", &json!(zone), &why));
    }
    let policy = text(spec, "concurrencyPolicy");
    let known = ["Allow", "Forbid", "Replace"];
    if !known.contains(&policy) {
        errors.push(FieldError::unsupported("spec.concurrencyPolicy", &json!(policy), &known));
    }
    errors.extend(job("spec.jobTemplate.spec", &spec["jobTemplate"]["spec"]));
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        errors.extend(not_negative(&format!("spec.{field}"), &spec[field]));
    }
    errors
}
