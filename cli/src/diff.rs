//! `kubetape diff`: what tells two recordings apart.

use crate::{exit, out};
use clap::ValueEnum;
use kubetape::tape::{self, Difference, Entry, Tape};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Compare two recordings: 0 when they say the same, 1 when they differ, more when they cannot be read.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The old tape.
    old: PathBuf,
    /// The new tape.
    new: PathBuf,
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
    let difference = tape::diff(&Tape::load(&args.old)?, &Tape::load(&args.new)?);
    if !args.quiet {
        out::data(&match args.output {
            Output::Text => difference.to_string(),
            Output::Json => json(&difference)?,
        })?;
    }
    Ok(if difference.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::NO) })
}

fn json(difference: &Difference) -> anyhow::Result<String> {
    let entries: Vec<_> = difference
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Added { what, after } => json!({"added": what, "after": after}),
            Entry::Removed { what } => json!({"removed": what}),
            Entry::Changed { what, changes } => {
                let change = |c: &kubetape::wire::Change| json!({"path": c.path, "old": c.old, "new": c.new});
                json!({"changed": what, "changes": changes.iter().map(change).collect::<Vec<_>>()})
            }
            other => json!({"other": format!("{other:?}")}),
        })
        .collect();
    let (old, new) = difference.writes;
    let whole = json!({"equal": difference.is_empty(), "writes": {"old": old, "new": new}, "entries": entries, "notes": difference.notes});
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}
