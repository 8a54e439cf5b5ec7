use super::{Args, output::Output};
use crate::{exit::Usage, out};
use kubetape::tape::{Filter, Row, Tape, summary};
use std::process::ExitCode;

/// Which events of a tape.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Of a tape")]
pub(super) struct TapeFilters {
    /// Only these verbs: get, list, watch, create, update, patch, apply, delete, or ADDED and the like
    #[arg(long, value_delimiter = ',')]
    verb: Vec<String>,
    /// Only these actors
    #[arg(long, value_delimiter = ',')]
    actor: Vec<String>,
    /// Only these status codes; 4xx stands for all of a hundred
    #[arg(long, value_delimiter = ',')]
    status: Vec<String>,
    /// Only events with these numbers: 10..20, 10.., ..20 or 10
    #[arg(long, value_parser = range)]
    range: Option<(u64, u64)>,
    /// Print the bodies below the rows
    #[arg(long)]
    bodies: bool,
}

/// Runs the command.
///
/// # Errors
/// When the tape cannot be read at all. Of a tape that is cut off the whole records are shown.
pub(super) fn run(args: &Args, input: Option<&[u8]>) -> anyhow::Result<ExitCode> {
    let source = args.source.display();
    if !args.types.is_empty() {
        return Err(
            Usage(format!("{source} is a tape; types are for captures, use --verb and --actor")).into()
        );
    }
    let filters = &args.of_tape;
    let (tape, cut) = match input {
        Some(bytes) => (Tape::read(bytes)?, None),
        None => Tape::salvage(&args.source)?,
    };
    let filter = Filter {
        verbs: filters.verb.clone(),
        actors: filters.actor.clone(),
        statuses: filters.status.clone(),
        range: filters.range,
    };
    let rows = summary(&tape, &filter);
    out::data(&match &args.output {
        Output::Table => table(&rows, filters.bodies)?,
        Output::Json => {
            serde_json::to_string_pretty(&rows)?
                + "
"
        }
        Output::Name => names(&rows),
        _ => anyhow::bail!(
            "a tape is shown as table, json or name; -o wide, yaml and jsonpath are for captures"
        ),
    })?;
    match cut {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn table(rows: &[Row], bodies: bool) -> anyhow::Result<String> {
    let mut text = format!("{}\n", Row::HEAD);
    for row in rows {
        text += &format!("{row}\n");
        if let Some(body) = row.body.as_ref().filter(|_| bodies) {
            for line in serde_json::to_string_pretty(body)?.lines() {
                text += &format!("      {line}\n");
            }
        }
    }
    Ok(text)
}

fn names(rows: &[Row]) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let names = rows
        .iter()
        .map(|row| row.object.as_str())
        .filter(|name| !name.is_empty() && seen.insert(name.to_owned()));
    names.fold(String::new(), |text, name| text + name + "\n")
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str, missing| match text {
        "" => Ok(missing),
        text => text.parse().map_err(|_| format!("{text:?} is no number of an event")),
    };
    match text.split_once("..") {
        Some((from, to)) => Ok((number(from, 0)?, number(to, u64::MAX)?)),
        None => number(text, 0).map(|n| (n, n)),
    }
}
