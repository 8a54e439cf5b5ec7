use super::{Call, State};
use crate::wire::Failure;
use serde_json::{Value, json};

/// Sets what a new object of the type starts with.
///
/// # Errors
/// 422 for what cannot be allocated.
pub fn for_create(state: &mut State, call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    let kind = &call.kind;
    if kind.rules.generation {
        object["metadata"]["generation"] = json!(1);
    }
    // A node says itself how it is, from the start.
    if kind.has_status()
        && !kind.is_core("nodes")
        && let Some(members) = object.as_object_mut()
    {
        members.remove("status");
        if kind.custom.is_none() && members.contains_key("spec") {
            // Some types have members of a status that are always there.
            let empty = kind.schema().and_then(|schema| schema.zero().get("status").cloned());
            members.insert("status".into(), empty.unwrap_or_else(|| json!({})));
        }
    }
    match (kind.storage.group.as_str(), kind.storage.plural.as_str()) {
        ("", "namespaces") => {
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            object["spec"] = json!({"finalizers": ["kubernetes"]});
            object["status"] = json!({"phase": "Active"});
        }
        ("", "pods") => pod_status(state, object),
        ("", "persistentvolumeclaims") => object["status"] = json!({"phase": "Pending"}),
        ("", "persistentvolumes") => {
            let now = state.clock.seconds();
            object["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": now});
        }
        ("", "services") => {
            object["status"] = json!({"loadBalancer": {}});
            super::services::allocate(state, call, object)?;
        }
        ("networking.k8s.io", "ingresses") => object["status"] = json!({"loadBalancer": {}}),
        ("batch", "jobs") => job(object),
        ("certificates.k8s.io", "certificatesigningrequests") => {
            for field in ["uid", "extra"] {
                object["spec"].as_object_mut().map(|spec| spec.remove(field));
            }
            object["spec"]["username"] = json!("admin");
            object["spec"]["groups"] = json!(["system:masters", "system:authenticated"]);
        }
        ("apiextensions.k8s.io", _) => crate::sim::crd::prepare(object),
        _ => {}
    }
    Ok(())
}

/// Takes over from the old object what this request may not change.
pub fn for_update(state: &State, call: &Call<'_>, old: &Value, object: &mut Value) {
    let kind = &call.kind;
    let keep = |object: &mut Value, field: &str| {
        let Some(members) = object.as_object_mut() else { return };
        match old.get(field) {
            Some(value) => members.insert(field.to_owned(), value.clone()),
            None => members.remove(field),
        };
    };
    match call.subresource() {
        Some("status") if kind.custom.is_some() => {
            let status = object.get("status").cloned();
            let fields = object["metadata"].get("managedFields").cloned();
            *object = old.clone();
            let Some(members) = object.as_object_mut() else { return };
            match status {
                Some(status) => members.insert("status".into(), status),
                None => members.remove("status"),
            };
            if let Some(fields) = fields {
                object["metadata"]["managedFields"] = fields;
            }
        }
        Some("status") => {
            keep(object, "spec");
            if kind.is("apps", "deployments") {
                object["metadata"]["labels"] = old["metadata"]["labels"].clone();
            }
        }
        Some("approval") => {
            let mut conditions = object["status"].get("conditions").cloned();
            conditions.iter_mut().for_each(|list| approved(state, &old["status"]["conditions"], list));
            keep(object, "spec");
            keep(object, "status");
            if let Some(conditions) = conditions {
                object["status"]["conditions"] = conditions;
            }
        }
        Some("finalize") => {
            let finalizers = object["spec"].get("finalizers").cloned().unwrap_or_else(|| json!([]));
            let fields = object["metadata"].get("managedFields").cloned();
            *object = old.clone();
            object["spec"]["finalizers"] = finalizers;
            if let Some(fields) = fields {
                object["metadata"]["managedFields"] = fields;
            }
        }
        _ if kind.has_status() => keep(object, "status"),
        _ => {}
    }
    if kind.is_core("namespaces") && call.subresource() != Some("finalize") {
        keep(object, "spec");
    }
    if kind.is("apps", "daemonsets") {
        count_template(old, object);
    }
    generation(call, old, object);
    super::decode::tidy(&mut object["metadata"]);
}

