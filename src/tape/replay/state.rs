use super::{
    plan::{Exchange, exchanges},
    versions::versions,
};
use crate::{
    tape::{Payload, Tape},
    wire::{ObjectKey, Resource, Verb},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Tape {
    /// The objects that existed after the event with this number, as far as the tape tells it: the newest version of
    /// each that a frame, a list or an answer showed, unless one showed that it is gone. Secrets stay symbols.
    pub fn objects_after(&self, n: u64) -> Vec<(Resource, Arc<Value>)> {
        let until = self.events.partition_point(|event| event.n <= n);
        let events = self.events[..until].to_vec();
        let before = Self { header: self.header.clone(), events, end: String::new() };
        let exchanges = exchanges(&before);
        let deleted = deleted(&exchanges);
        let mut objects = Vec::new();
        for types in versions(&before, &exchanges, &[]).into_values() {
            let Some(resource) = types.resource else { continue };
            let mut newest: BTreeMap<ObjectKey, Option<Arc<Value>>> = BTreeMap::new();
            for version in types.versions {
                let gone = version.deleted || uid(&version.object).is_some_and(|uid| deleted.contains(uid));
                newest.insert(version.key, (!gone).then_some(version.object));
            }
            objects.extend(newest.into_values().flatten().map(|object| (resource.clone(), object)));
        }
        objects
    }
}

fn uid(object: &Value) -> Option<&str> {
    object["metadata"]["uid"].as_str()
}

/// The uids of objects whose deletion the server confirmed, which need not have been watched.
fn deleted(exchanges: &BTreeMap<String, Exchange>) -> BTreeSet<String> {
    let confirmed = |exchange: &Exchange| {
        let (.., answer) = exchange.answer.as_ref().filter(|_| exchange.info.verb == Verb::Delete)?;
        let Payload::Json(status) = &answer.body else { return None };
        let done = answer.status == 200 && status["kind"] == "Status";
        status["details"]["uid"].as_str().filter(|_| done).map(str::to_owned)
    };
    exchanges.values().filter_map(confirmed).collect()
}

#[cfg(test)]
mod tests {
    use crate::tape::Tape;

    fn echo() -> Tape {
        Tape::load(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tapes/echo-bare.ktape")).unwrap()
    }

    fn names(tape: &Tape, n: u64) -> Vec<String> {
        let objects = tape.objects_after(n);
        objects
            .iter()
            .map(|(resource, object)| format!("{resource} {}", object["metadata"]["name"]))
            .collect()
    }

    #[test]
    fn objects_come_and_go_as_the_tape_goes_on() {
        let tape = echo();
        assert_eq!(names(&tape, 0), Vec::<String>::new());
        let all: Vec<_> = tape.events.iter().map(|event| names(&tape, event.n)).collect();
        let most = [r#"deployments.apps "hello""#, r#"echoes.example.com "hello""#].map(str::to_owned);
        assert_eq!(all.iter().max_by_key(|names| names.len()).unwrap(), &most);
        assert_eq!(all.last().unwrap(), &Vec::<String>::new(), "the tape ends when all is deleted");
    }
}
