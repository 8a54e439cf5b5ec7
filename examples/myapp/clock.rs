//! The one place where the operator reads the time of day.

use k8s_openapi::jiff::Timestamp;

/// The time of day, for fields that people read; durations are measured by tokio's clock.
#[allow(clippy::disallowed_methods, reason = "an operator has no other clock for its timestamps")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
