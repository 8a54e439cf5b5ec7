use super::{Rule, Schema, cel_types::answers, validate::joined};
use crate::sim::refusal::FieldError;
use kube_cel::{CompiledSchema, ErrorKind, Validator, compile_schema};
use serde_json::{Map, Value, json};

/// A rule that is ready to run on a value of its node.
#[derive(Debug)]
pub struct Compiled {
    rule: Rule,
    node: CompiledSchema,
}

impl Compiled {
    /// The rules of a node of a schema.
    pub(super) fn parse(text: &Value) -> Vec<Self> {
        let rules = Rule::parse(&text["x-kubernetes-validations"]);
        let bare = if rules.is_empty() { Value::Null } else { without_rules(text) };
        let compile = |rule: Rule| {
            let mut node = bare.clone();
            node["x-kubernetes-validations"] = json!([{
                "rule": rule.rule, "message": rule.message, "messageExpression": rule.message_expression,
                "optionalOldSelf": rule.optional_old_self,
            }]);
            Self { rule, node: compile_schema(&node) }
        };
        rules.into_iter().map(compile).collect()
    }

    /// Why the rule cannot be compiled.
    pub(super) fn error(&self) -> Option<String> {
        self.node.compilation_errors().first().map(ToString::to_string)
    }

    /// Whether the rule is certain to come to something else than yes or no.
    pub(super) fn is_no_answer(&self, schema: &Value) -> bool {
        let rule = self.node.validations.iter().flatten().next();
        rule.is_some_and(|rule| answers(&rule.program.expression().expr, schema) == Some(false))
    }

    /// Whether the rule compares with the value before.
    pub(super) fn is_transition(&self) -> bool {
        self.node.validations.iter().flatten().any(|rule| rule.is_transition_rule)
    }

    /// The rule.
    pub(super) fn rule(&self) -> &Rule {
        &self.rule
    }

    fn run(
        &self,
        validator: &Validator,
        value: &Value,
        old: Option<&Value>,
        place: (&str, &str),
    ) -> Option<FieldError> {
        let old = if self.is_transition() { old } else { None };
        let errors = validator.validate_compiled(&self.node, value, old).err()?;
        let error = errors.as_slice().first()?;
        let (path, kind) = place;
        let field = self.rule.field_path.as_deref().map_or_else(
            || path.to_owned(),
            |below| format!("{path}{}", if path.is_empty() { below.trim_start_matches('.') } else { below }),
        );
        if error.kind != ErrorKind::ValidationFailure {
            let cause = error.message.strip_prefix("rule evaluation error: ").unwrap_or(&error.message);
            let cause = cause.replace("No such key", "no such key");
            let about = self.rule.message.as_ref().unwrap_or(&self.rule.rule);
            let message = format!("Invalid value: {kind:?}: {cause} evaluating rule: {about}");
            return Some(FieldError { field, reason: "FieldValueInvalid", message });
        }
        let text = error.message.trim().to_owned();
        let shown = if value.is_object() || value.is_array() { String::new() } else { format!("{value}: ") };
        let (reason, message) = match self.rule.reason.as_deref() {
            Some("FieldValueForbidden") => ("FieldValueForbidden", format!("Forbidden: {text}")),
            Some("FieldValueRequired") => ("FieldValueRequired", format!("Required value: {text}")),
            Some("FieldValueDuplicate") if shown.is_empty() => {
                ("FieldValueDuplicate", "Duplicate value".to_owned())
            }
            Some("FieldValueDuplicate") => ("FieldValueDuplicate", format!("Duplicate value: {value}")),
            _ => ("FieldValueInvalid", format!("Invalid value: {shown}{text}")),
        };
        Some(FieldError { field, reason, message })
    }
}

impl Schema {
    /// Runs the rules of an object, unless it is too wrong for that.
    pub(super) fn check_rules(&self, object: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
        const BLOCKING: [&str; 5] = [
            "FieldValueRequired",
            "FieldValueNotSupported",
            "FieldValueTooLong",
            "FieldValueTooMany",
            "FieldValueTypeInvalid",
        ];
        if !self.has_rules() {
            return;
        }
        if errors.iter().any(|error| BLOCKING.contains(&error.reason)) {
            let text = "some validation rules were not checked because the object was invalid; \
                correct the existing errors to complete validation";
            errors.push(FieldError::invalid("", &Value::Null, text));
            return;
        }
        let root = visible(object);
        let old = old.map(visible);
        self.run_rules(&Validator::new(), &root, old.as_ref(), "", errors);
    }

    fn has_rules(&self) -> bool {
        *self.ruled.get_or_init(|| {
            let children =
                self.properties.values().chain(self.additional.as_deref()).chain(self.items.as_deref());
            !self.rules.is_empty() || children.into_iter().any(Self::has_rules)
        })
    }

    fn run_rules(
        &self,
        validator: &Validator,
        value: &Value,
        old: Option<&Value>,
        path: &str,
        errors: &mut Vec<FieldError>,
    ) {
        if value.is_null() || !self.has_rules() {
            return;
        }
        // What was wrong before and did not change is let pass, but for rules about the change.
        let same = old == Some(value);
        let kind = self.kind.map_or("", super::Kind::name);
        let due = self.rules.iter().filter(|rule| !same || rule.is_transition());
        errors.extend(due.filter_map(|rule| rule.run(validator, value, old, (path, kind))));
        match value {
            Value::Object(members) => {
                for (key, inner) in members {
                    let old = old.and_then(|old| old.get(key));
                    if let Some(field) = self.properties.get(key) {
                        field.run_rules(validator, inner, old, &joined(path, key), errors);
                    } else if let Some(free) = &self.additional {
                        free.run_rules(validator, inner, old, &format!("{path}[{key}]"), errors);
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = self.items.as_deref() else { return };
                for (at, item) in items.iter().enumerate() {
                    let before = old.and_then(|old| self.before(old, item));
                    schema.run_rules(validator, item, before, &format!("{path}[{at}]"), errors);
                }
            }
            _ => {}
        }
    }
}

/// What rules at the root see of an object: of its metadata, only the names.
fn visible(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|key, _| key == "name" || key == "generateName");
    }
    object
}

/// A node without rules and defaults, its own and those below it.
fn without_rules(text: &Value) -> Value {
    match text {
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, value)| {
                !(key.as_str() == "x-kubernetes-validations" && value.is_array() || key.as_str() == "default")
            });
            Value::Object(kept.map(|(key, value)| (key.clone(), without_rules(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(without_rules).collect()),
        other => other.clone(),
    }
}
