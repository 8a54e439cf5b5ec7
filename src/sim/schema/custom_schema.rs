use super::{
    Schema,
    cel::Compiled,
    format::is_known,
    structural::{branches, entry, structural_errors},
    validate::joined,
};
use crate::sim::refusal::FieldError;
use serde_json::{Map, Value, json};

/// What is wrong with the schema of a CustomResourceDefinition; `at` is its path there, `status` whether the
/// type has the status subresource.
pub fn schema_errors(schema: &Value, at: &str, status: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if status {
        root_with_status(schema, at, &mut errors);
    }
    errors.extend(structural_errors(schema, at));
    check(schema, at, &mut errors);
    if errors.is_empty() {
        defaults(schema, at, &mut errors);
        rules(schema, at, None, &mut errors);
    }
    errors
}

/// Whether a schema has rules that this build cannot run.
pub fn needs_cel(schema: &Value) -> bool {
    cfg!(not(feature = "cel")) && has_rules(schema)
}

fn has_rules(schema: &Value) -> bool {
    let own = schema["x-kubernetes-validations"].as_array().is_some_and(|rules| !rules.is_empty());
    own || below(schema, "").into_iter().chain(branches(schema, "")).any(|(_, inner)| has_rules(inner))
}

/// The formats that a schema names and the server does not know, each for a warning.
pub fn unknown_formats(schema: &Value) -> Vec<String> {
    let mut found: Vec<_> = schema["format"]
        .as_str()
        .filter(|format| !is_known(format))
        .map(|format| format!("unrecognized format {format:?}"))
        .into_iter()
        .collect();
    for inner in below(schema, "").into_iter().map(|(_, inner)| inner) {
        found.extend(unknown_formats(inner));
    }
    found
}

/// The nodes below one with their paths, branches aside.
fn below<'a>(schema: &'a Value, at: &str) -> Vec<(String, &'a Value)> {
    let properties = schema["properties"].as_object().into_iter().flat_map(Map::iter);
    let mut found: Vec<_> = properties.map(|(name, inner)| (entry(at, "properties", name), inner)).collect();
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            found.push((format!("{at}.{key}"), &schema[key]));
        }
    }
    found
}

fn root_with_status(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    const REFUSED: [&str; 4] = ["allOf", "anyOf", "oneOf", "not"];
    if REFUSED.iter().any(|key| !schema[key].is_null()) {
        let allowed = "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength \
            Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example \
            XPreserveUnknownFields XValidations]";
        let text = format!(
            "only {allowed} fields are allowed at the root of the schema if the status subresource is enabled"
        );
        errors.push(FieldError::invalid(at, schema, &text));
    }
}

/// What may stand in no schema, and what must fit together in one.
fn check(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    for key in ["$ref", "id", "definitions", "patternProperties", "dependencies", "additionalItems"] {
        if !schema[key].is_null() {
            errors.push(FieldError::forbidden(format!("{at}.{key}"), &format!("{key} is not supported")));
        }
    }
    if schema["uniqueItems"] == true {
        let text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(format!("{at}.uniqueItems"), text));
    }
    let has = |key: &str| !schema[key].is_null() && schema[key] != false;
    if has("additionalProperties")
        && schema["properties"].as_object().is_some_and(|fields| !fields.is_empty())
    {
        let text = "additionalProperties and properties are mutual exclusive";
        errors.push(FieldError::forbidden(format!("{at}.additionalProperties"), text));
    }
    if schema["items"].is_array() {
        errors.push(FieldError::forbidden(
            format!("{at}.items"),
            "items must be a schema object and not an array",
        ));
    }
    check_type(schema, at, errors);
    if let Some(pattern) = schema["pattern"].as_str()
        && let Err(error) = regex::Regex::new(pattern)
    {
        let text = format!("must be a valid regular expression, but isn't: {}", go_regexp(pattern, &error));
        errors.push(FieldError::invalid(format!("{at}.pattern"), &schema["pattern"], &text));
    }
    check_list(schema, at, errors);
    for (path, inner) in below(schema, at).into_iter().chain(branches(schema, at)) {
        check(inner, &path, errors);
    }
}

