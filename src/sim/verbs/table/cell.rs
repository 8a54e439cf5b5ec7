use super::{age::age, network, workload};
use crate::sim::verbs::scale::selector_text;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::OnceLock};

/// What the cells behind the name show, in the language of the table: a path, a path with what stands for
/// nothing behind a `|` (`#` when that is no text), `#` and paths for how many there are, `@` and a word for
/// a function, or a text as it is.
pub fn programs(of: &str) -> Option<&'static Vec<String>> {
    static TABLE: OnceLock<BTreeMap<String, Vec<String>>> = OnceLock::new();
    let read = || {
        serde_json::from_str(include_str!("../../data/v1_36/cells.json"))
            .expect("the table of cells is well formed: a test reads it")
    };
    TABLE.get_or_init(read).get(of)
}

/// The value of a cell.
pub fn cell(program: &str, object: &Value, now: Timestamp) -> Value {
    if let Some(paths) = program.strip_prefix('#') {
        return json!(paths.split('+').map(|path| count(at(object, path))).sum::<usize>());
    }
    if let Some(function) = program.strip_prefix('@') {
        let (name, path) = function.split_once('.').unwrap_or((function, ""));
        return call(name, path, object, now);
    }
    if !program.starts_with('.') {
        return json!(program);
    }
    let (path, otherwise) = program.split_once('|').unwrap_or((program, ""));
    match at(object, path) {
        Value::Null => match otherwise.strip_suffix('#') {
            Some(value) => serde_json::from_str(value).unwrap_or_default(),
            None => json!(otherwise),
        },
        Value::String(text) if text.is_empty() => json!(otherwise.trim_end_matches('#')),
        value if otherwise.ends_with('#') || value.is_string() => value.clone(),
        value => json!(value.to_string()),
    }
}

/// The value at a path such as `.spec.replicas`.
pub fn at<'a>(object: &'a Value, path: &str) -> &'a Value {
    path.split('.').filter(|part| !part.is_empty()).fold(object, |value, part| &value[part])
}

/// The text at a path, or nothing.
pub fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    at(object, path).as_str().unwrap_or_default()
}

fn count(value: &Value) -> usize {
    value.as_array().map(Vec::len).or_else(|| value.as_object().map(serde_json::Map::len)).unwrap_or(0)
}

fn call(name: &str, path: &str, object: &Value, now: Timestamp) -> Value {
    let or_none = |text: String| json!(if text.is_empty() { "<none>".to_owned() } else { text });
    match name {
        "age" => json!(age(&object["metadata"]["creationTimestamp"], now)),
        "unset" => json!("<unset>"),
        "labels" => or_none(labels(at(object, path))),
        "selector" => or_none(selector_text(&object["spec"]["selector"])),
        "podSelector" => or_none(selector_text(&object["spec"]["podSelector"])),
        "jobSelector" => or_none(selector_text(&object["spec"]["jobTemplate"]["spec"]["selector"])),
        "role" => {
            let role = &object["roleRef"];
            json!(format!("{}/{}", text(role, ".kind"), text(role, ".name")))
        }
        "subjects" => json!(subjects(object, path)),
        "controller" => or_none(controller(object)),
        "quota" => json!(quota(object, path)),
        "lastSeen" | "firstSeen" | "object" | "source" | "message" | "count" => event(name, object, now),
        "podReady" | "podStatus" | "restarts" | "gates" | "ready" | "containers" | "images" | "jobStatus"
        | "completions" | "duration" | "suspend" | "lastSchedule" | "target" | "targets" => {
            workload::cell(name, path, object, now)
        }
        _ => network::cell(name, path, object),
    }
}

fn labels(labels: &Value) -> String {
    let pairs = labels.as_object().into_iter().flatten();
    let pairs = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
    pairs.collect::<Vec<_>>().join(",")
}

fn subjects(object: &Value, kind: &str) -> String {
    let subjects = object["subjects"].as_array().into_iter().flatten();
    let own = subjects.filter(|subject| subject["kind"] == kind).map(|subject| match kind {
        "ServiceAccount" => format!("{}/{}", text(subject, ".namespace"), text(subject, ".name")),
        _ => text(subject, ".name").to_owned(),
    });
    own.collect::<Vec<_>>().join(", ")
}

fn controller(object: &Value) -> String {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let own = owners.into_iter().find(|owner| owner["controller"] == true);
    own.map(|owner| {
        let group = text(owner, ".apiVersion").split_once('/').map(|(group, _)| format!(".{group}"));
        format!(
            "{}{}/{}",
            text(owner, ".kind").to_lowercase(),
            group.unwrap_or_default(),
            text(owner, ".name")
        )
    })
    .unwrap_or_default()
}

/// What is used of what may be used, of requests or of limits.
fn quota(object: &Value, which: &str) -> String {
    let hard = object["status"]["hard"].as_object().into_iter().flatten();
    let own = hard.filter(|(key, _)| key.starts_with("limits.") == (which == "limits"));
    let pairs = own.map(|(key, hard)| {
        format!("{key}: {}/{}", text(&object["status"]["used"], key), hard.as_str().unwrap_or_default())
    });
    pairs.collect::<Vec<_>>().join(", ")
}

fn event(name: &str, event: &Value, now: Timestamp) -> Value {
    let first = |paths: &[&str]| {
        let found = paths.iter().map(|path| at(event, path)).find(|value| !value.is_null());
        age(found.unwrap_or(&Value::Null), now)
    };
    match name {
        "lastSeen" => json!(first(&[".series.lastObservedTime", ".lastTimestamp", ".eventTime"])),
        "firstSeen" => json!(first(&[".firstTimestamp", ".eventTime"])),
        "object" => {
            let object = &event["involvedObject"];
            let kind = text(object, ".kind").to_lowercase();
            let name = text(object, ".name");
            json!(if name.is_empty() { kind } else { format!("{kind}/{name}") })
        }
        "source" => {
            let (component, host) = match text(event, ".source.component") {
                "" => (text(event, ".reportingComponent"), text(event, ".reportingInstance")),
                component => (component, text(event, ".source.host")),
            };
            json!(if host.is_empty() { component.to_owned() } else { format!("{component}, {host}") })
        }
        "message" => json!(text(event, ".message").trim()),
        _ => match (event["series"]["count"].as_i64(), event["count"].as_i64()) {
            (Some(count), _) => json!(count),
            (None, Some(count)) if count > 0 => json!(count),
            _ => json!(1),
        },
    }
}
