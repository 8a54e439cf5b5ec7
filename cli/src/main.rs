//! The `kubetape` command.

mod child;
mod cluster;
mod connect;
mod diff;
mod exit;
mod files;
mod fmt;
mod gather;
mod lint;
mod out;
mod select;
mod serve;
mod show;
mod signals;
mod sim;

use clap::{Parser, Subcommand};
use std::{ffi::OsString, path::Path, process::ExitCode};

/// Record, replay and inspect the API traffic of Kubernetes operators.
#[derive(Debug, Parser)]
#[command(name = "kubetape", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Box<show::Args>),
    Diff(diff::Args),
    Lint(lint::Args),
    Fmt(fmt::Args),
    Cluster(cluster::Args),
    Sim(sim::Args),
    Serve(serve::Args),
    Gather(Box<gather::Args>),
}

/// The one binary under its other names: `kubectl tape …` is `kubectl-tape`, and `gather`, which must-gather
/// calls without arguments, captures into `/must-gather`.
fn called_as(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let name = args.first().and_then(|name| Some(Path::new(name).file_stem()?.to_str()?.to_owned()));
    if name.as_deref() == Some("gather") {
        args.insert(1, "gather".into());
        if args.len() == 2 {
            args.push("/must-gather".into());
        }
    }
    args
}

fn main() -> ExitCode {
    let result = match Cli::parse_from(called_as(std::env::args_os())).command {
        Command::Show(args) => show::run(*args),
        Command::Diff(args) => diff::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Cluster(args) => cluster::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Gather(args) => gather::run(*args),
    };
    result.unwrap_or_else(|error| {
        out::talk(&format!("error: {error:#}"));
        exit::code_of(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_binary_knows_its_other_names() {
        let called = |args: &[&str]| called_as(args.iter().map(OsString::from));
        assert_eq!(called(&["/usr/bin/gather"]), ["/usr/bin/gather", "gather", "/must-gather"]);
        assert_eq!(called(&["gather", "/tmp/x", "-A"]), ["gather", "gather", "/tmp/x", "-A"]);
        assert_eq!(called(&["kubectl-tape", "show", "x"]), ["kubectl-tape", "show", "x"]);
    }
}
