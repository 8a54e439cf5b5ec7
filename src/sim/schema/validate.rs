use super::{Checks, Kind, ListType, Schema, format::fits};
use crate::sim::refusal::FieldError;
use serde_json::Value;

const INVALID: &str = "FieldValueInvalid";
const TYPE: &str = "FieldValueTypeInvalid";

impl Schema {
    /// What is wrong with an object of a custom type, in the order of its members. What was wrong in `old` already
    /// and did not change is no error.
    pub fn shape_errors(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.check(object, old, "", &mut errors);
        errors
    }

    /// The same for a write of the status alone: texts name fields as they stand in it.
    pub fn status_errors(&self, object: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let (Some(schema), Some(status)) = (self.own_member("status"), object.get("status")) {
            schema.check(status, old.and_then(|old| old.get("status")), "", &mut errors);
        }
        for error in &mut errors {
            error.field = match error.field.as_str() {
                field if field.is_empty() || field.starts_with('[') => format!("status{field}"),
                field => format!("status.{field}"),
            };
        }
        errors
    }

    /// What is looked at last: items that stand twice, and the rules, unless `errors` keep them from being run.
    pub fn finish(&self, object: &Value, old: Option<&Value>, errors: &mut Vec<FieldError>) {
        let unlisted = |old: &Value| self.list_errors(old).is_empty();
        if old.is_none_or(unlisted) {
            errors.extend(self.list_errors(object));
        }
        self.check_rules(object, old, errors);
    }

    /// The errors of the value itself and of what is below it.
    pub(super) fn check(&self, value: &Value, old: Option<&Value>, path: &str, errors: &mut Vec<FieldError>) {
        if old.is_some_and(|old| old == value) {
            return;
        }
        if value.is_null() && self.nullable {
            return;
        }
        self.check_type(value, path, errors);
        if let Some(checks) = &self.checks {
            checks.check(value, path, errors);
            self.check_branches(checks, value, path, errors);
        }
        match value {
            Value::Object(members) => {
                let required = self.required.iter().filter(|name| !members.contains_key(*name));
                errors.extend(required.map(|name| FieldError::required(joined(path, name), "")));
                let named = |key: &&str| {
                    members.get(*key).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
                };
                let missing = ["apiVersion", "kind"].into_iter().filter(|key| self.embedded && !named(key));
                errors.extend(missing.map(|key| FieldError::required(joined(path, key), "")));
                for (key, inner) in members {
                    let Some(member) = self.own_member(key) else { continue };
                    member.check(inner, old.and_then(|old| old.get(key)), &joined(path, key), errors);
                }
            }
            Value::Array(items) => {
                let Some(schema) = self.items.as_deref() else { return };
                for (at, item) in items.iter().enumerate() {
                    let before = old.and_then(|old| self.before(old, item));
                    schema.check(item, before, &format!("{path}[{at}]"), errors);
                }
            }
            _ => {}
        }
    }

    /// The member as the custom type describes it; metadata has its own checks elsewhere.
    fn own_member(&self, key: &str) -> Option<&Self> {
        self.properties.get(key).or(self.additional.as_deref())
    }

