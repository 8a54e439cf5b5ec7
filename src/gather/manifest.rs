use super::{
    Kind,
    api::{Refusal, Why},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The version of the capture format, `docs/capture-format.md`.
pub const FORMAT_VERSION: u32 = 1;
/// How many missing things of one place are named one by one.
const NAMED: usize = 100;

/// What was asked, what came, and what is missing and why.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// `capture`.
    pub kubetape: &'static str,
    /// The format's version.
    pub format: u32,
    /// The program that wrote it.
    pub tool: String,
    /// The server's version.
    pub kubernetes: String,
    /// The filters that were given, each under the name of its flag.
    pub asked: BTreeMap<String, Value>,
    /// Each kind that was read.
    pub kinds: Vec<KindReport>,
    /// The logs.
    pub logs: LogReport,
    /// What was recorded of the changes, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchReport>,
    /// What is missing of discovery and OpenAPI.
    pub other: Vec<Missing>,
    /// How many things are missing.
    pub warnings: usize,
}

/// What came of a kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KindReport {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// The name in paths.
    pub plural: String,
    /// The name in objects.
    pub kind: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// How many objects were written.
    pub objects: u64,
    /// Whether they are all of one resourceVersion.
    pub consistent: bool,
    /// What is missing.
    pub missing: Vec<Missing>,
}

impl KindReport {
    pub(super) fn new(kind: &Kind) -> Self {
        let Kind { group, version, plural, kind, namespaced, .. } = kind.clone();
        Self { group, version, plural, kind, namespaced, consistent: true, ..Self::default() }
    }
}

/// What came of the logs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogReport {
    /// How many files were written.
    pub files: u64,
    /// What is missing.
    pub missing: Vec<Missing>,
}

/// What was recorded of the changes after the lists.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WatchReport {
    /// When the watches began, in UTC.
    pub from: String,
    /// When they ended.
    pub until: String,
    /// How many changes were recorded.
    pub changes: u64,
    /// How often changes were lost, and the state was read again instead.
    pub gaps: u64,
    /// What is missing: the gaps, and watches that failed.
    pub missing: Vec<Missing>,
}

/// Something that is not in the capture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Missing {
    /// What it is.
    pub what: String,
    /// Why, in a word.
    pub why: Why,
    /// Why, in words.
    pub message: String,
}

impl Missing {
    pub(super) fn new(what: impl Into<String>, why: Why, message: impl Into<String>) -> Self {
        Self { what: what.into(), why, message: message.into() }
    }

    /// What was not read any more.
    pub(super) fn stopped(what: impl Into<String>) -> Self {
        Self::new(what, Why::Stopped, "the capture was ended before it was read")
    }

    pub(super) fn of(what: impl Into<String>, refusal: Refusal) -> Self {
        Self::new(what, refusal.why, refusal.message)
    }
}

impl Manifest {
    /// Counts what is missing, and names only so many of it in each place.
    pub(super) fn close(&mut self) {
        let lists = self.kinds.iter_mut().map(|kind| &mut kind.missing);
        let lists = lists.chain(self.watch.iter_mut().map(|watch| &mut watch.missing));
        let lists = lists.chain([&mut self.logs.missing, &mut self.other]);
        self.warnings = 0;
        for list in lists {
            self.warnings += list.len();
            let more = list.len().saturating_sub(NAMED);
            if more > 0 {
                list.truncate(NAMED);
                list.push(Missing::new(format!("{more} more"), Why::Failed, "not named one by one"));
            }
        }
    }

    /// All that is missing, each with the place that it is missing from.
    pub fn missing(&self) -> impl Iterator<Item = (String, &Missing)> {
        let kinds = self.kinds.iter().flat_map(|kind| {
            let name = match kind.group.as_str() {
                "" => kind.plural.clone(),
                group => format!("{}.{group}", kind.plural),
            };
            kind.missing.iter().map(move |missing| (name.clone(), missing))
        });
        let logs = self.logs.missing.iter().map(|missing| ("logs".to_owned(), missing));
        let changes = self.watch.iter().flat_map(|watch| &watch.missing);
        kinds.chain(logs).chain(changes.chain(&self.other).map(|missing| (String::new(), missing)))
    }
}

/// What differs between two captures of the same state.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Run {
    pub(super) started: String,
    pub(super) finished: String,
    pub(super) server: String,
    /// The resourceVersion of each list, by `plural.group`, or `NAMESPACE/plural.group`.
    #[serde(rename = "resourceVersions")]
    pub(super) resource_versions: BTreeMap<String, String>,
    /// How often a request was tried again.
    pub(super) retries: u64,
}
