use super::{
    core::Core,
    divergence::Divergence,
    ledger::{Attempt, Verdict, precondition},
    plan::{is_event, rv_of},
    reads::Reply,
};
use crate::{
    tape::Class,
    wire::{Failure, ObjectKey, is_time},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// resourceVersions that writes insist on, and times that repeats leave behind.
impl Core {
    /// A write that insists on a resourceVersion must know the newest one.
    ///
    /// Once that is a race, and it gets the 409 that a server gives; twice in a row it is a divergence.
    pub(super) fn judge_version(
        &mut self,
        attempt: &Attempt,
        verdict: &Verdict,
        now: Duration,
    ) -> Option<Reply> {
        let key = self.ledger.key_of(attempt)?;
        let came = precondition(&attempt.body);
        let (taped, newest) = match verdict {
            Verdict::Match(write) => {
                let taped = &self.plan.writes[*write];
                let wanted = precondition(&taped.body);
                if is_event(&key) || taped.class == Class::Failed || came == wanted {
                    return None;
                }
                let newest = self.newest_rv(&key);
                if wanted.is_none() || came.is_none() {
                    let divergence =
                        Divergence::stale(&self.plan, attempt, *write, came, wanted.and(Some(newest)), now);
                    return Some(self.refuse(attempt, divergence, now));
                }
                (Some(*write), newest)
            }
            // What others have made of it meanwhile says nothing about a repeat: on the tape it came through.
            Verdict::Repeat(last) => (*last, self.given.get(&(attempt.actor.clone(), key.clone())).copied()?),
            _ => return None,
        };
        let place = (attempt.actor.clone(), key);
        if came? >= newest {
            self.stale.remove(&place);
            return None;
        }
        match taped {
            Some(write) if !self.stale.insert(place) => {
                let divergence = Divergence::stale(&self.plan, attempt, write, came, Some(newest), now);
                Some(self.refuse(attempt, divergence, now))
            }
            _ => {
                self.note(now, &attempt.actor, &attempt.info, 409, None);
                Some(Reply::Now(Ok(Failure::modified(&attempt.info).to_response())))
            }
        }
    }

    /// Notes what an answer tells an actor of an object.
    pub(super) fn give(&mut self, actor: &str, key: &ObjectKey, rv: u64) {
        if rv > 0 {
            self.given.insert((actor.to_owned(), key.clone()), rv);
        }
    }

    /// A repeat with later times leaves these behind: a lease that is renewed must not look abandoned, however
    /// much longer than on the tape it is held.
    pub(super) fn renew(&mut self, attempt: &Attempt, key: &ObjectKey, object: Arc<Value>) -> Arc<Value> {
        if !has_other_times(&attempt.body, &object) {
            return object;
        }
        let mut renewed = (*object).clone();
        take_times(&attempt.body, &mut renewed);
        let told = self.given.iter().filter(|((_, known), _)| known == key).map(|(_, rv)| *rv).max();
        let rv = self.newest_rv(key).max(told.unwrap_or(0)).max(rv_of(&object));
        renewed["metadata"]["resourceVersion"] = json!(rv.to_string());
        let renewed = Arc::new(renewed);
        let own = self.own.entry(key.clone()).or_default();
        (own.rv, own.object) = (rv, Some(renewed.clone()));
        renewed
    }
}

/// Whether a body has a time where an object has another one.
fn has_other_times(body: &Value, object: &Value) -> bool {
    match (body, object) {
        (Value::Object(body), Value::Object(object)) => body.iter().any(|(field, value)| {
            field != "metadata" && object.get(field).is_some_and(|old| has_other_times(value, old))
        }),
        (Value::String(new), Value::String(old)) => new != old && is_time(new) && is_time(old),
        _ => false,
    }
}

/// Puts the times of a body into an object where it has other ones.
fn take_times(body: &Value, object: &mut Value) {
    match (body, object) {
        (Value::Object(body), Value::Object(object)) => {
            for (field, value) in body.iter().filter(|(field, _)| *field != "metadata") {
                if let Some(old) = object.get_mut(field) {
                    take_times(value, old);
                }
            }
        }
        (Value::String(new), Value::String(old)) if is_time(new) && is_time(old) => old.clone_from(new),
        _ => {}
    }
}
