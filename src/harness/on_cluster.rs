use super::{
    Error, Mode, Options, Record, capture,
    failure::Failure,
    live::{self, Live},
    mode::Settings,
    run::{Outcome, end_operators},
    taping::{begin_tape, end_tape},
    world::{On, World},
};
use crate::{cluster::Provider, runtime::Stopped};
use kube::Client;
use std::{future::Future, panic::AssertUnwindSafe, path::Path};

/// Runs the scenario on a real control plane, and keeps its tape where one is recorded.
pub(super) fn on_cluster<S, Fut>(
    options: &Options,
    provider: Provider,
    mode: &Mode,
    path: &Path,
    settings: &Settings,
    scenario: S,
) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let (options, mode, path) = (options.clone(), mode.clone(), path.to_owned());
    // Only envtest can leave the controllers out, and only it can forget its history.
    let provider = if options.bare || options.exclusive { Provider::Envtest } else { provider };
    let found = live::find(provider, &mode, &options, &settings.record.contexts)?;
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::Stopped(Stopped::Runtime(e)))?;
        runtime.block_on(in_cluster(&options, provider, &mode, &path, found, scenario))
    });
    match thread.join() {
        Ok(result) => result,
        Err(panic) => Err(Failure::Panic(panic)),
    }
}

async fn in_cluster<S, Fut>(
    options: &Options,
    provider: Provider,
    mode: &Mode,
    path: &Path,
    mut found: live::Found,
    scenario: S,
) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let namespace = options.namespace();
    found.config.default_namespace.clone_from(&namespace);
    let prepare = |what: &str| {
        let what = what.to_owned();
        move |source| Error::Prepare { what, source: Box::new(source) }
    };
    let setup = Client::try_from(found.config.clone()).map_err(prepare("make a client"))?;
    live::prepare(&setup, &namespace, &options.crds, options.bare).await?;
    let version = setup.apiserver_version().await.map_err(prepare("ask for the server's version"))?;
    let recorder = match mode.record {
        Record::None => None,
        _ => Some(begin_tape(options, path, &provider.to_string(), &namespace, &version.git_version, None)?),
    };
    let world = World::new(
        On::Cluster(Box::new(Live::new(found, provider, recorder.clone()))),
        namespace.clone(),
        options.deadline,
    );
    let result = futures::FutureExt::catch_unwind(AssertUnwindSafe(scenario(world.clone()))).await;
    let ended = futures::FutureExt::catch_unwind(AssertUnwindSafe(end_operators(&world))).await;
    let (problem, panic) = match (result, ended) {
        (Err(panic), _) | (Ok(_), Err(panic)) => (None, Some(panic)),
        (Ok(outcome), Ok(problem)) => (outcome.problem().or(problem), None),
    };
    let failed = problem.is_some() || panic.is_some();
    let kept = end_tape(recorder, path, mode.record, failed);
    let failure = panic.map(Failure::Panic).or(problem.map(Failure::Scenario));
    let failure = match failure {
        Some(failure) => Some(capture::keep(setup.clone(), &namespace, &options.scenario(), failure).await),
        None => None,
    };
    let cleaned = match mode.keep {
        true => Ok(()),
        false => live::clean(&setup, &namespace, &options.crds).await,
    };
    // What the scenario met comes first; what went wrong in clearing up may follow from it.
    if let Some(failure) = failure {
        return Err(failure);
    }
    kept?;
    cleaned.map_err(prepare("delete the scenario's namespace"))?;
    Ok(())
}
