//! The `kubetape` command.

mod cluster;
mod connect;
mod diff;
mod exit;
mod files;
mod fmt;
mod gather;
mod lint;
mod out;
mod show;
mod sim;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Record, replay and inspect the API traffic of Kubernetes operators.
#[derive(Debug, Parser)]
#[command(name = "kubetape", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Args),
    Diff(diff::Args),
    Lint(lint::Args),
    Fmt(fmt::Args),
    Cluster(cluster::Args),
    Sim(sim::Args),
    Gather(Box<gather::Args>),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Show(args) => show::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Lint(args) => lint::run(args),
        Command::Fmt(args) => fmt::run(args),
        Command::Cluster(args) => cluster::run(args),
        Command::Sim(args) => sim::run(args),
        Command::Gather(args) => gather::run(*args),
    };
    result.unwrap_or_else(|error| {
        out::talk(&format!("error: {error:#}"));
        exit::code_of(&error)
    })
}
