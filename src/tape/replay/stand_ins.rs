use crate::{
    scrub::{Scrubber, serve, symbols_in},
    tape::{Event, Payload, Tape},
    wire::RequestInfo,
};
use serde_json::Value;

/// A copy of the tape with stand-ins in the place of secrets, as it is served.
pub(super) fn served(tape: &Tape) -> Tape {
    let mut tape = tape.clone();
    for event in &mut tape.events {
        match &mut event.event {
            Event::Answer(answer) => {
                if let Payload::Json(body) = &mut answer.body {
                    serve(body);
                }
            }
            Event::Frame { object, .. } => serve(object),
            _ => {}
        }
    }
    tape
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
                Event::Frame { object, .. } => Some(object),
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
        Value::String(text) if text.contains("$secret") => {
            for name in symbols_in(text) {
                scrubber.expect_stand_in(&format!("$secret({name})"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| expect(scrubber, item)),
        Value::Object(fields) => fields.values().for_each(|field| expect(scrubber, field)),
        _ => {}
    }
}
