use super::{
    Error, Mode, Options, Record,
    calls::{Calls, Noted},
    check,
    client::retrying,
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
        let noted = Noted { inner: Whole(inner), calls: self.calls.clone(), actor: actor.to_owned(), now };
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
struct Whole(BoxCloneSyncService<Request, Response, BoxError>);

impl tower::Service<http::Request<Bytes>> for Whole {
    type Response = Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let request = request.map(|body| kube::client::Body::from(body.to_vec()));
        self.0.clone().oneshot(request).boxed()
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
    let run_options =
        runtime::Options { seed: options.seed, base, requests_per_instant: options.requests_per_instant };
    let plan = Plan { options: options.clone(), base, tape: recorded.then(|| path.to_owned()) };
    let calls = Calls::default();
    let noted = calls.clone();
    let run = move || {
        runtime::run(run_options, move |clock, gate| {
            let driver: runtime::Driver = Box::new(|_| Next::Nothing);
            (driver, in_sim(plan, Cluster { calls: noted, clock, gate }, scenario))
        })
    };
    let ended = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Ok(ended))) => ended,
        Ok(Ok(Err(error))) => return Err(error.into()),
        Ok(Err(stopped)) => return Err(Error::Stopped(stopped).into()),
        Err(panic) => return Err(Failure::Panic(panic)),
    };
    let kept = end_tape(ended.recorder, path, mode.record, ended.failure.is_some());
    if let Some(failure) = ended.failure {
        return Err(failure);
    }
    kept?;
    let differs = check::leave(&mode.check, &calls);
    let differs = differs.or_else(|| check::again(&mode.check, options, "none: a simulated cluster", &calls));
    differs.map_or(Ok(()), |text| Err(Failure::Scenario(text)))
}

/// What a run on the simulator is to be.
struct Plan {
    options: Options,
    base: jiff::Timestamp,
    tape: Option<PathBuf>,
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
    let ground = Simulated { sim, calls, clock, gate, recorder: recorder.clone() };
    let world = World::new(On::Sim(ground), namespace, options.deadline);
    let outcome = AssertUnwindSafe(scenario(world.clone())).catch_unwind().await;
    let ended = AssertUnwindSafe(end_operators(&world)).catch_unwind().await;
    Ok(Ended { failure: failure(outcome, ended), recorder })
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
