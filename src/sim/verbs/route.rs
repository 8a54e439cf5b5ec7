use super::{
    Call, Reply, State,
    accept::{Form, Media},
    call::Strictness,
    components, create,
    decode::PROTOBUF,
    delete,
    names::segment_errors,
    options::WriteOptions,
    patch, pods, published, read,
    reply::{indented, render, response, set},
    reviews, subresource, update, watch,
};
use crate::{
    sim::{
        discovery::{Kind, document},
        protobuf,
        refusal::{bad_request, no_method, no_resource, not_simulated},
    },
    wire::{Body, Failure, RequestInfo, Response, Verb, yaml},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use serde_json::Value;
use std::{cell::RefCell, sync::Arc};

/// What a request comes to: an answer, or a stream to read.
#[derive(Debug)]
pub enum Handled {
    /// A whole answer.
    Answer(Response),
    /// A watch, and the headers of its answer.
    Stream(Box<watch::Watch>, HeaderMap),
    /// An answer that comes after a wait.
    Later(Response),
}

/// Answers one request.
pub fn handle(
    state: &mut State,
    method: &Method,
    headers: &HeaderMap,
    info: &RequestInfo,
    body: &Bytes,
) -> Handled {
    if let Err(failure) = timeout(info) {
        return Handled::Answer(failure.to_response());
    }
    if info.resource.is_none() {
        return Handled::Answer(plain(state, method, headers, info));
    }
    let kind = match find(state, method, info) {
        Ok(kind) => kind,
        Err(answer) => return Handled::Answer(*answer),
    };
    let form = match Form::of(headers, info.query.get("pretty"), kind.custom.is_none()) {
        Ok(form) => form,
        Err(failure) => return Handled::Answer(pretty(&failure)),
    };
    let mut call = Call {
        info,
        method,
        headers,
        body,
        kind,
        form,
        manager: String::new(),
        dry_run: false,
        strictness: Strictness::Warn,
        warnings: RefCell::default(),
    };
    call.warnings.borrow_mut().extend(call.kind.rules.warning.clone());
    super::reply::deprecation(&call);
    let outcome = verb(state, &mut call);
    finish(&call, outcome, state.clock.now())
}

fn finish(call: &Call<'_>, outcome: Result<Reply, Failure>, now: jiff::Timestamp) -> Handled {
    let rendered = match outcome {
        Ok(Reply::Watch(watch)) => {
            let binary = call.form.media == Media::Protobuf;
            let media =
                if binary { "application/vnd.kubernetes.protobuf;stream=watch" } else { "application/json" };
            let mut carrier = response(200, media, "");
            warn(call, &mut carrier);
            return Handled::Stream(watch, carrier.headers().clone());
        }
        Ok(reply) => render(&reply, &call.kind, &call.form, call.info.query.get("includeObject"), now),
        Err(failure) => Err(failure),
    };
    let late = matches!(&rendered, Err(failure) if failure.code == 504);
    let mut answer = rendered.unwrap_or_else(|failure| match failure.code {
        406 if call.form.media == Media::Yaml => in_yaml(&failure),
        406 => pretty(&failure),
        _ if call.form.media == Media::Protobuf => in_protobuf(&failure),
        _ if call.form.pretty => pretty(&failure),
        _ => failure.to_response(),
    });
    warn(call, &mut answer);
    if late { Handled::Later(answer) } else { Handled::Answer(answer) }
}

fn warn(call: &Call<'_>, answer: &mut Response) {
    for text in call.warnings.borrow().iter() {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"");
        set(answer, header::WARNING, &format!("299 - \"{text}\""));
    }
}

/// A failure with its JSON indented, as it is when the form of the answer is itself what failed.
fn pretty(failure: &Failure) -> Response {
    let mut answer = failure.to_response();
    *answer.body_mut() = Body::full(indented(&failure.to_text()));
    answer
}

/// A failure in protobuf, for who asked for that.
fn in_protobuf(failure: &Failure) -> Response {
    let mut answer = failure.to_response();
    if let Some(bytes) = protobuf::encode(&failure.to_status()) {
        *answer.body_mut() = Body::full(bytes);
        answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(PROTOBUF));
    }
    answer
}

/// A failure as YAML, for who asked for that.
fn in_yaml(failure: &Failure) -> Response {
    let mut answer = failure.to_response();
    let text = yaml(&failure.to_status());
    *answer.body_mut() = Body::full(text);
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/yaml"));
    answer
}

