//! The watchdog: a shell that reads a pipe and cleans up when the pipe ends.
//!
//! `PR_SET_PDEATHSIG` fires when the spawning *thread* ends, destructors do not run on
//! SIGKILL, and the components of kwokctl are nobody's children. A pipe ends in all these
//! cases. A normal stop ends it too, so there is one way to clean up and every run uses it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use super::Error;

/// Reads `+ GROUP`, `- GROUP` and `leave`; at the end of the input kills the groups left,
/// runs the command it was given and removes the folder. The removal is tried again
/// because a process that was just killed may still be closing its files.
const SCRIPT: &str = r#"
dir=$1; shift
groups=
while read -r verb group; do
  case $verb in
    +) groups="$groups $group" ;;
    -) left=; for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done; groups=$left ;;
    leave) exit 0 ;;
  esac
done
for g in $groups; do kill -s KILL -- "-$g" 2>/dev/null; done
[ $# -eq 0 ] || "$@"
tries=0
until rm -rf -- "$dir" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.1; done
"#;

/// What ends a cluster whose owner is gone.
#[derive(Debug)]
#[must_use = "dropping the watchdog ends what it watches"]
pub(super) struct Watchdog {
    child: Child,
    /// Close-on-exec, as std makes its pipes: no other child keeps it open.
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over `dir`; `farewell` is a whole command line, run after the kill, with
    /// `env` added to its environment.
    pub(super) fn start(dir: &Path, farewell: &[String], env: &[(String, String)]) -> Result<Self, Error> {
        let shell = Path::new("/bin/sh");
        let mut child = Command::new(shell)
            .args(["-c", SCRIPT, "kubetape-watchdog"])
            .arg(dir)
            .args(farewell)
            .envs(env.iter().cloned())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the foreground group: the watchdog must outlive it.
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Spawn { program: shell.to_owned(), source })?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }

    /// From now on this process group is killed at the end.
    pub(super) fn hold(&mut self, group: u32) {
        self.tell(&format!("+ {group}\n"));
    }

    /// The group has ended and been waited for; its number may be given to a stranger.
    pub(super) fn release(&mut self, group: u32) {
        self.tell(&format!("- {group}\n"));
    }

    /// The cluster outlives us: end without cleaning up.
    pub(super) fn leave(mut self) {
        self.tell("leave\n");
    }

    fn tell(&mut self, line: &str) {
        if let Some(pipe) = &mut self.pipe {
            // A watchdog that is gone was killed by hand; nothing is left to be told.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

impl Drop for Watchdog {
    /// Closes the pipe and waits until the cleaning is done.
    fn drop(&mut self) {
        self.pipe = None;
        let _ = self.child.wait();
    }
}
