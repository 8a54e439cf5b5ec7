use super::{
    discovery::Served,
    form::Form,
    logs, reviews,
    source::{Source, resource_of},
    watch,
};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use kubetape::{
    gather::Kind,
    history::{PageError, Scope},
    wire::{Body, Failure, ObjectKey, Request, RequestInfo, Resource, Response, Verb},
};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

/// A cluster that does not change. Clones are the same one.
#[derive(Clone)]
pub(super) struct Still(pub(super) Arc<Source>);

impl tower::Service<Request> for Still {
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let source = Arc::clone(&self.0);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let info = RequestInfo::parse(&parts.method, &parts.uri, &parts.headers);
            let answer = match (info.verb, reviews::is_review(&info)) {
                (_, true) => reviews::answer(&source, &info, body).await,
                (Verb::Get | Verb::List | Verb::Watch, _) => read(source, &parts.headers, &info).await,
                _ => Err(read_only(&source, &info)),
            };
            Ok(answer.unwrap_or_else(|failure| failure.to_response()))
        })
    }
}

/// 405 for everything that would change something, with what to do instead.
fn read_only(source: &Source, info: &RequestInfo) -> Failure {
    let path = source.path.display();
    let what = if source.is_tape { "a recording" } else { "a capture" };
    let next = match source.is_tape {
        true => "record a new one to see what happens then".to_owned(),
        false => format!("`kubetape sim --from {path}` makes a simulated cluster of it that can be"),
    };
    let asked = match info.subresource.as_deref() {
        Some(sub @ ("exec" | "attach" | "portforward" | "proxy")) => sub,
        _ => info.verb.as_str(),
    };
    let message =
        format!("{asked} is not allowed: this cluster is {what} ({path}), which can only be read; {next}");
    Failure::new(405, "MethodNotAllowed", message)
}

async fn read(source: Arc<Source>, headers: &HeaderMap, info: &RequestInfo) -> Result<Response, Failure> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(resource) = &info.resource else {
        let found = source.documents.at(&info.path, accept);
        return found.map(|(media, bytes)| respond(media, bytes)).ok_or_else(|| no_page(&info.path));
    };
    let served = source.documents.served(&resource.group, &resource.version, &resource.plural);
    let served = served.ok_or_else(|| no_page(&info.path))?;
    if served.namespaced != info.namespace.is_some() && info.name.is_some() {
        return Err(no_page(&info.path));
    }
    match info.subresource.as_deref() {
        None | Some("status") => {}
        Some("log") if resource.plural == "pods" => return logs::answer(source, info.clone()).await,
        Some(other) if served.subresources.iter().any(|sub| sub == other) => {
            return Err(match other {
                "exec" | "attach" | "portforward" | "proxy" => read_only(&source, info),
                other => not_captured(&format!("the subresource {other:?} of {resource}")),
            });
        }
        Some(_) => return Err(no_page(&info.path)),
    }
    let form = Form::of(accept).ok_or_else(|| {
        let message = "only the following media types are accepted: application/json";
        Failure::new(406, "NotAcceptable", message)
    })?;
    let kind = kind(&source, resource, &served)?;
    match info.verb {
        Verb::Get => get(&source, &kind, form, info),
        Verb::Watch => watch::answer(source, kind, form, info),
        _ => list(&source, &kind, form, info),
    }
}

/// The kind of a path. Objects are known in one version; of a definition that converts nothing they are the same in
/// all others.
fn kind(source: &Source, resource: &Resource, served: &Served) -> Result<Kind, Failure> {
    let known = source
        .capture
        .kinds
        .iter()
        .find(|kind| (&kind.group, &kind.plural) == (&resource.group, &resource.plural));
    let wanted = Kind {
        group: resource.group.clone(),
        version: resource.version.clone(),
        plural: resource.plural.clone(),
        kind: served.kind.clone(),
        namespaced: served.namespaced,
        ..Kind::default()
    };
    let Some(known) = known.filter(|known| known.version != resource.version) else { return Ok(wanted) };
    if source.capture.of(known).next().is_none() || converts_nothing(source, &known.full_name()) {
        return Ok(wanted);
    }
    Err(not_captured(&format!("{resource} in version {}, only in {},", resource.version, known.version)))
}

fn converts_nothing(source: &Source, name: &str) -> bool {
    let mut definitions = source
        .capture
        .objects
        .iter()
        .filter(|(id, _)| id.kind == "CustomResourceDefinition" && id.name == name);
    definitions.next().is_some_and(|(_, definition)| {
        let strategy = &definition["spec"]["conversion"]["strategy"];
        strategy.is_null() || strategy == "None"
    })
}

fn not_captured(what: &str) -> Failure {
    Failure::new(
        501,
        "NotImplemented",
        format!("{what} was not captured; ask for what `kubetape show` lists"),
    )
}

fn no_page(path: &str) -> Failure {
    Failure::new(404, "NotFound", format!("the server could not find the requested resource {path}"))
}

fn get(source: &Source, kind: &Kind, form: Form, info: &RequestInfo) -> Result<Response, Failure> {
    let key = info.key().ok_or_else(|| no_page(&info.path))?;
    let current = source.history.get(&key).ok_or_else(|| Failure::not_found(info))?;
    let object = in_version(kind, &current.object);
    Ok(json(&form.object(source, kind, &object, include(info), true)))
}

/// The object as it is in the version that was asked for.
pub(super) fn in_version(kind: &Kind, object: &Value) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    object
}

pub(super) fn include(info: &RequestInfo) -> &str {
    info.query.get("includeObject").unwrap_or_default()
}

fn list(source: &Source, kind: &Kind, form: Form, info: &RequestInfo) -> Result<Response, Failure> {
    let scope = scope(info)?;
    let limit = info.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
    let token = info.query.get("continue").filter(|token| !token.is_empty());
    let page = source.history.page(&scope, limit, token).map_err(|error: PageError| error.to_failure())?;
    let objects: Vec<Value> = page.items.iter().map(|object| in_version(kind, object)).collect();
    let mut metadata = json!({"resourceVersion": page.rv.to_string()});
    if let Some(next) = page.next {
        metadata["continue"] = json!(next);
        metadata["remainingItemCount"] = json!(page.remaining);
    }
    let objects: Vec<&Value> = objects.iter().collect();
    Ok(json(&form.list(source, kind, &objects, include(info), metadata)))
}

/// What a list or a watch is about.
pub(super) fn scope(info: &RequestInfo) -> Result<Scope, Failure> {
    let bad = |error: kubetape::wire::SelectorError| Failure::new(400, "BadRequest", error.to_string());
    let scope = Scope::of(info).map_err(bad)?;
    scope.ok_or_else(|| no_page(&info.path))
}

/// The pod that a request is about.
pub(super) fn pod<'a>(source: &'a Source, info: &RequestInfo) -> Option<&'a Value> {
    let name = info.name.as_deref()?;
    let kind = source.capture.kinds.iter().find(|kind| kind.group.is_empty() && kind.plural == "pods")?;
    let key = ObjectKey::new(&resource_of(kind), info.namespace.as_deref(), name);
    source.history.get(&key).map(|current| &*current.object)
}

pub(super) fn json(value: &Value) -> Response {
    respond("application/json", value.to_string().into_bytes())
}

pub(super) fn respond(media: &'static str, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::full(bytes));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
