use super::{Rule, Schema};
use crate::sim::refusal::FieldError;
use serde_json::Value;

/// A rule that is ready to run: there is none without the feature `cel`, and definitions with rules are refused.
#[derive(Debug)]
pub enum Compiled {}

impl Compiled {
    /// No rules.
    pub(super) fn parse(_text: &Value) -> Vec<Self> {
        Vec::new()
    }

    /// Why the rule cannot be compiled.
    pub(super) fn error(&self) -> Option<String> {
        match *self {}
    }

    /// Whether the rule is certain to come to something else than yes or no.
    pub(super) fn is_no_answer(&self, _schema: &Value) -> bool {
        match *self {}
    }

    /// Whether the rule compares with the value before.
    pub(super) fn is_transition(&self) -> bool {
        match *self {}
    }

    /// The rule.
    pub(super) fn rule(&self) -> &Rule {
        match *self {}
    }
}

impl Schema {
    /// Runs no rules.
    #[expect(clippy::unused_self, reason = "the other form looks at the schema")]
    pub(super) fn check_rules(&self, _object: &Value, _old: Option<&Value>, _errors: &mut Vec<FieldError>) {}
}