fn timeout(info: &RequestInfo) -> Result<(), Failure> {
    let Some(text) = info.query.get("timeout").filter(|text| !text.is_empty()) else { return Ok(()) };
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[number.len()..];
    let good = number.parse::<f64>().is_ok()
        && (matches!(unit, "ns" | "us" | "ms" | "s" | "m" | "h") || number == "0");
    if good {
        return Ok(());
    }
    let why = if number.parse::<f64>().is_ok() && unit.is_empty() {
        "missing unit in duration"
    } else {
        "invalid duration"
    };
    Err(bad_request(format!("invalid timeout specified in the request URL - time: {why} {text:?}")))
}

/// Paths without objects: discovery, health, version.
fn plain(state: &State, method: &Method, headers: &HeaderMap, info: &RequestInfo) -> Response {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = info.path.as_str();
    let probe = ["/healthz", "/livez", "/readyz"].iter().any(|probe| path.starts_with(probe));
    let found = document(&state.registry, path, info.query.get("verbose").is_some(), text(header::ACCEPT));
    if path.starts_with("/openapi/v3") {
        return published::published(state, path, info.query.get("hash"), headers);
    }
    let Some(found) = found else { return missing(state, path) };
    if *method != Method::GET && !(probe && *method == Method::HEAD) {
        return no_method().to_response();
    }
    if !probe
        && let Err(failure) = Form::of(headers, None, true)
        && found.tag.is_none()
    {
        return pretty(&failure);
    }
    let mut answer = response(200, found.content_type, found.text);
    if let Some(tag) = found.tag {
        set(&mut answer, header::ETAG, &tag);
        set(&mut answer, header::VARY, "Accept");
        set(&mut answer, header::CACHE_CONTROL, "public");
        if text(header::IF_NONE_MATCH) == tag {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer.headers_mut().remove(header::CONTENT_TYPE);
            *answer.body_mut() = Body::full("");
        }
    }
    if probe && info.path.matches('/').count() == 1 {
        set(&mut answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    answer
}

/// Groups of Kubernetes itself answer unknown paths with a `Status`, all others with a plain text.
fn missing(state: &State, path: &str) -> Response {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let built_in = match (parts.next(), parts.next()) {
        (Some("api"), Some(_)) => true,
        (Some("apis"), Some(group)) => state.registry.is_built_in(group),
        _ => false,
    };
    if built_in { no_resource().to_response() } else { not_a_page() }
}

fn not_a_page() -> Response {
    let mut answer = response(404, "text/plain; charset=utf-8", "404 page not found\n");
    set(&mut answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    answer
}

/// The type of a path, when the path fits its scope and the method fits the path.
fn find(state: &State, method: &Method, info: &RequestInfo) -> Result<Arc<Kind>, Box<Response>> {
    let Some(resource) = &info.resource else { return Err(Box::new(not_a_page())) };
    let Some(kind) = state.registry.find(&resource.group, &resource.version, &resource.plural) else {
        return Err(Box::new(missing(state, &info.path)));
    };
    let everywhere = info.namespace.is_none();
    let fits = match (kind.namespaced, info.namespace.is_some(), info.name.is_some()) {
        (true, false, true) => false,
        (false, true, _) => false,
        (true, false, false) if kind.custom.is_some() => *method == Method::GET || *method == Method::HEAD,
        _ => true,
    };
    if !fits {
        return Err(Box::new(if kind.custom.is_some() { not_a_page() } else { no_resource().to_response() }));
    }
    if kind.custom.is_none() && !allows(kind, method, info, everywhere) {
        let known = info.subresource.as_ref().is_none_or(|sub| kind.subresources.contains_key(first(sub)));
        let failure = if known { no_method() } else { no_resource() };
        return Err(Box::new(failure.to_response()));
    }
    Ok(kind.clone())
}

fn first(sub: &str) -> &str {
    sub.split('/').next().unwrap_or(sub)
}

fn allows(kind: &Kind, method: &Method, info: &RequestInfo, everywhere: bool) -> bool {
    allowed_methods(kind, info, everywhere).contains(&method.as_str())
}

fn allowed_methods(kind: &Kind, info: &RequestInfo, everywhere: bool) -> Vec<&'static str> {
    let (verbs, item) = match (&info.subresource, &info.name) {
        (Some(sub), _) => match kind.subresources.get(first(sub)) {
            Some(sub) => (&sub.verbs, true),
            None => return Vec::new(),
        },
        (None, name) => (&kind.verbs, name.is_some()),
    };
    let sub = info.subresource.is_some();
    let pairs = [
        ("DELETE", if item { "delete" } else { "deletecollection" }),
        ("GET", if item { "get" } else { "list" }),
        ("PATCH", "patch"),
        ("POST", "create"),
        ("PUT", "update"),
    ];
    let fits = |(method, verb): &(&'static str, &str)| {
        let place = match *method {
            "PATCH" | "PUT" => item,
            "POST" => sub || !item,
            _ => true,
        };
        let wide = !(kind.namespaced && everywhere) || *method == "GET";
        place && wide && verbs.iter().any(|known| known == verb)
    };
    pairs.iter().filter(|pair| fits(pair)).map(|(method, _)| *method).collect()
}

/// Refuses what only a webhook could convert.
fn convertible(state: &State, call: &Call<'_>) -> Result<(), Failure> {
    let Some(custom) = call.kind.custom.as_ref().filter(|custom| custom.webhook) else { return Ok(()) };
    let version = call.kind.api_version();
    let strange = |(_, object): (_, &Arc<Value>)| object["apiVersion"] != version.as_str();
    if custom.storage_version == call.kind.resource.version
        && !state.store.live(&call.kind.storage).any(strange)
    {
        return Ok(());
    }
    Err(not_simulated("a conversion by a webhook"))
}

pub(super) fn verb(state: &mut State, call: &mut Call<'_>) -> Result<Reply, Failure> {
    // A request of the server itself says who it is.
    if call.manager.is_empty() {
        convertible(state, call)?;
    }
    if let Some(name) = &call.info.name {
        let errors = segment_errors(name);
        if let Some(why) = errors.first() {
            return Err(bad_request(format!("Name parameter invalid: {name:?}: {why}")));
        }
    }
    let options = match call.info.verb {
        Verb::Create => Some("CreateOptions"),
        Verb::Update => Some("UpdateOptions"),
        Verb::Patch | Verb::Apply => Some("PatchOptions"),
        _ => None,
    };
    if let Some(options) = options {
        let apply = call.info.verb == Verb::Apply;
        let read = WriteOptions::read(&call.info.query, call.headers, options, apply)?;
        if call.manager.is_empty() {
            (call.manager, call.strictness) = (read.manager, read.strictness);
        }
        call.dry_run = read.dry_run;
    }
    if call.kind.custom.is_some() {
        custom_method(call)?;
    }
    if let Some(sub) = call.info.subresource.clone() {
        return subresource::handle(state, call, &sub);
    }
    match call.info.verb {
        Verb::Get if call.kind.is_core("componentstatuses") => components::get(call),
        Verb::List if call.kind.is_core("componentstatuses") => Ok(components::list()),
        Verb::Get => read::get(state, call),
        Verb::List => read::list(state, call),
        Verb::Watch => watch::watch(state, call),
        Verb::Create if call.kind.is_core("bindings") => pods::bind(state, call, None),
        Verb::Create => reviews::review(state, call).unwrap_or_else(|| create::create(state, call)),
        Verb::Update => update::update(state, call),
        Verb::Patch | Verb::Apply => patch::patch(state, call),
        Verb::Delete => delete::delete(state, call),
        Verb::DeleteCollection => delete::collection(state, call),
    }
}

/// The routes of custom resources look at methods late, and in words of their own.
fn custom_method(call: &Call<'_>) -> Result<(), Failure> {
    let word = match *call.method {
        Method::GET | Method::HEAD => return Ok(()),
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    };
    let refuse = || {
        let resource = &call.kind.resource;
        let message = format!("{word} is not supported on resources of kind \"{resource}\"");
        let details = serde_json::json!({"group": resource.group, "kind": resource.plural});
        Err(Failure { details, ..Failure::new(405, "MethodNotAllowed", message) })
    };
    match (word, call.subresource(), call.info.name.is_some()) {
        ("", ..) => refuse(),
        ("create" | "delete", Some(sub), _) if call.kind.subresources.contains_key(sub) => refuse(),
        ("update" | "patch", None, false) => Err(bad_request("name must be provided")),
        _ => Ok(()),
    }
}
