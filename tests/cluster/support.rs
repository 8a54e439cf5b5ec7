//! Another process that owns a cluster, and a look at what it leaves.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The folder of the control plane's binaries.
pub(crate) fn assets() -> PathBuf {
    if let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS") {
        return folder.into();
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kwok/assets.sh");
    let output = Command::new(script).arg("--dir").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// A home, a folder for temporary files and a kubeconfig that must not change.
pub(crate) struct House {
    root: TempDir,
}

/// What the user's kubeconfig says, to be found again byte by byte.
const USERS: &str = "apiVersion: v1\nkind: Config\ncurrent-context: prod # mine\n\
    contexts:\n- {name: prod, context: {cluster: prod, user: prod}}\n\
    clusters:\n- {name: prod, cluster: {server: 'https://prod.invalid'}}\n\
    users:\n- {name: prod, user: {token: secret}}\n";

impl House {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["tmp", "bin", "cache", "home/.kube"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        fs::write(root.path().join("home/.kube/config"), USERS).unwrap();
        Self { root }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// This test binary again, in which [`crate::owner::play`] takes the role.
    pub(crate) fn owner(&self, role: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let path = [self.path("bin"), "/usr/bin".into(), "/bin".into()];
        command
            .args(["--exact", "owner::play", "--nocapture"])
            .env("KUBETAPE_TEST_ROLE", role)
            .env("KUBETAPE_TEST_HOUSE", self.root.path())
            .env("KUBETAPE_CACHE", self.path("cache"))
            .env("KUBEBUILDER_ASSETS", assets())
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("PATH", std::env::join_paths(path).unwrap())
            .env_remove("KUBECONFIG")
            .stdin(Stdio::piped());
        command
    }

    /// Waits until an owner says that its cluster is up.
    pub(crate) fn await_report(&self, owner: &mut Child) -> String {
        let report = self.path("report");
        eventually("the owner's report", || {
            assert!(owner.try_wait().unwrap().is_none(), "the owner ended early");
            report.exists()
        });
        fs::read_to_string(report).unwrap()
    }

    /// Fails unless every process and every file of the cluster is gone, soon.
    pub(crate) fn expect_nothing_left(&self) {
        eventually("the end of all processes", || self.processes().is_empty());
        let tmp = self.path("tmp");
        eventually("an empty TMPDIR", || fs::read_dir(&tmp).unwrap().next().is_none());
        assert_eq!(fs::read_to_string(self.path("home/.kube/config")).unwrap(), USERS);
        let mut home: Vec<_> = fs::read_dir(self.path("home")).unwrap().flatten().collect();
        home.retain(|entry| entry.file_name() != OsStr::new(".kube"));
        assert!(home.is_empty(), "left in the home: {home:?}");
    }

    /// Command lines that name this house.
    pub(crate) fn processes(&self) -> Vec<String> {
        let root = self.root.path().to_string_lossy();
        command_lines().into_iter().filter(|line| line.contains(&*root)).collect()
    }

    /// Puts a program into the house's `bin`, which comes first on `PATH`.
    pub(crate) fn install(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn command_lines() -> Vec<String> {
    let read = |path: PathBuf| fs::read(path.join("cmdline")).ok();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| read(entry.path()))
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "other processes live in real time")]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "no {what} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs something and says on stderr how long it took.
#[expect(clippy::disallowed_methods, reason = "a start is measured in real time")]
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    let line = format!("{what}: {:?}\n", start.elapsed());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    value
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
