use super::{Check, Mode, world::Ground};
use crate::tape::Level;
use kube::CustomResourceExt;
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

/// How a scenario is run. `#[kubetape::test]` makes one; without the macro, start with [`Options::new`].
#[derive(Clone, Debug)]
pub struct Options {
    /// As it was given: with the crate and all modules.
    pub(super) name: String,
    pub(super) module: String,
    pub(super) test: String,
    pub(super) package: PathBuf,
    pub(super) crds: Vec<Value>,
    pub(super) level: Level,
    pub(super) tape: Option<PathBuf>,
    pub(super) deadline: Duration,
    pub(super) seed: u64,
    pub(super) requests_per_instant: u64,
    pub(super) bare: bool,
    pub(super) needs_cluster: bool,
    pub(super) exclusive: bool,
    pub(super) ground: Option<Ground>,
    pub(super) watch_threads: bool,
    pub(super) records: bool,
}

impl Options {
    /// Options for the test `name`, as `module::test`; `package` is `env!("CARGO_MANIFEST_DIR")`.
    ///
    /// The tape is `TAPES/MODULE__TEST.ktape`, where TAPES is the `tapes` of `.config/kubetape.toml`
    /// (`tests/tapes`).
    pub fn new(name: &str, package: &str) -> Self {
        let (module, test) = name.rsplit_once("::").unwrap_or(("", name));
        Self {
            name: name.to_owned(),
            module: module.replace("::", "_"),
            test: test.to_owned(),
            package: package.into(),
            crds: Vec::new(),
            level: Level::default(),
            tape: None,
            deadline: Duration::from_secs(60),
            seed: 1,
            requests_per_instant: 10_000,
            bare: false,
            needs_cluster: false,
            exclusive: false,
            ground: None,
            watch_threads: false,
            records: false,
        }
    }

    /// Installs the CRD of `K` on a real cluster before the scenario starts.
    pub fn crd<K: CustomResourceExt>(mut self) -> Self {
        // A derived CRD always has a JSON form.
        self.crds.extend(serde_json::to_value(K::crd()));
        self
    }

    /// Records the run to `path`, whatever the environment says: on the ground of [`Options::on`], else on the
    /// cluster of `KUBETAPE_CLUSTER`, else on a simulated one. A tape that is there is replaced.
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.records = true;
        self.tape(path)
    }

    /// How closely a replay is compared; [`Level::Semantic`] unless said otherwise.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Another tape than the one that the name says.
    pub fn tape(mut self, path: impl Into<PathBuf>) -> Self {
        self.tape = Some(path.into());
        self
    }

    /// How long a wait may take: wall time on a cluster, virtual time on a tape beyond the tape's own. 60 s
    /// unless said otherwise.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The seed of hash order and jitter, and on a simulated cluster of its ids; 1 unless said otherwise. Another
    /// seed draws the order of requests that are sent at one time. `KUBETAPE_SEED` overrides it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many requests may pass with no virtual time between them, before a replay is called a hot loop;
    /// 10 000 unless said otherwise.
    pub fn requests_per_instant(mut self, requests: u64) -> Self {
        self.requests_per_instant = requests;
        self
    }

    /// On envtest, starts no controllers: what kube-controller-manager would do, the scenario does itself.
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// On a cluster, starts one for this scenario alone: it may do to it what would disturb others, such as
    /// [`World::compact`](super::World::compact).
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// Runs on this ground alone, whatever the environment says. On [`Ground::Tape`] `KUBETAPE_RECORD` still makes
    /// the tape; the others leave none but for [`Options::record`].
    pub fn on(mut self, ground: Ground) -> Self {
        self.ground = Some(ground);
        self
    }

    /// Runs on a simulated cluster, whatever the environment says and whether there is a tape.
    pub fn on_sim(self) -> Self {
        self.on(Ground::Sim)
    }

    /// Runs on a cluster alone: there is no tape of it, and none is made.
    pub fn needs_cluster(mut self) -> Self {
        self.needs_cluster = true;
        self
    }

    /// What the environment says of a run in virtual time.
    pub(crate) fn in_environment(&self, mode: &Mode) -> Self {
        let watch_threads = matches!(mode.check, Check::Child(_));
        Self { seed: mode.seed.unwrap_or(self.seed), watch_threads, ..self.clone() }
    }

    /// `MODULE__TEST.ktape`.
    pub(super) fn tape_file(&self) -> String {
        if self.module.is_empty() {
            format!("{}.ktape", self.test)
        } else {
            format!("{}__{}.ktape", self.module, self.test)
        }
    }

    /// What `cargo test` calls it.
    #[cfg(feature = "insta")]
    pub(crate) fn test_name(&self) -> &str {
        &self.test
    }

    /// `module::test`.
    pub(crate) fn scenario(&self) -> String {
        if self.module.is_empty() { self.test.clone() } else { format!("{}::{}", self.module, self.test) }
    }

    /// The scenario's namespace on a cluster: `kt-TEST-HASH`, the same at every run.
    pub(crate) fn namespace(&self) -> String {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(self.scenario());
        let hash: String = hash.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        let slug: String =
            self.test.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(45).collect();
        format!("kt-{}-{hash}", slug.to_ascii_lowercase().trim_matches('-'))
    }
}
