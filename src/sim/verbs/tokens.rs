use super::{Call, Reply, State, decode};
use crate::{
    sim::refusal::{FieldError, invalid_as, missing, not_found},
    wire::Failure,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Who a token belongs to, as a TokenReview says it.
pub fn review(state: &State, spec: &Value) -> Value {
    let token = spec["token"].as_str().unwrap_or_default();
    let Some(claims) = claims(state, token) else {
        return json!({"user": {}, "error": "[invalid bearer token, token lookup failed]"});
    };
    let own = &claims["kubernetes.io"];
    let (namespace, account) = (own["namespace"].as_str().unwrap_or_default(), &own["serviceaccount"]);
    let credential = format!("JTI={}", claims["jti"].as_str().unwrap_or_default());
    let mut extra = json!({ "authentication.kubernetes.io/credential-id": [credential] });
    for field in ["name", "uid"] {
        if let Some(value) = own["pod"].get(field) {
            extra[format!("authentication.kubernetes.io/pod-{field}")] = json!([value]);
        }
    }
    let own_group = format!("system:serviceaccounts:{namespace}");
    let groups = ["system:serviceaccounts", &own_group, "system:authenticated"];
    let user = json!({"username": claims["sub"], "uid": account["uid"], "groups": groups, "extra": extra});
    let asked = spec["audiences"].as_array().filter(|asked| !asked.is_empty());
    let audiences = claims["aud"].as_array().into_iter().flatten();
    let audiences: Vec<_> = audiences.filter(|own| asked.is_none_or(|asked| asked.contains(own))).collect();
    if audiences.is_empty() {
        return json!({"user": {}, "error": "[invalid bearer token, token lookup failed]"});
    }
    json!({"authenticated": true, "user": user, "audiences": audiences})
}

/// What a token says, when it was made here, has not run out, and its account and pod are there still.
fn claims(state: &State, token: &str) -> Option<Value> {
    let (body, signed) = token.rsplit_once('.')?;
    let claims = URL_SAFE_NO_PAD.decode(body.split_once('.')?.1).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let own = &claims["kubernetes.io"];
    let there = |plural: &str, object: &Value| {
        let name = object["name"].as_str().unwrap_or_default();
        let found = state.core(plural, own["namespace"].as_str(), name);
        found.is_some_and(|found| found["metadata"]["uid"] == object["uid"])
    };
    let good = signed == signature(state, body)
        && claims["exp"].as_i64()? > state.clock.now().as_second()
        && there("serviceaccounts", &own["serviceaccount"])
        && (own["pod"].is_null() || there("pods", &own["pod"]));
    good.then_some(claims)
}

/// What only this server can write under a token.
fn signature(state: &State, body: &str) -> String {
    let secret = state.core("namespaces", None, "kube-system").map(|own| own["metadata"]["uid"].to_string());
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{}{body}", secret.unwrap_or_default())))
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
    let mut pod = None;
    if bound["kind"] == "Pod" {
        let name = bound["name"].as_str().unwrap_or_default();
        let found = state.core("pods", call.namespace(), name).ok_or_else(|| missing("pods", name))?;
        pod = Some(json!({"name": name, "uid": found["metadata"]["uid"]}));
    }
    let audiences = request["spec"].get("audiences").filter(|audiences| audiences.is_array());
    let audiences = audiences.cloned().unwrap_or_else(|| json!(["https://kubernetes.default.svc"]));
    let now = state.clock.now().as_second();
    let namespace = call.namespace().unwrap_or_default();
    let mut claims = json!({
        "aud": audiences, "exp": now + seconds, "iat": now, "nbf": now,
        "iss": "https://kubernetes.default.svc", "jti": state.dice.uuid(),
        "sub": format!("system:serviceaccount:{namespace}:{}", call.name()),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": call.name(), "uid": account["metadata"]["uid"]},
        },
    });
    if let Some(pod) = pod {
        claims["kubernetes.io"]["pod"] = pod;
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "none", "typ": "JWT"}));
    let body = format!("{head}.{}", part(claims));
    request["kind"] = json!("TokenRequest");
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    let metadata = json!({
        "name": call.name(), "namespace": call.namespace(), "creationTimestamp": state.clock.seconds(),
    });
    request["metadata"] = metadata;
    request["spec"]["expirationSeconds"] = json!(seconds);
    request["spec"]["audiences"] = audiences;
    request["status"] = json!({
        "token": format!("{body}.{}", signature(state, &body)), "expirationTimestamp": state.clock.later(seconds),
    });
    Ok(Reply::Object(201, Arc::new(request)))
}
