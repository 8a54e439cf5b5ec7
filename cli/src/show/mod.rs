//! `kubetape show`: a tape as a table, or what a capture holds, as `kubectl get` prints it.

mod aligned;
mod capture;
mod custom;
mod find;
mod json;
mod logs;
mod order;
mod output;
mod overview;
mod printer;
mod scalar;
mod sheet;
mod tape;
mod yaml;

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
///   kubetape show shop.tar.zst pod web-0 -n shop -o yaml
///   kubetape show shop.tar.zst po --sort-by .spec.nodeName -L app
///   kubetape show shop.tar.zst po -o custom-columns=POD:.metadata.name,IP:.status.podIP
///   kubetape show shop.tar.zst logs/web-0 -n shop -c main --previous
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A tape (`-` reads standard input), or a capture: a directory, an archive or manifests
    source: PathBuf,
    /// Of a capture: deploy,po or pod web or deploy/web, or logs/POD; none lists what it holds
    #[arg(value_name = "TYPE[/NAME]")]
    types: Vec<String>,
    /// table, wide, json, yaml, name, jsonpath=TEMPLATE, jsonpath-file=FILE, custom-columns=HEADER:PATH,… or
    /// custom-columns-file=FILE
    #[arg(short, long, default_value = "table")]
    output: output::Output,
    #[command(flatten)]
    of_tape: tape::TapeFilters,
    #[command(flatten)]
    of_capture: capture::Filters,
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