    /// The item of an old list that is the same one by its keys.
    pub(super) fn before<'v>(&self, old: &'v Value, item: &Value) -> Option<&'v Value> {
        let Some(ListType::Map(keys)) = &self.list else { return None };
        let same = |other: &&Value| keys.iter().all(|key| other.get(key) == item.get(key));
        old.as_array()?.iter().find(same)
    }

    fn check_type(&self, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        let expected = match (self.int_or_string, self.kind) {
            (true, _) => "integer,string",
            (false, Some(kind)) => kind.name(),
            (false, None) => return,
        };
        let actual = type_of(value);
        // The server takes the format for the type where a number does not fit it.
        let (actual, expected) = match (self.kind, actual, self.format.as_deref()) {
            (Some(Kind::Integer), "number", Some(format)) => ("float64", format),
            _ => (actual, expected),
        };
        let fits_type = match self.kind {
            _ if self.int_or_string => matches!(actual, "integer" | "string"),
            Some(Kind::Number) => matches!(actual, "integer" | "number"),
            Some(kind) => actual == kind.name(),
            None => true,
        };
        let wrong = |field: &str, reason, message| FieldError { field: field.to_owned(), reason, message };
        if !fits_type {
            let message =
                format!("Invalid value: {actual:?}: {path} in body must be of type {expected}: {actual:?}");
            errors.push(wrong(path, TYPE, message));
        }
        if let (Some(kind @ (Kind::Integer | Kind::Number)), Value::Number(number)) = (self.kind, value)
            && let Some(format) = number_error(kind, self.format.as_deref(), number)
        {
            let of = kind.name();
            let message =
                format!("Invalid value: \"\": Checked value must be of type {of} {format} in {path}");
            errors.push(wrong("", INVALID, message));
        }
        if let (Some(Kind::String), Value::String(text), Some(format)) = (self.kind, value, &self.format)
            && !fits(format, text)
        {
            let message =
                format!("Invalid value: {text:?}: {path} in body must be of type {format}: {text:?}");
            errors.push(wrong(path, TYPE, message));
        }
    }

    fn check_branches(&self, checks: &Checks, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        let say = |text: String| FieldError {
            field: String::new(),
            reason: INVALID,
            message: format!("Invalid value: \"\": {text}"),
        };
        let results = |branches: &[Schema]| -> Vec<Vec<FieldError>> {
            let result = |branch: &Schema| {
                let mut errors = Vec::new();
                branch.check(value, None, path, &mut errors);
                errors
            };
            branches.iter().map(result).collect()
        };
        let passed = |results: &[Vec<FieldError>]| results.iter().filter(|errors| errors.is_empty()).count();
        let best =
            |results: Vec<Vec<FieldError>>| results.into_iter().min_by_key(Vec::len).unwrap_or_default();
        let any = results(&checks.any_of);
        if !any.is_empty() && passed(&any) == 0 {
            errors.push(say(format!("{path:?} must validate at least one schema (anyOf)")));
            errors.extend(best(any));
        }
        let one = results(&checks.one_of);
        match passed(&one) {
            1 => {}
            _ if one.is_empty() => {}
            0 => {
                errors.push(say(format!(
                    "{path:?} must validate one and only one schema (oneOf). Found none valid"
                )));
                errors.extend(best(one));
            }
            count => {
                let text = format!(
                    "must validate one and only one schema (oneOf). Found {count} valid alternatives"
                );
                errors.push(say(format!("{path:?} {text}")));
            }
        }
        let all = results(&checks.all_of);
        let (of, valid) = (all.len(), passed(&all));
        errors.extend(all.into_iter().flatten());
        if valid < of {
            let none = if valid == 0 { ". None validated" } else { "" };
            errors.push(say(format!("{path:?} must validate all the schemas (allOf){none}")));
        }
        if let Some(not) = &checks.not {
            let mut inner = Vec::new();
            not.check(value, None, path, &mut inner);
            if inner.is_empty() {
                errors.push(say(format!("{path:?} must not validate the schema (not)")));
            }
        }
    }

    /// Items that stand twice in a list that tells them apart.
    fn list_errors(&self, object: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.check_lists(object, "", &mut errors);
        errors
    }

    fn check_lists(&self, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        match value {
            Value::Object(members) => {
                for (key, inner) in members {
                    if let Some(member) = self.own_member(key) {
                        member.check_lists(inner, &joined(path, key), errors);
                    }
                }
            }
            Value::Array(items) => {
                let mut seen: Vec<(Value, bool)> = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    let field = format!("{path}[{at}]");
                    if let Some(schema) = self.items.as_deref() {
                        schema.check_lists(item, &field, errors);
                    }
                    let Some(list) = &self.list else { continue };
                    if matches!(list, ListType::Map(_)) && !item.is_object() {
                        let text = "must be an object for an array of list-type map";
                        errors.push(FieldError::invalid(field, item, text));
                        continue;
                    }
                    let told = told_by(list, item);
                    match seen.iter_mut().find(|(other, _)| *other == told) {
                        None => seen.push((told, false)),
                        Some((_, true)) => {}
                        Some((told, reported)) => {
                            *reported = true;
                            let message = format!("Duplicate value: {told}");
                            errors.push(FieldError { field, reason: "FieldValueDuplicate", message });
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

fn told_by(list: &ListType, item: &Value) -> Value {
    match list {
        ListType::Set => item.clone(),
        ListType::Map(keys) => {
            keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone()))).collect()
        }
    }
}

/// A path and the member below it.
pub(super) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What a schema calls the type of a value; a whole number is an integer however it is written.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|number| number.fract() != 0.0) => "number",
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.abs() > 9.2e18) => {
            "number"
        }
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Why a number does not fit its type and format.
fn number_error(kind: Kind, format: Option<&str>, number: &serde_json::Number) -> Option<String> {
    let whole = number.as_i64().or_else(|| {
        #[allow(clippy::cast_possible_truncation)]
        number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9.2e18).map(|n| n as i64)
    });
    match (kind, format, whole) {
        (Kind::Integer, Some("int32"), Some(whole)) if i32::try_from(whole).is_err() => {}
        (Kind::Integer, Some("uint32"), Some(whole)) if u32::try_from(whole).is_err() => {}
        (Kind::Integer, Some(_), None) => {}
        (Kind::Integer, None, None) => return Some("(default format)".to_owned()),
        (Kind::Number, Some("float"), _)
            if number.as_f64().is_some_and(|n| n.abs() > f64::from(f32::MAX)) => {}
        _ => return None,
    }
    Some(format!("with format {}", format.unwrap_or_default()))
}

