use super::{
    State,
    reply::{response, set},
};
use crate::{
    sim::discovery::{OpenApi, openapi},
    wire::{Body, Response},
};
use http::{HeaderMap, StatusCode, header};
use jiff::fmt::rfc2822;

/// The OpenAPI documents, which clients keep by their hash.
pub fn published(state: &State, path: &str, hash: Option<&str>, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match openapi(&state.registry, path, hash) {
        None => {
            let mut answer = response(404, "application/json", "");
            answer.headers_mut().remove(header::CONTENT_TYPE);
            answer
        }
        Some(OpenApi::Index(index)) => {
            let now = state.clock.now();
            let mut answer = response(200, index.content_type, index.text);
            set(&mut answer, header::LAST_MODIFIED, &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
            // It is as old as the question: only who knows it from this very second knows it.
            let known = rfc2822::parse(text(header::IF_MODIFIED_SINCE)).ok();
            if known.is_some_and(|known| known.timestamp().as_second() >= now.as_second()) {
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                answer.headers_mut().remove(header::CONTENT_TYPE);
                *answer.body_mut() = Body::full("");
            }
            answer
        }
        Some(_) if path != "/openapi/v3" && !takes_json(text(header::ACCEPT)) => {
            let mut answer = response(406, "application/json", "");
            answer.headers_mut().remove(header::CONTENT_TYPE);
            set(&mut answer, header::VARY, "Accept");
            answer
        }
        Some(OpenApi::Moved(place, tag)) => {
            let mut answer = response(301, "application/json", "");
            for (name, value) in
                [(header::LOCATION, place.as_str()), (header::ETAG, &tag), (header::VARY, "Accept")]
            {
                set(&mut answer, name, value);
            }
            answer
        }
        Some(OpenApi::Document(document)) => {
            let mut answer = response(200, document.content_type, document.text);
            let tag = document.tag.unwrap_or_default();
            set(&mut answer, header::ETAG, &tag);
            set(&mut answer, header::VARY, "Accept");
            if hash.is_some() {
                set(&mut answer, header::CACHE_CONTROL, "public, immutable");
            }
            if text(header::IF_NONE_MATCH) == tag {
                *answer.status_mut() = StatusCode::NOT_MODIFIED;
                *answer.body_mut() = Body::full("");
            }
            answer
        }
    }
}

/// Whether a client takes JSON, whatever it prefers.
fn takes_json(accept: &str) -> bool {
    let known = |clause: &str| {
        let media = clause.split(';').next().unwrap_or_default().trim();
        ["", "*/*", "application/*", "application/json"].contains(&media)
    };
    accept.split(',').any(known)
}
