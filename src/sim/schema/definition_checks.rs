use super::custom_schema::{go_struct, invalid_as, schema_errors};
use crate::sim::refusal::FieldError;
use serde_json::{Value, json};

const LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
    character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is \
    '[a-z]([-a-z0-9]*[a-z0-9])?')";

/// What is wrong with a CustomResourceDefinition, and with how it changed.
pub fn definition_errors(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut errors = Vec::new();
    let expected = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    let name = &object["metadata"]["name"];
    if *name != expected.as_str() {
        let text = "must be spec.names.plural+\".\"+spec.group";
        errors.push(FieldError::invalid("metadata.name", name, text));
    }
    group(object, &mut errors);
    one_of("spec.scope", &spec["scope"], &["Cluster", "Namespaced"], &mut errors);
    versions(spec, &mut errors);
    names(&spec["names"], &mut errors);
    if spec["preserveUnknownFields"] == true {
        let text = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        errors.push(FieldError::invalid("spec.preserveUnknownFields", &json!(true), text));
    }
    conversion(&spec["conversion"], &mut errors);
    version_parts(spec, &mut errors);
    stored(object, &mut errors);
    if let Some(old) = old {
        unchanged(spec, old, &mut errors);
    }
    errors
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn group(object: &Value, errors: &mut Vec<FieldError>) {
    const APPROVED: &str = "api-approved.kubernetes.io";
    let value = &object["spec"]["group"];
    let group = text(value);
    if group.is_empty() {
        errors.push(FieldError::required("spec.group", ""));
    } else if !group.contains('.') {
        errors.push(FieldError::invalid("spec.group", value, "should be a domain with at least one dot"));
    }
    let of = |domain: &str| group == domain || group.ends_with(&format!(".{domain}"));
    let approval = text(&object["metadata"]["annotations"][APPROVED]);
    if (of("k8s.io") || of("kubernetes.io")) && approval.is_empty() {
        let text = format!(
            "protected groups must have approval annotation {APPROVED:?}, \
             see https://github.com/kubernetes/enhancements/pull/1111"
        );
        errors.push(FieldError::required(format!("metadata.annotations[{APPROVED}]"), &text));
    }
}

fn one_of(at: &str, value: &Value, allowed: &[&str], errors: &mut Vec<FieldError>) {
    if text(value).is_empty() {
        errors.push(FieldError::required(at, ""));
    } else if !allowed.contains(&text(value)) {
        errors.push(FieldError::unsupported(at, value, allowed));
    }
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    starts && text.len() <= 63 && text.bytes().all(inner) && !text.ends_with('-')
}

fn versions(spec: &Value, errors: &mut Vec<FieldError>) {
    let versions = list(&spec["versions"]);
    for (at, version) in versions.iter().enumerate().filter(|(_, version)| !is_label(text(&version["name"])))
    {
        errors.push(FieldError::invalid(format!("spec.versions[{at}].name"), &version["name"], LABEL));
        if at == 0 {
            errors.push(FieldError::invalid("spec.version", &version["name"], LABEL));
        }
    }
    let mut seen: Vec<&Value> = versions.iter().map(|version| &version["name"]).collect();
    seen.sort_by_key(|name| text(name));
    let twice = seen.windows(2).any(|pair| pair[0] == pair[1]);
    let stored = versions.iter().filter(|version| version["storage"] == true).count();
    let shown = || {
        let versions: Vec<_> = versions.iter().map(|version| as_go(version, versions)).collect();
        format!("[{}]", versions.join(","))
    };
    if twice {
        errors.push(invalid_as("spec.versions", &shown(), "must contain unique version names"));
    }
    if stored != 1 {
        let text = "must have exactly one version marked as storage version";
        errors.push(invalid_as("spec.versions", &shown(), text));
    }
}

/// A version as the server prints it; what all versions share stands elsewhere.
fn as_go(version: &Value, all: &[Value]) -> String {
    let own = |key: &str| if is_shared(all, key) { Value::Null } else { version[key].clone() };
    let flag = |key: &str| json!(version[key] == true);
    go_struct(&[
        ("Name", version["name"].clone()),
        ("Served", flag("served")),
        ("Storage", flag("storage")),
        ("Deprecated", flag("deprecated")),
        ("DeprecationWarning", version["deprecationWarning"].clone()),
        ("Schema", own("schema")),
        ("Subresources", own("subresources")),
        ("AdditionalPrinterColumns", own("additionalPrinterColumns")),
        ("SelectableFields", own("selectableFields")),
    ])
}

fn is_shared(versions: &[Value], key: &str) -> bool {
    versions.windows(2).all(|pair| pair[0][key] == pair[1][key])
}

fn names(names: &Value, errors: &mut Vec<FieldError>) {
    for key in ["plural", "singular"] {
        let at = format!("spec.names.{key}");
        match text(&names[key]) {
            "" => errors.push(FieldError::required(at, "")),
            name if !is_label(name) => errors.push(FieldError::invalid(at, &names[key], LABEL)),
            _ => {}
        }
    }
    for key in ["kind", "listKind"] {
        let at = format!("spec.names.{key}");
        match text(&names[key]) {
            "" => errors.push(FieldError::required(at, "")),
            name if !is_label(&name.to_lowercase()) => {
                let text = format!("may have mixed case, but should otherwise match: {LABEL}");
                errors.push(FieldError::invalid(at, &names[key], &text));
            }
            _ => {}
        }
    }
    for key in ["shortNames", "categories"] {
        for (at, name) in list(&names[key]).iter().enumerate().filter(|(_, name)| !is_label(text(name))) {
            errors.push(FieldError::invalid(format!("spec.names.{key}[{at}]"), name, LABEL));
        }
    }
    if !text(&names["kind"]).is_empty() && names["kind"] == names["listKind"] {
        let text = "kind and listKind may not be the same";
        errors.push(FieldError::invalid("spec.names.listKind", &names["listKind"], text));
    }
}

fn conversion(conversion: &Value, errors: &mut Vec<FieldError>) {
    if conversion.is_null() {
        return;
    }
    one_of("spec.conversion.strategy", &conversion["strategy"], &["None", "Webhook"], errors);
    if conversion["strategy"] == "Webhook" {
        let webhook = &conversion["webhook"];
        if webhook["clientConfig"].is_null() {
            let text = "required when strategy is set to Webhook";
            errors.push(FieldError::required("spec.conversion.webhookClientConfig", text));
        }
        if list(&webhook["conversionReviewVersions"]).is_empty() {
            errors.push(FieldError::required("spec.conversion.conversionReviewVersions", ""));
        }
    }
}

/// What each version says. Where all say the same, it is reported once, at the place where it stood once.
fn version_parts(spec: &Value, errors: &mut Vec<FieldError>) {
    let versions = list(&spec["versions"]);
    let part = |key: &str, shared: &str| -> Vec<(String, usize)> {
        match is_shared(versions, key) && !versions.is_empty() {
            true => vec![(shared.to_owned(), 0)],
            false => (0..versions.len()).map(|at| (format!("spec.versions[{at}].{key}"), at)).collect(),
        }
    };
    for (at, version) in versions.iter().enumerate() {
        if !version["schema"]["openAPIV3Schema"].is_object() {
            errors.push(FieldError::required(format!("spec.versions[{at}].schema.openAPIV3Schema"), ""));
        }
    }
    for (path, at) in part("schema", "spec.validation") {
        let schema = &versions[at]["schema"]["openAPIV3Schema"];
        if schema.is_object() {
            let status = !versions[at]["subresources"]["status"].is_null();
            errors.extend(schema_errors(schema, &format!("{path}.openAPIV3Schema"), status));
        }
    }
    for (path, at) in part("subresources", "spec.subresources") {
        scale(&versions[at]["subresources"]["scale"], &format!("{path}.scale"), errors);
    }
    for (path, at) in part("additionalPrinterColumns", "spec.additionalPrinterColumns") {
        columns(list(&versions[at]["additionalPrinterColumns"]), &path, errors);
    }
    for (path, at) in part("selectableFields", "spec.selectableFields") {
        selectable(&versions[at], &path, errors);
    }
}

fn scale(scale: &Value, at: &str, errors: &mut Vec<FieldError>) {
    if scale.is_null() {
        return;
    }
    let paths = [
        ("specReplicasPath", &[".spec."][..], "under .spec"),
        ("statusReplicasPath", &[".status."], "under .status"),
    ];
    for (key, allowed, text_of) in paths {
        let (at, value) = (format!("{at}.{key}"), &scale[key]);
        if text(value).is_empty() {
            errors.push(FieldError::required(at, ""));
        } else if !allowed.iter().any(|prefix| text(value).starts_with(prefix)) {
            errors.push(FieldError::invalid(at, value, &format!("should be a json path {text_of}")));
        }
    }
    let value = &scale["labelSelectorPath"];
    let below = [".spec.", ".status."].iter().any(|prefix| text(value).starts_with(prefix));
    if !text(value).is_empty() && !below {
        let text = "should be a json path under either .spec or .status";
        errors.push(FieldError::invalid(format!("{at}.labelSelectorPath"), value, text));
    }
}

fn columns(columns: &[Value], at: &str, errors: &mut Vec<FieldError>) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    for (index, column) in columns.iter().enumerate() {
        let at = |key: &str| format!("{at}[{index}].{key}");
        if text(&column["name"]).is_empty() {
            errors.push(FieldError::required(at("name"), ""));
        }
        match text(&column["type"]) {
            "" => {
                errors.push(FieldError::required(at("type"), &format!("must be one of {}", TYPES.join(","))))
            }
            kind if !TYPES.contains(&kind) => {
                let text = format!("must be one of {}", TYPES.join(","));
                errors.push(FieldError::invalid(at("type"), &column["type"], &text));
            }
            _ => {}
        }
        match text(&column["jsonPath"]) {
            "" => errors.push(FieldError::required(at("JSONPath"), "")),
            path if !path.starts_with('.') => {
                let text = "must be a simple json path starting with .";
                errors.push(FieldError::invalid(at("JSONPath"), &column["jsonPath"], text));
            }
            _ => {}
        }
    }
}

