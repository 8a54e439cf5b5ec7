use super::{
    Gate,
    blocking::{Blocking, Work},
    shim,
};
use jiff::Timestamp;
use std::{
    cell::RefCell,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, oneshot};

/// What the driver of a deterministic run wants when nothing can run.
#[derive(Debug)]
pub enum Next {
    /// It did something: run on.
    Again,
    /// Nothing before this time since the start; ask again then.
    At(Duration),
    /// Nothing that time alone would bring.
    Nothing,
    /// End the run.
    Stop(String),
}

/// How a deterministic run is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seeds hash order and jitter.
    pub seed: u64,
    /// The time of day at the start.
    pub base: Timestamp,
    /// How many requests may pass without any virtual time between them.
    pub requests_per_instant: u64,
    /// Draws which of the requests that wait goes first; without it their actors' names decide.
    pub schedule: Option<u64>,
    /// Looks for threads that are started beside the runtime; for a process in which nothing else runs.
    pub watch_threads: bool,
}

/// Why a run ended before its scenario did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Stopped {
    /// The driver ended it.
    #[error("{0}")]
    Driver(String),
    /// Requests went on and on while no time passed.
    #[error(
        "{requests} requests without any virtual time between them: a hot loop? \
         Look for a reconcile that triggers itself, or raise the budget with `.requests_per_instant(n)`"
    )]
    Budget {
        /// How many there were.
        requests: u64,
    },
    /// The runtime could not be made.
    #[error("failed to start the runtime; is the system out of threads or memory?")]
    Runtime(#[source] std::io::Error),
}

/// Virtual time, and waiting for idleness. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock {
    start: tokio::time::Instant,
    shared: Arc<Shared>,
    blocking: Arc<Blocking>,
}

#[derive(Debug, Default)]
struct Shared {
    idle: Mutex<Vec<oneshot::Sender<()>>>,
    target: Mutex<Option<Duration>>,
    pace: Notify,
    stop: Mutex<Option<oneshot::Sender<Stopped>>>,
}

impl Clock {
    /// Virtual time since the start.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Threads that were started outside of tokio, as far as they were seen: what they do is not waited for and has
    /// no order.
    pub fn foreign_threads(&self) -> u64 {
        self.blocking.foreign()
    }

    /// Waits until no task can run and the driver has nothing to do at this time.
    pub async fn idle(&self) {
        let (done, wait) = oneshot::channel();
        lock(&self.shared.idle).push(done);
        // The other end lives as long as the run itself.
        let _ = wait.await;
    }

    fn stop(&self, why: Stopped) {
        if let Some(stop) = lock(&self.shared.stop).take() {
            let _ = stop.send(why);
        }
    }
}

/// Asked what to do whenever no task can run and no request waits.
pub type Driver = Box<dyn FnMut(Duration) -> Next>;

struct Hook {
    gate: Gate,
    clock: Clock,
    driver: Driver,
    budget: u64,
    blocking: Arc<Blocking>,
    /// Virtual time and number of released requests when time last moved.
    mark: (Duration, u64),
}

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Runs `scenario` on a fresh thread with a paused clock, and gives its result.
///
/// `scenario` gets the clock and the gate, and returns the driver and the future to run: the driver is
/// asked whenever no task can run and no request waits at the gate.
///
/// # Errors
/// When the driver stopped the run, a request budget was spent, or no runtime could be made.
///
/// # Panics
/// With the scenario's own panic.
pub fn run<T, S, F>(options: Options, scenario: S) -> Result<T, Stopped>
where
    T: Send + 'static,
    S: FnOnce(Clock, Gate) -> (Driver, F) + Send + 'static,
    F: Future<Output = T>,
{
    let name = std::thread::current().name().unwrap_or("kubetape").to_owned();
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        shim::enter(options.seed);
        let result = on_this_thread(&options, scenario);
        shim::leave();
        result
    });
    match thread.map_err(Stopped::Runtime)?.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn on_this_thread<T, S, F>(options: &Options, scenario: S) -> Result<T, Stopped>
