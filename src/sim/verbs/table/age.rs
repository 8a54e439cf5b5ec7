use crate::wire::span;
use jiff::Timestamp;
use serde_json::Value;

/// How long ago a time of an object is, as people say it: `5s`, `3m20s`, `2d3h`.
pub fn age(time: &Value, now: Timestamp) -> String {
    let Some(text) = time.as_str() else { return "<unknown>".to_owned() };
    match text.parse::<Timestamp>() {
        Ok(then) => span(now.as_second() - then.as_second()),
        Err(_) => "<invalid>".to_owned(),
    }
}
