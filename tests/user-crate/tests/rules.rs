//! Without the feature `cel`, a definition with rules is refused rather than half obeyed.

use kube::{CustomResource, CustomResourceExt};
use kubetape::{Options, World};

#[derive(CustomResource, Clone, Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[kube(group = "example.com", version = "v1", kind = "Ruled", namespaced)]
#[allow(dead_code, reason = "only its schema is asked for")]
struct RuledSpec {
    size: i32,
}

#[test]
fn a_definition_with_rules_names_the_feature_that_they_need() {
    let mut definition = Ruled::crd();
    let schema = definition.spec.versions[0].schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
    let rule = serde_json::json!([{ "rule": "self.spec.size > 0" }]);
    schema.expect("it has one").x_kubernetes_validations = serde_json::from_value(rule).ok();
    let options = Options::new("rules::refused", env!("CARGO_MANIFEST_DIR")).on_sim();
    kubetape::run(options, async move |world: World| {
        let definitions = kube::Api::all(world.client());
        let refused = definitions.create(&kube::api::PostParams::default(), &definition).await;
        let text = refused.expect_err("it has rules").to_string();
        assert!(text.contains("a schema with x-kubernetes-validations"), "{text}");
        assert!(text.contains("cargo add --dev kubetape --features cel"), "{text}");
    });
}