where
    S: FnOnce(Clock, Gate) -> (Driver, F),
    F: Future<Output = T>,
{
    let blocking = Arc::new(Blocking::new(options.watch_threads));
    let shared = Arc::new(Shared::default());
    let wall = Arc::new(Mutex::new(None));
    let (begins, ends, seed) = (blocking.clone(), blocking.clone(), options.seed);
    let (pool_wall, told) = (wall.clone(), shared.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        // One thread, that ends when there is nothing to do: what it does has an order, and its end can be seen.
        .max_blocking_threads(1)
        .thread_keep_alive(Duration::ZERO)
        // The one thing that tokio asks for on this thread before it starts another.
        .thread_name_fn(move || format!("kubetape-blocking-{}", begins.begin()))
        .on_thread_start(move || {
            shim::enter(seed);
            if let Some((base, since)) = *lock(&pool_wall) {
                shim::set_wall(base, since);
            }
        })
        .on_thread_stop(move || {
            shim::leave();
            told.pace.notify_one();
            ends.end();
        })
        .on_thread_park(|| HOOK.with_borrow_mut(|hook| hook.as_mut().map_or((), Hook::parked)))
        .build()
        .map_err(Stopped::Runtime)?;
    let _unhook = Unhook;
    let since_epoch = options.base.as_duration();
    runtime.block_on(async {
        let (stop, mut stopped) = oneshot::channel();
        let clock = Clock { start: tokio::time::Instant::now(), shared, blocking: blocking.clone() };
        *lock(&clock.shared.stop) = Some(stop);
        let base = since_epoch.try_into().unwrap_or_default();
        *lock(&wall) = Some((base, clock.start));
        shim::set_wall(base, clock.start);
        let gate = Gate::new(options.schedule);
        let (driver, future) = scenario(clock.clone(), gate.clone());
        let pacer = tokio::spawn(pace(clock.clone()));
        let budget = options.requests_per_instant;
        let hook = Hook { gate, clock, driver, budget, blocking, mark: (Duration::ZERO, 0) };
        HOOK.with_borrow_mut(|slot| *slot = Some(hook));
        let mut future = pin!(future);
        let result = tokio::select! {
            biased;
            Ok(why) = &mut stopped => Err(why),
            value = &mut future => Ok(value),
        };
        pacer.abort();
        result
    })
}

/// Takes the hook away on every way out, a panic included.
struct Unhook;

impl Drop for Unhook {
    fn drop(&mut self) {
        let hook = HOOK.with_borrow_mut(Option::take);
        drop(hook);
    }
}

impl Hook {
    /// No task can run: let a request through, or let the driver act, or tell who waits for idleness.
    fn parked(&mut self) {
        let work = self.blocking.wait();
        // Its end has woken the runtime, and this is asked again when all that followed is done.
        if work == Work::Ended {
            return;
        }
        let now = self.clock.now();
        let released = self.gate.released();
        if now > self.mark.0 {
            self.mark = (now, released);
        }
        if released - self.mark.1 > self.budget {
            self.clock.stop(Stopped::Budget { requests: released - self.mark.1 });
            return;
        }
        if self.gate.release() {
            return;
        }
        if work == Work::Pending {
            return;
        }
        match (self.driver)(now) {
            Next::Again => self.wake_pacer(None),
            Next::At(at) if at > now => {
                self.wake_pacer(Some(at));
                self.wake_idle();
            }
            Next::At(_) | Next::Nothing => self.wake_idle(),
            Next::Stop(why) => self.clock.stop(Stopped::Driver(why)),
        }
    }

    /// The pacer sleeps until the driver's time, so that the paused clock stops there.
    fn wake_pacer(&mut self, at: Option<Duration>) {
        let mut target = lock(&self.clock.shared.target);
        if *target != at || at.is_none() {
            *target = at;
            self.clock.shared.pace.notify_one();
        }
    }

    fn wake_idle(&mut self) {
        for waiter in lock(&self.clock.shared.idle).drain(..) {
            let _ = waiter.send(());
        }
    }
}

async fn pace(clock: Clock) {
    loop {
        let target = *lock(&clock.shared.target);
        match target {
            Some(at) => {
                tokio::select! {
                    biased;
                    () = clock.shared.pace.notified() => {}
                    () = tokio::time::sleep_until(clock.start + at) => *lock(&clock.shared.target) = None,
                }
            }
            None => clock.shared.pace.notified().await,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        let base = "2026-01-02T03:04:05Z".parse().unwrap();
        Options { seed: 1, base, requests_per_instant: 100, schedule: None, watch_threads: false }
    }

    #[test]
    fn time_is_virtual_and_the_wall_clock_follows_it() {
        let (slept, wall) = run(options(), |clock, _| {
            (Box::new(|_| Next::Nothing) as Driver, async move {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                (clock.now(), crate::entropy::now())
            })
        })
        .unwrap();
        assert_eq!(slept, Duration::from_secs(3600));
        assert_eq!(wall.to_string(), "2026-01-02T04:04:05Z");
    }

    #[test]
    fn the_driver_is_asked_again_at_the_time_it_names() {
        let seen = run(options(), |clock, _| {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let log = seen.clone();
            let driver = move |now: Duration| {
                if log.lock().unwrap().last() != Some(&now.as_secs()) {
                    log.lock().unwrap().push(now.as_secs());
                }
                if now < Duration::from_secs(5) { Next::At(Duration::from_secs(5)) } else { Next::Nothing }
            };
            (Box::new(driver) as Driver, async move {
                tokio::time::sleep(Duration::from_secs(9)).await;
                clock.idle().await;
                seen.lock().unwrap().clone()
            })
        });
        let seen = seen.unwrap();
        // The timer wheel stops at places of its own in between.
        assert!(seen.contains(&0) && seen.contains(&5) && seen.last() == Some(&9), "{seen:?}");
    }

    #[test]
    fn blocking_work_is_waited_for_and_knows_the_time() {
        let work = |clock: Clock, _| {
            let driver: Driver = Box::new(|_| Next::Nothing);
            (driver, async move {
                let slow = tokio::task::spawn_blocking(|| {
                    #[allow(clippy::disallowed_methods, reason = "the work is to take time")]
                    std::thread::sleep(Duration::from_millis(30));
                    crate::entropy::now().to_string()
                });
                let mut first = std::pin::pin!(clock.idle());
                let (seen, early) = tokio::select! {
                    biased;
                    seen = slow => (seen.unwrap(), false),
                    () = &mut first => (String::new(), true),
                };
                (seen, early, clock.now())
            })
        };
        for _ in 0..5 {
            let seen = run(options(), work).unwrap();
            assert_eq!(seen, ("2026-01-02T03:04:05Z".to_owned(), false, Duration::ZERO));
        }
    }

    #[test]
    fn a_stopped_run_says_why() {
        let stopped = run(options(), |_, _| {
            let driver: Driver = Box::new(|_| Next::Stop("enough".into()));
            (driver, std::future::pending::<()>())
        });
        assert_eq!(stopped.unwrap_err().to_string(), "enough");
    }

    #[test]
    fn a_panic_of_the_scenario_comes_out_and_the_next_run_is_clean() {
        let panicked = std::panic::catch_unwind(|| {
            let _ = run(options(), |_, _| {
                let driver: Driver = Box::new(|_| Next::Nothing);
                (driver, async { panic!("mine") })
            });
        });
        assert!(panicked.is_err());
        assert!(run(options(), |_, _| (Box::new(|_| Next::Nothing) as Driver, async {})).is_ok());
    }
}
