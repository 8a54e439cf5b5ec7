use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Events of one source about one object: so many at once, then one in so many milliseconds.
const BURST: f64 = 25.0;
const REFILL: f64 = 300_000.0;
/// So many different messages of one reason become one event, as long as each comes within so many milliseconds.
const DIFFERENT: usize = 10;
const WITHIN: u64 = 600_000;

/// What the recorders of all controllers have said.
#[derive(Debug, Default)]
pub struct Correlator {
    spam: BTreeMap<String, (f64, u64)>,
    similar: BTreeMap<String, (BTreeSet<String>, u64)>,
    said: BTreeMap<String, Known>,
    last: i128,
}

#[derive(Clone, Debug)]
struct Known {
    name: String,
    count: i64,
    first: Value,
}

/// What is to be written for an event.
#[derive(Debug, PartialEq)]
pub enum Said {
    /// A new one.
    New(Value),
    /// A known one of this name that is counted again: a patch of it, and the event itself should it be gone.
    Again(String, Value, Value),
}

impl Correlator {
    /// A moment for the name of an event: no two events have the same.
    pub fn moment(&mut self, nanos: i128) -> i128 {
        self.last = nanos.max(self.last + 1);
        self.last
    }

    /// What becomes of an event; nothing when there were too many. `now` is in milliseconds.
    pub fn hear(&mut self, event: Value, now: u64) -> Option<Said> {
        if self.is_spam(&event, now) {
            return None;
        }
        let (mut event, key) = self.put_together(event, now);
        let Some(known) = self.said.get_mut(&key) else {
            let known = Known { name: name(&event), count: 1, first: event["firstTimestamp"].clone() };
            self.said.insert(key, known);
            return Some(Said::New(event));
        };
        known.count += 1;
        event["metadata"]["name"] = json!(known.name);
        event["firstTimestamp"] = known.first.clone();
        event["count"] = json!(known.count);
        let patch = json!({
            "count": known.count, "lastTimestamp": event["lastTimestamp"], "message": event["message"],
        });
        Some(Said::Again(known.name.clone(), patch, event))
    }

    fn is_spam(&mut self, event: &Value, now: u64) -> bool {
        let (left, at) = self.spam.entry(about(event, &["type"])).or_insert((BURST, now));
        *left = (*left + now.saturating_sub(*at) as f64 / REFILL).min(BURST);
        *at = now;
        if *left < 1.0 {
            return true;
        }
        *left -= 1.0;
        false
    }

    /// Many events that differ by their message alone become one.
    fn put_together(&mut self, mut event: Value, now: u64) -> (Value, String) {
        let group = about(&event, &["type", "reason", "reportingComponent"]);
        let message = event["message"].as_str().unwrap_or_default().to_owned();
        let (messages, at) = self.similar.entry(group.clone()).or_insert((BTreeSet::new(), now));
        if now.saturating_sub(*at) > WITHIN {
            messages.clear();
        }
        messages.insert(message.clone());
        *at = now;
        if messages.len() < DIFFERENT {
            let key = about(&event, &["type", "reason", "message"]);
            return (event, key);
        }
        messages.pop_first();
        event["reportingComponent"] = json!("");
        event["message"] = json!(format!("(combined from similar events): {message}"));
        (event, format!("{group}+"))
    }
}

fn name(event: &Value) -> String {
    event["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// A key of who speaks about what.
fn about(event: &Value, fields: &[&str]) -> String {
    let object = &event["involvedObject"];
    let mut parts = vec![&event["source"]["component"]];
    parts.extend(["kind", "namespace", "name", "uid", "apiVersion"].map(|field| &object[field]));
    parts.extend(fields.iter().map(|field| &event[*field]));
    parts.iter().map(|part| part.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, message: &str) -> Value {
        json!({
            "metadata": {"name": name}, "involvedObject": {"uid": "u"}, "source": {"component": "c"}, "count": 1,
            "type": "Normal", "reason": "R", "message": message, "firstTimestamp": "f", "lastTimestamp": name,
        })
    }

    #[test]
    fn the_same_event_is_counted_and_keeps_its_name() {
        let mut said = Correlator::default();
        assert_eq!(said.hear(event("a", "m"), 0), Some(Said::New(event("a", "m"))));
        let Some(Said::Again(name, patch, _)) = said.hear(event("b", "m"), 0) else { panic!("not counted") };
        assert_eq!((name.as_str(), &patch["count"], &patch["lastTimestamp"]), ("a", &json!(2), &json!("b")));
        assert!(matches!(said.hear(event("c", "n"), 0), Some(Said::New(_))));
    }

    #[test]
    fn the_tenth_message_of_a_reason_stands_for_those_after_it() {
        let mut said = Correlator::default();
        for count in 1..10 {
            assert!(matches!(said.hear(event("a", &count.to_string()), 0), Some(Said::New(_))), "{count}");
        }
        let Some(Said::New(all)) = said.hear(event("b", "x"), 0) else { panic!("nothing new") };
        assert_eq!(all["message"], "(combined from similar events): x");
        assert!(matches!(said.hear(event("c", "y"), 0), Some(Said::Again(name, ..)) if name == "b"));
        assert!(
            matches!(said.hear(event("d", "z"), WITHIN + 1), Some(Said::New(event)) if event["message"] == "z")
        );
    }

    #[test]
    fn a_source_that_says_too_much_of_an_object_is_not_heard_for_a_while() {
        let mut said = Correlator::default();
        let heard = (0..40).filter(|_| said.hear(event("a", "m"), 0).is_some()).count();
        assert_eq!(heard, 25);
        assert!(said.hear(event("a", "m"), 300_000).is_some());
        assert!(said.hear(event("a", "m"), 300_000).is_none());
    }
}
