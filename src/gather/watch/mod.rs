//! What changes after the lists: one watch for each list, all into one tape in the order in which they come.
//!
//! In come the lists that were read, with their resourceVersions and the objects that came; out go a tape and a
//! report of what is missing on it. Kinds and namespaces that appear meanwhile are listed and watched too. A watch that ends or breaks goes on where it was; one whose version the
//! server has forgotten is made good by a new list, and the gap is a record. It never writes what `scrub` has
//! not seen.

mod brief;
mod join;
mod note;
mod record;
mod relist;
mod seen;
mod stream;

pub(super) use record::record;

use super::{
    Kind, Missing, Options,
    api::{Refusal, Why},
    list::{Ask, End},
    object::Object,
    options::Wanted,
};
use seen::Seen;
use std::collections::BTreeSet;

/// One list whose changes are wanted.
#[derive(Debug)]
struct Watched {
    wanted: Wanted,
    ask: Ask,
    /// The version up to which everything is known.
    version: String,
    seen: Seen,
}

/// Notes down what is to be watched, while the lists are read.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    on: bool,
    seen: Seen,
    watched: Vec<Watched>,
    missing: Vec<Missing>,
    /// What was wanted, be there a list of it or not.
    kinds: Vec<Wanted>,
    /// The namespaces that were listed one by one.
    namespaces: Option<BTreeSet<String>>,
}

impl Lookout {
    /// Nothing is remembered unless changes are wanted.
    pub(super) fn new(options: &Options) -> Self {
        Self { on: options.watch.is_some(), ..Self::default() }
    }

    /// These kinds are about to be listed, in these namespaces or in all of them at once.
    pub(super) fn begin(&mut self, kinds: &[Wanted], namespaces: Option<&[String]>) {
        if self.on {
            self.kinds = kinds.to_vec();
            self.namespaces = namespaces.map(|names| names.iter().cloned().collect());
        }
    }

    /// An object was written.
    pub(super) fn saw(&mut self, object: &Object) {
        if self.on {
            self.seen.put(&object.value);
        }
    }

    /// A list of `wanted` was read to its end.
    pub(super) fn listed(&mut self, wanted: &Wanted, ask: &Ask, end: &End) {
        if !self.on {
            return;
        }
        let seen = std::mem::take(&mut self.seen);
        let watchable = wanted.kind.verbs.iter().any(|verb| verb == "watch");
        let (why, message) = match (&end.refusal, &end.resource_version) {
            (Some(Refusal { why, message, .. }), _) => (*why, message.as_str()),
            _ if !watchable => (Why::Refused, "the server cannot watch this kind"),
            (None, Some(version)) if !version.is_empty() => {
                let (wanted, ask, version) = (wanted.clone(), ask.clone(), version.clone());
                self.watched.push(Watched { wanted, ask, version, seen });
                return;
            }
            _ => (Why::Garbled, "its list has no resourceVersion"),
        };
        self.missing.push(Missing::new(changes_of(ask), why, message));
    }
}

/// A list as people name it: `pods`, `shop/deployments.apps`.
fn place(Ask { kind, namespace, .. }: &Ask) -> String {
    let name = Kind::full_name(kind);
    namespace.as_ref().map_or(name.clone(), |namespace| format!("{namespace}/{name}"))
}

fn changes_of(ask: &Ask) -> String {
    format!("changes of {}", place(ask))
}
