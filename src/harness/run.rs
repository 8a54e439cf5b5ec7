use super::{
    Error, Mode, Options,
    calls::Calls,
    check,
    choice::{Choice, choose},
    failure::{Failure, Scene, Stuck, relative, render},
    mode::Check,
    on_cluster::on_cluster,
    on_sim::on_sim,
    operator::Operator,
    replay::Replay,
    world::{On, World},
};
use crate::{
    runtime::{self, Next, Stopped},
    tape::{Divergence, Header, Player, Quiet, Tape},
};
use std::{
    any::Any,
    fmt::Display,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
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

impl Outcome for std::convert::Infallible {
    fn problem(self) -> Option<String> {
        match self {}
    }
}

impl<E: Display + Send + 'static> Outcome for Result<(), E> {
    fn problem(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

/// Runs a scenario on what the environment says: its tape; where there is none, the simulated cluster; or a real
/// control plane, where it can be recorded.
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
        Err(failure) => failure.raise(),
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
    let options = options.in_environment(&Mode::from_env()?);
    match choose(&options)? {
        Choice::Sim { mode, path } => on_sim(&options, &mode, &path, scenario),
        Choice::Replay { path, check } => replay(&options, &path, &check, scenario),
        Choice::Live { provider, mode, path, settings } => {
            on_cluster(&options, provider, &mode, &path, &settings, scenario)
        }
    }
}

fn replay<S, Fut>(options: &Options, path: &Path, check: &Check, scenario: S) -> Result<(), Failure>
where
    S: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let tape = Tape::load(path).map_err(|source| Error::Tape { path: path.to_owned(), source })?;
    if tape.end != "ok" {
        return Err(Error::Unfinished { path: path.to_owned(), end: tape.end }.into());
    }
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
    let earlier = || player.verdict(false, Duration::ZERO);
    match result {
        Ok(Played { problem: None, divergence: None }) => {
            check::again(check, options, &relative(path), &calls)
                .map_or(Ok(()), |text| Err(Failure::Scenario(text)))
        }
        Ok(Played { problem: Some(problem), .. }) => {
            Err(earlier().map_or(Failure::Scenario(problem), |found| diverged(&found)))
        }
        Ok(Played { divergence, .. }) => divergence.map_or(Ok(()), |divergence| Err(diverged(&divergence))),
        Err(Failed::Stuck(stuck)) => {
            Err(Failure::Diverged(format!("{}\n{}", stuck.text, render(&scene, &stuck.divergence))))
        }
        Err(Failed::Panic(panic)) => Err(earlier().map_or(Failure::Panic(panic), |found| diverged(&found))),
        Err(Failed::Stopped(stopped)) => {
            // A step that waited for its place on the tape too long is explained by what never came.
            let overdue =
                || matches!(stopped, Stopped::Driver(_)).then(|| player.stuck(player.end().0)).flatten();
            match earlier().or_else(overdue) {
                Some(found) => Err(diverged(&found)),
                None => Err(Error::Stopped(stopped).into()),
            }
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
        schedule: None,
        watch_threads: options.watch_threads,
    };
    let (player, deadline, namespace) = (player.clone(), options.deadline, header.namespace.clone());
    let run = move || {
        runtime::run(run_options, move |clock, gate| {
            let replay = Replay { player: player.clone(), clock, gate, calls };
            let driver: runtime::Driver = Box::new(move |now| drive(&player, now, deadline));
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

/// What the world does when nothing can run. A step of the scenario that waits for its place on the tape beyond
/// the deadline ends the replay: what it waits for will not come.
fn drive(player: &Player, now: Duration, deadline: Duration) -> Next {
    let limit = player.held_since().map(|at| at.max(player.end().0).saturating_add(deadline));
    if limit.is_some_and(|limit| now >= limit) {
        return Next::Stop("a step of the scenario never came to its place on the tape".into());
    }
    match (player.quiet(now), limit) {
        (Quiet::Moved, _) => Next::Again,
        (Quiet::Later(at), limit) => Next::At(limit.map_or(at, |limit| at.min(limit))),
        (Quiet::Nothing, Some(limit)) => Next::At(limit),
        (Quiet::Nothing, None) => Next::Nothing,
        (Quiet::Diverged, _) => Next::Stop("the replay diverged".into()),
    }
}

async fn in_replay<S, Fut>(
    replay: Replay,
    namespace: String,
    deadline: Duration,
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
        let patience = replay.remaining().saturating_add(deadline);
        // What is still missing then is in the verdict.
        let _ = tokio::time::timeout(patience, replay.complete()).await;
    }
    let problem = problem.or(end_operators(&world).await);
    drop(noted);
    replay.calls.note_threads(replay.clock.foreign_threads());
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

/// Ends the operators; a panic of one of them is the scenario's, and so is an error that ended one.
pub(super) async fn end_operators(world: &World) -> Option<String> {
    let operators = std::mem::take(&mut *world.operators());
    let mut problem = None;
    for operator in operators {
        if let Some(panic) = operator.panic().await {
            resume_unwind(panic);
        }
        problem = problem.or(operator.error());
        operator.end();
    }
    problem
}
