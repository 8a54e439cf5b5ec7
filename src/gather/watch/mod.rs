//! What changes after the lists: one watch for each list, all into one tape in the order in which they come.
//!
//! In come the lists that were read, with their resourceVersions and the objects that came; out goes a tape.
//! A watch that expires or breaks goes on where it was; one whose version the server has forgotten is made
//! good by a new list, and the gap is a record. It never writes what `scrub` has not seen.

mod record;
mod seen;
mod stream;

pub(super) use record::record;
pub(super) use seen::Seen;

use super::{
    Kind, Missing, Options,
    api::{Refusal, Why},
    list::{Ask, End},
    object::Object,
    options::Wanted,
};
use crate::tape::Event;

/// One list whose changes are wanted.
#[derive(Debug)]
pub(super) struct Watched {
    wanted: Wanted,
    ask: Ask,
    version: String,
    seen: Seen,
}

/// What a watch gives to the one that writes.
#[derive(Debug)]
enum Note {
    /// Something for the tape; a change is counted.
    Event(Event, bool),
    /// Something that is not on the tape.
    Missing(Missing),
}

/// Notes down what is to be watched, while the lists are read.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    on: bool,
    seen: Seen,
    pub(super) watched: Vec<Watched>,
    pub(super) missing: Vec<Missing>,
}

impl Lookout {
    /// Nothing is remembered unless changes are wanted.
    pub(super) fn new(options: &Options) -> Self {
        Self { on: options.watch.is_some(), ..Self::default() }
    }

    /// An object was written.
    pub(super) fn saw(&mut self, object: &Object) {
        if self.on {
            self.seen.put(&object.value);
        }
    }

    /// A list of `wanted` was read to its end.
    pub(super) fn listed(&mut self, wanted: &Wanted, ask: &Ask, end: &End) {
        let seen = std::mem::take(&mut self.seen);
        if !self.on {
            return;
        }
        let refused = |why, message: &str| Missing::new(format!("changes of {}", place(ask)), why, message);
        let watchable = wanted.kind.verbs.iter().any(|verb| verb == "watch");
        match (&end.refusal, &end.resource_version) {
            (Some(Refusal { why, message, .. }), _) => self.missing.push(refused(*why, message)),
            _ if !watchable => self.missing.push(refused(Why::Refused, "the server cannot watch this kind")),
            (None, Some(version)) if !version.is_empty() => {
                let (wanted, ask, version) = (wanted.clone(), ask.clone(), version.clone());
                self.watched.push(Watched { wanted, ask, version, seen });
            }
            _ => self.missing.push(refused(Why::Garbled, "its list has no resourceVersion")),
        }
    }
}

/// A list as people name it: `pods`, `shop/deployments.apps`.
fn place(Ask { kind, namespace, .. }: &Ask) -> String {
    let name = Kind::full_name(kind);
    namespace.as_ref().map_or(name.clone(), |namespace| format!("{namespace}/{name}"))
}
