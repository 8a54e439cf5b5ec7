use crate::{
    sim::{refusal::FieldError, schema::schema_errors},
    wire::label,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with a definition and its schemas, and what may not change in it.
pub fn errors(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let name = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    if old.is_none() && object["metadata"]["name"] != name.as_str() {
        let own = &object["metadata"]["name"];
        let why = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", own, why));
    }
    errors.extend(group(object));
    match text(&spec["scope"]) {
        "" => errors.push(FieldError::required("spec.scope", "")),
        "Cluster" | "Namespaced" => {}
        other => {
            let known = ["Cluster", "Namespaced"];
            errors.push(FieldError::unsupported("spec.scope", &json!(other), &known));
        }
    }
    errors.extend(versions(spec));
    errors.extend(names(&spec["names"]));
    if spec["preserveUnknownFields"] == true {
        let why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &json!(true), why));
    }
    errors.extend(conversion(&spec["conversion"]));
    errors.extend(stored(object));
    if let Some(old) = old {
        errors.extend(frozen(object, old));
    }
    errors
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_1035(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

fn group(object: &Value) -> Vec<FieldError> {
    let group = text(&object["spec"]["group"]);
    if group.is_empty() {
        return vec![FieldError::required("spec.group", "")];
    }
    let mut errors = Vec::new();
    if let Some(why) = label::subdomain_error(group) {
        errors.push(FieldError::invalid("spec.group", &json!(group), &why));
    } else if !group.contains('.') {
        let why = "should be a domain with at least one dot";
        errors.push(FieldError::invalid("spec.group", &json!(group), why));
    }
    let protected = group.ends_with(".k8s.io") || group.ends_with(".kubernetes.io");
    let approval = &object["metadata"]["annotations"]["api-approved.kubernetes.io"];
    if protected && approval.is_null() {
        let field = "metadata.annotations[api-approved.kubernetes.io]";
        let why = "protected groups must have approval annotation \"api-approved.kubernetes.io\", see \
                   https://github.com/kubernetes/enhancements/pull/1111";
        errors.push(FieldError::required(field, why));
    }
    errors
}

/// Where something of a version is reported: what all versions have alike has one place.
fn place(spec: &Value, at: usize, field: &str) -> Option<String> {
    let versions = spec["versions"].as_array()?;
    let alike = versions.iter().all(|version| version[field] == versions[0][field]);
    match (alike, at) {
        (true, 0) if field == "schema" => Some("spec.validation".to_owned()),
        (true, 0) => Some(format!("spec.{field}")),
        (true, _) => None,
        (false, at) => Some(format!("spec.versions[{at}].{field}")),
    }
}

fn versions(spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let list = spec["versions"].as_array().cloned().unwrap_or_default();
    for (at, version) in list.iter().enumerate() {
        let name = text(&version["name"]);
        if !is_1035(name) {
            errors.push(FieldError::invalid(format!("spec.versions[{at}].name"), &json!(name), LABEL_1035));
        }
        if version["schema"]["openAPIV3Schema"].is_null() {
            errors.push(FieldError::required(format!("spec.versions[{at}].schema.openAPIV3Schema"), ""));
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        if let Some(place) = place(spec, at, "schema").filter(|_| schema.is_object()) {
            let status = !version["subresources"]["status"].is_null();
            errors.extend(schema_errors(schema, &format!("{place}.openAPIV3Schema"), status));
        }
        if let Some(place) = place(spec, at, "subresources") {
            errors.extend(subresources(&place, &version["subresources"]));
        }
        if let Some(place) = place(spec, at, "additionalPrinterColumns") {
            errors.extend(columns(&place, &version["additionalPrinterColumns"]));
        }
        if let Some(place) = place(spec, at, "selectableFields") {
            errors.extend(selectable(&place, version));
        }
    }
    let first = list.first().map(|version| text(&version["name"])).unwrap_or_default();
    if !list.is_empty() && !is_1035(first) {
        errors.push(FieldError::invalid("spec.version", &json!(first), LABEL_1035));
    }
    let unique: BTreeSet<_> = list.iter().map(|version| text(&version["name"])).collect();
    if unique.len() != list.len() {
        errors.push(of_versions(&list, "must contain unique version names"));
    }
    if list.iter().filter(|version| version["storage"] == true).count() != 1 {
        errors.push(of_versions(&list, "must have exactly one version marked as storage version"));
    }
    errors
}

/// An error about all versions; the server prints its own struct, fields in its order.
fn of_versions(list: &[Value], why: &str) -> FieldError {
    let shown = list.iter().map(|version| {
        let flag = |key: &str| version[key] == true;
        format!(
            "{{\"Name\":{},\"Served\":{},\"Storage\":{},\"Deprecated\":{},\"DeprecationWarning\":null,\"Schema\":null,\
             \"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}}",
            version["name"], flag("served"), flag("storage"), flag("deprecated")
        )
    });
    let message = format!("Invalid value: [{}]: {why}", shown.collect::<Vec<_>>().join(","));
    FieldError { field: "spec.versions".into(), reason: "FieldValueInvalid", message }
}

fn subresources(place: &str, subresources: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let Some(scale) = subresources.get("scale").filter(|scale| !scale.is_null()) else { return errors };
    let rows = [
        ("specReplicasPath", &[".spec."][..], "should be a json path under .spec", true),
        ("statusReplicasPath", &[".status."][..], "should be a json path under .status", true),
        (
            "labelSelectorPath",
            &[".spec.", ".status."][..],
            "should be a json path under either .spec or .status",
            false,
        ),
    ];
    for (key, under, why, needed) in rows {
        let (field, path) = (format!("{place}.scale.{key}"), text(&scale[key]));
        if path.is_empty() {
            errors.extend(needed.then(|| FieldError::required(field, "")));
        } else if !under.iter().any(|prefix| path.starts_with(prefix)) {
            errors.push(FieldError::invalid(field, &json!(path), why));
        }
    }
    errors
}

fn columns(place: &str, columns: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (at, column) in columns.as_array().into_iter().flatten().enumerate() {
        let field = |key: &str| format!("{place}[{at}].{key}");
        if text(&column["name"]).is_empty() {
            errors.push(FieldError::required(field("name"), ""));
        }
        let (kind, why) = (text(&column["type"]), "must be one of boolean,date,integer,number,string");
        if kind.is_empty() {
            errors.push(FieldError::required(field("type"), why));
        } else if !["boolean", "date", "integer", "number", "string"].contains(&kind) {
            errors.push(FieldError::invalid(field("type"), &json!(kind), why));
        }
        let path = text(&column["jsonPath"]);
        if path.is_empty() {
            errors.push(FieldError::required(field("JSONPath"), ""));
        } else if !path.starts_with('.') {
            let why = "must be a simple json path starting with .";
            errors.push(FieldError::invalid(field("JSONPath"), &json!(path), why));
        }
    }
    errors
}

/// The schema at a path such as `.spec.color`, when it leads to a field.
fn schema_at<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.').filter(|part| !part.is_empty());
    parts.try_fold(schema, |schema, part| match schema["properties"].get(part) {
        Some(field) => Some(field),
        None => Some(&schema["additionalProperties"]).filter(|free| free.is_object()),
    })
}

fn selectable(place: &str, version: &Value) -> Vec<FieldError> {
    let (mut errors, mut seen) = (Vec::new(), BTreeSet::new());
    let fields = version["selectableFields"].as_array().cloned().unwrap_or_default();
    for (at, field) in fields.iter().enumerate() {
        let path = text(&field["jsonPath"]);
        let place = format!("{place}[{at}].jsonPath");
        if path.is_empty() {
            errors.push(FieldError::required(place, ""));
            continue;
        }
        let Some(schema) = schema_at(&version["schema"]["openAPIV3Schema"], path) else {
            let why = "is an invalid path: does not refer to a valid field";
            errors.push(FieldError::invalid(place, &json!(path), why));
            continue;
        };
        if path.trim_start_matches('.').split('.').next() == Some("metadata") {
            errors.push(FieldError::invalid(
                place.as_str(),
                &json!(path),
                "must not point to fields in metadata",
            ));
        }
        if !["string", "boolean", "integer"].contains(&text(&schema["type"])) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with \
                       formats are allowed.";
            errors.push(FieldError::invalid(place.as_str(), &json!(path), why));
        }
        if !seen.insert(path) {
            errors.push(FieldError::duplicate(place, &json!(path)));
        }
    }
    if fields.len() > 8 {
        let message = format!("Too many: {}: must have at most 8 items", fields.len());
        errors.push(FieldError { field: place.to_owned(), reason: "FieldValueTooMany", message });
    }
    errors
}

