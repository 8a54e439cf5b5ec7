//! One program that runs for as long as the cluster does.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::wall::{Deadline, pause};

/// How many lines of a log an error carries.
const TAIL: usize = 20;

/// A program with its arguments and, once started, its process. Written to
/// `cluster.json`, so that another process can find or restart it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) log: PathBuf,
    pub(super) pid: u32,
}

impl Component {
    pub(super) fn new(dir: &Path, program: PathBuf, args: Vec<String>) -> Self {
        let name = program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { log: dir.join(format!("{name}.log")), name, program, args, pid: 0 }
    }

    /// Starts the program in the process group `group`, or as the head of a new one (0).
    pub(super) fn spawn(&mut self, dir: &Path, group: u32, env: &[(String, String)]) -> Result<Child, Error> {
        let (out, err) = outputs(&self.log)?;
        let child = Command::new(&self.program)
            .args(&self.args)
            .envs(env.iter().cloned())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(i32::try_from(group).expect("process ids are positive i32"))
            .spawn()
            .map_err(|source| Error::Spawn { program: self.program.clone(), source })?;
        self.pid = child.id();
        Ok(child)
    }

    /// The error for a component that ended though nobody told it to.
    pub(super) fn ended(&self, status: &str) -> Error {
        Error::Ended {
            program: self.name.clone(),
            status: status.to_owned(),
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }

    /// Whether the process that was started still runs. A pid alone proves nothing after
    /// a reboot, so its command line must name the cluster's folder too.
    pub(super) fn runs(&self, dir: &Path) -> bool {
        self.pid != 0 && command_line(self.pid).contains(&*dir.to_string_lossy())
    }

    /// Kills the process, if it is still the one that was started, and waits for its end.
    pub(super) fn kill(&self, dir: &Path) {
        let deadline = Deadline::after(Duration::from_secs(10));
        if self.runs(dir) {
            let kill = format!("kill -s KILL {}", self.pid);
            let _ = Command::new("/bin/sh").args(["-c", &kill]).status();
        }
        while self.runs(dir) && !deadline.has_passed() {
            pause(Duration::from_millis(10));
        }
    }
}

/// The last lines of a log, indented; empty when there is none.
pub(super) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    last.iter().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}

/// Where the output of a program goes: the end of `log`, twice.
fn outputs(log: &Path) -> Result<(File, File), Error> {
    let out = OpenOptions::new().create(true).append(true).open(log);
    out.and_then(|out| Ok((out.try_clone()?, out))).map_err(Error::files("write", log))
}

/// Empty for a process that has ended, also while it waits to be reaped.
fn command_line(pid: u32) -> String {
    if let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    if Path::new("/proc/self/cmdline").exists() {
        return String::new();
    }
    let ps = Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid.to_string()]).output();
    ps.map_or_else(|_| String::new(), |ps| String::from_utf8_lossy(&ps.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines_and_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("x.log");
        let text: String = (0..50).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&log, text).unwrap();
        let tail = tail(&log);
        assert!(tail.starts_with("  | line 30\n"), "{tail}");
        assert!(tail.ends_with("  | line 49"), "{tail}");
    }

    #[test]
    fn a_pid_that_belongs_to_someone_else_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let mut component = Component::new(dir.path(), "etcd".into(), Vec::new());
        component.pid = std::process::id();
        assert!(!component.runs(dir.path()));
    }
}
