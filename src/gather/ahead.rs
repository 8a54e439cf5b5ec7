use std::collections::VecDeque;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::AbortHandle,
};

/// How many parts of one job may wait to be taken.
const WAITING: usize = 2;

/// Runs jobs ahead of their turn, a bounded number at once, and gives what comes of them in the jobs' own
/// order: so the result never depends on who was faster.
pub(super) struct Ahead<J, T> {
    jobs: VecDeque<J>,
    running: VecDeque<Running<J, T>>,
    width: usize,
    start: Start<J, T>,
}

/// Spawns a job.
type Start<J, T> = Box<dyn Fn(&J, Sender<T>) -> AbortHandle + Send>;

/// A job that runs; it ends when this is dropped.
pub(super) struct Running<J, T> {
    pub(super) job: J,
    pub(super) parts: Receiver<T>,
    task: AbortHandle,
}

impl<J, T> Drop for Running<J, T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<J, T> Ahead<J, T> {
    /// `start` spawns a job, which sends its parts.
    pub(super) fn new(
        jobs: impl IntoIterator<Item = J>,
        width: usize,
        start: impl Fn(&J, Sender<T>) -> AbortHandle + Send + 'static,
    ) -> Self {
        let jobs = jobs.into_iter().collect();
        Self { jobs, running: VecDeque::new(), width: width.max(1), start: Box::new(start) }
    }

    /// The next job in order, which may have run for a while.
    pub(super) fn next(&mut self) -> Option<Running<J, T>> {
        while self.running.len() < self.width
            && let Some(job) = self.jobs.pop_front()
        {
            let (to, parts) = channel(WAITING);
            let task = (self.start)(&job, to);
            self.running.push_back(Running { job, parts, task });
        }
        self.running.pop_front()
    }
}