impl Checks {
    fn check(&self, value: &Value, path: &str, errors: &mut Vec<FieldError>) {
        let mut add = |reason: &'static str, message: String| {
            errors.push(FieldError { field: path.to_owned(), reason, message });
        };
        if !self.values.is_empty() && !value.is_null() && !self.values.contains(value) {
            let quoted = |value: &Value| {
                value.as_str().map_or_else(|| format!("\"{value}\""), |text| format!("{text:?}"))
            };
            let values: Vec<_> = self.values.iter().map(quoted).collect();
            let message = format!("Unsupported value: {value}: supported values: {}", values.join(", "));
            add("FieldValueNotSupported", message);
        }
        let body = |value: &Value, what: String| format!("Invalid value: {value}: {path} in body {what}");
        let too_many = |count: usize, most: u64| {
            let unit = if most == 1 { "item" } else { "items" };
            format!("Too many: {count}: must have at most {most} {unit}")
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match value {
            Value::String(text) => {
                // Of a text only the first thing is told.
                let length = count(text.chars().count());
                if let Some(most) = self.max_length.filter(|most| length > *most) {
                    let unit = if most == 1 { "byte" } else { "bytes" };
                    add("FieldValueTooLong", format!("Too long: may not be more than {most} {unit}"));
                } else if let Some(least) = self.min_length.filter(|least| length < *least) {
                    add(INVALID, body(value, format!("should be at least {least} chars long")));
                } else if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !matches(pattern, text))
                {
                    add(INVALID, body(value, format!("should match '{pattern}'")));
                }
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or_default();
                for what in self.number_errors(number) {
                    add(INVALID, body(value, what));
                }
            }
            Value::Array(items) => {
                if let Some(least) = self.min_items.filter(|least| count(items.len()) < *least) {
                    add(INVALID, body(&items.len().into(), format!("should have at least {least} items")));
                }
                if let Some(most) = self.max_items.filter(|most| count(items.len()) > *most) {
                    add("FieldValueTooMany", too_many(items.len(), most));
                }
            }
            Value::Object(members) => {
                if let Some(least) = self.min_properties.filter(|least| count(members.len()) < *least) {
                    add(
                        INVALID,
                        body(&members.len().into(), format!("should have at least {least} properties")),
                    );
                }
                if let Some(most) = self.max_properties.filter(|most| count(members.len()) > *most) {
                    add("FieldValueTooMany", too_many(members.len(), most));
                }
            }
            _ => {}
        }
    }

    fn number_errors(&self, number: f64) -> Vec<String> {
        let limit = |bound: &Option<(Value, bool)>| bound.as_ref().and_then(|(v, e)| Some((v.as_f64()?, *e)));
        let mut errors = Vec::new();
        if let Some((most, exclusive)) = limit(&self.maximum)
            && (number > most || exclusive && number >= most)
        {
            errors.push(format!("should be less than {}{most}", if exclusive { "" } else { "or equal to " }));
        }
        if let Some((least, exclusive)) = limit(&self.minimum)
            && (number < least || exclusive && number <= least)
        {
            errors.push(format!(
                "should be greater than {}{least}",
                if exclusive { "" } else { "or equal to " }
            ));
        }
        if let Some(of) = self.multiple_of.as_ref().and_then(Value::as_f64).filter(|of| *of != 0.0) {
            let quotient = number / of;
            if (quotient - quotient.round()).abs() > 1e-9 {
                errors.push(format!("should be a multiple of {of}"));
            }
        }
        errors
    }
}

/// Whether a text matches a pattern anywhere; a pattern that cannot be read matches everything.
fn matches(pattern: &str, text: &str) -> bool {
    super::pattern::compiled(pattern).is_none_or(|pattern| pattern.is_match(text))
}
