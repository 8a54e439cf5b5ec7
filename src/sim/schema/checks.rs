use super::{Definitions, Schema};
use serde_json::Value;

/// What a value must fulfil besides its type.
#[derive(Debug, Default)]
pub struct Checks {
    /// `enum`.
    pub values: Vec<Value>,
    /// `minimum`, and whether it is exclusive.
    pub minimum: Option<(Value, bool)>,
    /// `maximum`, and whether it is exclusive.
    pub maximum: Option<(Value, bool)>,
    /// `multipleOf`.
    pub multiple_of: Option<Value>,
    /// `minLength`.
    pub min_length: Option<u64>,
    /// `maxLength`.
    pub max_length: Option<u64>,
    /// `pattern`.
    pub pattern: Option<String>,
    /// `minItems`.
    pub min_items: Option<u64>,
    /// `maxItems`.
    pub max_items: Option<u64>,
    /// `minProperties`.
    pub min_properties: Option<u64>,
    /// `maxProperties`.
    pub max_properties: Option<u64>,
    /// `allOf`.
    pub all_of: Vec<Schema>,
    /// `anyOf`.
    pub any_of: Vec<Schema>,
    /// `oneOf`.
    pub one_of: Vec<Schema>,
    /// `not`.
    pub not: Option<Box<Schema>>,
}

impl Checks {
    /// The checks of a schema; `None` when it has none.
    pub(super) fn parse(text: &Value, definitions: Option<&'static Definitions>) -> Option<Self> {
        let inner = |value: &Value| Schema::parse(value, definitions);
        let list = |key: &str| text[key].as_array().cloned().unwrap_or_default();
        let schemas = |key: &str| list(key).iter().map(inner).collect::<Vec<_>>();
        let limit = |key: &str| text[key].as_u64();
        let bound = |key: &str, exclusive: &str| {
            text.get(key)
                .filter(|value| value.is_number())
                .cloned()
                .map(|value| (value, text[exclusive] == true))
        };
        let checks = Self {
            values: list("enum"),
            minimum: bound("minimum", "exclusiveMinimum"),
            maximum: bound("maximum", "exclusiveMaximum"),
            multiple_of: text.get("multipleOf").filter(|value| value.is_number()).cloned(),
            min_length: limit("minLength"),
            max_length: limit("maxLength"),
            pattern: text["pattern"].as_str().map(str::to_owned),
            min_items: limit("minItems"),
            max_items: limit("maxItems"),
            min_properties: limit("minProperties"),
            max_properties: limit("maxProperties"),
            all_of: schemas("allOf"),
            any_of: schemas("anyOf"),
            one_of: if definitions.is_some() { Vec::new() } else { schemas("oneOf") },
            not: text.get("not").filter(|value| value.is_object()).map(|value| Box::new(inner(value))),
        };
        checks.says_something().then_some(checks)
    }

    fn says_something(&self) -> bool {
        let limits = [self.min_length, self.max_length, self.min_items, self.max_items];
        let lists = [&self.all_of, &self.any_of, &self.one_of];
        !self.values.is_empty()
            || lists.iter().any(|list| !list.is_empty())
            || limits.iter().chain([&self.min_properties, &self.max_properties]).any(Option::is_some)
            || [&self.minimum, &self.maximum].iter().any(|bound| bound.is_some())
            || self.multiple_of.is_some()
            || self.pattern.is_some()
            || self.not.is_some()
    }
}

/// One entry of `x-kubernetes-validations`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// The CEL expression.
    pub rule: String,
    /// `message`.
    pub message: Option<String>,
    /// `messageExpression`.
    pub message_expression: Option<String>,
    /// `reason`.
    pub reason: Option<String>,
    /// `fieldPath`.
    pub field_path: Option<String>,
    /// `optionalOldSelf`.
    pub optional_old_self: bool,
}

impl Rule {
    /// The rules of a list, as a schema spells them.
    #[cfg(feature = "cel")]
    pub(super) fn parse(list: &Value) -> Vec<Self> {
        let text = |rule: &Value, key: &str| rule[key].as_str().map(str::to_owned);
        let rule = |rule: &Value| Self {
            rule: text(rule, "rule").unwrap_or_default(),
            message: text(rule, "message"),
            message_expression: text(rule, "messageExpression"),
            reason: text(rule, "reason"),
            field_path: text(rule, "fieldPath"),
            optional_old_self: rule["optionalOldSelf"] == true,
        };
        list.as_array().into_iter().flatten().map(rule).collect()
    }
}
