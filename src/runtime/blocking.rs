//! Work on tokio's blocking pool, so that nothing else goes on while it is under way.

use super::shim;
use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a thread that was started may take to turn out to be one of the pool; less for an operator that is
/// known to have threads of its own.
const GRACE: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(20)];

/// How long work is waited for before other things go on: it may be waiting for them.
const PATIENCE: Duration = Duration::from_millis(200);

/// What became of blocking work while the runtime had nothing else to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// There was none.
    None,
    /// It ended, and somebody may have been waiting for it.
    Ended,
    /// It goes on.
    Pending,
}

/// Counts the threads of the pool. It has one thread at most, which ends as soon as there is nothing to do.
#[derive(Debug, Default)]
pub(super) struct Blocking {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    begun: u64,
    ended: u64,
    /// Threads that are not the pool's.
    foreign: u64,
    /// How many had ended when that was last asked.
    seen: u64,
}

impl Counts {
    fn is_missing(&self) -> bool {
        shim::threads() > self.begun + self.foreign
    }
}

impl Blocking {
    /// A thread of the pool begins; its number.
    pub(super) fn begin(&self) -> u64 {
        let mut counts = self.counts();
        counts.begun += 1;
        self.changed.notify_all();
        counts.begun
    }

    /// A thread of the pool has nothing left to do.
    pub(super) fn end(&self) {
        self.counts().ended += 1;
        self.changed.notify_all();
    }

    /// Threads that the operator or the scenario started by itself: what they do has no order.
    pub(super) fn foreign(&self) -> u64 {
        self.counts().foreign
    }

    /// Waits for blocking work. For the runtime's own thread, which started all threads.
    pub(super) fn wait(&self) -> Work {
        let mut counts = self.counts();
        if counts.is_missing() {
            let grace = GRACE[usize::from(counts.foreign >= 2)];
            counts = self.waited(counts, grace, Counts::is_missing);
        }
        // Whoever did not come is somebody else's; one that came late after all is not.
        counts.foreign = shim::threads().saturating_sub(counts.begun);
        if counts.ended < counts.begun {
            counts = self.waited(counts, PATIENCE, |counts| counts.ended < counts.begun);
        }
        if counts.ended < counts.begun {
            return Work::Pending;
        }
        // What ended after the runtime last looked for tasks may have left one.
        let ended = counts.ended;
        if std::mem::replace(&mut counts.seen, ended) == ended { Work::None } else { Work::Ended }
    }

    fn waited<'a>(
        &self,
        counts: MutexGuard<'a, Counts>,
        limit: Duration,
        holds: impl Fn(&Counts) -> bool,
    ) -> MutexGuard<'a, Counts> {
        let waited = self.changed.wait_timeout_while(counts, limit, |counts| holds(counts));
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
