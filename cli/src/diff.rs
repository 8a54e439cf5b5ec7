//! `kubetape diff`: what tells two recordings or two captures apart.

use crate::{
    exit::{self, Usage},
    out,
    select::{self, Selection},
};
use clap::ValueEnum;
use kubetape::{
    gather::{self, Capture, Id, ObjectChange},
    tape::{self, Difference, Entry, Tape},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Compare two recordings, or two captures.
///
/// It ends with 0 when they say the same, with 1 when they differ, with 2 when the command line
/// cannot be understood, and with 3 when one of the two cannot be read.
///
/// Examples:
///   kubetape diff old.ktape new.ktape
///   kubetape diff before.tar.zst after.tar.zst -n shop
///   kubetape diff before after deploy,svc -l app=web -o json
///   kubectl get deploy,svc -n shop -o yaml | kubetape diff shop.tar.zst - deploy,svc -n shop
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// The old tape or capture; `-` reads a tape or manifests from standard input
    old: PathBuf,
    /// The new tape or capture; `-` likewise
    new: PathBuf,
    /// Of captures: only deploy,po or pod web or deploy/web.
    #[arg(value_name = "TYPE[/NAME]")]
    types: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// Of captures: compare what the server makes of its own too, such as resourceVersion and managedFields.
    #[arg(long)]
    all_fields: bool,
    /// Print nothing, the exit code says it.
    #[arg(short, long)]
    quiet: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Runs the command.
///
/// # Errors
/// When one of the tapes cannot be read.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let input = input(&args)?;
    let is_tape = |path: &PathBuf| match &input {
        Some(bytes) if is_input(path) => !crate::show::are_manifests(bytes),
        _ => crate::show::is_tape(path),
    };
    match [&args.old, &args.new].map(is_tape) {
        [true, true] if args.types.is_empty() && args.selection.is_all() => {}
        [true, true] => {
            let text = "types and filters choose objects of captures, not of tapes; compare the tapes whole";
            return Err(Usage(text.to_owned()).into());
        }
        [false, false] => return captures(&args, input.as_deref()),
        _ => {
            // A path that is not there counts as a tape, and is the better reason.
            for path in [&args.old, &args.new].into_iter().filter(|path| !is_input(path)) {
                let missing = |source| gather::Error::Read { path: path.clone(), source };
                std::fs::metadata(path).map_err(missing)?;
            }
            out::talk("error: a tape cannot be compared with a capture; give two of one sort");
            return Ok(ExitCode::from(exit::USAGE));
        }
    }
    let load = |path: &Path| match &input {
        Some(bytes) if is_input(path) => Tape::read(bytes.as_slice()),
        _ => Tape::load(path),
    };
    let difference = tape::diff(&load(&args.old)?, &load(&args.new)?);
    if !args.quiet {
        out::data(&match args.output {
            Output::Text => difference.to_string(),
            Output::Json => json(&difference)?,
        })?;
    }
    Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::NO) })
}

fn is_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What comes on standard input, where it is one of the two.
fn input(args: &Args) -> anyhow::Result<Option<Vec<u8>>> {
    match [&args.old, &args.new].map(|path| is_input(path)) {
        [false, false] => Ok(None),
        [true, true] => {
            let text = "standard input can be one of the two; write the other one to a file and name it";
            Err(Usage(text.to_owned()).into())
        }
        _ => crate::show::input().map(Some),
    }
}

fn field(change: &kubetape::wire::Change) -> serde_json::Value {
    json!({"path": change.path, "old": change.old, "new": change.new})
}

