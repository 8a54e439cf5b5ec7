use super::{
    Error, Mode, Options, Record,
    calls::Calls,
    check,
    failure::{Failure, Scene, Stuck, relative, render},
    live::{self, Live},
    mode::{Check, Settings},
    operator::Operator,
    replay::Replay,
    world::{On, World},
};
use crate::{
    cluster::Provider,
    runtime::{self, Next, Stopped},
    tape::{self, Divergence, Header, Player, Quiet, Recorder, Tape},
};
use kube::Client;
use std::{
    any::Any,
    fmt::Display,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// What a scenario returns: nothing, or a `Result` whose error fails the test.
pub trait Outcome: Send + 'static {
    /// The error's text, if it is one.
    fn problem(self) -> Option<String>;
}

impl Outcome for () {
    fn problem(self) -> Option<String> {
        None
    }
}

impl<E: Display + Send + 'static> Outcome for Result<(), E> {
    fn problem(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// Runs a scenario on what the environment says: its tape, or a real control plane, where it can be recorded.
///
/// `#[kubetape::test]` calls this; call it yourself where you want no macro. It owns its thread and runtime,
/// so a plain `#[test]` is the right place.
///
/// # Panics
/// With a text that says what differed and what to do, when the operators did not do what the tape says,
/// when a wait took too long, or when there is neither a tape nor a cluster. With the scenario's own panic.
#[track_caller]
pub fn run<S, Fut>(options: Options, scenario: S)
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    match try_run(options, scenario) {
        Ok(()) => {}
        Err(Failure::Panic(panic)) => resume_unwind(panic),
        Err(failure) => panic!("{failure}"),
    }
}

/// As [`run`], and gives what went wrong to the caller.
///
/// # Errors
/// Where [`run`] panics.
pub fn try_run<S, Fut>(options: Options, scenario: S) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    match choose(&options)? {
        Choice::Replay { path, check } => replay(&options, &path, &check, scenario),
        Choice::Live { provider, mode, path, settings } => {
            on_cluster(&options, provider, &mode, &path, &settings, scenario)
        }
    }
}

enum Choice {
    Replay { path: PathBuf, check: Check },
    Live { provider: Provider, mode: Mode, path: PathBuf, settings: Settings },
}

fn choose(options: &Options) -> Result<Choice, Error> {
    let mode = Mode::from_env()?;
    let settings = Settings::find(&options.package)?;
    let path = options.tape.clone().unwrap_or_else(|| settings.tape(&options.tape_file()));
    match mode.cluster {
        Some(_) if mode.record == Record::Once && path.exists() => {
            Ok(Choice::Replay { path, check: mode.check })
        }
        Some(provider) => Ok(Choice::Live { provider, mode, path, settings }),
        None if mode.record != Record::None => Err(Error::Environment {
            variable: "KUBETAPE_CLUSTER",
            value: String::new(),
            known: "envtest, kwok, kind, current (KUBETAPE_RECORD needs a cluster to record on)",
        }),
        None if path.exists() => Ok(Choice::Replay { path, check: mode.check }),
        None => Err(Error::NoTape { path, test: options.test.clone() }),
    }
}

fn replay<S, Fut>(options: &Options, path: &Path, check: &Check, scenario: S) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let tape = Tape::load(path).map_err(|source| Error::Tape { path: path.to_owned(), source })?;
    let player = Player::new(&tape, options.level);
    let place = Arc::new(Mutex::new(String::new()));
    let calls = Calls::default();
    let result = play(options, &tape.header, &player, calls.clone(), scenario, place.clone());
    if let Some(problem) = check::leave(check, &calls) {
        return Err(Failure::Scenario(problem));
    }
    let place = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let scene = Scene { options, tape: path, player: &player, calls: &calls, place: &place };
    let diverged = |divergence: &Divergence| Failure::Diverged(render(&scene, divergence));
    // What a scenario saw after a divergence says nothing, so the divergence is told.
    let earlier = || player.verdict(false, std::time::Duration::ZERO);
    match result {
        Ok(Played { problem: None, divergence: None }) => {
            check::again(check, options, &relative(path), &calls)
                .map_or(Ok(()), |text| Err(Failure::Scenario(text)))
        }
        Ok(Played { problem: Some(problem), .. }) => Err(Failure::Scenario(problem)),
        Ok(Played { divergence, .. }) => divergence.map_or(Ok(()), |divergence| Err(diverged(&divergence))),
        Err(Failed::Stuck(stuck)) => {
            Err(Failure::Diverged(format!("{}\n{}", stuck.text, render(&scene, &stuck.divergence))))
        }
        Err(Failed::Panic(panic)) => Err(earlier().map_or(Failure::Panic(panic), |found| diverged(&found))),
        Err(Failed::Stopped(stopped)) => {
            Err(earlier().map_or_else(|| Error::Stopped(stopped).into(), |found| diverged(&found)))
        }
    }
}

