use super::{duration, progress::Show, secrets};
use crate::{connect::Cluster, select::Selection};
use clap::ValueEnum;
use kubetape::gather::{Filter, Logs, Options, Pattern};
use std::{path::PathBuf, time::Duration};

/// Capture a live cluster. It only reads the cluster; nothing is ever created in it.
///
/// Examples:
///   kubetape gather shop.tar.zst -n shop
///   kubetape gather bug --owned-by deploy/web -n shop
///   kubetape gather all --exclude-kind events --logs none
///   kubetape gather flaky -n shop --exclude-kind leases --watch 10m
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Where to: a directory, or a file that ends in .tar.zst, .tar.gz or .zip [default: capture-TIME.tar.zst]
    dest: Option<PathBuf>,
    /// Only these kinds or objects: deploy,po web/web
    #[arg(value_name = "TYPE[/NAME]")]
    types: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// One object, KIND/NAME, and what it owns, what owns it, and what these refer to
    #[arg(long, value_name = "KIND/NAME", conflicts_with_all = ["selector", "field_selector", "types"])]
    owned_by: Option<String>,
    /// Which pod logs
    #[arg(long, value_enum, default_value_t = Which::Current)]
    logs: Which,
    /// Only logs of this much time, such as 1h
    #[arg(long, value_parser = duration)]
    since: Option<Duration>,
    /// Only so many last lines of a log
    #[arg(long)]
    tail: Option<u64>,
    /// Then record every change into watch.ktape of the capture, for this time, such as 5m, or until Ctrl-C
    #[arg(long, value_name = "DUR", num_args = 0..=1, default_missing_value = FOREVER, value_parser = watched,
        conflicts_with = "owned_by")]
    watch: Option<Duration>,
    /// An environment variable whose value is secret wherever it stands; may be given again
    #[arg(long, value_name = "ENV")]
    secret: Vec<String>,
    /// A file with such values, one a line
    #[arg(long, value_name = "FILE")]
    secrets_file: Option<PathBuf>,
    /// Keep secrets as they are
    #[arg(long)]
    pub(super) include_secrets: bool,
    /// Keep metadata.managedFields
    #[arg(long)]
    show_managed_fields: bool,
    /// Leave the OpenAPI documents out
    #[arg(long)]
    no_openapi: bool,
    /// How many lists are read at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// How many objects are asked for at once, as kubectl's
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    chunk_size: u32,
    /// How long the server may take for one kind
    #[arg(long, default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Replace a capture that is there
    #[arg(long)]
    pub(super) force: bool,
    /// Exit with 5 when anything is missing
    #[arg(long)]
    pub(super) strict: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// How to show what is going on
    #[arg(long, value_enum, default_value_t = Show::Auto)]
    pub(super) progress: Show,
    /// Print the manifests that allow this capture to a ServiceAccount, and do nothing else
    #[arg(long)]
    pub(super) print_rbac: bool,
    /// The namespace of that ServiceAccount
    #[arg(long, value_name = "NAMESPACE", default_value = "default", requires = "print_rbac")]
    pub(super) rbac_namespace: String,
    #[command(flatten)]
    patterns: Patterns,
    #[command(flatten)]
    pub(super) cluster: Cluster,
}

/// Filters that are globs, or regular expressions between slashes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Patterns, each a glob or /a regular expression/, which may be given again")]
struct Patterns {
    /// Not in these namespaces
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude_namespace: Vec<Pattern>,
    /// Only kinds with this name, plural, short name or PLURAL.GROUP
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include_kind: Vec<Pattern>,
    /// Not these kinds
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude_kind: Vec<Pattern>,
    /// Only these API groups; core is the one without a name
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include_group: Vec<Pattern>,
    /// Not these API groups
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude_group: Vec<Pattern>,
    /// Only objects with these names
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include_name: Vec<Pattern>,
    /// Not objects with these names
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude_name: Vec<Pattern>,
}

/// Until somebody ends it.
const FOREVER: &str = "until-stopped";

fn watched(text: &str) -> Result<Duration, String> {
    if text == FOREVER {
        return Ok(Duration::MAX);
    }
    duration(text).map_err(|error| format!("{error}, or the destination before --watch"))
}

/// Which logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// None.
    None,
    /// Of containers that run, or ran last.
    Current,
    /// Of the ones before as well.
    All,
}

impl Args {
    /// What is wanted, with the secrets read from where they stand.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let filter = |include: &[Pattern], exclude: &[Pattern]| Filter {
            include: include.to_vec(),
            exclude: exclude.to_vec(),
        };
        let patterns = &self.patterns;
        let options = Options {
            namespaces: self.selection.namespace.clone(),
            exclude_namespaces: patterns.exclude_namespace.clone(),
            // There is nothing to be written, so the first word is a type as well.
            types: self
                .dest
                .iter()
                .filter(|_| self.print_rbac)
                .map(|dest| dest.display().to_string())
                .chain(self.types.clone())
                .collect(),
            kinds: filter(&patterns.include_kind, &patterns.exclude_kind),
            groups: filter(&patterns.include_group, &patterns.exclude_group),
            names: filter(&patterns.include_name, &patterns.exclude_name),
            labels: self.selection.selector.clone(),
            fields: self.selection.field_selector.clone(),
            owned_by: self.owned_by.clone(),
            logs: match self.logs {
                Which::None => Logs::None,
                Which::Current => Logs::Current,
                Which::All => Logs::All,
            },
            since: self.since,
            tail: self.tail,
            watch: self.watch,
            include_secrets: self.include_secrets,
            literals: secrets::read(&self.secret, self.secrets_file.as_deref())?,
            managed_fields: self.show_managed_fields,
            openapi: !self.no_openapi,
            concurrency: self.concurrency.into(),
            page: self.chunk_size,
            timeout: self.timeout,
            ..Options::default()
        };
        options.check()?;
        Ok(options)
    }

    /// Whether changes are wanted.
    pub(super) fn watches(&self) -> bool {
        self.watch.is_some()
    }

    /// Where the capture goes.
    pub(super) fn destination(&self) -> PathBuf {
        self.dest.clone().unwrap_or_else(|| {
            let time = kubetape::entropy::now().strftime("%Y%m%d-%H%M%S");
            format!("capture-{time}.tar.zst").into()
        })
    }
}