fn check_type(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
    match schema["type"].as_str() {
        None | Some("") => {}
        Some("null") => {
            errors.push(FieldError::unsupported(format!("{at}.type"), &json!("null"), &TYPES));
            let text = "type cannot be set to null, use nullable as an alternative";
            errors.push(FieldError::forbidden(format!("{at}.type"), text));
        }
        Some(kind) if !TYPES.contains(&kind) => {
            errors.push(FieldError::unsupported(format!("{at}.type"), &json!(kind), &TYPES));
        }
        Some(_) => {}
    }
    let granular = ["atomic", "granular"];
    let map = &schema["x-kubernetes-map-type"];
    if map.is_string() && !granular.iter().any(|kind| map == kind) {
        errors.push(FieldError::unsupported(format!("{at}.x-kubernetes-map-type"), map, &granular));
    }
}

/// What Go's parser says where that is known; otherwise what ours says.
fn go_regexp(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    if text.contains("unclosed group") {
        return format!("error parsing regexp: missing closing ): `{pattern}`");
    }
    if text.contains("unclosed character class") {
        let at = pattern.find('[').unwrap_or_default();
        return format!("error parsing regexp: missing closing ]: `{}`", &pattern[at..]);
    }
    if text.contains("repetition operator missing expression") {
        let sign = pattern.find(['*', '+', '?']).map_or("*", |at| &pattern[at..=at]);
        return format!("error parsing regexp: missing argument to repetition operator: `{sign}`");
    }
    format!("error parsing regexp: {}", text.lines().last().unwrap_or_default().trim_start_matches("error: "))
}

fn check_list(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let kind = schema["x-kubernetes-list-type"].as_str();
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let (items, keyed) = (&schema["items"], format!("{at}.x-kubernetes-list-map-keys"));
    match kind {
        None | Some("atomic") => {}
        Some("map") if keys.is_empty() => {
            let text = "must not be empty if x-kubernetes-list-type is map";
            errors.push(FieldError::required(keyed.clone(), text));
        }
        Some("map") => {
            if let Some(_missing) = keys.iter().find(|key| items["properties"][**key].is_null()) {
                let text = "entries must all be names of item properties";
                errors.push(FieldError::invalid(keyed.clone(), &json!(keys), text));
            }
            let required = |key: &str| {
                items["required"].as_array().is_some_and(|list| list.iter().any(|name| name == key))
            };
            for key in &keys {
                let property = &items["properties"][*key];
                let path = entry(&format!("{at}.items"), "properties", key);
                if property.is_object() && property["default"].is_null() && !required(key) {
                    let text = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                    errors.push(FieldError::required(format!("{path}.default"), text));
                }
                if property["type"] == "object" || property["type"] == "array" {
                    let text = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                    errors.push(FieldError::invalid(format!("{path}.type"), &property["type"], text));
                }
            }
        }
        Some("set") => set_items(items, at, errors),
        Some(other) => {
            let path = format!("{at}.x-kubernetes-list-type");
            errors.push(FieldError::unsupported(path, &json!(other), &["atomic", "set", "map"]));
        }
    }
    if kind != Some("map") && !keys.is_empty() {
        errors.push(FieldError::forbidden(keyed, "must not be set if x-kubernetes-list-type is not map"));
    }
}

fn set_items(items: &Value, at: &str, errors: &mut Vec<FieldError>) {
    let text = "must be atomic as item of a list with x-kubernetes-list-type=set";
    let (kind, place) = match items["type"].as_str() {
        Some("object") => (&items["x-kubernetes-map-type"], "x-kubernetes-map-type"),
        Some("array") => (&items["x-kubernetes-list-type"], "x-kubernetes-list-type"),
        _ => return,
    };
    if kind != "atomic" {
        errors.push(FieldError::invalid(format!("{at}.items.{place}"), kind, text));
    }
}

