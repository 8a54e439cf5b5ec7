use super::{Body, RequestInfo, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

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
}

impl Failure {
    /// A failure with a reason and a text of its own.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into(), details: Value::Null }
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
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// The whole HTTP response.
    pub fn to_response(&self) -> Response {
        let mut response = Response::new(Body::full(self.to_status().to_string()));
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
