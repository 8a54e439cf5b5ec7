use super::source::Source;
use kubetape::wire::{Failure, RequestInfo, Response, Verb, collect};
use serde_json::{Value, json};

/// Questions about the one who asks, which clients put before they read; they change nothing.
const REVIEWS: [&str; 3] = ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"];
const READING: [&str; 3] = ["get", "list", "watch"];

pub(super) fn is_review(info: &RequestInfo) -> bool {
    let of = |plural: &str| REVIEWS.contains(&plural);
    let named = info
        .resource
        .as_ref()
        .is_some_and(|resource| resource.group.ends_with(".k8s.io") && of(&resource.plural));
    info.verb == Verb::Create && named
}

/// Everybody may read everything, and do nothing else.
pub(super) async fn answer(
    source: &Source,
    info: &RequestInfo,
    body: kube::client::Body,
) -> Result<Response, Failure> {
    let bad = |why: String| Failure::new(400, "BadRequest", format!("the review cannot be read: {why}"));
    let bytes = collect(body).await.map_err(|error| bad(error.to_string()))?;
    let mut review: Value = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    review["status"] = match info.resource.as_ref().map(|resource| resource.plural.as_str()) {
        Some("selfsubjectreviews") => {
            json!({"userInfo": {"username": "kubetape:reader", "groups": ["system:authenticated"]}})
        }
        Some("selfsubjectrulesreviews") => json!({
            "incomplete": false,
            "resourceRules": [{"verbs": READING, "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["*"]}],
        }),
        _ => {
            let spec = &review["spec"];
            let asked = [&spec["resourceAttributes"]["verb"], &spec["nonResourceAttributes"]["verb"]];
            let allowed = asked.iter().any(|verb| READING.iter().any(|reading| *verb == reading));
            let why = format!("{} can only be read", source.path.display());
            if allowed {
                json!({"allowed": true})
            } else {
                json!({"allowed": false, "denied": true, "reason": why})
            }
        }
    };
    let mut response = super::answer::json(&review);
    *response.status_mut() = http::StatusCode::CREATED;
    Ok(response)
}
