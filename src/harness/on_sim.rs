use super::{
    Error, Mode, Options, Record,
    calls::{Calls, Noted},
    check,
    client::retrying,
    crash::{Crash, Witness},
    failure::Failure,
    live,
    run::{Outcome, end_operators},
    taping::{begin_tape, end_tape},
    world::{On, World},
};
use crate::{
    runtime::{self, Clock, Gate, Next},
    sim::{self, Sim},
    tape::{DRIVER, Recorder},
    wire::{Request, Response},
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use kube::Client;
use serde_json::Value;
use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll},
    time::Duration,
};
use tower::{BoxError, Layer, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

/// When the world of a simulated cluster begins, unless it is recorded: a tape tells when it was made.
const BASE: jiff::Timestamp = jiff::Timestamp::constant(1_767_225_600, 0);

/// A name behind all others.
const LAST: &str = "\u{10ffff}";

/// How long nothing may change before a scenario counts as settled.
const QUIET: Duration = Duration::from_secs(3);

/// A simulated cluster as the ground of a scenario.
#[derive(Clone)]
pub(super) struct Simulated {
    pub(super) sim: Sim,
    pub(super) calls: Calls,
    clock: Clock,
    gate: Gate,
    recorder: Option<Recorder>,
    crash: Option<Crash>,
    pub(super) seed: u64,
}

impl Simulated {
    /// A client with the same retries as on a real cluster.
    pub(super) fn client(&self, actor: &str, namespace: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        let clock = self.clock.clone();
        let now = move || clock.now();
        let server = ServiceBuilder::new().map_err(BoxError::from).service(self.sim.clone());
        let inner = match &self.recorder {
            Some(recorder) => BoxCloneSyncService::new(recorder.layer(actor).layer(server)),
            None => BoxCloneSyncService::new(server),
        };
        let crash = self.crash.clone().filter(|_| actor != DRIVER);
        let witness = crash.map(|crash| {
            let (sim, actor, clock) = (self.sim.clone(), actor.to_owned(), self.clock.clone());
            Witness { crash, sim, actor, clock }
        });
        let inner = Whole { inner, witness };
        let noted = Noted { inner, calls: self.calls.clone(), actor: actor.to_owned(), now };
        // What the scenario does comes after what the operators have to do at that time, as on a tape.
        let place = if actor == DRIVER { LAST } else { actor };
        retrying(self.gate.service(noted, place), namespace, fuse)
    }

    /// Marks a step of the scenario on the tape that is made.
    pub(super) fn step(&self, step: &str, of: &str) {
        if let Some(recorder) = &self.recorder {
            recorder.step(step, of);
        }
    }

    /// Waits until nothing has changed for a while of virtual time.
    pub(super) async fn settle(&self) {
        loop {
            self.clock.idle().await;
            let before = self.sim.revision();
            tokio::time::sleep(QUIET).await;
            self.clock.idle().await;
            if self.sim.revision() == before {
                break;
            }
        }
        self.step("settled", "");
    }
}

/// The simulator behind requests whose body is known.
#[derive(Clone)]
struct Whole {
    inner: BoxCloneSyncService<Request, Response, BoxError>,
    witness: Option<Witness>,
}

impl tower::Service<http::Request<Bytes>> for Whole {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let server = self.inner.clone();
        let ask = async move |request: http::Request<Bytes>| {
            server.oneshot(request.map(|body| kube::client::Body::from(body.to_vec()))).await
        };
        match self.witness.clone() {
            Some(witness) => witness.see(request, ask).boxed(),
            None => ask(request).boxed(),
        }
    }
}

/// Runs the scenario on a simulator of its own, in virtual time, and keeps its tape where one is recorded.
pub(super) fn on_sim<S, Fut>(options: &Options, mode: &Mode, path: &Path, scenario: S) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let recorded = mode.record != Record::None;
    let base = if recorded { crate::entropy::now() } else { BASE };
    let run_options = run_options(options, base);
    let tape = recorded.then(|| path.to_owned());
    let plan = Plan { options: options.clone(), base, tape, crash: None };
    let calls = Calls::default();
    let ended = simulate(run_options, plan, calls.clone(), scenario)?;
    let kept = end_tape(ended.recorder, path, mode.record, ended.failure.is_some());
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    kept?;
    let differs = check::leave(&mode.check, &calls);
    let differs = differs.or_else(|| check::again(&mode.check, options, "none: a simulated cluster", &calls));
    differs.map_or(Ok(()), |text| Err(Failure::Scenario(text)))
}