fn names(names: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mixed = format!("may have mixed case, but should otherwise match: {LABEL_1035}");
    for (key, lower) in [("plural", true), ("singular", true), ("kind", false), ("listKind", false)] {
        let (field, name) = (format!("spec.names.{key}"), text(&names[key]));
        if name.is_empty() {
            errors.push(FieldError::required(field, ""));
        } else if !is_1035(&if lower { name.to_owned() } else { name.to_lowercase() }) {
            let why = if lower { LABEL_1035 } else { &mixed };
            errors.push(FieldError::invalid(field, &json!(name), why));
        }
    }
    for list in ["shortNames", "categories"] {
        for (at, name) in names[list].as_array().into_iter().flatten().enumerate() {
            if !is_1035(text(name)) {
                errors.push(FieldError::invalid(format!("spec.names.{list}[{at}]"), name, LABEL_1035));
            }
        }
    }
    if !text(&names["kind"]).is_empty() && names["kind"] == names["listKind"] {
        let why = "kind and listKind may not be the same";
        errors.push(FieldError::invalid("spec.names.listKind", &names["listKind"], why));
    }
    errors
}

fn conversion(conversion: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match text(&conversion["strategy"]) {
        "None" => {}
        "Webhook" => {
            if conversion["webhook"]["clientConfig"].is_null() {
                let why = "required when strategy is set to Webhook";
                errors.push(FieldError::required("spec.conversion.webhookClientConfig", why));
            }
            if conversion["webhook"]["conversionReviewVersions"].as_array().is_none_or(Vec::is_empty) {
                errors.push(FieldError::required("spec.conversion.conversionReviewVersions", ""));
            }
        }
        other => {
            let known = ["None", "Webhook"];
            errors.push(FieldError::unsupported("spec.conversion.strategy", &json!(other), &known));
        }
    }
    errors
}

