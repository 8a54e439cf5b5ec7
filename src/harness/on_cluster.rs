use super::{
    Error, Mode, Options, Record, capture,
    failure::Failure,
    live::{self, Live},
    mode::Settings,
    run::{Outcome, end_operators},
    world::{On, World},
};
use crate::{
    cluster::Provider,
    runtime::Stopped,
    tape::{self, Header, Recorder, Tape},
};
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
        _ => Some(begin_tape(options, path, provider, &namespace, &version.git_version)?),
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
    let kept = recorder.map_or(Ok(()), |recorder| {
        let end = if failed { "the scenario failed" } else { "ok" };
        recorder.finish_as(end).and_then(|part| keep_tape(&part, path, mode.record, failed))
    });
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
    kept.map_err(|source| Error::Tape { path: path.to_owned(), source })?;
    cleaned.map_err(prepare("delete the scenario's namespace"))?;
    Ok(())
}

fn begin_tape(
    options: &Options,
    path: &Path,
    provider: Provider,
    namespace: &str,
    version: &str,
) -> Result<Recorder, Error> {
    if let Some(folder) = path.parent() {
        let open = |source| tape::Error::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder)
            .map_err(|e| Error::Tape { path: path.to_owned(), source: open(e) })?;
    }
    let header = Header {
        version: tape::FORMAT_VERSION,
        tool: String::new(),
        kubernetes: version.to_owned(),
        source: provider.to_string(),
        namespace: namespace.to_owned(),
        base: String::new(),
        scenario: options.scenario(),
        redacted: Vec::new(),
        sealed: false,
    };
    let part = path.with_extension("ktape.part");
    Recorder::create(&part, header).map_err(|source| Error::Tape { path: path.to_owned(), source })
}

/// Seals a finished recording where it belongs; that of a failed scenario never replaces a good one.
fn keep_tape(part: &Path, path: &Path, record: Record, failed: bool) -> Result<(), tape::Error> {
    let recorded = Tape::load(part)?;
    let beside = path.with_extension("ktape.new");
    let target = match record {
        _ if failed => &beside,
        Record::New if path.exists() => {
            if tape::diff(&Tape::load(path)?, &recorded).is_empty() {
                return remove(part);
            }
            &beside
        }
        _ => path,
    };
    recorded.seal(target, &tape::SealOptions::default())?;
    remove(part)
}

fn remove(part: &Path) -> Result<(), tape::Error> {
    std::fs::remove_file(part).map_err(|source| tape::Error::Write { path: part.to_owned(), source })
}
