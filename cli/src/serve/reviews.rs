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

/// How bodies of Kubernetes in protobuf begin, which kubectl sends here.
const PROTOBUF: &[u8] = b"k8s\0";

/// As much of a review in protobuf as is looked at: what it is, and the verb that is asked for.
fn decoded(message: &[u8]) -> Option<Value> {
    let (meta, review) = (field(message, 1)?, field(message, 2).unwrap_or_default());
    let spec = field(review, 2).unwrap_or_default();
    let verb = |attributes| text(field(spec, attributes).and_then(|attributes| field(attributes, 2)));
    Some(json!({
        "apiVersion": text(field(meta, 1)), "kind": text(field(meta, 2)), "metadata": {},
        "spec": {"resourceAttributes": {"verb": verb(1)}, "nonResourceAttributes": {"verb": verb(2)}},
    }))
}

fn text(bytes: Option<&[u8]>) -> &str {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// The bytes of a field that has a length.
fn field(mut message: &[u8], wanted: u64) -> Option<&[u8]> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (bytes, rest) = message.split_at_checked(length)?;
        if key >> 3 == wanted && key & 7 == 2 {
            return Some(bytes);
        }
        message = rest;
    }
    None
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Everybody may read everything, and do nothing else.
pub(super) async fn answer(
    source: &Source,
    info: &RequestInfo,
    body: kube::client::Body,
) -> Result<Response, Failure> {
    let bad = |why: String| Failure::new(400, "BadRequest", format!("the review cannot be read: {why}"));
    let bytes = collect(body).await.map_err(|error| bad(error.to_string()))?;
    let mut review: Value = match bytes.strip_prefix(PROTOBUF) {
        Some(message) => decoded(message).ok_or_else(|| bad("its protobuf is broken".to_owned()))?,
        None => serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?,
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_in_protobuf_is_read_as_far_as_it_is_looked_at() {
        let block = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len() as u8], bytes].concat();
        let attributes = [block(1, b"shop"), block(2, b"list"), block(5, b"pods")].concat();
        let review = [block(1, b""), block(2, &block(1, &attributes))].concat();
        let meta = [block(1, b"authorization.k8s.io/v1"), block(2, b"SelfSubjectAccessReview")].concat();
        let message = [block(1, &meta), block(2, &review), block(4, b"")].concat();
        let read = decoded(&message).unwrap();
        assert_eq!(read["kind"], "SelfSubjectAccessReview");
        assert_eq!(read["spec"]["resourceAttributes"]["verb"], "list");
        for end in 0..message.len() {
            // Half a message is an error or less, and no panic.
            let _ = decoded(&message[..end]);
        }
        assert_eq!(decoded(&[0xff; 30]), None);
    }
}
