use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// How far a capture is: counters that another thread may read while it runs. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    kinds: AtomicU64,
    kinds_done: AtomicU64,
    objects: AtomicU64,
    logs: AtomicU64,
    changes: AtomicU64,
    bytes: AtomicU64,
    stopped: AtomicBool,
    wake: tokio::sync::Notify,
    now: Mutex<String>,
}

/// The counters at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Kinds to be read.
    pub kinds: u64,
    /// Kinds that were read.
    pub kinds_done: u64,
    /// Objects that were written.
    pub objects: u64,
    /// Log files that were written.
    pub logs: u64,
    /// Changes that were recorded.
    pub changes: u64,
    /// Bytes that were written, before compression.
    pub bytes: u64,
    /// What is running now.
    pub now: String,
}

impl Progress {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is.
    pub fn counts(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let inner = &self.0;
        Counts {
            kinds: get(&inner.kinds),
            kinds_done: get(&inner.kinds_done),
            objects: get(&inner.objects),
            logs: get(&inner.logs),
            changes: get(&inner.changes),
            bytes: get(&inner.bytes),
            now: inner.now.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends the capture in good order: what was written is kept, and what is missing is named.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.wake.notify_waiters();
    }

    /// Whether it is to end.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Waits until it is to end.
    pub(super) async fn stopped(&self) {
        let mut wake = std::pin::pin!(self.0.wake.notified());
        wake.as_mut().enable();
        if !self.is_stopped() {
            wake.await;
        }
    }

    pub(super) fn begin(&self, kinds: usize) {
        self.0.kinds.store(kinds as u64, Ordering::Relaxed);
    }

    pub(super) fn now(&self, what: &str) {
        what.clone_into(&mut self.0.now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn kind_done(&self) {
        self.0.kinds_done.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn object(&self, bytes: usize) {
        self.0.objects.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn change(&self) {
        self.0.changes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn log(&self, bytes: u64) {
        self.0.logs.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
