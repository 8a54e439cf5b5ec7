use super::{
    core::{Core, Held, Waiting},
    items::What,
    ledger::Verdict,
    plan::TypeKey,
};
use crate::wire::{EventType, Frame};
use std::time::Duration;

/// What the world can do next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Candidate {
    Item(String, TypeKey),
    Held(usize),
}

/// What [`Core::quiet`] did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It delivered something.
    Moved,
    /// The next thing is due then.
    Later(Duration),
    /// Nothing is left that time alone would bring.
    Nothing,
}

/// How long a frame waits for the status write that it shows, and a step for a stream to be open again: an
/// operator that never does it is judged at the end, and must not stop the world.
const PATIENCE: Duration = Duration::from_secs(30);

impl Core {
    /// The operators are idle: delivers the next thing that is due, at most one.
    pub(super) fn quiet(&mut self, now: Duration) -> Progress {
        let mut due: Option<(u64, Candidate)> = None;
        let mut later: Option<Duration> = None;
        for (n, at, candidate) in self.candidates() {
            if at > now {
                later = Some(later.map_or(at, |known| known.min(at)));
            } else if due.as_ref().is_none_or(|(first, _)| n < *first) {
                due = Some((n, candidate));
            }
        }
        match due {
            Some((_, Candidate::Item(actor, of))) => self.deliver(&actor, &of),
            Some((_, Candidate::Held(index))) => {
                let held = self.held.remove(index);
                self.release(held, now);
            }
            None => return later.map_or(Progress::Nothing, Progress::Later),
        }
        Progress::Moved
    }

    fn candidates(&self) -> Vec<(u64, Duration, Candidate)> {
        let barrier = self.ledger.barrier();
        let mut out = Vec::new();
        for ((actor, of), queue) in &self.queues {
            let Some(index) = queue.front() else { continue };
            let item = &self.plan.items[*index];
            if item.n < barrier {
                let at = if self.shows_future(*index) { item.at.plus(PATIENCE).0 } else { item.at.0 };
                out.push((item.n, at, Candidate::Item(actor.clone(), of.clone())));
            }
        }
        let next_frame = self.next_frame();
        for (index, held) in self.held.iter().enumerate() {
            if held.n <= barrier && held.n <= next_frame {
                let at = if self.is_reconnecting(held) { held.at.saturating_add(PATIENCE) } else { held.at };
                out.push((held.n, at, Candidate::Held(index)));
            }
        }
        out
    }

    /// Whether a step waits for quiet while a stream that was open then is not: its operator is about to list
    /// or watch again.
    fn is_reconnecting(&self, held: &Held) -> bool {
        let Waiting::Step { mark, .. } = &held.what else { return false };
        mark.step == "settled" && mark.watching.iter().any(|(actor, of)| !self.watches.is_open(actor, of))
    }

    /// Whether an item shows a status that its operator has not written yet.
    pub(super) fn shows_future(&self, index: usize) -> bool {
        let item = &self.plan.items[index];
        let What::Seen { version: Some(version), .. } = item.what else { return false };
        let types = self.plan.types.get(&item.of);
        let made_by = types.and_then(|types| types.versions.get(version)?.status_write);
        made_by.is_some_and(|write| !self.ledger.is_settled(write))
    }

    /// Takes the first item of a queue and lets it happen.
    pub(super) fn deliver(&mut self, actor: &str, of: &TypeKey) {
        let place = (actor.to_owned(), of.clone());
        let Some(index) = self.queues.get_mut(&place).and_then(std::collections::VecDeque::pop_front) else {
            return;
        };
        let plan = self.plan.clone();
        let item = &plan.items[index];
        match &item.what {
            What::Seen { rv, framed, .. } => {
                self.publish(of, *rv);
                let reach = self.reach.entry(place).or_default();
                *reach = (*reach).max(*rv);
                if *framed {
                    self.last_frame = self.last_frame.max(item.n);
                }
                self.pump();
            }
            What::Error(status) => {
                let frame = Frame { event: EventType::Error, object: status.clone() };
                self.watches.fail(actor, of, &frame);
            }
            What::Broken(error) => self.watches.break_off(actor, of, error),
            // Nobody asked while it was due: an absent failure is no divergence.
            What::Outage { .. } => {}
        }
    }

    /// Sends the open streams what they may read now.
    pub(super) fn pump(&mut self) {
        let (reach, queues, plan) = (&self.reach, &self.queues, &self.plan);
        let published = &self.published;
        self.watches.pump(&self.history, |actor, of| {
            let place = (actor.to_owned(), of.clone());
            if let Some(reach) = reach.get(&place) {
                return *reach;
            }
            if queues.contains_key(&place) {
                return 0;
            }
            // This actor never watched the type on the tape: it sees what anyone has seen.
            let count = published.get(of).copied().unwrap_or_default();
            let versions = plan.types.get(of).map(|types| &types.versions);
            versions.and_then(|versions| versions.get(count.checked_sub(1)?)).map_or(0, |version| version.rv)
        });
    }

    fn release(&mut self, held: Held, now: Duration) {
        match held.what {
            Waiting::Write { write, attempt, reply } => {
                let outcome = self.accept(&attempt, &Verdict::Match(write), now);
                // A driver that went away needs no answer.
                let _ = reply.send(outcome);
            }
            Waiting::Read { info, said, reply } => {
                self.note(now, super::plan::DRIVER, &info, said.status, Some(said.requested));
                let _ = reply.send(super::reads::as_outcome(&said));
            }
            Waiting::Step { reply, .. } => {
                let _ = reply.send(());
            }
        }
    }
}
