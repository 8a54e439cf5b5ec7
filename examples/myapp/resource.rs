//! The `MyApp` resource and the rules that the API server keeps for it.
#![allow(unreachable_pub, reason = "KubeSchema repeats the structs inside a function")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// An app with a fixed specification and a number of replicas.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "mycompany.com",
    version = "v1",
    kind = "MyApp",
    namespaced,
    status = "MyAppStatus",
    derive = "PartialEq",
    doc = "An app with a fixed specification and a number of replicas.",
    cel,
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$')")
        .message("metadata.name must be a DNS label, for the Service is named after it"),
    printcolumn(name = "Ready", type_ = "boolean", json_path = ".status.is_ready"),
    printcolumn(name = "Replicas", type_ = "integer", json_path = ".spec.replicas"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MyAppSpec {
    /// What the app is told to be, as the variable `MYAPP_SPEC`; it never changes.
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec is immutable"))]
    pub spec: String,
    /// How many replicas are wanted.
    #[x_kube(
        validation = Rule::new("self >= 0 && self <= 10").message("replicas must be between 0 and 10")
    )]
    pub replicas: i32,
}

/// What was last seen of the app.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct MyAppStatus {
    /// Whether every replica is available.
    pub is_ready: bool,
    /// The same in the usual form, with reason and time.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