/// Defaults are values of their own type.
fn defaults(schema: &Value, at: &str, errors: &mut Vec<FieldError>) {
    if let Some(default) = schema.get("default") {
        let (node, path) = (Schema::parse(schema, None), format!("{at}.default"));
        let mut pruned = default.clone();
        if !node.prune(&mut pruned).is_empty() {
            errors.push(FieldError::invalid(path.clone(), default, "must not have unknown fields"));
        }
        let mut found = Vec::new();
        node.check(default, None, "", &mut found);
        let field = |error: &FieldError| match error.field.as_str() {
            "" => path.clone(),
            below if below.starts_with('[') => format!("{path}{below}"),
            below => joined(&path, below),
        };
        errors.extend(found.into_iter().map(|error| FieldError { field: field(&error), ..error }));
    }
    for (path, inner) in below(schema, at) {
        defaults(inner, &path, errors);
    }
}

/// The rules of the schema. `blind` is the path of what has no old value to compare with.
fn rules(schema: &Value, at: &str, blind: Option<&str>, errors: &mut Vec<FieldError>) {
    let given = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let compiled = Compiled::parse(schema);
    for (index, (text, rule)) in given.zip(&compiled).enumerate() {
        let at = format!("{at}.x-kubernetes-validations[{index}]");
        rule_errors(text, rule, schema, &at, blind, errors);
    }
    let list = schema["x-kubernetes-list-type"].as_str();
    for (path, inner) in below(schema, at) {
        let uncorrelated = path.ends_with(".items") && list != Some("map");
        let blind = blind.map(str::to_owned).or_else(|| uncorrelated.then(|| at.to_owned()));
        rules(inner, &path, blind.as_deref(), errors);
    }
}

fn rule_errors(
    text: &Value,
    compiled: &Compiled,
    schema: &Value,
    at: &str,
    blind: Option<&str>,
    errors: &mut Vec<FieldError>,
) {
    const REASONS: [&str; 4] =
        ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
    let rule = compiled.rule();
    let (trimmed, at_rule) = (rule.rule.trim(), format!("{at}.rule"));
    if trimmed.is_empty() {
        errors.push(FieldError::required(at_rule, "rule is not specified"));
        return;
    }
    if let Some(message) = &rule.message {
        let at = format!("{at}.message");
        if message.trim().is_empty() && !message.is_empty() {
            errors.push(FieldError::invalid(at, &json!(message), "must be non-empty if specified"));
        } else if message.trim().contains('\n') {
            errors.push(FieldError::invalid(at, &json!(message), "must not contain line breaks"));
        }
    } else if trimmed.contains('\n') && rule.message_expression.is_none() {
        let text = "message must be specified if rule contains line breaks";
        errors.push(FieldError::required(format!("{at}.message"), text));
    }
    if let Some(path) = rule.field_path.as_deref().filter(|path| !leads_somewhere(schema, path)) {
        errors.push(FieldError::invalid(format!("{at}.fieldPath"), &json!(path), "must be a valid path"));
    }
    if let Some(reason) = rule.reason.as_deref().filter(|reason| !REASONS.contains(reason)) {
        errors.push(FieldError::unsupported(format!("{at}.reason"), &json!(reason), &REASONS));
    }
    let root = at.contains("openAPIV3Schema.x-kubernetes-validations[");
    if let Some(error) = undefined_field(schema, &rule.rule, root).or_else(|| compiled.error()) {
        errors.push(invalid_as(at_rule, &as_go(text), &format!("compilation failed: {error}")));
        return;
    }
    if compiled.is_no_answer(schema) {
        errors.push(invalid_as(at_rule, &as_go(text), "cel expression must evaluate to a bool"));
        return;
    }
    if compiled.is_transition() {
        if let Some(within) = blind {
            let text =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {within}");
            errors.push(FieldError::invalid(at_rule, &json!(rule.rule), &text));
        }
    } else if text["optionalOldSelf"].is_boolean() {
        let text = "may not be set if oldSelf is not used in rule";
        let at = format!("{at}.optionalOldSelf");
        errors.push(FieldError::invalid(at, &json!(rule.optional_old_self), text));
    }
}

