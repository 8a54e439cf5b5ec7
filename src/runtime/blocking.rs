//! Work on tokio's blocking pool, so that nothing else goes on while it is under way.

use super::shim;
use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    time::Duration,
};

/// How long a thread that was started may take to turn out to be one of the pool; less for an operator that is
/// known to have threads of its own.
const GRACE: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(20)];

/// How long work is waited for before other things go on: it may be waiting for them.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often is looked.
const LOOK: Duration = Duration::from_micros(50);

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
    begun: AtomicU64,
    ended: AtomicU64,
    foreign: AtomicU64,
    /// How many had ended when this was last asked.
    seen: AtomicU64,
}

impl Blocking {
    /// A thread of the pool begins; its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, SeqCst) + 1
    }

    /// A thread of the pool has nothing left to do.
    pub(super) fn end(&self) {
        self.ended.fetch_add(1, SeqCst);
    }

    /// Threads that the operator or the scenario started by itself: what they do has no order.
    pub(super) fn foreign(&self) -> u64 {
        self.foreign.load(SeqCst)
    }

    /// Waits for blocking work. For the runtime's own thread, which started all threads.
    pub(super) fn wait(&self) -> Work {
        let grace = GRACE[usize::from(self.foreign() >= 2)];
        if self.is_missing() && !self.until(grace, || !self.is_missing()) {
            self.foreign.store(shim::threads() - self.begun.load(SeqCst), SeqCst);
        }
        // One that came late after all.
        self.foreign.fetch_min(shim::threads().saturating_sub(self.begun.load(SeqCst)), SeqCst);
        let is_done = || self.ended.load(SeqCst) == self.begun.load(SeqCst);
        if !self.until(PATIENCE, is_done) {
            return Work::Pending;
        }
        // What ended after the runtime last looked for tasks may have left one.
        let ended = self.ended.load(SeqCst);
        if self.seen.swap(ended, SeqCst) == ended { Work::None } else { Work::Ended }
    }

    fn is_missing(&self) -> bool {
        shim::threads() > self.begun.load(SeqCst) + self.foreign()
    }

    fn until(&self, limit: Duration, holds: impl Fn() -> bool) -> bool {
        let mut waited = Duration::ZERO;
        while !holds() {
            if waited >= limit {
                return false;
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
        }
        true
    }
}
