use super::{Body, RequestInfo, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// A refusal, as the API server words it: becomes a `metav1.Status`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, such as `NotFound`.
    pub reason: String,
    /// Text for people.
    pub message: String,
    /// `details` of the Status, `null` when there are none.
    pub details: Value,
    /// `metadata` of the Status, `null` when it is empty.
    pub metadata: Value,
}

impl Failure {
    /// A failure with a reason and a text of its own.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            message: message.into(),
            details: Value::Null,
            metadata: Value::Null,
        }
    }

    /// 404 for the object that `info` names, in the server's words.
    pub fn not_found(info: &RequestInfo) -> Self {
        Self::about(info, 404, "NotFound", "not found")
    }

    /// 409 for a `create` of a name that exists, in the server's words.
    pub fn already_exists(info: &RequestInfo, name: &str) -> Self {
        let named = RequestInfo { name: Some(name.to_owned()), ..info.clone() };
        Self::about(&named, 409, "AlreadyExists", "already exists")
    }

    /// 409 for a write that insists on an old resourceVersion, in the server's words.
    pub fn modified(info: &RequestInfo) -> Self {
        let about = Self::about(info, 409, "Conflict", "");
        let message = format!(
            "Operation cannot be fulfilled on {}: the object has been modified; \
             please apply your changes to the latest version and try again",
            about.message.trim_end()
        );
        Self { message, ..about }
    }

    /// 410 for a watch from a resourceVersion that is compacted.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    fn about(info: &RequestInfo, code: u16, reason: &str, what: &str) -> Self {
        let name = info.name.clone().unwrap_or_default();
        let (resource, details) = match &info.resource {
            Some(resource) => {
                let mut details = json!({ "name": name, "kind": resource.plural });
                if !resource.group.is_empty() {
                    details["group"] = json!(resource.group);
                }
                (resource.to_string(), details)
            }
            None => (info.path.clone(), Value::Null),
        };
        Self { details, ..Self::new(code, reason, format!("{resource} \"{name}\" {what}")) }
    }

    /// The `metav1.Status` object.
    pub fn to_status(&self) -> Value {
        let metadata = if self.metadata.is_null() { json!({}) } else { self.metadata.clone() };
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// The `Status` as text, its members in the order in which the API server writes them.
    pub fn to_text(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut out = String::from(r#"{"kind":"Status","apiVersion":"v1","metadata":"#);
        out += &if self.metadata.is_null() { json!({}) } else { self.metadata.clone() }.to_string();
        out += r#","status":"Failure","message":"#;
        out += &quoted(&self.message);
        if !self.reason.is_empty() {
            out += r#","reason":"#;
            out += &quoted(&self.reason);
        }
        if let Some(details) = self.details.as_object() {
            out += r#","details":"#;
            out += &in_order(details, &["name", "group", "kind", "uid", "causes", "retryAfterSeconds"]);
        }
        out += &format!(",\"code\":{}}}", self.code);
        out
    }

    /// The whole HTTP response.
    pub fn to_response(&self) -> Response {
        let mut response = Response::new(Body::full(self.to_text() + "\n"));
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.details.get("retryAfterSeconds").and_then(Value::as_u64) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An object with its members in a given order, the others after them; causes have an order of their own.
fn in_order(object: &Map<String, Value>, order: &[&str]) -> String {
    let known = order.iter().filter_map(|key| object.get_key_value(*key));
    let others = object.iter().filter(|(key, _)| !order.contains(&key.as_str()));
    let members = known.chain(others).map(|(key, value)| {
        let value = match value {
            Value::Array(causes) if key == "causes" => {
                let causes = causes.iter().map(|cause| match cause.as_object() {
                    Some(cause) => in_order(cause, &["reason", "message", "field"]),
                    None => cause.to_string(),
                });
                format!("[{}]", causes.collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        };
        format!("{}:{value}", Value::from(key.as_str()))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_the_servers_order_and_says_what_the_value_says() {
        let failure = Failure {
            details: json!({"kind": "pods", "name": "p", "causes": [{"field": "a", "reason": "R"}]}),
            ..Failure::new(404, "NotFound", "pods \"p\" not found")
        };
        let text = failure.to_text();
        let expected = concat!(
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
            r#""message":"pods \"p\" not found","reason":"NotFound","#,
            r#""details":{"name":"p","kind":"pods","causes":[{"reason":"R","field":"a"}]},"code":404}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), failure.to_status());
    }
}