fn stored(object: &Value) -> Vec<FieldError> {
    let stored = &object["status"]["storedVersions"];
    if stored.as_array().is_none_or(Vec::is_empty) {
        let why = "must have at least one stored version";
        return vec![FieldError::invalid("status.storedVersions", &Value::Null, why)];
    }
    let versions: Vec<_> =
        object["spec"]["versions"].as_array().into_iter().flatten().map(|version| &version["name"]).collect();
    let list = stored.as_array().into_iter().flatten().enumerate();
    let gone = list.filter(|(_, name)| !versions.contains(name));
    gone.map(|(at, name)| {
        let shown = text(name);
        let why = format!(
            "missing from spec.versions; {shown} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {shown} and removes {shown} from \
             status.storedVersions"
        );
        FieldError::invalid(format!("status.storedVersions[{at}]"), name, &why)
    })
    .collect()
}

fn frozen(object: &Value, old: &Value) -> Vec<FieldError> {
    let conditions = old["status"]["conditions"].as_array().into_iter().flatten();
    let established = conditions.into_iter().any(|c| c["type"] == "Established" && c["status"] == "True");
    let mut fields = vec!["group", "names.plural"];
    if established {
        fields.extend(["scope", "names.kind"]);
    }
    let at = |object: &Value, field: &str| {
        field.split('.').fold(&object["spec"], |value, part| &value[part]).clone()
    };
    let changed = fields.into_iter().filter(|field| at(object, field) != at(old, field));
    changed
        .map(|field| FieldError::invalid(format!("spec.{field}"), &at(object, field), "field is immutable"))
        .collect()
}
