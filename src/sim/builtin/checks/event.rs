use super::text;
use crate::{sim::refusal::FieldError, wire::label};
use serde_json::{Value, json};

/// Where an event has its fields, by its group.
struct Names {
    about: &'static str,
    controller: &'static str,
    note: &'static str,
    source: &'static str,
    first: &'static str,
    last: &'static str,
    count: &'static str,
}

const CORE: Names = Names {
    about: "involvedObject",
    controller: "reportingComponent",
    note: "message",
    source: "source",
    first: "firstTimestamp",
    last: "lastTimestamp",
    count: "count",
};

const OWN: Names = Names {
    about: "regarding",
    controller: "reportingController",
    note: "note",
    source: "deprecatedSource",
    first: "deprecatedFirstTimestamp",
    last: "deprecatedLastTimestamp",
    count: "deprecatedCount",
};

/// What is wrong with an event of the core group.
pub(super) fn core(event: &Value) -> Vec<FieldError> {
    legacy(event, &CORE)
}

/// What is wrong with an event of the group of its own, which is stricter.
pub(super) fn own(event: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = legacy(event, &OWN);
    if let Some(old) = old {
        if event["series"] != old["series"] {
            errors.extend(series(event));
        }
        errors.extend(frozen(event, old));
        return errors;
    }
    errors.extend(series(event));
    if event["eventTime"].is_null() {
        errors.push(FieldError::required("eventTime", ""));
    }
    let kind = text(event, "type");
    if !["Normal", "Warning"].contains(&kind) {
        errors.push(FieldError::invalid("type", &json!(""), &format!("has invalid value: {kind}")));
    }
    let source = &event[OWN.source];
    let old = [
        ("firstTimestamp", !event[OWN.first].is_null()),
        ("lastTimestamp", !event[OWN.last].is_null()),
        ("count", event[OWN.count].as_i64().unwrap_or(0) != 0),
        ("source", !(text(source, "component").is_empty() && text(source, "host").is_empty())),
    ];
    let set = old.into_iter().filter(|(_, set)| *set);
    errors.extend(set.map(|(field, _)| FieldError::invalid(field, &json!(""), "needs to be unset")));
    errors
}

/// What holds for both groups.
fn legacy(event: &Value, names: &Names) -> Vec<FieldError> {
    let about = text(&event[names.about], "namespace");
    let own = text(&event["metadata"], "namespace");
    let new = !event["eventTime"].is_null();
    let fits = match (about, new) {
        ("", false) => own == "default" || own.is_empty(),
        ("", true) => own == "default" || own == "kube-system",
        (_, false) => about == own,
        (_, true) => true,
    };
    let mut errors = Vec::new();
    if !fits {
        let why = "does not match event.namespace";
        errors.push(FieldError::invalid("involvedObject.namespace", &json!(about), why));
    }
    if !new {
        return errors;
    }
    let controller = text(event, names.controller);
    if controller.is_empty() {
        errors.push(FieldError::required(names.controller, ""));
    }
    let wrong = label::key_errors(controller).into_iter();
    errors.extend(wrong.map(|why| FieldError::invalid(names.controller, &json!(controller), &why)));
    for field in ["reportingInstance", "action", "reason"] {
        if text(event, field).is_empty() {
            errors.push(FieldError::required(field, ""));
        }
        errors.extend(too_long(field, text(event, field), 128));
    }
    errors.extend(too_long("message", text(event, names.note), 1024));
    errors
}

fn too_long(field: &str, text: &str, most: usize) -> Option<FieldError> {
    let why = || format!("can have at most {most} characters");
    (text.len() > most).then(|| FieldError::invalid(field, &json!(""), &why()))
}

fn series(event: &Value) -> Vec<FieldError> {
    let (series, mut errors) = (&event["series"], Vec::new());
    if !series.is_object() {
        return errors;
    }
    if series["count"].as_i64().unwrap_or(0) < 2 {
        errors.push(FieldError::invalid("series.count", &json!(""), "should be at least 2"));
    }
    if series["lastObservedTime"].is_null() {
        errors.push(FieldError::required("series.lastObservedTime", ""));
    }
    errors
}

/// All but the series of such an event stays.
fn frozen(event: &Value, old: &Value) -> Vec<FieldError> {
    let rows = [
        ("involvedObject", OWN.about),
        ("reason", "reason"),
        ("message", OWN.note),
        ("source", OWN.source),
        ("firstTimestamp", OWN.first),
        ("lastTimestamp", OWN.last),
        ("count", OWN.count),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ];
    let changed = rows.into_iter().filter(|(_, key)| event[*key] != old[*key]);
    changed.map(|(field, key)| FieldError::invalid(field, &event[key], "field is immutable")).collect()
}
