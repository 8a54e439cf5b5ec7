use crate::wire::ObjectKey;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one controller is to look at: its name, and the object.
pub type Task = (&'static str, ObjectKey);

/// Controllers that look at what others make of their objects, and so come after them.
const LAST: [&str; 3] = ["deployment-controller", "disruption-controller", "garbage-collector-controller"];

/// How long a failed task waits first, and at most, in milliseconds.
const FIRST: u64 = 5;
const LONGEST: u64 = 1_000_000;

/// The tasks of all controllers, each once, in the order in which they came.
#[derive(Debug, Default)]
pub struct Agenda {
    waiting: VecDeque<Task>,
    after: VecDeque<Task>,
    known: BTreeSet<Task>,
    later: BTreeSet<(u64, Task)>,
    due: BTreeMap<Task, u64>,
    failures: BTreeMap<Task, u32>,
    /// The task that is done now, and whether it came again meanwhile.
    busy: Option<(Task, bool)>,
}

impl Agenda {
    /// Adds a task, unless it waits already. The one that is done now comes after all that follow from it.
    pub fn add(&mut self, task: Task) {
        if let Some((_, again)) = self.busy.as_mut().filter(|(busy, _)| *busy == task) {
            *again = true;
            return;
        }
        if self.known.insert(task.clone()) {
            let last = LAST.contains(&task.0);
            if last { &mut self.after } else { &mut self.waiting }.push_back(task);
        }
    }

    /// Adds a task at a time, in milliseconds since the start; the earliest of several times counts.
    pub fn add_at(&mut self, at: u64, task: Task) {
        if let Some(known) = self.due.get(&task).copied() {
            if known <= at {
                return;
            }
            self.later.remove(&(known, task.clone()));
        }
        self.due.insert(task.clone(), at);
        self.later.insert((at, task));
    }

    /// Whether a task waits for its time.
    pub fn waits(&self, task: &Task) -> bool {
        self.due.contains_key(task)
    }

    /// Lets all that waits wait until then.
    pub fn pause_until(&mut self, at: u64) {
        self.known.clear();
        let (first, after) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.after));
        for task in first.into_iter().chain(after) {
            self.add_at(at, task);
        }
    }

    /// The next task that is to be done now.
    pub fn next(&mut self, now: u64) -> Option<Task> {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, task)) = self.later.pop_first() else { break };
            self.due.remove(&task);
            self.add(task);
        }
        let task = self.waiting.pop_front().or_else(|| self.after.pop_front())?;
        self.known.remove(&task);
        self.busy = Some((task.clone(), false));
        Some(task)
    }

    /// When the next task is due that is not yet.
    pub fn next_due(&self) -> Option<u64> {
        self.later.first().map(|(at, _)| *at)
    }

    /// A task went well, and all that follows from it is added: its failures are forgotten.
    pub fn done(&mut self, task: &Task) {
        self.failures.remove(task);
        if let Some((task, true)) = self.busy.take() {
            self.add(task);
        }
    }

    /// A task failed: it comes again, later each time, unless it failed too often. What it waits for is mostly
    /// that others have done their part, so it does not come at once even when there is news.
    pub fn failed(&mut self, task: Task, now: u64, most: Option<u32>) {
        self.busy = None;
        let count = self.failures.entry(task.clone()).or_insert(0);
        if most.is_some_and(|most| *count >= most) {
            self.failures.remove(&task);
            return;
        }
        let pause = FIRST.checked_shl(*count).unwrap_or(LONGEST).min(LONGEST);
        *count = count.saturating_add(1).min(60);
        self.add_at(now.saturating_add(pause), task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Resource;

    fn task(name: &str) -> Task {
        ("c", ObjectKey::new(&Resource::new("", "v1", "pods"), Some("a"), name))
    }

    #[test]
    fn a_task_waits_once_and_the_earliest_time_counts() {
        let mut agenda = Agenda::default();
        agenda.add(task("x"));
        agenda.add(task("x"));
        agenda.add_at(7, task("y"));
        agenda.add_at(5, task("y"));
        agenda.add_at(9, task("y"));
        assert_eq!(agenda.next(0), Some(task("x")));
        agenda.add(task("x"));
        agenda.add(task("z"));
        agenda.done(&task("x"));
        assert_eq!(agenda.next(0), Some(task("z")));
        assert_eq!(agenda.next(0), Some(task("x")));
        assert_eq!(agenda.next(4), None);
        assert_eq!(agenda.next_due(), Some(5));
        assert_eq!(agenda.next(5), Some(task("y")));
        assert_eq!(agenda.next(100), None);
    }

    #[test]
    fn what_fails_comes_again_later_each_time_until_it_failed_too_often() {
        let mut agenda = Agenda::default();
        let mut now = 0;
        for pause in [5, 10, 20] {
            agenda.failed(task("x"), now, Some(3));
            now += pause;
            assert_eq!(agenda.next(now - 1), None);
            assert_eq!(agenda.next(now), Some(task("x")));
        }
        agenda.failed(task("x"), now, Some(3));
        assert_eq!(agenda.next(u64::MAX), None);
        agenda.failed(task("x"), now, None);
        assert_eq!(agenda.next_due(), Some(now + 5));
    }
}
