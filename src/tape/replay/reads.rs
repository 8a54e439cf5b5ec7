use super::{
    core::{Core, Held, Outcome, Waiting},
    divergence::Divergence,
    items::What,
    plan::{DRIVER, Said, TypeKey, path_of, rv_of},
};
use crate::{
    history::{Cursor, Scope, Start, metadata_of},
    tape::Payload,
    wire::{Body, Failure, ObjectKey, RequestInfo, Response, Verb},
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::oneshot;

/// A decision about a request: an answer, or a place to wait for one.
pub(super) enum Reply {
    Now(Outcome),
    Held(oneshot::Receiver<Outcome>),
    /// None: the replay ends here, and nobody should act on what the tape does not say.
    Never,
}

impl Core {
    /// Answers a get, list or watch from the tape's state at the present position.
    pub(super) fn read(&mut self, actor: &str, info: &RequestInfo, now: Duration) -> Reply {
        if info.verb != Verb::Watch
            && actor == DRIVER
            && let Some(held) = self.hold_read(info)
        {
            return held;
        }
        if let Some(outcome) = self.outage(actor, info) {
            self.note(now, actor, info, outcome.as_ref().map_or(0, |r| r.status().as_u16()), None);
            return Reply::Now(outcome);
        }
        let answer = match (&info.resource, info.verb, &info.subresource) {
            (Some(_), Verb::Get, None) => self.get(actor, info),
            (Some(_), Verb::List, _) => self.list(actor, info),
            (Some(_), Verb::Watch, _) => self.watch(actor, info),
            _ => match self.by_path(actor, info) {
                Some(Err(error)) => {
                    self.note(now, actor, info, 0, None);
                    return Reply::Now(Err(error));
                }
                Some(Ok(response)) => Some(response),
                None => None,
            },
        };
        match answer {
            Some(response) => {
                self.note(now, actor, info, response.status().as_u16(), None);
                Reply::Now(Ok(response))
            }
            None => self.no_answer(actor, info, now),
        }
    }

    /// The scenario's own reads wait for their place on the tape and get what stands there.
    fn hold_read(&mut self, info: &RequestInfo) -> Option<Reply> {
        let key = (DRIVER.to_owned(), info.verb, path_of(info));
        let count = self.read_counts.entry(key.clone()).or_default();
        let said = self.plan.reads.get(&key)?.get(*count)?.clone();
        *count += 1;
        let (reply, wait) = oneshot::channel();
        let what = Waiting::Read { info: Box::new(info.clone()), said: Box::new(said.clone()), reply };
        self.held.push(Held { n: said.requested, at: said.at.0, what });
        Some(Reply::Held(wait))
    }

    /// A refusal or broken connection that is due for this actor's reads of this type.
    fn outage(&mut self, actor: &str, info: &RequestInfo) -> Option<Outcome> {
        let resource = info.resource.as_ref()?;
        let place = (actor.to_owned(), (resource.group.clone(), resource.plural.clone()));
        let index = *self.queues.get(&place)?.front()?;
        let plan = self.plan.clone();
        let item = &plan.items[index];
        let What::Outage { verb, status, body, error } = &item.what else { return None };
        if *verb != info.verb || item.n >= self.ledger.barrier() {
            return None;
        }
        self.queues.get_mut(&place)?.pop_front();
        Some(match error {
            Some(error) => Err(error.clone().into()),
            None => Ok(respond(*status, body)),
        })
    }

    fn get(&mut self, actor: &str, info: &RequestInfo) -> Option<Response> {
        let key = info.key()?;
        self.publish_lists(actor, info);
        let answer = self.answer(actor, &key);
        self.give(actor, &key, answer.as_deref().map_or(0, rv_of));
        match answer {
            Some(object) if info.metadata_only => Some(json_response(&metadata_of(&object))),
            Some(object) => Some(self.texts.response(&object)),
            None => self.is_known(&key).then(|| Failure::not_found(info).to_response()),
        }
    }

    /// Whether the tape says enough about an object's type to know that it does not exist.
    fn is_known(&self, key: &ObjectKey) -> bool {
        let types = self.plan.types.get(&(key.group.clone(), key.plural.clone()));
        let on_tape = |key| self.plan.answers.keys().any(|(_, known)| known == key);
        types.is_some_and(|types| types.listed || types.versions.iter().any(|v| v.key == *key))
            || on_tape(key)
    }

    /// What an actor is told about an object now: the next taped answer between the last delivered and
    /// the next frame, else the newest that is known; `None` when it does not exist.
    pub(super) fn answer(&mut self, actor: &str, key: &ObjectKey) -> Option<Arc<Value>> {
        let place = (actor.to_owned(), key.clone());
        let plan = self.plan.clone();
        let taped = plan.answers.get(&place).map(Vec::as_slice).unwrap_or_default();
        let before = self.served.get(&place).copied();
        let own = self.own.get(key).map_or(0, |own| own.n);
        let lowest = self.last_frame.max(own);
        let next = before.map_or(0, |index| index + 1);
        let next = next + taped[next.min(taped.len())..].partition_point(|said| said.n <= lowest);
        let until = self.next_frame();
        let fits = taped.get(next).filter(|said| said.n < until && self.can_say(key, said));
        if let Some(said) = fits {
            self.served.insert(place, next);
            return object_of(said);
        }
        let last = before.and_then(|index| taped.get(index)).filter(|said| said.n > own);
        self.newest(key, last)
    }

    fn newest(&self, key: &ObjectKey, last: Option<&Said>) -> Option<Arc<Value>> {
        let published = self.history.get(key).map(|current| (current.rv, Some(current.object.clone())));
        let own = self.own.get(key).map(|own| (own.rv, own.object.clone()));
        let said = last.map(|said| (said.rv, object_of(said)));
        let gone = self.deleted_rv(key).map(|rv| (rv, None));
        let all = [said, published, own, gone];
        all.into_iter().flatten().max_by_key(|(rv, _)| *rv).and_then(|(_, object)| object)
    }

    /// The resourceVersion at which the object was last deleted, as far as the history has come.
    fn deleted_rv(&self, key: &ObjectKey) -> Option<u64> {
        let of = (key.group.clone(), key.plural.clone());
        let count = self.published.get(&of).copied()?;
        let versions = &self.plan.types.get(&of)?.versions[..count];
        versions.iter().rev().find(|version| version.key == *key).filter(|v| v.deleted).map(|v| v.rv)
    }

    /// Whether an answer shows nothing that an operator has still to do.
    fn can_say(&self, key: &ObjectKey, said: &Said) -> bool {
        if said.status == 404 {
            return true;
        }
        let of = (key.group.clone(), key.plural.clone());
        let versions = self.plan.types.get(&of).map(|types| types.versions.as_slice()).unwrap_or_default();
        let at = versions.partition_point(|version| version.rv < said.rv);
        let made_by = versions[at..].iter().take_while(|v| v.rv == said.rv).find(|v| v.key == *key);
        let settled = made_by.and_then(|v| v.status_write).is_none_or(|write| self.ledger.is_settled(write));
        settled && !self.ledger.is_ahead(key, said.rv)
    }

    /// Objects that only a list shows become known when someone asks.
    fn publish_lists(&mut self, actor: &str, info: &RequestInfo) {
        let Some(resource) = &info.resource else { return };
        let of: TypeKey = (resource.group.clone(), resource.plural.clone());
        let own = (actor.to_owned(), of.clone());
        let places: Vec<_> = if self.queues.contains_key(&own) {
            vec![own]
        } else {
            self.queues.keys().filter(|(_, other)| *other == of).cloned().collect()
        };
        for (actor, of) in places {
            while self.is_listed_now(&actor, &of) {
                self.deliver(&actor, &of);
            }
        }
    }

    fn is_listed_now(&self, actor: &str, of: &TypeKey) -> bool {
        let queue = self.queues.get(&(actor.to_owned(), of.clone()));
        let Some(index) = queue.and_then(|queue| queue.front()) else { return false };
        let item = &self.plan.items[*index];
        matches!(item.what, What::Seen { framed: false, .. })
            && item.n < self.next_frame()
            && item.n < self.ledger.barrier()
            && !self.shows_future(*index)
    }

    fn list(&mut self, actor: &str, info: &RequestInfo) -> Option<Response> {
        let scope = match Scope::of(info) {
            Ok(scope) => scope?,
            Err(error) => return Some(Failure::new(400, "BadRequest", error.to_string()).to_response()),
        };
        let of = (scope.resource.group.clone(), scope.resource.plural.clone());
        let types = self.plan.types.get(&of)?;
        let kind = types.kind.clone();
        self.publish_lists(actor, info);
        let limit = info.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(0);
        let token = info.query.get("continue").filter(|token| !token.is_empty());
        let page = match self.history.page(&scope, limit, token) {
            Ok(page) => page,
            Err(error) => return Some(error.to_failure().to_response()),
        };
        let reach = self.reach.entry((actor.to_owned(), of)).or_default();
        *reach = (*reach).max(page.rv);
        let mut items: Vec<Arc<Value>> = page.items;
        if page.next.is_none() && token.is_none() {
            self.overlay(&scope, &mut items);
        }
        let items: Vec<Value> = items
            .iter()
            .map(|item| if info.metadata_only { metadata_of(item) } else { (**item).clone() })
            .collect();
        let (kind, api_version) = if info.metadata_only {
            ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned())
        } else {
            (format!("{kind}List"), scope.resource.api_version())
        };
        let mut metadata = json!({ "resourceVersion": page.rv.to_string() });
        if let Some(next) = page.next {
            metadata["continue"] = json!(next);
            metadata["remainingItemCount"] = json!(page.remaining);
        }
        Some(json_response(
            &json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items }),
        ))
    }

    /// An actor reads its own writes, also where no stream has shown them yet.
    fn overlay(&self, scope: &Scope, items: &mut Vec<Arc<Value>>) {
        let name = |item: &Value| {
            let text = |p| item.pointer(p).and_then(Value::as_str).unwrap_or_default().to_owned();
            (text("/metadata/namespace"), text("/metadata/name"))
        };
        let of = (&scope.resource.group, &scope.resource.plural);
        for (key, own) in
            self.own.iter().filter(|(key, _)| (&key.group, &key.plural) == of && scope.covers(key))
        {
            if self.history.get(key).is_some_and(|current| current.rv >= own.rv) {
                continue;
            }
            let place = (key.namespace.clone().unwrap_or_default(), key.name.clone());
            items.retain(|item| name(item) != place);
            items.extend(own.object.clone().filter(|object| scope.selects(object)));
        }
        items.sort_by_key(|item| name(item));
    }

    fn watch(&mut self, actor: &str, info: &RequestInfo) -> Option<Response> {
        let scope = match Scope::of(info) {
            Ok(scope) => scope?,
            Err(error) => return Some(Failure::new(400, "BadRequest", error.to_string()).to_response()),
        };
        let of = (scope.resource.group.clone(), scope.resource.plural.clone());
        let kind = self.plan.types.get(&of)?.kind.clone();
        let start = match info.query.get("resourceVersion") {
            _ if info.query.is_true("sendInitialEvents") => Start::Present { bookmark: true },
            None | Some("" | "0") => Start::Present { bookmark: false },
            Some(rv) => match rv.parse() {
                Ok(rv) => Start::After(rv),
                Err(_) => {
                    let text = format!("Invalid value: {rv:?}: resourceVersion must be a number");
                    return Some(Failure::new(400, "BadRequest", text).to_response());
                }
            },
        };
        if matches!(start, Start::Present { .. }) {
            self.publish_lists(actor, info);
        }
        let cursor = Cursor::new(&self.history, scope, &kind, info.metadata_only, start);
        if let Start::Present { .. } = start {
            let reach = self.reach.entry((actor.to_owned(), of.clone())).or_default();
            *reach = (*reach).max(cursor.after());
        }
        let limit = info.query.get("timeoutSeconds").and_then(|s| s.parse().ok()).map(Duration::from_secs);
        let response = self.watches.open(actor, of, cursor, limit);
        self.pump();
        Some(response)
    }

    /// Discovery, subresources and other paths: the taped answers in order, the last one again and again.
    fn by_path(&mut self, actor: &str, info: &RequestInfo) -> Option<Outcome> {
        let key = (actor.to_owned(), info.verb, path_of(info));
        let count = self.read_counts.entry(key.clone()).or_default();
        let index = *count;
        *count += 1;
        let anyone =
            || self.plan.reads.iter().find(|((_, v, p), _)| (*v, p) == (key.1, &key.2)).map(|(_, s)| s);
        let said = self.plan.reads.get(&key).or_else(anyone)?;
        let said = said.get(index).or(said.last())?;
        Some(as_outcome(said))
    }

    fn no_answer(&mut self, actor: &str, info: &RequestInfo, now: Duration) -> Reply {
        self.note(now, actor, info, 501, None);
        let divergence = Divergence::no_answer(actor, info, now);
        let message = divergence.headline();
        if self.diverge(divergence) {
            return Reply::Never;
        }
        Reply::Now(Ok(Failure::new(501, "NotImplemented", message).to_response()))
    }
}

pub(super) fn as_outcome(said: &Said) -> Outcome {
    match &said.error {
        Some(error) => Err(error.clone().into()),
        None => Ok(respond(said.status, &said.body)),
    }
}

fn object_of(said: &Said) -> Option<Arc<Value>> {
    match &said.body {
        Payload::Json(object) if said.status < 300 => Some(object.clone()),
        _ => None,
    }
}

pub(super) fn respond(status: u16, body: &Payload) -> Response {
    let bytes = match body {
        Payload::Empty => Vec::new(),
        Payload::Json(value) => value.to_string().into_bytes(),
        Payload::Text(text) => text.clone().into_bytes(),
        Payload::Bytes(bytes) => bytes.clone(),
    };
    let kind = if matches!(body, Payload::Text(_)) { "text/plain" } else { "application/json" };
    let mut response = Response::new(Body::full(bytes));
    *response.status_mut() = status_of(status);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)
}

pub(super) fn json_response(object: &Value) -> Response {
    json_text(object.to_string())
}

pub(super) fn json_text(text: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::full(text.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
