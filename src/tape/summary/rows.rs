use super::{
    row::{Row, label},
    what,
};
use crate::{
    tape::{Answer, Class, Event, Payload, Sent, Tape, TapeEvent, Write, classify},
    wire::{EventType, ObjectKey, RequestInfo},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Which rows are wanted; an empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Verbs, or `ADDED` and the like.
    pub verbs: Vec<String>,
    /// Actors.
    pub actors: Vec<String>,
    /// Status codes; `4xx` stands for all of a hundred.
    pub statuses: Vec<String>,
    /// Numbers of the first and the last event.
    pub range: Option<(u64, u64)>,
}

impl Filter {
    fn takes(&self, row: &Row) -> bool {
        let is_in = |list: &[String], word: &str| {
            list.is_empty() || list.iter().any(|one| one.eq_ignore_ascii_case(word))
        };
        let status = row.status.map(|status| status.to_string()).unwrap_or_default();
        let class = format!("{}xx", status.get(..1).unwrap_or_default());
        is_in(&self.verbs, &row.verb)
            && is_in(&self.actors, &row.actor)
            && (is_in(&self.statuses, &status) || is_in(&self.statuses, &class))
            && self.range.is_none_or(|(from, to)| (from..=to).contains(&row.n))
    }
}

/// The rows of a tape that `filter` takes, in order.
pub fn summary(tape: &Tape, filter: &Filter) -> Vec<Row> {
    let mut table = Table::new(tape);
    for event in &tape.events {
        table.event(event);
    }
    table.rows.retain(|row| filter.takes(row));
    table.rows
}

struct Table<'a> {
    own: &'a str,
    rows: Vec<Row>,
    /// The row and the request of every id.
    requests: BTreeMap<&'a str, (usize, &'a Sent, RequestInfo)>,
    writes: BTreeMap<u64, Write>,
    latest: BTreeMap<ObjectKey, Value>,
    /// The version that each write found when it was sent: its frame may come before its answer.
    before: BTreeMap<u64, Value>,
}

impl<'a> Table<'a> {
    fn new(tape: &'a Tape) -> Self {
        let writes = classify(tape).into_iter().map(|write| (write.requested_n, write)).collect();
        let own = &tape.header.namespace;
        Self {
            own,
            rows: Vec::new(),
            requests: BTreeMap::new(),
            writes,
            latest: BTreeMap::new(),
            before: BTreeMap::new(),
        }
    }

    fn event(&mut self, event: &'a TapeEvent) {
        match &event.event {
            Event::Sent(sent) => self.sent(event, sent),
            Event::Answer(answer) => self.answer(event.n, answer),
            Event::Failed { to, error } => {
                if let Some((row, ..)) = self.requests.get(to.as_str()) {
                    let row = &mut self.rows[*row];
                    (row.status, row.answer, row.what) = (Some(0), Some(event.n), error.clone());
                }
            }
            Event::Frame { of, event: kind, object } => self.frame(event, of, *kind, object),
            Event::Closed { of, error } => {
                let what = error.clone().unwrap_or_else(|| "closed by the server".to_owned());
                self.of_watch(event, of, "close", None, what, None);
            }
            Event::Step { step, of } => {
                let row = row(event, of, step);
                self.rows.push(row);
            }
        }
    }

    fn sent(&mut self, event: &'a TapeEvent, sent: &'a Sent) {
        let info = sent.info();
        let mut row = row(event, &sent.by, sent.verb.as_str());
        let name = self.writes.get(&event.n).map(|write| write.key.name.clone()).or(info.name.clone());
        row.object = match &info.resource {
            Some(resource) => {
                let key = ObjectKey::new(resource, info.namespace.as_deref(), &name.unwrap_or_default());
                label(&key, info.subresource.as_deref(), self.own)
            }
            None => info.path.clone(),
        };
        if let Some(old) = self.writes.get(&event.n).and_then(|write| self.latest.get(&write.key)) {
            self.before.insert(event.n, old.clone());
        }
        row.body = sent.body.json().cloned();
        row.status = Some(0);
        self.requests.insert(&sent.id, (self.rows.len(), sent, info));
        self.rows.push(row);
    }

    fn answer(&mut self, n: u64, answer: &Answer) {
        let Some((at, sent, info)) = self.requests.get(answer.to.as_str()) else { return };
        let (at, write) = (*at, self.writes.get(&self.rows[*at].n));
        let is_write = sent.verb.is_write();
        let response = answer.body.json();
        let text = match (write, response) {
            _ if answer.status >= 400 => what::refusal(response),
            (Some(write), _) if write.class == Class::Repeat => "repeat".to_owned(),
            (Some(write), Some(response)) => self.changed(write, response),
            (None, Some(response)) => what::count(response).unwrap_or_default(),
            _ => String::new(),
        };
        let whole = response.filter(|_| answer.status < 400 && !info.metadata_only);
        let items = whole.and_then(|body| body.get("items")).and_then(Value::as_array);
        let objects = items.map_or(whole.map(std::slice::from_ref).unwrap_or_default(), Vec::as_slice);
        for object in objects {
            if let Some(key) = key_of(info, object) {
                self.latest.insert(key, object.clone());
            }
        }
        let row = &mut self.rows[at];
        (row.status, row.answer, row.what) = (Some(answer.status), Some(n), text);
        if !is_write && let Payload::Json(body) = &answer.body {
            row.body = Some((**body).clone());
        }
    }

