use serde::Deserialize;
use std::sync::LazyLock;

/// What is sensitive: the data of `defaults.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Kinds with secret fields.
    pub(super) objects: Vec<ObjectRule>,
    /// Annotations that repeat whole objects and are dropped everywhere.
    pub(super) annotations: Vec<String>,
    /// Keys of a Secret's data that hold public values: they are redacted there, but not hunted elsewhere.
    pub(super) public: Vec<String>,
    /// Fields that name things; a secret's value that happens to equal a name must not break the name.
    pub(super) identity: Vec<String>,
    /// Keys of a kubeconfig whose values are credentials.
    pub(super) kubeconfig: Vec<String>,
    /// Response headers that are kept; all others are dropped.
    pub(super) headers: Vec<String>,
}

/// The secret fields of one kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectRule {
    pub(super) kind: String,
    /// `PLURAL` or `PLURAL/SUBRESOURCE`.
    pub(super) resource: String,
    /// Paths with dots.
    pub(super) fields: Vec<String>,
    /// Those of the fields whose values are base64.
    pub(super) base64: Vec<String>,
}

static DEFAULTS: LazyLock<Rules> =
    LazyLock::new(|| serde_json::from_str(include_str!("defaults.json")).expect("defaults.json is tested"));

/// The built-in rules.
pub(super) fn defaults() -> &'static Rules {
    &DEFAULTS
}

impl Rules {
    pub(super) fn by_kind(&self, kind: &str) -> Option<&ObjectRule> {
        self.objects.iter().find(|rule| rule.kind == kind)
    }

    pub(super) fn by_resource(&self, resource: &str) -> Option<&ObjectRule> {
        self.objects.iter().find(|rule| rule.resource == resource)
    }

    pub(super) fn is_identity(&self, key: &str) -> bool {
        self.identity.iter().any(|name| name == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_load_and_know_secrets() {
        assert_eq!(defaults().by_kind("Secret").unwrap().fields, ["data", "stringData"]);
        assert!(defaults().by_resource("serviceaccounts/token").is_some());
    }
}
