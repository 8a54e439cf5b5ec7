use super::{
    Class, Event, Tape, Write, classify,
    normal::{is_background, label, symbolic},
    same_body,
};
use crate::wire::{Change, delta};
use serde::Serialize;
use std::collections::BTreeMap;

/// One write that two recordings do not share.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// Only the new one has it.
    Added {
        /// What: `apply services/web`.
        what: String,
        /// The effective write before it by the same actor.
        after: Option<String>,
    },
    /// Only the old one has it.
    Removed {
        /// What.
        what: String,
    },
    /// Both have it, with other contents.
    Changed {
        /// What.
        what: String,
        /// In which fields.
        changes: Vec<Change>,
    },
}

/// What tells two recordings apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// The numbers of effective writes, old and new.
    pub writes: (usize, usize),
    /// What differs.
    pub entries: Vec<Entry>,
    /// What differs and does not count.
    pub notes: Vec<Note>,
}

/// A count that differs and does not count as a difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    /// What is counted: `list webs`, `repeats`.
    pub what: String,
    /// In the old recording.
    pub old: usize,
    /// In the new one.
    pub new: usize,
}

impl Difference {
    /// Whether the recordings say the same.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Compares two recordings: equal when they have the same effective writes for every object and the same last
/// status. Any time stands for any other; uids, revisions and generated names by what they stand for.
pub fn diff(old: &Tape, new: &Tape) -> Difference {
    let (old, new) = (Side::of(old), Side::of(new));
    let mut entries = Vec::new();
    let mut slots: Vec<&Slot> = new.order.iter().chain(&old.order).collect();
    let mut seen = std::collections::BTreeSet::new();
    slots.retain(|slot| seen.insert(*slot));
    for slot in slots {
        let empty = Vec::new();
        let (a, b) = (old.slots.get(slot).unwrap_or(&empty), new.slots.get(slot).unwrap_or(&empty));
        compare(a, b, &new, &mut entries);
    }
    let count = |side: &Side| side.slots.values().map(Vec::len).sum();
    Difference { writes: (count(&old), count(&new)), entries, notes: notes(&old.counts, &new.counts) }
}

/// Actor and object with subresource.
type Slot = (String, String);

struct Side {
    slots: BTreeMap<Slot, Vec<Write>>,
    /// The slots by first use.
    order: Vec<Slot>,
    /// What is before each write, by its index.
    after: BTreeMap<usize, String>,
    counts: BTreeMap<String, usize>,
}

impl Side {
    fn of(tape: &Tape) -> Self {
        let symbolic = symbolic(tape);
        // What a write did is judged on the real revisions, what it says on the symbolic bodies.
        let named = classify(&symbolic);
        let mut side = Self {
            slots: BTreeMap::new(),
            order: Vec::new(),
            after: BTreeMap::new(),
            counts: reads(&symbolic),
        };
        let mut last: BTreeMap<String, String> = BTreeMap::new();
        for (write, mut named) in classify(tape).into_iter().zip(named) {
            (named.class, named.is_idle) = (write.class, write.is_idle);
            side.take(named, &mut last);
        }
        side
    }

    fn take(&mut self, write: Write, last: &mut BTreeMap<String, String>) {
        let label = label(&write.key, write.subresource.as_deref());
        let noted = match write.class {
            _ if is_background(&write) => Some(format!("writes of {}", write.key.plural)),
            Class::Repeat => Some("repeats".to_owned()),
            Class::Failed => Some(format!("failures {}", write.status)),
            // The first write of an actor that comes after another one of the same kind.
            Class::Effective if write.is_idle => Some("writes that changed nothing".to_owned()),
            Class::Effective => None,
        };
        if let Some(what) = noted {
            *self.counts.entry(what).or_default() += 1;
            return;
        }
        let slot = (write.actor.clone(), label.clone());
        if !self.slots.contains_key(&slot) {
            self.order.push(slot.clone());
        }
        let writes = self.slots.entry(slot).or_default();
        // Of a run of status writes the last one counts.
        if write.is_status && writes.pop().is_some() {
            *self.counts.entry("intermediate status".to_owned()).or_default() += 1;
        }
        if let Some(before) = last.insert(write.actor.clone(), label) {
            self.after.insert(write.index, before);
        }
        writes.push(write);
    }
}

fn reads(tape: &Tape) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in &tape.events {
        if let Event::Sent(sent) = &event.event
            && !sent.verb.is_write()
        {
            *counts.entry(format!("{} {}", sent.verb, sent.info().what())).or_default() += 1;
        }
    }
    counts
}

fn notes(old: &BTreeMap<String, usize>, new: &BTreeMap<String, usize>) -> Vec<Note> {
    let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let count = |counts: &BTreeMap<String, usize>, key| counts.get(key).copied().unwrap_or_default();
    keys.into_iter()
        .map(|key| Note { what: key.clone(), old: count(old, key), new: count(new, key) })
        .filter(|note| note.old != note.new)
        .collect()
}

/// Pairs the writes of one slot: equal ones first, then what stands between them in order.
fn compare(old: &[Write], new: &[Write], side: &Side, entries: &mut Vec<Entry>) {
    let pairs = common(old, new);
    let (mut a, mut b) = (0, 0);
    for (next_a, next_b) in pairs.into_iter().chain([(old.len(), new.len())]) {
        while a < next_a || b < next_b {
            match (old.get(a).filter(|_| a < next_a), new.get(b).filter(|_| b < next_b)) {
                (Some(x), Some(y)) if x.verb == y.verb => {
                    let changes = delta(&x.body, &y.body);
                    entries.push(Entry::Changed { what: what(y), changes });
                    (a, b) = (a + 1, b + 1);
                }
                (Some(x), _) => {
                    entries.push(Entry::Removed { what: what(x) });
                    a += 1;
                }
                (None, Some(y)) => {
                    entries.push(Entry::Added { what: what(y), after: side.after.get(&y.index).cloned() });
                    b += 1;
                }
                (None, None) => break,
            }
        }
        (a, b) = (next_a + 1, next_b + 1);
    }
}

fn what(write: &Write) -> String {
    format!("{} {}", write.verb, label(&write.key, write.subresource.as_deref()))
}

/// The longest common run of equal writes, as pairs of positions.
fn common(old: &[Write], new: &[Write]) -> Vec<(usize, usize)> {
    let mut best = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            best[a][b] = if is_same(&old[a], &new[b]) {
                best[a + 1][b + 1] + 1
            } else {
                best[a + 1][b].max(best[a][b + 1])
            };
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < old.len() && b < new.len() {
        if is_same(&old[a], &new[b]) {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if best[a + 1][b] >= best[a][b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

fn is_same(a: &Write, b: &Write) -> bool {
    a.verb == b.verb && same_body(a.verb, a.subresource.as_deref(), &a.body, &b.body)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
