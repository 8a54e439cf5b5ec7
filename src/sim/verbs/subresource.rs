use super::{Call, Reply, State, patch, pods, read, scale, tokens, update};
use crate::{
    sim::refusal::{not_found, not_simulated},
    wire::{Failure, Verb},
};

/// Answers a request for a part of an object.
///
/// # Errors
/// What the steps of the server refuse; 501 for parts that are not simulated.
pub fn handle(state: &mut State, call: &Call<'_>, sub: &str) -> Result<Reply, Failure> {
    if !call.kind.subresources.contains_key(sub.split('/').next().unwrap_or(sub)) {
        return Err(not_found(&call.kind, call.name()));
    }
    match sub {
        "status" | "finalize" | "approval" | "ephemeralcontainers" | "resize" => match call.info.verb {
            Verb::Get => read::get(state, call),
            Verb::Update => update::update(state, call),
            Verb::Patch | Verb::Apply => patch::patch(state, call),
            _ => Err(crate::sim::refusal::no_method()),
        },
        "scale" => scale::scale(state, call),
        "binding" => pods::bind(state, call, Some(call.name())),
        "eviction" => pods::evict(state, call),
        "log" => pods::log(state, call),
        "exec" | "attach" | "portforward" => pods::stream(state, call, sub),
        "token" => tokens::token(state, call),
        proxied if proxied == "proxy" || proxied.starts_with("proxy/") => pods::proxy(state, call),
        other => Err(not_simulated(&format!("the subresource {other:?} of {}", call.kind.resource))),
    }
}
