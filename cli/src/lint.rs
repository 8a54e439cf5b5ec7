//! `kubetape lint`: what tapes in a repository should not have.

use crate::{exit, files, out};
use clap::ValueEnum;
use kubetape::tape::{self, LintOptions, SealOptions, Tape};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Look through tapes: 0 when nothing is found, 1 when something is, 3 when a tape cannot be read.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Tapes, and directories in which every .ktape file is meant.
    #[arg(default_value = ".")]
    tapes: Vec<PathBuf>,
    /// Write tapes again that are not sealed, not canonical or hold secrets.
    #[arg(long)]
    fix: bool,
    /// Complain about recordings older than this: 90d, 12h.
    #[arg(long, value_parser = age)]
    max_age: Option<Duration>,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// A JSON array of findings.
    Json,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be opened.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = LintOptions { max_age: args.max_age };
    let tapes = files::tapes(&args.tapes)?;
    let (mut text, mut found, mut json, mut unreadable) = (String::new(), 0, Vec::new(), false);
    for path in &tapes {
        if args.fix
            && tape::lint(path, &options)?.iter().any(|finding| matches!(finding.code, "K001" | "K004"))
        {
            Tape::load(path)?.seal(path, &SealOptions::default())?;
            out::talk(&format!(" fixed    {}", path.display()));
        }
        let findings = tape::lint(path, &options)?;
        found += findings.len();
        for finding in findings {
            unreadable |= finding.code == "K000";
            text += &format!("{}:{finding}\n   {}\n", path.display(), finding.next);
            json.push(json!({"tape": path, "code": finding.code, "line": finding.line, "n": finding.n,
                "text": finding.text, "next": finding.next}));
        }
    }
    match args.output {
        Output::Text => out::data(&text)?,
        Output::Json => out::data(&(serde_json::to_string_pretty(&json)? + "\n"))?,
    }
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    out::talk(&format!("{} in {}", plural(found, "finding"), plural(tapes.len(), "tape")));
    Ok(ExitCode::from(match (found, unreadable) {
        (0, _) => 0,
        (_, true) => exit::UNREADABLE,
        (_, false) => exit::NO,
    }))
}

fn age(text: &str) -> Result<Duration, String> {
    let fail = || format!("{text:?} is no age; write 90d or 12h");
    let number = text.get(..text.len().saturating_sub(1)).and_then(|number| number.parse::<u64>().ok());
    let seconds = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3_600,
        _ => return Err(fail()),
    };
    number.and_then(|number| number.checked_mul(seconds)).map(Duration::from_secs).ok_or_else(fail)
}
