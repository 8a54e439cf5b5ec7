use super::{Call, Reply, State, decode};
use crate::{
    sim::refusal::{FieldError, invalid_as, missing, not_found, not_simulated},
    wire::Failure,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
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
    let mut object = decode::object(state, call)?;
    // Everybody may do everything here, as on a server with AlwaysAllow.
    object["status"] = match call.kind.kind.as_str() {
        "SelfSubjectReview" => {
            json!({"userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]}})
        }
        "SelfSubjectRulesReview" => json!({
            "incomplete": false,
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        }),
        // Tokens that were made here look so; whether they are good is not known.
        "TokenReview" if text_of(&object["spec"]["token"]).split('.').count() == 3 => {
            return Err(not_simulated("a TokenReview of a service account's token"));
        }
        "TokenReview" => {
            let error = "[invalid bearer token, token lookup failed]";
            json!({"user": {}, "error": error})
        }
        _ => json!({"allowed": true}),
    };
    Ok(Reply::Object(201, Arc::new(object)))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A token for a service account.
///
/// # Errors
/// 404 for a missing account or pod, 422 for a lifetime that is out of range.
pub fn token(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let mut request = decode::part(call)?;
    let account = state.core("serviceaccounts", call.namespace(), call.name()).cloned();
    let account = account.ok_or_else(|| not_found(&call.kind, call.name()))?;
    let seconds = request["spec"].get("expirationSeconds").and_then(Value::as_i64).unwrap_or(3600);
    let why = match seconds {
        ..600 => Some("may not specify a duration less than 10 minutes"),
        600..=4_294_967_296 => None,
        _ => Some("may not specify a duration larger than 2^32 seconds"),
    };
    if let Some(why) = why {
        let error = FieldError::invalid("spec.expirationSeconds", &json!(seconds), why);
        let shown = "TokenRequest.authentication.k8s.io";
        return Err(invalid_as("TokenRequest", "authentication.k8s.io", "", &[error], shown));
    }
    let bound = &request["spec"]["boundObjectRef"];
    if bound["kind"] == "Pod" {
        let name = bound["name"].as_str().unwrap_or_default();
        if state.core("pods", call.namespace(), name).is_none() {
            return Err(missing("pods", name));
        }
    }
    let now = state.clock.now().as_second();
    let namespace = call.namespace().unwrap_or_default();
    let claims = json!({
        "aud": ["https://kubernetes.default.svc"], "exp": now + seconds, "iat": now, "nbf": now,
        "iss": "https://kubernetes.default.svc", "jti": state.dice.uuid(),
        "sub": format!("system:serviceaccount:{namespace}:{}", call.name()),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": call.name(), "uid": account["metadata"]["uid"]},
        },
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "none", "typ": "JWT"}));
    let signature = URL_SAFE_NO_PAD.encode(state.dice.uuid());
    request["kind"] = json!("TokenRequest");
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    let metadata = json!({
        "name": call.name(), "namespace": call.namespace(), "creationTimestamp": state.clock.seconds(),
    });
    request["metadata"] = metadata;
    request["spec"]["expirationSeconds"] = json!(seconds);
    if request["spec"].get("audiences").is_none() {
        request["spec"]["audiences"] = json!(["https://kubernetes.default.svc"]);
    }
    request["status"] = json!({
        "token": format!("{head}.{}.{signature}", part(claims)), "expirationTimestamp": state.clock.later(seconds),
    });
    Ok(Reply::Object(201, Arc::new(request)))
}
