use crate::{
    scrub::{Scrubber, serve, symbols_in},
    tape::{Event, Payload, Tape},
    wire::RequestInfo,
};
use serde_json::Value;
use std::sync::Arc;

/// A copy of the tape with stand-ins in the place of secrets, as it is served.
pub(super) fn served(tape: &Tape) -> Tape {
    let mut tape = tape.clone();
    for event in &mut tape.events {
        match &mut event.event {
            Event::Answer(answer) => {
                if let Payload::Json(body) = &mut answer.body {
                    served_body(body);
                }
            }
            Event::Frame { object, .. } => served_body(object),
            _ => {}
        }
    }
    tape
}

/// Bodies without secrets stay shared with the tape.
pub(super) fn served_body(body: &mut Arc<Value>) {
    if has_secrets(body) {
        serve(Arc::make_mut(body));
    }
}

fn has_secrets(value: &Value) -> bool {
    match value {
        Value::String(text) => is_marked(text),
        Value::Array(items) => items.iter().any(has_secrets),
        Value::Object(fields) => fields.values().any(has_secrets),
        _ => false,
    }
}

/// A search for one byte is fast in unoptimised builds too.
fn is_marked(text: &str) -> bool {
    text.as_bytes().contains(&b'$') && text.contains("$secret")
}

/// Turns the secrets of a write that came into the symbols that the tape has for them: a stand-in into its
/// own, a new value into one named by its place.
#[derive(Debug)]
pub(super) struct Masks(Scrubber);

impl Masks {
    pub(super) fn new(tape: &Tape) -> Self {
        let mut scrubber = Scrubber::new();
        for event in &tape.events {
            let body = match &event.event {
                Event::Answer(answer) => answer.body.json(),
                Event::Frame { object, .. } => Some(&**object),
                Event::Sent(sent) => sent.body.json(),
                _ => None,
            };
            if let Some(body) = body {
                expect(&mut scrubber, body);
            }
        }
        Self(scrubber)
    }

    pub(super) fn mask(&mut self, info: &RequestInfo, body: &mut Value) {
        const REQUEST: &str = "incoming";
        self.0.open(REQUEST, info);
        self.0.json(REQUEST, body);
        self.0.close(REQUEST);
    }
}

fn expect(scrubber: &mut Scrubber, value: &Value) {
    match value {
        Value::String(text) if is_marked(text) => {
            for name in symbols_in(text) {
                scrubber.expect_stand_in(&format!("$secret({name})"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expect(scrubber, item)),
        Value::Object(fields) => fields.values().for_each(|field| expect(scrubber, field)),
        _ => {}
    }
}
