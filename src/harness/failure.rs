use super::{
    Error, Options,
    calls::Calls,
    error::chain,
    operator::Operator,
    past::{before, came},
    world::{On, World},
};
use crate::{
    entropy::Offset,
    tape::{DRIVER, Divergence, DivergenceKind, Header, Player, Taped},
};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};
use std::{any::Any, fmt, fmt::Write as _, path::Path};

const WIDTH: usize = 78;

/// Why a scenario did not pass. Its text is the one that a failing test shows.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The operators did not do what the tape says; the whole text of it.
    Diverged(String),
    /// The scenario returned this error.
    Scenario(String),
    /// The scenario or an operator panicked.
    Panic(Box<dyn Any + Send>),
    /// The scenario could not be run.
    Error(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Diverged(text) | Self::Scenario(text) => f.write_str(text),
            Self::Panic(panic) => f.write_str(
                panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("a panic without a text"),
            ),
            Self::Error(error) => f.write_str(&chain(error)),
        }
    }
}

impl Failure {
    /// Fails the test with it.
    #[track_caller]
    pub(crate) fn raise(self) -> ! {
        match self {
            Self::Panic(panic) => std::panic::resume_unwind(panic),
            failure => panic!("{failure}"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Ends a wait that took too long: with the divergence that explains it, or with what was waited for.
pub(super) fn stuck(world: &World, what: &str) -> ! {
    let place = world.place();
    let wanted = what.lines().next().unwrap_or(what);
    let mut text = format!("timed out at {place}: waited until {wanted}\n");
    let ended =
        world.operators().iter().filter(|o| !o.is_running()).map(|o| o.name().to_owned()).collect::<Vec<_>>();
    if !ended.is_empty() {
        text += &format!("\noperators that no longer run: {}\n", ended.join(", "));
    }
    for error in world.operators().iter().filter_map(Operator::error) {
        text += &format!("{error}\n");
    }
    if let On::Tape(replay) = &world.0.ground {
        let now = replay.clock.now();
        if let Some(divergence) = replay.player.stuck(now) {
            // Without the panic hook: the divergence is told once, at the test's own line.
            std::panic::resume_unwind(Box::new(Stuck { divergence: Box::new(divergence), text }));
        }
        text += what.split_once('\n').map_or("", |(_, seen)| seen);
        text +=
            "\nthe tape has nothing more to say: is the condition the one that held when it was recorded?";
    } else {
        text += what.split_once('\n').map_or("", |(_, seen)| seen);
        text += "\nraise the deadline with `deadline = \"…\"`, or look at the operator's log above";
    }
    panic!("{text}")
}

/// The payload of a wait that a divergence explains.
pub(super) struct Stuck {
    pub(super) divergence: Box<Divergence>,
    pub(super) text: String,
}

/// What the failure text needs beside the divergence.
pub(super) struct Scene<'a> {
    pub(super) options: &'a Options,
    pub(super) tape: &'a Path,
    pub(super) player: &'a Player,
    pub(super) calls: &'a Calls,
    pub(super) place: &'a str,
}

/// The whole text of a divergence.
pub(super) fn render(scene: &Scene<'_>, divergence: &Divergence) -> String {
    let header = scene.player.header();
    let mut past = String::new();
    before(&mut past, scene.calls, divergence, &header.namespace);
    let mut divergence = of_operators(divergence);
    if let Some(came) = came(scene.calls, &divergence, &header.namespace) {
        divergence.came = came;
    }
    let divergence = &divergence;
    let mut out = format!("\n{}\n", title(" tape diverged "));
    // Writing to a String cannot fail.
    let _ = head(&mut out, scene, divergence, &header);
    let _ = writeln!(out, "\n{}\n", divergence.headline());
    let _ = body(&mut out, divergence);
    out += &past;
    remedies(&mut out, scene, divergence, &header);
    out += "\n";
    out += &divergence.summary();
    at_home(&out, &header.namespace)
}

/// The scenario's own steps come after what it waits for: that they have not come yet says nothing.
fn of_operators(divergence: &Divergence) -> Divergence {
    let mut divergence = divergence.clone();
    if divergence.missing.iter().any(|taped| taped.actor != DRIVER) {
        divergence.missing.retain(|taped| taped.actor != DRIVER);
    }
    divergence
}

/// Objects are in the scenario's namespace unless said otherwise.
fn at_home(text: &str, namespace: &str) -> String {
    let text = text.replace(&format!(" {namespace}/"), " ");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn title(text: &str) -> String {
    let side = (WIDTH - text.chars().count()) / 2;
    format!("{}{text}{}", "━".repeat(side), "━".repeat(WIDTH - side - text.chars().count()))
}

fn head(out: &mut String, scene: &Scene<'_>, divergence: &Divergence, header: &Header) -> std::fmt::Result {
    writeln!(out, "test   {:<42}{}", scene.options.scenario(), scene.place)?;
    let day = header.base.get(..10).unwrap_or(&header.base);
    writeln!(out, "tape   {:<42}{day}, {} {}", relative(scene.tape), header.source, header.kubernetes)?;
    let (all, come) = scene.player.progress();
    let time = Offset(divergence.at).short();
    match &divergence.taped {
        Some(taped) => writeln!(out, "at     event {} · {time} · {come} of {all} writes have come", taped.n),
        None => writeln!(out, "at     {time} · {come} of {all} writes have come"),
    }
}

/// The path as the user would type it.
pub(super) fn relative(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn body(out: &mut String, divergence: &Divergence) -> std::fmt::Result {
    match divergence.kind {
        DivergenceKind::Missing | DivergenceKind::LastStatus => missing(out, divergence)?,
        DivergenceKind::Early => {
            writeln!(out, "  {}: {}", divergence.actor, divergence.came)?;
            if let Some(first) = &divergence.taped {
                writeln!(out, "  first comes {} (event {})", first.what, first.n)?;
            }
        }
        DivergenceKind::Unknown => {
            writeln!(out, "  {}: {}", divergence.actor, divergence.came)?;
            match &divergence.taped {
                Some(taped) => writeln!(out, "  nearest: {} at event {}", taped.what, taped.n)?,
                None => writeln!(out, "  nothing on the tape is like it")?,
            }
        }
        DivergenceKind::Again => {
            writeln!(out, "  {}: {}", divergence.actor, divergence.came)?;
            if let Some(taped) = &divergence.taped {
                writeln!(out, "  already used at event {}: a reconcile that does not settle?", taped.n)?;
            }
        }
        _ => writeln!(out, "  {}: {}", divergence.actor, divergence.came)?,
    }
    if !divergence.changes.is_empty() {
        writeln!(out, "{}", "─".repeat(WIDTH))?;
    }
    for change in &divergence.changes {
        writeln!(out, "  {:<50} {}", change.path, arrow(change.old.as_ref(), change.new.as_ref()))?;
    }
    if let Some((old, new)) = &divergence.bodies {
        lines(out, old, new);
    }
    Ok(())
}

fn missing(out: &mut String, divergence: &Divergence) -> std::fmt::Result {
    let count = divergence.missing.len();
    let never = |taped: &Taped| format!("`{}: {}` (event {})", taped.actor, taped.what, taped.n);
    if divergence.kind == DivergenceKind::Missing {
        let plural = if count == 1 { "write" } else { "writes" };
        writeln!(out, "  {count} {plural} never came:")?;
    } else {
        writeln!(out, "  it should have been:")?;
    }
    for taped in divergence.missing.iter().take(8) {
        writeln!(out, "    {}", never(taped))?;
    }
    if count > 8 {
        writeln!(out, "    and {} more", count - 8)?;
    }
    for waiting in &divergence.waiting {
        writeln!(out, "  {waiting}")?;
    }
    Ok(())
}

fn arrow(old: Option<&Value>, new: Option<&Value>) -> String {
    let text = |value: Option<&Value>| match value {
        None => "(none)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let cut = |text: String| {
        if text.chars().count() > 60 { text.chars().take(59).collect::<String>() + "…" } else { text }
    };
    format!("{} → {}", cut(text(old)), cut(text(new)))
}

/// The line view: the two bodies as YAML.
fn lines(out: &mut String, old: &Value, new: &Value) {
    let yaml = |value: &Value| serde_saphyr::to_string(value).unwrap_or_else(|_| value.to_string());
    let (old, new) = (yaml(old), yaml(new));
    let diff = TextDiff::from_lines(&old, &new);
    let _ = writeln!(out, "────────┬{}", "─".repeat(WIDTH - 9));
    for (index, group) in diff.grouped_ops(2).iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out, " ┈┈┈┈┈┈┈┼{}", "┈".repeat(WIDTH - 9));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let number = |line: Option<usize>| line.map_or(String::new(), |line| (line + 1).to_string());
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let (a, b) = (number(change.old_index()), number(change.new_index()));
            let _ = writeln!(out, "{a:>4}{b:>3} │{sign}{}", change.value().trim_end());
        }
    }
    let _ = writeln!(out, "────────┴{}", "─".repeat(WIDTH - 9));
}

fn remedies(out: &mut String, scene: &Scene<'_>, divergence: &Divergence, header: &Header) {
    let tape = relative(scene.tape);
    let source = if header.source.is_empty() { "envtest" } else { &header.source };
    let test = &scene.options.test;
    let again =
        format!("KUBETAPE_CLUSTER={source} KUBETAPE_RECORD=all cargo test {test} -- --include-ignored");
    let _ = match divergence.kind {
        DivergenceKind::NoAnswer => writeln!(out, "\nrecord it    {again}"),
        _ => writeln!(out, "\nintended?    {again}"),
    };
    if let Some(taped) = &divergence.taped {
        let (from, to) = (taped.n.saturating_sub(6).max(1), taped.n + 4);
        let _ = writeln!(out, "not sure?    kubetape show {tape} --range {from}..{to} --bodies");
    }
    if matches!(divergence.kind, DivergenceKind::Missing) && !divergence.waiting.is_empty() {
        let _ = writeln!(out, "too early?   give the scenario a longer `deadline`");
    }
}
