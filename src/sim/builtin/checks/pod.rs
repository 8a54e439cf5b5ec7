use super::{items, port_error, text};
use crate::{
    sim::{refusal::FieldError, verbs::label_errors},
    wire::Quantity,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is wrong with a pod spec at `path`; `policies` are the restart policies that it may have.
pub(super) fn errors(path: &str, spec: &Value, policies: &[&str]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let volumes = volumes(path, spec, &mut errors);
    let mut names = BTreeSet::new();
    if items(spec, "containers").next().is_none() {
        errors.push(FieldError::required(format!("{path}.containers"), ""));
    }
    for list in ["containers", "initContainers"] {
        for (at, item) in items(spec, list) {
            container(&format!("{path}.{list}[{at}]"), item, &volumes, &mut names, &mut errors);
        }
    }
    let policy = text(spec, "restartPolicy");
    if !policies.contains(&policy) {
        let field = format!("{path}.restartPolicy");
        errors.push(if policies.contains(&"Always") {
            FieldError::unsupported(field, &json!(policy), policies)
        } else {
            FieldError::required(field, "valid values: \"OnFailure\", \"Never\"")
        });
    }
    let dns = text(spec, "dnsPolicy");
    let known = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    if !known.contains(&dns) {
        errors.push(FieldError::unsupported(format!("{path}.dnsPolicy"), &json!(dns), &known));
    }
    errors
}

/// Where a volume comes from, in the order in which the server looks.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
    "",
];

fn volumes<'a>(path: &str, spec: &'a Value, errors: &mut Vec<FieldError>) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (at, volume) in items(spec, "volumes") {
        let field = format!("{path}.volumes[{at}]");
        let sources = SOURCES.iter().filter(|source| volume.get(**source).is_some_and(|own| !own.is_null()));
        for source in sources.skip(1) {
            let why = "may not specify more than 1 volume type";
            errors.push(FieldError::forbidden(format!("{field}.{source}"), why));
        }
        let name = text(volume, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{field}.name"), ""));
            continue;
        }
        for why in label_errors(name) {
            errors.push(FieldError::invalid(format!("{field}.name"), &json!(name), &why));
        }
        if !names.insert(name) {
            errors.push(FieldError::duplicate(format!("{field}.name"), &json!(name)));
        }
    }
    names
}

fn container(
    field: &str,
    container: &Value,
    volumes: &BTreeSet<&str>,
    names: &mut BTreeSet<String>,
    errors: &mut Vec<FieldError>,
) {
    let name = text(container, "name");
    if name.is_empty() {
        errors.push(FieldError::required(format!("{field}.name"), ""));
    } else {
        for why in label_errors(name) {
            errors.push(FieldError::invalid(format!("{field}.name"), &json!(name), &why));
        }
        if !names.insert(name.to_owned()) {
            errors.push(FieldError::duplicate(format!("{field}.name"), &json!(name)));
        }
    }
    if text(container, "image").is_empty() {
        errors.push(FieldError::required(format!("{field}.image"), ""));
    }
    let policy = text(container, "imagePullPolicy");
    if !["Always", "IfNotPresent", "Never"].contains(&policy) {
        let known = ["Always", "IfNotPresent", "Never"];
        errors.push(FieldError::unsupported(format!("{field}.imagePullPolicy"), &json!(policy), &known));
    }
    for (at, port) in items(container, "ports") {
        let field = format!("{field}.ports[{at}]");
        match port["containerPort"].as_i64() {
            None | Some(0) => errors.push(FieldError::required(format!("{field}.containerPort"), "")),
            Some(_) => errors.extend(port_error(format!("{field}.containerPort"), &port["containerPort"])),
        }
        let protocol = text(port, "protocol");
        let known = ["SCTP", "TCP", "UDP"];
        if !known.contains(&protocol) {
            errors.push(FieldError::unsupported(format!("{field}.protocol"), &json!(protocol), &known));
        }
    }
    for (at, variable) in items(container, "env") {
        if text(variable, "name").is_empty() {
            errors.push(FieldError::required(format!("{field}.env[{at}].name"), ""));
        }
    }
    for (at, mount) in items(container, "volumeMounts") {
        let field = format!("{field}.volumeMounts[{at}]");
        let name = text(mount, "name");
        if name.is_empty() {
            errors.push(FieldError::required(format!("{field}.name"), ""));
        }
        if !volumes.contains(name) {
            errors.push(FieldError::not_found(format!("{field}.name"), &json!(name)));
        }
        if text(mount, "mountPath").is_empty() {
            errors.push(FieldError::required(format!("{field}.mountPath"), ""));
        }
    }
    errors.extend(resources(field, &container["resources"]));
}

fn resources(field: &str, resources: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let limit = &resources["limits"][name];
        if amount(request).is_some() && amount(limit).is_some() && amount(request) > amount(limit) {
            let why = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            errors.push(FieldError::invalid(format!("{field}.resources.requests"), request, &why));
        }
    }
    errors
}