/// Runs the scenario on a simulator of its own with a crash in it.
#[cfg(feature = "insta")]
pub(crate) fn disturbed<S, Fut>(options: &Options, crash: Crash, scenario: S) -> super::Disturbed
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let run_options = run_options(options, BASE);
    let plan = Plan { options: options.clone(), base: BASE, tape: None, crash: Some(crash.clone()) };
    match simulate(run_options, plan, Calls::default(), scenario) {
        Ok(Ended { failure, objects, .. }) => super::Disturbed { failure, writes: crash.writes(), objects },
        Err(failure) => {
            super::Disturbed { failure: Some(failure), writes: crash.writes(), objects: Vec::new() }
        }
    }
}

fn simulate<S, Fut>(
    run_options: runtime::Options,
    plan: Plan,
    calls: Calls,
    scenario: S,
) -> Result<Ended, Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let run = move || {
        runtime::run(run_options, move |clock, gate| {
            let driver: runtime::Driver = Box::new(|_| Next::Nothing);
            (driver, in_sim(plan, Cluster { calls, clock, gate }, scenario))
        })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Ok(ended))) => Ok(ended),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(stopped)) => Err(Error::Stopped(stopped).into()),
        Err(panic) => Err(Failure::Panic(panic)),
    }
}

fn run_options(options: &Options, base: jiff::Timestamp) -> runtime::Options {
    let schedule = (options.seed != 1).then_some(options.seed);
    let requests_per_instant = options.requests_per_instant;
    let watch_threads = options.watch_threads;
    runtime::Options { seed: options.seed, base, requests_per_instant, schedule, watch_threads }
}

/// What a run on the simulator is to be.
struct Plan {
    options: Options,
    base: jiff::Timestamp,
    tape: Option<PathBuf>,
    crash: Option<Crash>,
}

/// What a runtime gives to the run on it.
struct Cluster {
    calls: Calls,
    clock: Clock,
    gate: Gate,
}

/// How a scenario ended, and the tape that it leaves.
struct Ended {
    failure: Option<Failure>,
    recorder: Option<Recorder>,
    /// What there was in the end, when a crash is looked at.
    #[cfg_attr(not(feature = "insta"), expect(dead_code, reason = "only `explore` looks"))]
    objects: Vec<Value>,
}

async fn in_sim<S, Fut>(plan: Plan, cluster: Cluster, scenario: S) -> Result<Ended, Error>
where
    S: FnOnce(World) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let options = &plan.options;
    let mut settings = sim::Options { seed: options.seed, base: Some(plan.base), ..sim::Options::default() };
    if options.bare {
        settings.controllers.clear();
        settings.disabled_admission.push("ServiceAccount".to_owned());
    }
    let sim = Sim::new(settings);
    let namespace = options.namespace();
    let setup = ServiceBuilder::new().map_err(BoxError::from).service(sim.clone());
    let setup = Client::new(setup, namespace.clone());
    live::prepare(&setup, &namespace, &options.crds, options.bare).await?;
    let Cluster { calls, clock, gate } = cluster;
    let recorder = match &plan.tape {
        Some(path) => {
            let (version, clock) = (version(&setup).await?, Some(clock.clone()));
            Some(begin_tape(options, path, "sim", &namespace, &version, clock)?)
        }
        None => None,
    };
    let (kept, crash) = (sim.clone(), plan.crash.clone());
    let (noted, time) = (calls.clone(), clock.clone());
    let recording = recorder.clone();
    let ground =
        Simulated { sim, calls, clock, gate, recorder: recording, crash: crash.clone(), seed: options.seed };
    let world = World::new(On::Sim(ground), namespace, options.deadline);
    let reaper = crash.clone().map(|crash| {
        let world = world.clone();
        tokio::spawn(async move { crash.reap(&world).await })
    });
    let outcome = AssertUnwindSafe(scenario(world.clone())).catch_unwind().await;
    let objects = match &crash {
        Some(crash) if outcome.is_ok() => crash.rest(&kept).await,
        _ => Vec::new(),
    };
    if let Some(reaper) = reaper {
        reaper.abort();
    }
    let ended = AssertUnwindSafe(end_operators(&world)).catch_unwind().await;
    noted.note_threads(time.foreign_threads());
    Ok(Ended { failure: failure(outcome, ended), recorder, objects })
}

/// What went wrong in a scenario, its panic first.
fn failure<O: Outcome>(
    outcome: Result<O, Box<dyn Any + Send>>,
    ended: Result<Option<String>, Box<dyn Any + Send>>,
) -> Option<Failure> {
    match (outcome, ended) {
        (Err(panic), _) | (Ok(_), Err(panic)) => Some(Failure::Panic(panic)),
        (Ok(outcome), Ok(problem)) => outcome.problem().or(problem).map(Failure::Scenario),
    }
}

async fn version(client: &Client) -> Result<String, Error> {
    let what = "ask for the server's version".to_owned();
    let found = client.apiserver_version().await;
    found.map(|info| info.git_version).map_err(|source| Error::Prepare { what, source: Box::new(source) })
}
