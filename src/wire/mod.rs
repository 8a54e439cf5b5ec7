//! What one Kubernetes exchange is, as data.
//!
//! In come `http` requests, watch lines and JSON bodies; out go typed values that the other rooms
//! share. This room opens no socket and no file and reads no clock.

mod body;
mod causes;
mod delta;
mod frame;
mod json_path;
pub(crate) mod label;
mod quantity;
mod query;
mod request;
mod resource;
mod scalar;
mod selector;
mod span;
mod status;
mod yaml;

pub use body::{Body, collect, collect_limited};
pub use causes::causes;
pub(crate) use delta::list_key;
pub use delta::{Change, delta, is_time};
pub use frame::{EventType, Frame, FrameError, Headline, LineSplitter};
pub use json_path::{JsonPath, JsonPathError, go_escaped, go_print};
pub use quantity::Quantity;
pub use query::{Query, escaped};
pub use request::{RequestInfo, Verb};
pub use resource::{ObjectKey, Resource};
pub use selector::{FieldSelector, LabelSelector, SelectorError};
pub use span::span;
pub use status::Failure;
pub use yaml::yaml;

/// The request type of the one seam: what a [`kube::Client`] sends to its service.
pub type Request = http::Request<kube::client::Body>;
/// The response type of every service here.
pub type Response = http::Response<Body>;
/// A service that answers API requests: a player, a simulator or a real cluster.
pub type BoxService = tower::util::BoxService<Request, Response, tower::BoxError>;
