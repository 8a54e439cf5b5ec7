use super::{
    core::{Core, Held, Level, Outcome, Own, Waiting},
    divergence::Divergence,
    ledger::{Attempt, Verdict},
    plan::{DRIVER, Exchange, rv_of},
    reads::{Reply, json_response, respond, status_of},
};
use crate::{
    tape::{Class, Payload, same_body},
    wire::{Failure, ObjectKey, Response, Verb},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::oneshot;

impl Core {
    /// Takes a write for what it is on the tape, and answers it as the server did.
    pub(super) fn write(&mut self, attempt: Attempt, now: Duration) -> Reply {
        if self.level == Level::Strict
            && let Some(divergence) = self.out_of_line(&attempt, now)
        {
            return self.refuse(&attempt, divergence, now);
        }
        let news = self.ledger.key_of(&attempt).map_or(u64::MAX, |key| self.next_news(&attempt.actor, &key));
        let verdict = self.ledger.judge(&attempt, news);
        if let Some(reply) = self.judge_version(&attempt, &verdict, now) {
            return reply;
        }
        match verdict {
            Verdict::Match(write) if self.was_never_answered(write) => {
                self.ledger.record(&attempt, &verdict);
                self.note(now, &attempt.actor, &attempt.info, 0, Some(self.plan.writes[write].requested_n));
                Reply::Never
            }
            Verdict::Match(write) if attempt.actor == DRIVER => {
                let taped = &self.plan.writes[write];
                let (n, at) = (taped.requested_n, taped.requested_at.0);
                let (reply, wait) = oneshot::channel();
                let what = Waiting::Write { write, attempt: Box::new(attempt), reply };
                self.held.push(Held { n, at, what });
                Reply::Held(wait)
            }
            Verdict::Match(_) | Verdict::Repeat(_) | Verdict::Free(_) => {
                Reply::Now(self.accept(&attempt, &verdict, now))
            }
            verdict => {
                let divergence = Divergence::of_write(&self.plan, &attempt, &verdict, now);
                self.refuse(&attempt, divergence, now)
            }
        }
    }

    /// Records a write that fits, and answers it.
    pub(super) fn accept(&mut self, attempt: &Attempt, verdict: &Verdict, now: Duration) -> Outcome {
        let response = match verdict {
            Verdict::Match(write) => {
                self.take(attempt, *write);
                let taped = &self.plan.writes[*write];
                let (key, rv) = (taped.key.clone(), taped.response_rv.unwrap_or(0));
                self.give(&attempt.actor, &key, rv);
                self.taped_response(*write)
            }
            Verdict::Free(taped) if attempt.info.subresource.as_deref() == Some("status") => {
                Ok(self.status_answer(attempt, *taped))
            }
            Verdict::Free(_) => Ok(self.event_answer(attempt, now)),
            Verdict::Repeat(last) => Ok(self.repeat_answer(attempt, *last)),
            _ => Err("a write that diverged has no answer".into()),
        };
        self.ledger.record(attempt, verdict);
        let taped = match verdict {
            Verdict::Match(write) => Some(self.plan.writes[*write].requested_n),
            _ => None,
        };
        let status = response.as_ref().map_or(0, |response| response.status().as_u16());
        self.note(now, &attempt.actor, &attempt.info, status, taped);
        response
    }

    /// What a matched write leaves behind.
    fn take(&mut self, attempt: &Attempt, write: usize) {
        let plan = self.plan.clone();
        let taped = &plan.writes[write];
        if taped.class == Class::Failed {
            return;
        }
        let place = (attempt.actor.clone(), taped.key.clone());
        if let Some(list) = plan.answers.get(&place) {
            let index = list.iter().position(|said| said.write == Some(write));
            if let Some(index) = index {
                let served = self.served.entry(place).or_insert(index);
                *served = (*served).max(index);
            }
        }
        let object = taped.response.as_ref().filter(|object| rv_of(object) > 0);
        let gone = taped.verb == Verb::Delete && object.is_none_or(|object| is_final(object));
        let rv = taped.response_rv.unwrap_or_else(|| self.newest_rv(&taped.key) + 1);
        let whole = matches!(taped.info.subresource.as_deref(), None | Some("status"));
        if gone || (whole && object.is_some()) {
            let object = if gone { None } else { object.cloned() };
            let known = self.own.get(&taped.key).is_some_and(|own| own.rv > rv);
            if !known {
                self.own.insert(
                    taped.key.clone(),
                    Own { n: taped.answered_n.unwrap_or(taped.requested_n), rv, object },
                );
            }
        }
    }

    fn exchange_of(&self, write: usize) -> Option<&Exchange> {
        self.plan.exchanges.get(&self.plan.writes[write].id)
    }

    /// Whether its operator was killed, or gave up, before any answer came.
    fn was_never_answered(&self, write: usize) -> bool {
        self.exchange_of(write).is_some_and(|exchange| exchange.answer.is_none() && exchange.failed.is_none())
    }

    fn taped_response(&self, write: usize) -> Outcome {
        match self.exchange_of(write).and_then(|exchange| exchange.answer.as_ref()) {
            Some((_, _, answer)) => {
                let mut response = match &answer.body {
                    Payload::Json(object) => self.texts.response(object),
                    other => respond(answer.status, other),
                };
                *response.status_mut() = status_of(answer.status);
                for (name, value) in &answer.headers {
                    let name = http::HeaderName::from_bytes(name.as_bytes());
                    if let (Ok(name), Ok(value)) = (name, value.parse()) {
                        response.headers_mut().insert(name, value);
                    }
                }
                Ok(response)
            }
            None => Err("the connection failed when this was recorded".into()),
        }
    }

    /// A write that came before is answered by what is known of its object now.
    fn repeat_answer(&mut self, attempt: &Attempt, last: Option<usize>) -> Response {
        let key = last.map(|write| self.plan.writes[write].key.clone());
        let Some(key) = key.or_else(|| attempt.info.key()) else {
            return Failure::not_found(&attempt.info).to_response();
        };
        if let Some(write) = last.filter(|_| key.name.is_empty()) {
            let taped = self.taped_response(write);
            return taped.unwrap_or_else(|_| Failure::not_found(&attempt.info).to_response());
        }
        let named = crate::wire::RequestInfo { name: Some(key.name.clone()), ..attempt.info.clone() };
        match (attempt.info.verb, self.answer(&attempt.actor, &key)) {
            (Verb::Create, Some(_)) => Failure::already_exists(&attempt.info, &key.name).to_response(),
            (_, Some(object)) => {
                let object = self.renew(attempt, &key, object);
                self.give(&attempt.actor, &key, rv_of(&object));
                self.texts.response(&object)
            }
            (Verb::Create, None) => last.map_or_else(
                || Failure::not_found(&named).to_response(),
                |write| {
                    self.taped_response(write).unwrap_or_else(|_| Failure::not_found(&named).to_response())
                },
            ),
            (_, None) => Failure::not_found(&named).to_response(),
        }
    }

    /// A status between two binding ones is answered by the nearest taped answer.
    fn status_answer(&mut self, attempt: &Attempt, taped: Option<usize>) -> Response {
        let key = attempt.info.key();
        let known = key.and_then(|key| self.answer(&attempt.actor, &key));
        match (known, taped) {
            (Some(object), _) => {
                if let Some(key) = attempt.info.key() {
                    self.give(&attempt.actor, &key, rv_of(&object));
                }
                self.texts.response(&object)
            }
            (None, Some(write)) => {
                self.taped_response(write).unwrap_or_else(|_| Failure::not_found(&attempt.info).to_response())
            }
            (None, None) => Failure::not_found(&attempt.info).to_response(),
        }
    }

    /// Events are for people: one that is not on the tape is kept as it came.
    fn event_answer(&mut self, attempt: &Attempt, now: Duration) -> Response {
        let name =
            attempt.info.name.clone().or_else(|| {
                attempt.body.pointer("/metadata/name").and_then(Value::as_str).map(str::to_owned)
            });
        let (Some(resource), Some(name)) = (&attempt.info.resource, name) else {
            return Failure::new(422, "Invalid", "an Event needs a name").to_response();
        };
        let key = ObjectKey::new(resource, attempt.info.namespace.as_deref(), &name);
        let mut event = self.events.get(&key).cloned().unwrap_or_else(|| json!({}));
        if attempt.body.is_object() {
            json_patch::merge(&mut event, &attempt.body);
        }
        if !event["metadata"].is_object() {
            event["metadata"] = json!({ "name": name });
        }
        event["metadata"]["namespace"] = json!(attempt.info.namespace);
        event["metadata"]["resourceVersion"] = json!((now.as_millis() + 1).to_string());
        let response = json_response(&event);
        self.events.insert(key, event);
        response
    }

    /// Level strict: the actor's next write of the tape has to be this one.
    fn out_of_line(&mut self, attempt: &Attempt, now: Duration) -> Option<Divergence> {
        let next = self.strict_next.entry(attempt.actor.clone()).or_default();
        let mine = |write: &crate::tape::Write| write.actor == attempt.actor;
        let index = self.plan.writes.iter().enumerate().skip(*next).find(|(_, w)| mine(w)).map(|(i, _)| i);
        let Some(index) = index else {
            return Some(Divergence::of_write(&self.plan, attempt, &Verdict::Unknown, now));
        };
        *next = index + 1;
        let taped = &self.plan.writes[index];
        let fits = taped.verb == attempt.info.verb
            && taped.info.what() == attempt.info.what()
            && super::ledger::query_of(&taped.info) == super::ledger::query_of(&attempt.info)
            && same_body(taped.verb, taped.subresource.as_deref(), &taped.body, &attempt.body);
        (!fits).then(|| Divergence::of_write(&self.plan, attempt, &Verdict::Different(index), now))
    }

    pub(super) fn refuse(&mut self, attempt: &Attempt, divergence: Divergence, now: Duration) -> Reply {
        self.note(now, &attempt.actor, &attempt.info, 501, None);
        let taped = divergence.nearest();
        if self.diverge(divergence) {
            return Reply::Never;
        }
        let taped = taped.and_then(|write| self.taped_response(write).ok());
        Reply::Now(Ok(taped.unwrap_or_else(|| respond(200, &Payload::Json(attempt.body.clone())))))
    }

    /// The first divergence wins; whether it ends the replay.
    pub(super) fn diverge(&mut self, divergence: Divergence) -> bool {
        if self.level == Level::Lenient {
            self.notes.push(divergence.summary());
            return false;
        }
        self.divergence.get_or_insert(divergence);
        true
    }
}

/// A deletion that left the object there says so by a deletionTimestamp.
fn is_final(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_none()
}
