//! `kubetape show`: a tape as a table, or what a capture holds, as `kubectl get` prints it.

mod aligned;
mod capture;
mod custom;
mod find;
mod json;
mod lines;
mod logs;
mod order;
mod output;
mod overview;
mod printer;
mod sheet;
mod tape;

pub(crate) use capture::Found;
pub(crate) use lines::Lines;
pub(crate) use logs::one as log_of;
pub(crate) use sheet::sheet;

use anyhow::Context;
use kubetape::gather::{Capture, Format};
use std::{
    fs::File,
    io::{self, Read},
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
///   kubectl get deploy,po -A -o yaml | kubetape show - po -o wide
///   kubetape show shop.tar.zst logs/web-0 -n shop -c main --previous
///   kubetape show shop.tar.zst logs/web-0 -n shop --all-containers --tail 20
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// A tape, or a capture: a directory, an archive or manifests; `-` reads a tape or manifests from standard input
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
    if args.source.as_os_str() == "-" {
        let bytes = input()?;
        return match are_manifests(&bytes) {
            true => capture::run(Capture::read("standard input", &bytes)?, &args),
            false => tape::run(&args, Some(&bytes)),
        };
    }
    if is_tape(&args.source) {
        return tape::run(&args, None);
    }
    capture::run(Capture::open(&args.source)?, &args)
}

/// All of standard input.
pub(crate) fn input() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut bytes);
    read.context("failed to read standard input; see what writes it")?;
    Ok(bytes)
}

/// Whether a path is a tape rather than a capture; what is not there is neither, and called a tape unless it has the
/// name of a capture.
pub(crate) fn is_tape(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if path.is_dir() || Format::of(path) != Format::Directory {
        return false;
    }
    if [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    let mut head = Vec::new();
    // What cannot be read is an error to whoever reads it whole.
    let _ = File::open(path).map(|file| file.take(HEAD).read_to_end(&mut head));
    name.ends_with(".ktape") || !are_manifests(&head)
}

/// How much of a file tells what it is.
const HEAD: u64 = 16 << 10;

/// Whether a text begins as manifests do, or as a dump of them.
pub(crate) fn are_manifests(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD as usize)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    let is_json = text.starts_with('{') && !text.starts_with("{\"kubetape\":");
    is_json || text.lines().any(|line| line.starts_with("kind:") || line.starts_with("apiVersion:"))
}
