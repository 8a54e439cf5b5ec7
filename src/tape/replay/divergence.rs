use super::{
    ledger::{Attempt, Verdict, patch_type, query_of},
    plan::Plan,
};
use crate::{
    entropy::Offset,
    tape::Write,
    wire::{Change, RequestInfo, Verb, delta, is_time},
};
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};

/// The first thing that was not as the tape has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Which of the ways to differ it is.
    pub kind: DivergenceKind,
    /// When, in virtual time.
    pub at: Duration,
    /// Who did it.
    pub actor: String,
    /// `apply deployments.apps default/web`.
    pub came: String,
    /// The record on the tape that it is nearest to.
    pub taped: Option<Taped>,
    /// Field by field, taped → came.
    pub changes: Vec<Change>,
    /// Both bodies, for the line view.
    pub bodies: Option<(Value, Value)>,
    /// Writes that should have come.
    pub missing: Vec<Taped>,
    /// Who waits for what.
    pub waiting: Vec<String>,
    nearest: Option<usize>,
}

/// A write as it stands on the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taped {
    /// Its number.
    pub n: u64,
    /// Its offset.
    pub at: Offset,
    /// Who sent it.
    pub actor: String,
    /// `apply deployments.apps default/web`.
    pub what: String,
}

/// The ways to differ from a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DivergenceKind {
    /// The right object, with a different body or query.
    Different,
    /// A write that is not on the tape.
    Unknown,
    /// A write that is on the tape once and came twice, with another between.
    Again,
    /// A write that is on the tape, before one that has to come first.
    Early,
    /// A write that insists on an old resourceVersion.
    Stale,
    /// Writes that never came.
    Missing,
    /// A last status that is not the tape's.
    LastStatus,
    /// A read that was never recorded.
    NoAnswer,
}

impl Divergence {
    pub(super) fn of_write(plan: &Plan, attempt: &Attempt, verdict: &Verdict, now: Duration) -> Self {
        let (kind, nearest) = match verdict {
            Verdict::Different(write) => (DivergenceKind::Different, Some(*write)),
            Verdict::Again(write) => (DivergenceKind::Again, Some(*write)),
            Verdict::Early { first, .. } => (DivergenceKind::Early, Some(*first)),
            _ => (DivergenceKind::Unknown, nearest(plan, attempt)),
        };
        let mut divergence = Self::new(kind, &attempt.actor, &attempt.info, now);
        divergence.nearest = nearest;
        divergence.taped = nearest.map(|write| Taped::of(&plan.writes[write]));
        if let (DivergenceKind::Different | DivergenceKind::Unknown, Some(write)) = (kind, nearest) {
            let write = &plan.writes[write];
            divergence.changes = changes(write, attempt);
            if write.verb == attempt.info.verb && write.body != attempt.body {
                divergence.bodies = Some(((*write.body).clone(), (*attempt.body).clone()));
            }
        }
        divergence
    }

    pub(super) fn stale(
        plan: &Plan,
        attempt: &Attempt,
        write: usize,
        came: Option<u64>,
        newest: Option<u64>,
        now: Duration,
    ) -> Self {
        let mut divergence = Self::new(DivergenceKind::Stale, &attempt.actor, &attempt.info, now);
        let old = newest.map(|rv| json!(rv.to_string()));
        let new = came.map(|rv| json!(rv.to_string()));
        divergence.changes = vec![Change { path: "metadata.resourceVersion".into(), old, new }];
        divergence.taped = Some(Taped::of(&plan.writes[write]));
        divergence.nearest = Some(write);
        divergence
    }

    pub(super) fn no_answer(actor: &str, info: &RequestInfo, now: Duration) -> Self {
        Self::new(DivergenceKind::NoAnswer, actor, info, now)
    }

    pub(super) fn missing(plan: &Plan, open: &[usize], waiting: Vec<String>, now: Duration) -> Option<Self> {
        let first = &plan.writes[*open.first()?];
        let mut divergence = Self::new(DivergenceKind::Missing, &first.actor, &first.info, now);
        divergence.taped = Some(Taped::of(first));
        divergence.missing = open.iter().map(|write| Taped::of(&plan.writes[*write])).collect();
        divergence.waiting = waiting;
        Some(divergence)
    }

    pub(super) fn last_status(plan: &Plan, write: usize, came: Option<&Attempt>, now: Duration) -> Self {
        let taped = &plan.writes[write];
        let mut divergence = Self::new(DivergenceKind::LastStatus, &taped.actor, &taped.info, now);
        divergence.taped = Some(Taped::of(taped));
        divergence.missing = vec![Taped::of(taped)];
        if let Some(came) = came {
            divergence.changes = changes(taped, came);
            divergence.bodies = Some(((*taped.body).clone(), (*came.body).clone()));
        }
        divergence
    }