/// Leaves in both captures what is meant: an object that is chosen in one of them stays in the other one too.
fn choose(args: &Args, old: &mut Capture, new: &mut Capture) -> anyhow::Result<()> {
    let mut wanted: Vec<(&str, &str, Option<&str>)> = Vec::new();
    for (word, name) in select::words(&args.types)? {
        let found = [&*old, &*new].into_iter().flat_map(|capture| capture.kinds.resolve(word));
        let found: Vec<_> = found.map(|kind| (kind.group.as_str(), kind.kind.as_str(), name)).collect();
        if found.is_empty() {
            let next = format!("`kubetape show {}` lists those that one has", args.old.display());
            return Err(Usage(format!("neither capture knows a kind {word:?}; {next}")).into());
        }
        wanted.extend(found);
    }
    let is_wanted = |id: &Id| {
        let fits = |(group, kind, name): &(&str, &str, Option<&str>)| {
            id.group == *group && id.kind == *kind && name.is_none_or(|name| id.name == name)
        };
        wanted.is_empty() || wanted.iter().any(fits)
    };
    let passes = args.selection.filter()?;
    let all = old.objects.iter().chain(&new.objects);
    let chosen = all.filter(|(id, object)| is_wanted(id) && passes(id, object));
    let chosen: BTreeSet<Id> = chosen.map(|(id, _)| id.clone()).collect();
    for (_, kind, name) in &wanted {
        let Some(name) = name else { continue };
        if !chosen.iter().any(|id| id.kind == *kind && id.name == *name) {
            let (kind, place, old) = (kind.to_lowercase(), args.selection.place(), args.old.display());
            anyhow::bail!(
                "neither capture has a {kind} {name:?}{place}; `kubetape show {old} {kind}` lists those that one has"
            );
        }
    }
    old.objects.retain(|id, _| chosen.contains(id));
    new.objects.retain(|id, _| chosen.contains(id));
    Ok(())
}

/// Says what a capture misses, which looks like a difference and is none.
fn gaps(path: &Path, capture: &Capture) {
    let place = path.display();
    if capture.is_partial() {
        out::talk(&format!(" partial  {place} was cut off before it was whole"));
    }
    capture.notes.iter().for_each(|note| out::talk(&format!(" not read {note}")));
    for report in capture.manifest["kinds"].as_array().into_iter().flatten() {
        for missing in report["missing"].as_array().into_iter().flatten() {
            let text = |key: &str| missing[key].as_str().unwrap_or_default();
            out::talk(&format!(" missing  {} in {place}: {}", text("what"), text("why")));
        }
    }
}

/// Compares two captures by object and field.
fn captures(args: &Args, input: Option<&[u8]>) -> anyhow::Result<ExitCode> {
    let open = |path: &Path| match input {
        Some(bytes) if is_input(path) => Capture::read("standard input", bytes),
        _ => Capture::open(path),
    };
    let (mut old, mut new) = (open(&args.old)?, open(&args.new)?);
    gaps(&args.old, &old);
    gaps(&args.new, &new);
    choose(args, &mut old, &mut new)?;
    let changes = gather::diff(&old, &new, args.all_fields);
    if !args.quiet {
        out::data(&match args.output {
            Output::Text => changes.iter().map(|change| format!("{change}\n")).collect(),
            Output::Json => {
                let all = changes.iter().map(|change| match change {
                    ObjectChange::Added(id) => json!({"added": id.to_string()}),
                    ObjectChange::Removed(id) => json!({"removed": id.to_string()}),
                    ObjectChange::Changed(id, changes) => {
                        json!({"changed": id.to_string(), "changes": changes.iter().map(field).collect::<Vec<_>>()})
                    }
                });
                let whole = json!({"equal": changes.is_empty(), "entries": all.collect::<Vec<_>>()});
                serde_json::to_string_pretty(&whole)? + "\n"
            }
        })?;
    }
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::NO) })
}

fn json(difference: &Difference) -> anyhow::Result<String> {
    let entries: Vec<_> = difference
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Added { what, after } => json!({"added": what, "after": after}),
            Entry::Removed { what } => json!({"removed": what}),
            Entry::Changed { what, changes } => {
                json!({"changed": what, "changes": changes.iter().map(field).collect::<Vec<_>>()})
            }
            other => json!({"other": format!("{other:?}")}),
        })
        .collect();
    let (old, new) = difference.writes;
    let whole = json!({"equal": difference.is_empty(), "writes": {"old": old, "new": new}, "entries": entries, "notes": difference.notes});
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
