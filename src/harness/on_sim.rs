use super::{
    Error, Options,
    calls::{Calls, Noted},
    client::retrying,
    failure::Failure,
    live,
    run::{Outcome, end_operators},
    world::{On, World},
};
use crate::{
    runtime::{self, Clock, Gate, Next},
    sim::{self, Sim},
    wire::Response,
};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use kube::Client;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicBool},
    task::{Context, Poll},
    time::Duration,
};
use tower::{ServiceBuilder, ServiceExt};

/// How long nothing may change before a scenario counts as settled.
const QUIET: Duration = Duration::from_secs(3);

/// A simulated cluster as the ground of a scenario.
#[derive(Clone, Debug)]
pub(super) struct Simulated {
    pub(super) sim: Sim,
    pub(super) calls: Calls,
    clock: Clock,
    gate: Gate,
}

impl Simulated {
    /// A client with the same retries as on a real cluster.
    pub(super) fn client(&self, actor: &str, namespace: &str, fuse: Option<Arc<AtomicBool>>) -> Client {
        let clock = self.clock.clone();
        let now = move || clock.now();
        let inner = Whole(self.sim.clone());
        let noted = Noted { inner, calls: self.calls.clone(), actor: actor.to_owned(), now };
        retrying(self.gate.service(noted, actor), namespace, fuse)
    }

    /// Waits until nothing has changed for a while of virtual time.
    pub(super) async fn settle(&self) {
        loop {
            self.clock.idle().await;
            let before = self.sim.revision();
            tokio::time::sleep(QUIET).await;
            self.clock.idle().await;
            if self.sim.revision() == before {
                return;
            }
        }
    }
}

/// The simulator behind requests whose body is known.
#[derive(Clone)]
struct Whole(Sim);

impl tower::Service<http::Request<Bytes>> for Whole {
    type Response = Response;
    type Error = tower::BoxError;
    type Future = BoxFuture<'static, Result<Response, tower::BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Self::Future {
        let request = request.map(|body| kube::client::Body::from(body.to_vec()));
        self.0.clone().oneshot(request).map(|answer| answer.map_err(Into::into)).boxed()
    }
}

/// Runs the scenario on a simulator of its own, in virtual time.
pub(super) fn on_sim<S, Fut>(options: &Options, scenario: S) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let base = crate::entropy::now();
    let run_options =
        runtime::Options { seed: options.seed, base, requests_per_instant: options.requests_per_instant };
    let options = options.clone();
    let run = move || {
        runtime::run(run_options, move |clock, gate| {
            let driver: runtime::Driver = Box::new(|_| Next::Nothing);
            (driver, in_sim(options, base, clock, gate, scenario))
        })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Ok(None))) => Ok(()),
        Ok(Ok(Ok(Some(problem)))) => Err(Failure::Scenario(problem)),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(stopped)) => Err(Error::Stopped(stopped).into()),
        Err(panic) => Err(Failure::Panic(panic)),
    }
}

async fn in_sim<S, Fut>(
    options: Options,
    base: jiff::Timestamp,
    clock: Clock,
    gate: Gate,
    scenario: S,
) -> Result<Option<String>, Error>
where
    S: FnOnce(World) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let mut settings = sim::Options { seed: options.seed, base: Some(base), ..sim::Options::default() };
    if options.bare {
        settings.controllers.clear();
        settings.disabled_admission.push("ServiceAccount".to_owned());
    }
    let ground = Simulated { sim: Sim::new(settings), calls: Calls::default(), clock, gate };
    let namespace = options.namespace();
    let setup = Client::new(
        ServiceBuilder::new().map_err(tower::BoxError::from).service(ground.sim.clone()),
        namespace.clone(),
    );
    live::prepare(&setup, &namespace, &options.crds, options.bare).await?;
    let world = World::new(On::Sim(ground), namespace, options.deadline);
    let problem = scenario(world.clone()).await.problem();
    Ok(problem.or(end_operators(&world).await))
}