    fn new(kind: DivergenceKind, actor: &str, info: &RequestInfo, at: Duration) -> Self {
        Self {
            kind,
            at,
            actor: actor.to_owned(),
            came: format!("{} {}", info.verb, info.what()),
            taped: None,
            changes: Vec::new(),
            bodies: None,
            missing: Vec::new(),
            waiting: Vec::new(),
            nearest: None,
        }
    }

    pub(super) fn nearest(&self) -> Option<usize> {
        self.nearest
    }

    /// One sentence on what went wrong.
    pub fn headline(&self) -> String {
        match self.kind {
            DivergenceKind::Different => "The operator wrote the right object with a different body.".into(),
            DivergenceKind::Unknown => "The operator wrote something that is not on the tape.".into(),
            DivergenceKind::Again => "The operator wrote the right thing again.".into(),
            DivergenceKind::Early => "The operator wrote the right thing too early.".into(),
            DivergenceKind::Stale => "The operator wrote with an old resourceVersion.".into(),
            DivergenceKind::Missing => "The operator stopped before the tape did.".into(),
            DivergenceKind::LastStatus => "The operator's last status is not the tape's.".into(),
            DivergenceKind::NoAnswer => "The tape has no answer for this read.".into(),
        }
    }

    /// `tape diverged at event 41: apply deployments.apps/web (3 fields differ)`, for the panic line.
    pub fn summary(&self) -> String {
        let mut text = match &self.taped {
            Some(taped) => format!("tape diverged at event {}: {}", taped.n, self.came),
            None => format!("tape diverged at {}: {}", Offset(self.at).short(), self.came),
        };
        let count = self.changes.len();
        // Writing to a String cannot fail.
        let _ = match (self.kind, count) {
            (DivergenceKind::Missing, _) => write!(text, " ({} never came)", self.missing.len()),
            (_, 0) => Ok(()),
            (_, 1) => write!(text, " (1 field differs)"),
            (_, count) => write!(text, " ({count} fields differ)"),
        };
        text
    }
}

impl Taped {
    pub(super) fn of(write: &Write) -> Self {
        Self {
            n: write.requested_n,
            at: write.requested_at,
            actor: write.actor.clone(),
            what: format!("{} {}", write.verb, write.info.what()),
        }
    }
}

/// Field by field: verb, patch type, query and body.
fn changes(taped: &Write, came: &Attempt) -> Vec<Change> {
    let mut out = Vec::new();
    let mut line = |path: &str, old: Option<Value>, new: Option<Value>| {
        if old != new {
            out.push(Change { path: path.into(), old, new });
        }
    };
    line("(verb)", Some(json!(taped.verb.as_str())), Some(json!(came.info.verb.as_str())));
    line("(patch type)", patch_type(&taped.info).map(|t| json!(t)), patch_type(&came.info).map(|t| json!(t)));
    let (old, new) = (query_of(&taped.info), query_of(&came.info));
    let mut keys: Vec<&str> = old.keys().chain(new.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        line(&format!("({key})"), old.get(key).map(|v| json!(v)), new.get(key).map(|v| json!(v)));
    }
    if taped.verb == came.info.verb {
        let body = delta(&taped.body, &came.body);
        out.extend(body.into_iter().filter(|change| !is_noise(change)));
    }
    out
}

/// What the matcher does not compare is no difference for people either.
fn is_noise(change: &Change) -> bool {
    let time = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).is_some_and(is_time);
    change.path.starts_with("metadata.managedFields")
        || change.path == "metadata.resourceVersion"
        || (time(&change.old) && time(&change.new))
}

/// The taped write of this actor that is most like one that is not on the tape.
fn nearest(plan: &Plan, attempt: &Attempt) -> Option<usize> {
    let score = |write: &Write| -> usize {
        let same = |a: bool, weight| if a { weight } else { 0 };
        let name = attempt.body.pointer("/metadata/name").and_then(Value::as_str);
        same(write.info.resource == attempt.info.resource, 8)
            + same(Some(write.key.name.as_str()) == attempt.info.name.as_deref().or(name), 4)
            + same(write.info.subresource == attempt.info.subresource, 2)
            + same(write.verb == attempt.info.verb && write.verb != Verb::Create, 1)
    };
    let mine = plan.writes.iter().enumerate().filter(|(_, write)| write.actor == attempt.actor);
    let best = mine.map(|(index, write)| (score(write), std::cmp::Reverse(index))).max()?;
    (best.0 >= 8).then_some(best.1.0)
}
