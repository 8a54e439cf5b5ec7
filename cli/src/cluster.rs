//! `kubetape cluster`: start, list and end control planes that outlive the command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::out;
use clap::{Subcommand, ValueEnum};
use kubetape::cluster::{self, Entry, Error, Options, Provider};
use serde_json::json;

/// Start, list and end control planes for tests.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a cluster and print the line that makes a shell use it.
    ///
    /// Example: eval "$(kubetape cluster up)"
    Up(Up),
    /// End a cluster; one that is not there is no error.
    Down {
        /// The cluster's name.
        #[arg(long, default_value = "kubetape")]
        name: String,
    },
    /// List the clusters that `up` started.
    List {
        /// How to print them.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Up {
    /// Who runs it: envtest, kwok, kind or current.
    #[arg(long, default_value = "envtest")]
    provider: Provider,
    /// The cluster's name.
    #[arg(long, default_value = "kubetape")]
    name: String,
    /// Nodes that kwok plays [default: 1], or workers of kind [default: 0].
    #[arg(long)]
    nodes: Option<u32>,
    /// envtest: an API server alone, without controllers, scheduler and nodes.
    #[arg(long, conflicts_with = "nodes")]
    bare: bool,
    /// A file of kwok Stages instead of the built-in ones; may be given again.
    #[arg(long = "stages", value_name = "FILE")]
    stages: Vec<PathBuf>,
    /// current: use this context, whatever it is called [env: KUBETAPE_CONTEXT].
    #[arg(long)]
    context: Option<String>,
    /// Give up after this time, such as 90s or 2m.
    #[arg(long, default_value = "2m", value_parser = duration)]
    wait: Duration,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Output {
    /// For people and shells.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Does what the arguments say.
///
/// # Errors
/// As [`kubetape::cluster`]; [`exit_code`] tells which status that is.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        Verb::Up(args) => up(args),
        Verb::Down { name } => down(&name),
        Verb::List { output } => list(output),
    }
}

/// The exit status for an error of this verb: 2 usage, 6 refused, 124 out of time, else 5.
pub(crate) fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Name { .. } | Error::Provider { .. } => 2,
        Error::Refused { .. } | Error::Exists { .. } | Error::Busy { .. } => 6,
        Error::Timeout { .. } => 124,
        _ => 5,
    }
}

fn up(args: Up) -> anyhow::Result<ExitCode> {
    let output = args.output;
    out::talk(&format!(" starting {} ({})", args.name, args.provider));
    let cluster = cluster::up(&options(args))?;
    let version = cluster.version()?;
    match output {
        Output::Text => {
            out::data(&format!("export KUBECONFIG={}\n", quoted(cluster.kubeconfig())))?;
            out::talk(&format!(" ready    Kubernetes {version}, logs in {}", cluster.folder().display()));
            out::talk(&format!(" end it   kubetape cluster down --name {}", cluster.name()));
        }
        Output::Json => out::data(&format!(
            "{:#}\n",
            json!({
                "name": cluster.name(),
                "provider": cluster.provider(),
                "version": version,
                "kubeconfig": cluster.kubeconfig(),
            })
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn options(args: Up) -> Options {
    let mut options = Options::new(args.provider).name(args.name).wait(args.wait);
    options = match (args.nodes, args.provider) {
        (_, Provider::Envtest) if args.bare => options,
        (nodes, Provider::Envtest) => {
            options.controller_manager(true).scheduler(true).kwok(true).nodes(nodes.unwrap_or(1))
        }
        (nodes, Provider::Kwok) => options.nodes(nodes.unwrap_or(1)),
        (nodes, _) => options.nodes(nodes.unwrap_or(0)),
    };
    for file in args.stages {
        options = options.stage(file);
    }
    let named = std::env::var("KUBETAPE_CONTEXT").ok().filter(|context| !context.is_empty());
    match args.context.or(named) {
        Some(context) => options.context(context),
        None => options,
    }
}

fn down(name: &str) -> anyhow::Result<ExitCode> {
    match cluster::down(name)? {
        true => out::talk(&format!(" ended {name}")),
        false => out::talk(&format!(" no cluster {name}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(output: Output) -> anyhow::Result<ExitCode> {
    let entries = cluster::list()?;
    match output {
        Output::Json => out::data(&format!("{}\n", serde_json::to_string_pretty(&entries)?))?,
        Output::Text if entries.is_empty() => out::talk(" no clusters"),
        Output::Text => out::data(&table(&entries))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(entries: &[Entry]) -> String {
    let width = entries.iter().map(|entry| entry.name.len()).max().unwrap_or(0).max(4);
    let mut text = format!("{:width$}  PROVIDER  STATUS   KUBECONFIG\n", "NAME");
    for entry in entries {
        let status = if entry.running { "running" } else { "dead" };
        let (name, provider) = (&entry.name, entry.provider.to_string());
        let kubeconfig = entry.kubeconfig.display();
        text += &format!("{name:width$}  {provider:8}  {status:7}  {kubeconfig}\n");
    }
    text
}

/// A path that a shell reads as one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Reads a duration as Go and kubectl write it: `30s`, `2m`, `1h30m`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration such as 90s, 2m or 1h30m");
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..end].parse().map_err(|_| wrong())?;
        let tail = &rest[end..];
        let (unit, after) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        total += Duration::from_millis(number.checked_mul(milliseconds).ok_or_else(wrong)?);
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_kubectl_writes_them() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("2m500ms"), Ok(Duration::from_millis(120_500)));
        for wrong in ["", "5", "s", "5x", "-5s", "5 s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_with_a_blank_stays_one_word() {
        assert_eq!(quoted(Path::new("/a/b-c")), "/a/b-c");
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
