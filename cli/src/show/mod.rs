//! `kubetape show`: a tape as a table, or what a capture holds, as `kubectl get` prints it.

mod capture;
mod jsonpath;
mod printer;
mod tape;

use clap::ValueEnum;
use kubetape::gather::Format;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Show what happened on a tape, or what a capture holds.
///
/// Examples:
///   kubetape show tests/tapes/echo.ktape --verb create,apply
///   kubetape show shop.tar.zst
///   kubetape show shop.tar.zst deploy,po -n shop -o wide
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A tape (`-` reads standard input), or a capture: a directory, an archive or manifests
    source: PathBuf,
    /// Of a capture: kinds or objects, deploy,po or web/web; none lists what it holds
    #[arg(value_name = "TYPE[/NAME]")]
    types: Vec<String>,
    /// table, wide, json, yaml, name, or jsonpath=TEMPLATE
    #[arg(short, long, value_parser = output, default_value = "table")]
    output: Output,
    #[command(flatten)]
    of_tape: tape::TapeFilters,
    #[command(flatten)]
    of_capture: capture::Filters,
}

/// Forms of output.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Output {
    Plain(Form),
    JsonPath(String),
}

/// Forms of output without a text of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
}

fn output(text: &str) -> Result<Output, String> {
    if let Some(template) = text.strip_prefix("jsonpath=") {
        return Ok(Output::JsonPath(template.to_owned()));
    }
    Form::from_str(text, true).map(Output::Plain).map_err(|_| {
        format!("{text:?} is no form of output; use table, wide, json, yaml, name or jsonpath=TEMPLATE")
    })
}

/// Runs the command.
///
/// # Errors
/// When the source cannot be read, or a type or selector cannot be understood.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if is_tape(&args.source) {
        anyhow::ensure!(
            args.types.is_empty(),
            "{} is a tape; types are for captures, use --verb and --actor",
            args.source.display()
        );
        return tape::run(&args);
    }
    capture::run(&args)
}

/// Whether a path is a tape rather than a capture; what is not there is neither, and called a tape.
pub(crate) fn is_tape(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let manifests = [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
    path.as_os_str() == "-" || (!path.is_dir() && Format::of(path) == Format::Directory && !manifests)
}
