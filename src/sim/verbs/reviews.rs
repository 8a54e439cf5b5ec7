use super::{
    Call, Reply, State, decode, owners, tokens,
    typed::{self, Origin},
};
use crate::wire::Failure;
use serde_json::json;
use std::sync::Arc;

/// Answers a question that is asked by a create; `None` for types that hold objects.
pub fn review(state: &State, call: &Call<'_>) -> Option<Result<Reply, Failure>> {
    let kind = &call.kind;
    if !matches!(kind.resource.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io") {
        return None;
    }
    Some(answered(state, call))
}

fn answered(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    let object = typed::decoded(call, decode::object(state, call)?, Origin::Body)?;
    let mut object = owners::created(state, call, object);
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    // Everybody may do everything here, as on a server with AlwaysAllow.
    object["status"] = match call.kind.kind.as_str() {
        "SelfSubjectReview" => {
            json!({"userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]}})
        }
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
                 "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
                {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
            ],
            "nonResourceRules": [
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
                {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]},
                {"verbs": ["get"], "nonResourceURLs": [
                    "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                    "/version", "/version/",
                ]},
            ],
        }),
        "TokenReview" => tokens::review(state, &object["spec"]),
        _ => json!({"allowed": true}),
    };
    Ok(Reply::Object(201, Arc::new(object)))
}
