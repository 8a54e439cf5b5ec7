use super::{Call, State, reply::Reply};
use crate::{sim::refusal::unsupported, wire::Failure};

/// Server-side apply.
///
/// # Errors
/// What the steps of the server refuse, in its order.
pub fn apply(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    let _ = (state, call);
    Err(unsupported("server-side apply"))
}
