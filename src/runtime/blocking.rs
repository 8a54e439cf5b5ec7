//! Work on tokio's blocking pool, so that nothing else goes on while it is under way.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
    /// How many had ended when that was last asked.
    seen: u64,
    /// Threads at the start of the run, where they are looked at.
    before: Option<u64>,
    /// The most that were neither there before nor the pool's.
    foreign: u64,
}

impl Blocking {
    /// For one run; `watched` looks for threads that are not the pool's, which is worth it in a process that does
    /// nothing else.
    pub(super) fn new(watched: bool) -> Self {
        let counts = Counts { before: watched.then(threads).flatten(), ..Counts::default() };
        Self { counts: Mutex::new(counts), changed: Condvar::new() }
    }

    /// A thread of the pool is about to be started, by the runtime's own thread; its number.
    pub(super) fn begin(&self) -> u64 {
        let mut counts = self.counts();
        counts.begun += 1;
        counts.begun
    }

    /// A thread of the pool has nothing left to do.
    pub(super) fn end(&self) {
        self.counts().ended += 1;
        self.changed.notify_all();
    }

    /// Threads that the operator or the scenario started by itself, as far as they were seen: what they do has no
    /// order.
    pub(super) fn foreign(&self) -> u64 {
        self.counts().foreign
    }

    /// Waits for blocking work. For the runtime's own thread.
    pub(super) fn wait(&self) -> Work {
        let mut counts = self.counts();
        if counts.ended < counts.begun {
            let waited = self.changed.wait_timeout_while(counts, PATIENCE, |c| c.ended < c.begun);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        counts.look();
        if counts.ended < counts.begun {
            return Work::Pending;
        }
        // What ended after the runtime last looked for tasks may have left one.
        let ended = counts.ended;
        if std::mem::replace(&mut counts.seen, ended) == ended { Work::None } else { Work::Ended }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn look(&mut self) {
        let Some((before, now)) = self.before.zip(threads()) else { return };
        // A thread of the pool that has just ended may still be there.
        let pool = self.begun - self.ended + u64::from(self.begun > 0);
        self.foreign = self.foreign.max(now.saturating_sub(before + pool));
    }
}

/// The threads of this process, where the system tells.
fn threads() -> Option<u64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    u64::try_from(tasks.count()).ok()
}