/// A rule as the server prints it: all fields of its struct, in order.
fn as_go(rule: &Value) -> String {
    let text = |key: &str| json!(rule[key].as_str().unwrap_or_default());
    go_struct(&[
        ("Rule", text("rule")),
        ("Message", text("message")),
        ("MessageExpression", text("messageExpression")),
        ("Reason", rule["reason"].clone()),
        ("FieldPath", text("fieldPath")),
        ("OptionalOldSelf", rule["optionalOldSelf"].clone()),
    ])
}

/// A struct as Go's encoder writes it: its fields in their order.
fn go_struct(fields: &[(&str, Value)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// `Invalid value: VALUE: DETAIL` for a value that is printed already.
fn invalid_as(field: impl Into<String>, value: &str, detail: &str) -> FieldError {
    let message = format!("Invalid value: {value}: {detail}");
    FieldError { field: field.into(), reason: "FieldValueInvalid", message }
}

/// Whether a path such as `.a.b` leads to a field of the node.
fn leads_somewhere(schema: &Value, path: &str) -> bool {
    let Some(path) = path.strip_prefix('.') else { return false };
    let step = |schema: Option<&'_ Value>, name: &str| -> Option<Value> {
        let schema = schema?;
        let field = &schema["properties"][name];
        let free = &schema["additionalProperties"];
        [field, free].into_iter().find(|node| node.is_object()).cloned()
    };
    let mut here = Some(schema.clone());
    for name in path.split('.') {
        here = step(here.as_ref(), name.split('[').next().unwrap_or(name));
    }
    here.is_some()
}

/// The first field of `self` that a rule reads and the schema does not have, as the compiler says it.
/// `root` is the schema of a whole object, which has its metadata whether the schema says so or not.
fn undefined_field(schema: &Value, rule: &str, root: bool) -> Option<String> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let texts = super::literals::of(rule);
    for (start, _) in rule.match_indices("self.") {
        if texts.iter().any(|text| text.contains(&start)) {
            continue;
        }
        if rule[..start]
            .chars()
            .next_back()
            .is_some_and(|before| word(before) || before == '.' || before == '\'' || before == '"')
        {
            continue;
        }
        let (mut here, mut dot) = (schema, start + 4);
        while here["properties"].is_object() && here["x-kubernetes-preserve-unknown-fields"] != true {
            let rest = &rule[dot + 1..];
            let name = &rest[..rest.find(|letter| !word(letter)).unwrap_or(rest.len())];
            let after = rest[name.len()..].chars().next();
            if name.is_empty() || after == Some('(') || name.starts_with("__") || name.contains("__") {
                break;
            }
            let whole =
                (root && std::ptr::eq(here, schema)) || here["x-kubernetes-embedded-resource"] == true;
            if whole && ["metadata", "kind", "apiVersion"].contains(&name) {
                break;
            }
            let Some(field) = here["properties"].get(name) else {
                let line = rule[..dot].rsplit('\n').next().unwrap_or_default().chars().count();
                let number = rule[..dot].matches('\n').count() + 1;
                let text = rule.lines().nth(number - 1).unwrap_or_default();
                return Some(format!(
                    "ERROR: <input>:{number}:{}: undefined field '{name}'\n | {text}\n | {}^",
                    line + 1,
                    ".".repeat(line)
                ));
            };
            here = field;
            dot += 1 + name.len();
            if after != Some('.') {
                break;
            }
        }
    }
    None
}
