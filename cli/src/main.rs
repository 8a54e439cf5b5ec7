//! The `kubetape` command.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod cluster;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Record and replay the API traffic of Kubernetes operators.
#[derive(Debug, Parser)]
#[command(name = "kubetape", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Cluster(cluster::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Cluster(args) => cluster::run(args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        let known = error.downcast_ref().map(cluster::exit_code);
        ExitCode::from(known.unwrap_or(1))
    })
}