/// Notes when a volume came into another phase, unless its writer did.
pub fn stamp(state: &State, call: &Call<'_>, old: &Value, object: &mut Value) {
    let field = "lastPhaseTransitionTime";
    let (before, status) = (&old["status"], &object["status"]);
    if call.kind.is_core("persistentvolumes")
        && call.subresource() == Some("status")
        && before["phase"] != status["phase"]
        && (status[field].is_null() || status[field] == before[field])
    {
        object["status"][field] = json!(state.clock.seconds());
    }
}

/// Gives conditions the times that they came without.
fn approved(state: &State, old: &Value, conditions: &mut Value) {
    let now = state.clock.seconds();
    for condition in conditions.as_array_mut().into_iter().flatten().filter(|condition| condition.is_object())
    {
        let same = |known: &&Value| ["type", "status"].iter().all(|key| known[*key] == condition[*key]);
        let before = old.as_array().into_iter().flatten().find(same);
        let since = before.map(|known| known["lastTransitionTime"].clone()).filter(|time| !time.is_null());
        let times =
            [("lastUpdateTime", json!(now)), ("lastTransitionTime", since.unwrap_or_else(|| json!(now)))];
        for (key, time) in times {
            if condition[key].is_null() {
                condition[key] = time;
            }
        }
    }
}

/// A set of daemons counts its templates in an annotation.
fn count_template(old: &Value, object: &mut Value) {
    let number = "deprecated.daemonset.template.generation";
    let before = old["metadata"]["annotations"][number].as_str().and_then(|text| text.parse::<i64>().ok());
    let more = i64::from(old["spec"]["template"] != object["spec"]["template"]);
    object["metadata"]["annotations"][number] = json!((before.unwrap_or(0) + more).to_string());
}

/// The generation counts changes of what is wanted.
fn generation(call: &Call<'_>, old: &Value, object: &mut Value) {
    let kind = &call.kind;
    if !kind.rules.generation {
        return;
    }
    let was = old["metadata"]["generation"].as_i64().unwrap_or(1);
    let without = |object: &Value| {
        let members = object.as_object().into_iter().flatten();
        let kept = members.filter(|(key, _)| *key != "metadata" && (*key != "status" || !kind.has_status()));
        kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    };
    let annotated = kind.is("apps", "deployments")
        && old["metadata"].get("annotations") != object["metadata"].get("annotations");
    let fixed = kind.is("scheduling.k8s.io", "priorityclasses");
    let changed =
        call.subresource() != Some("status") && !fixed && (without(old) != without(object) || annotated);
    object["metadata"]["generation"] = json!(if changed { was + 1 } else { was });
}

/// A new pod waits for its node.
fn pod_status(state: &State, pod: &mut Value) {
    let mut status = json!({"phase": "Pending", "qosClass": crate::sim::builtin::qos(&pod["spec"])});
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "lastProbeTime": null,
            "lastTransitionTime": state.clock.seconds(),
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    pod["status"] = status;
}

/// A job knows its pods by its uid.
fn job(job: &mut Value) {
    let labels = job["spec"]["template"]["metadata"].get("labels").cloned();
    if job["metadata"].get("labels").is_none()
        && let Some(labels) = labels
    {
        job["metadata"]["labels"] = labels;
    }
    if job["spec"]["manualSelector"] == true || !job["spec"]["template"].is_object() {
        return;
    }
    let (name, uid) = (job["metadata"]["name"].clone(), job["metadata"]["uid"].clone());
    for place in ["/spec/template", ""] {
        let Some(object) = job.pointer_mut(place) else { continue };
        for (key, value) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            if object["metadata"].is_null() {
                object["metadata"] = json!({});
            }
            object["metadata"]["labels"][key] = value.clone();
        }
    }
    job["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
}