    /// What a write changed in the object's last version on the tape.
    fn changed(&self, write: &Write, response: &Value) -> String {
        match self.before.get(&write.requested_n) {
            Some(old) if response.get("kind").is_none_or(|kind| kind != "Status") => {
                what::changes(old, response)
            }
            None if !write.body.is_null() && write.body.is_object() => what::contents(&write.body),
            _ => String::new(),
        }
    }

    fn frame(&mut self, event: &TapeEvent, of: &str, kind: EventType, object: &Value) {
        let key = self.requests.get(of).and_then(|(_, _, info)| key_of(info, object));
        let is_whole = self.requests.get(of).is_some_and(|(_, _, info)| !info.metadata_only);
        let text = match (&key, kind) {
            (_, EventType::Error) => what::refusal(Some(object)),
            (Some(key), EventType::Added | EventType::Modified) => match self.latest.get(key) {
                Some(old) if is_whole => what::changes(old, object),
                Some(old) => what::changes(&old["metadata"], &object["metadata"]),
                None => what::contents(object),
            },
            _ => String::new(),
        };
        if let Some(key) = &key {
            if kind == EventType::Deleted {
                self.latest.remove(key);
            } else if is_whole {
                self.latest.insert(key.clone(), object.clone());
            }
        }
        self.of_watch(event, of, kind.as_str(), key.as_ref(), text, Some(object));
    }

    fn of_watch(
        &mut self,
        event: &TapeEvent,
        of: &str,
        verb: &str,
        key: Option<&ObjectKey>,
        what: String,
        body: Option<&Value>,
    ) {
        let Some((at, sent, _)) = self.requests.get(of) else { return };
        let mut row = row(event, &sent.by, verb);
        row.object = key.map_or_else(|| self.rows[*at].object.clone(), |key| label(key, None, self.own));
        (row.what, row.body) = (what, body.cloned());
        self.rows.push(row);
    }
}

fn row(event: &TapeEvent, actor: &str, verb: &str) -> Row {
    Row {
        n: event.n,
        answer: None,
        at: event.at,
        actor: actor.to_owned(),
        verb: verb.to_owned(),
        object: String::new(),
        status: None,
        what: String::new(),
        body: None,
    }
}

fn key_of(info: &RequestInfo, object: &Value) -> Option<ObjectKey> {
    let text = |key| object.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str);
    Some(ObjectKey::new(info.resource.as_ref()?, text("namespace"), text("name")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{tape::sample::Builder, wire::Verb};
    use serde_json::json;

    #[test]
    fn the_table_tells_what_each_write_changed() {
        let path = "/apis/example.com/v1/namespaces/a/webs/web";
        let web = |replicas: u64, rv: &str| json!({"metadata": {"name": "web", "namespace": "a", "resourceVersion": rv}, "spec": {"replicas": replicas}});
        let mut tape = Builder::new();
        tape.get("op", "/apis/example.com/v1/namespaces/a/webs", json!({"items": [web(2, "1")]}));
        let watch = tape.sent(
            "op",
            Verb::Watch,
            "/apis/example.com/v1/namespaces/a/webs?watch=true",
            None,
            Payload::Empty,
        );
        tape.answer(&watch, 200, Payload::Empty);
        tape.frame(&watch, EventType::Added, web(2, "1"));
        let media = Some("application/merge-patch+json");
        let body = json!({"spec": {"replicas": 3}});
        tape.write("op", Verb::Patch, path, media, body.clone(), 200, web(3, "2"));
        tape.write("op", Verb::Patch, path, media, body, 200, web(3, "2"));
        let conflict = json!({"kind": "Status", "reason": "Conflict", "message": "modified"});
        tape.write("op", Verb::Patch, &format!("{path}/status"), media, json!({}), 409, conflict);
        tape.push(Event::Step { step: "kill".to_owned(), of: "op".to_owned() });
        let tape = tape.build();
        let rows = summary(&tape, &Filter::default());
        let text: Vec<String> = rows.iter().map(ToString::to_string).collect();
        let expected =
            "   1    +0.0s  op            list      webs.example.com                  200     1 item
   3    +0.0s  op            watch     webs.example.com                  200
   5    +0.1s  op            ADDED     webs.example.com/web
   6    +0.1s  op            patch     webs.example.com/web              200     replicas: 2 → 3
   8    +0.1s  op            patch     webs.example.com/web              200     repeat
  10    +0.1s  op            patch     webs.example.com/web/status       409     Conflict: modified
  12    +0.1s  op            kill";
        assert_eq!(text.join("\n"), expected);
        let filter =
            Filter { verbs: vec!["patch".to_owned()], statuses: vec!["4xx".to_owned()], ..Filter::default() };
        assert_eq!(summary(&tape, &filter).iter().map(|row| row.n).collect::<Vec<_>>(), [10]);
    }
}
