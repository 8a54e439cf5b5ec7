//! How the parts of an event are scrubbed.

use super::{Event, Payload};
use crate::scrub::{Scrub, Scrubber};
use crate::wire::Verb;
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl Scrub for Event {
    fn scrub(&mut self, scrubber: &mut Scrubber) {
        match self {
            Event::Sent(sent) => {
                let info = sent.info();
                scrubber.open(&sent.id, &info);
                scrubber.text(&mut sent.path);
                payload(&mut sent.body, &sent.id, scrubber);
                // A watch stays open for its frames, and every other request for its answer.
                if !(info.verb == Verb::Watch || info.resource.is_some()) {
                    scrubber.close(&sent.id);
                }
            }
            Event::Answer(answer) => {
                payload(&mut answer.body, &answer.to, scrubber);
                scrubber.headers(&mut answer.headers);
                if answer.body != Payload::Empty {
                    scrubber.close(&answer.to);
                }
            }
            Event::Failed { to, error } => {
                scrubber.text(error);
                scrubber.close(to);
            }
            Event::Frame { of, object, .. } => scrubber.json(of, Arc::make_mut(object)),
            Event::Closed { of, error } => {
                if let Some(error) = error {
                    scrubber.text(error);
                }
                scrubber.close(of);
            }
            Event::Step { of, .. } => scrubber.text(of),
        }
    }
}

fn payload(payload: &mut Payload, id: &str, scrubber: &mut Scrubber) {
    match payload {
        Payload::Empty => {}
        Payload::Json(value) => scrubber.json(id, Arc::make_mut(value)),
        Payload::Text(text) => scrubber.text_of(id, text),
        Payload::Bytes(bytes) => {
            if !scrubber.may_keep(id, bytes) {
                let digest = Sha256::digest(&*bytes);
                let digest = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                *payload = Payload::Text(format!("redacted bytes, sha256:{digest}"));
            }
        }
    }
}
