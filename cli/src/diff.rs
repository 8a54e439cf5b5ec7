//! `kubetape diff`: what tells two recordings or two captures apart.

use crate::{exit, out};
use clap::ValueEnum;
use kubetape::{
    gather::{self, Capture, ObjectChange},
    tape::{self, Difference, Entry, Tape},
};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Compare two recordings, or two captures
///
/// It ends with 0 when they say the same, 1 when they differ, more when they cannot be read.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The old tape or capture.
    old: PathBuf,
    /// The new tape or capture.
    new: PathBuf,
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
    match [&args.old, &args.new].map(|path| crate::show::is_tape(path)) {
        [true, true] => {}
        [false, false] => return captures(&args),
        _ => {
            // A path that is not there counts as a tape, and is the better reason.
            for path in [&args.old, &args.new] {
                let missing = |source| gather::Error::Read { path: path.clone(), source };
                std::fs::metadata(path).map_err(missing)?;
            }
            out::talk("error: a tape cannot be compared with a capture; give two of one sort");
            return Ok(ExitCode::from(exit::USAGE));
        }
    }
    let difference = tape::diff(&Tape::load(&args.old)?, &Tape::load(&args.new)?);
    if !args.quiet {
        out::data(&match args.output {
            Output::Text => difference.to_string(),
            Output::Json => json(&difference)?,
        })?;
    }
    Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::NO) })
}

fn field(change: &kubetape::wire::Change) -> serde_json::Value {
    json!({"path": change.path, "old": change.old, "new": change.new})
}

/// Compares two captures by object and field.
fn captures(args: &Args) -> anyhow::Result<ExitCode> {
    let (old, new) = (Capture::open(&args.old)?, Capture::open(&args.new)?);
    for note in old.notes.iter().chain(&new.notes) {
        out::talk(&format!(" not read {note}"));
    }
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
