use super::Error;
use crate::cluster::Provider;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What the environment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mode {
    /// `KUBETAPE_CLUSTER`: what to run on; a tape when it is not set.
    pub cluster: Option<Provider>,
    /// `KUBETAPE_CLUSTER=sim`: run on a simulated cluster.
    pub sim: bool,
    /// `KUBETAPE_RECORD`: what to record.
    pub record: Record,
    /// `KUBETAPE_CONTEXT`: an explicit context; it also lifts the allow-list.
    pub context: Option<String>,
    /// `KUBETAPE_KEEP`: leave namespaces behind.
    pub keep: bool,
    /// `KUBETAPE_CHECK`: what to check beside what the test itself says.
    pub check: Check,
    /// `KUBETAPE_SEED`: the seed, whatever the test says.
    pub seed: Option<u64>,
    /// `KUBETAPE_CRASH`: of `crash_everywhere`, only the run that crashes after this write.
    pub crash: Option<usize>,
}

/// What is checked after a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Nothing more.
    #[default]
    None,
    /// The test is run again in a child process, which has to send the same requests.
    Determinism,
    /// This is that child: it leaves its requests in this file (`_KUBETAPE_CHECK_LOG`).
    Child(PathBuf),
}

/// When a run on a cluster leaves a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Record {
    /// Never.
    #[default]
    None,
    /// When there is none yet.
    Once,
    /// When there is none, and beside one that differs, as `.ktape.new`.
    New,
    /// Always; it replaces the one that is there.
    All,
}

impl Mode {
    /// Reads the environment.
    ///
    /// # Errors
    /// When a variable holds a word that is not known.
    pub fn from_env() -> Result<Self, Error> {
        let var = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let sim = var("KUBETAPE_CLUSTER").as_deref() == Some("sim");
        let cluster = match var("KUBETAPE_CLUSTER") {
            None => None,
            Some(_) if sim => None,
            Some(value) => Some(value.parse().map_err(|_| Error::Environment {
                variable: "KUBETAPE_CLUSTER",
                value,
                known: "sim, envtest, kwok, kind, current",
            })?),
        };
        let record = match var("KUBETAPE_RECORD").as_deref() {
            None | Some("none") => Record::None,
            Some("once") => Record::Once,
            Some("new" | "new_episodes") => Record::New,
            Some("all") => Record::All,
            Some(value) => {
                return Err(Error::Environment {
                    variable: "KUBETAPE_RECORD",
                    value: value.to_owned(),
                    known: "none, once, new, all",
                });
            }
        };
        let keep = var("KUBETAPE_KEEP").is_some_and(|value| value != "0" && value != "false");
        let check = Check::from_words(var("KUBETAPE_CHECK"), var("_KUBETAPE_CHECK_LOG"))?;
        let context = var("KUBETAPE_CONTEXT");
        let (seed, crash) = (number("KUBETAPE_SEED")?, number("KUBETAPE_CRASH")?);
        Ok(Self { cluster, sim, record, context, keep, check, seed, crash })
    }
}

fn number<N: std::str::FromStr>(variable: &'static str) -> Result<Option<N>, Error> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    let parsed = value.map(|value| {
        value.parse().map_err(|_| Error::Environment { variable, value, known: "a whole number" })
    });
    parsed.transpose()
}

impl Check {
    fn from_words(check: Option<String>, log: Option<String>) -> Result<Self, Error> {
        match (check.as_deref(), log) {
            (None, _) => Ok(Self::None),
            (Some("determinism"), _) => Ok(Self::Determinism),
            (Some("child"), Some(log)) => Ok(Self::Child(log.into())),
            (Some(value), _) => Err(Error::Environment {
                variable: "KUBETAPE_CHECK",
                value: value.to_owned(),
                known: "determinism",
            }),
        }
    }
}

/// `.config/kubetape.toml`, looked for from the package's folder upwards.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// Folder of the tapes, from the folder that holds `.config`.
    pub(super) tapes: PathBuf,
    pub(super) record: RecordSettings,
    #[serde(skip)]
    root: PathBuf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RecordSettings {
    /// Contexts that recording may talk to.
    pub(super) contexts: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tapes: "tests/tapes".into(), record: RecordSettings::default(), root: PathBuf::new() }
    }
}

impl Settings {
    /// The settings that hold for a package; `KUBETAPE_TAPES` names another folder of tapes.
    pub(super) fn find(package: &Path) -> Result<Self, Error> {
        let mut settings = Self::read(package)?;
        if let Some(tapes) = std::env::var_os("KUBETAPE_TAPES").filter(|tapes| !tapes.is_empty()) {
            settings.tapes = tapes.into();
        }
        Ok(settings)
    }

    fn read(package: &Path) -> Result<Self, Error> {
        for folder in package.ancestors() {
            let path = folder.join(".config/kubetape.toml");
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let settings: Self = toml::from_str(&text)
                .map_err(|e| Error::Settings { path: path.clone(), why: e.to_string() })?;
            return Ok(Self { root: folder.to_owned(), ..settings });
        }
        Ok(Self { root: package.to_owned(), ..Self::default() })
    }

    /// Where the tape of a scenario is.
    pub(super) fn tape(&self, file: &str) -> PathBuf {
        self.root.join(&self.tapes).join(file)
    }
}