struct Played {
    problem: Option<String>,
    divergence: Option<Divergence>,
}

enum Failed {
    Stuck(Box<Stuck>),
    Panic(Box<dyn Any + Send>),
    Stopped(Stopped),
}

fn play<S, Fut>(
    options: &Options,
    header: &Header,
    player: &Player,
    calls: Calls,
    scenario: S,
    place: Arc<Mutex<String>>,
) -> Result<Played, Failed>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let run_options = runtime::Options {
        seed: options.seed,
        base: header.base.parse().unwrap_or_default(),
        requests_per_instant: options.requests_per_instant,
    };
    let (player, deadline, namespace) = (player.clone(), options.deadline, header.namespace.clone());
    let run = move || {
        runtime::run(run_options, move |clock, gate| {
            let replay = Replay { player: player.clone(), clock, gate, calls };
            let driver: runtime::Driver = Box::new(move |now| match player.quiet(now) {
                Quiet::Moved => Next::Again,
                Quiet::Later(at) => Next::At(at),
                Quiet::Nothing => Next::Nothing,
                Quiet::Diverged => Next::Stop("the replay diverged".into()),
            });
            (driver, in_replay(replay, namespace, deadline, scenario, place))
        })
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(played)) => Ok(played),
        Ok(Err(stopped)) => Err(Failed::Stopped(stopped)),
        Err(panic) => Err(match panic.downcast::<Stuck>() {
            Ok(stuck) => Failed::Stuck(stuck),
            Err(panic) => Failed::Panic(panic),
        }),
    }
}

async fn in_replay<S, Fut>(
    replay: Replay,
    namespace: String,
    deadline: std::time::Duration,
    scenario: S,
    place: Arc<Mutex<String>>,
) -> Played
where
    S: FnOnce(World) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let world = World::new(On::Tape(replay.clone()), namespace, deadline);
    let noted = Place { world: world.clone(), place };
    let problem = scenario(world.clone()).await.problem();
    if problem.is_none() {
        let patience = replay.remaining() + deadline;
        // What is still missing then is in the verdict.
        let _ = tokio::time::timeout(patience, replay.complete()).await;
    }
    end_operators(&world).await;
    drop(noted);
    let divergence = replay.player.verdict(true, replay.clock.now());
    Played { problem, divergence }
}

/// Leaves the last place of the scenario behind on every way out, and lets go of the operators, which hold
/// their world as it holds them.
struct Place {
    world: World,
    place: Arc<Mutex<String>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = self.world.place();
        let operators = std::mem::take(&mut *self.world.operators());
        operators.iter().for_each(Operator::end);
    }
}

/// Ends the operators; a panic of one of them is the scenario's.
async fn end_operators(world: &World) {
    let operators = std::mem::take(&mut *world.operators());
    for operator in operators {
        if let Some(panic) = operator.panic().await {
            resume_unwind(panic);
        }
        operator.end();
    }
}

fn on_cluster<S, Fut>(
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
    let end = match &result {
        Ok(_) => "ok",
        Err(_) => "the scenario failed",
    };
    let recorded = recorder.map(|recorder| recorder.finish_as(end)).transpose();
    end_operators(&world).await;
    if !mode.keep {
        live::clean(&setup, &namespace, &options.crds)
            .await
            .map_err(prepare("delete the scenario's namespace"))?;
    }
    let failed = |source| Error::Tape { path: path.to_owned(), source };
    let problem = match result {
        Ok(outcome) => outcome.problem(),
        Err(panic) => resume_unwind(panic),
    };
    if let Some(part) = recorded.map_err(failed)? {
        keep_tape(&part, path, mode.record, problem.is_some()).map_err(failed)?;
    }
    problem.map_or(Ok(()), |problem| Err(Failure::Scenario(problem)))
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