fn selectable(version: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let fields = list(&version["selectableFields"]);
    if fields.len() > 8 {
        let message = format!("Too many: {}: must have at most 8 items", fields.len());
        errors.push(FieldError { field: at.to_owned(), reason: "FieldValueTooMany", message });
    }
    for (index, field) in fields.iter().enumerate() {
        let (at, path) = (format!("{at}[{index}].jsonPath"), text(&field["jsonPath"]));
        if path == ".metadata" || path.starts_with(".metadata.") {
            errors.push(FieldError::invalid(at, &field["jsonPath"], "must not point to fields in metadata"));
            continue;
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        let node = path.split('.').skip(1).fold(schema, |node, name| &node["properties"][name]);
        if node.is_null() || !path.starts_with('.') {
            errors.push(FieldError::invalid(
                at,
                &field["jsonPath"],
                "is an invalid path: does not refer to a valid field",
            ));
        } else if !["string", "boolean", "integer"].iter().any(|kind| node["type"] == *kind) {
            let text = "must point to a field of type string, boolean or integer. \
                Enum string fields and strings with formats are allowed.";
            errors.push(FieldError::invalid(at, &field["jsonPath"], text));
        }
    }
}

fn stored(object: &Value, errors: &mut Vec<FieldError>) {
    let stored = &object["status"]["storedVersions"];
    if list(stored).is_empty() {
        errors.push(FieldError::invalid(
            "status.storedVersions",
            &Value::Null,
            "must have at least one stored version",
        ));
    }
    let known =
        |name: &Value| list(&object["spec"]["versions"]).iter().any(|version| version["name"] == *name);
    for (at, name) in list(stored).iter().enumerate().filter(|(_, name)| !known(name)) {
        let version = text(name);
        let text = format!(
            "missing from spec.versions; {version} was previously a storage version, and must remain in spec.versions \
             until a storage migration ensures no data remains persisted in {version} and removes {version} from \
             status.storedVersions"
        );
        errors.push(FieldError::invalid(format!("status.storedVersions[{at}]"), name, &text));
    }
}

fn unchanged(spec: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let established = list(&old["status"]["conditions"])
        .iter()
        .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
    let mut fields = vec![("group", &spec["group"], &old["spec"]["group"])];
    fields.push(("names.plural", &spec["names"]["plural"], &old["spec"]["names"]["plural"]));
    if established {
        fields.push(("scope", &spec["scope"], &old["spec"]["scope"]));
        fields.push(("names.kind", &spec["names"]["kind"], &old["spec"]["names"]["kind"]));
    }
    for (name, new, _) in fields.into_iter().filter(|(_, new, old)| new != old) {
        errors.push(FieldError::invalid(format!("spec.{name}"), new, "field is immutable"));
    }
}
