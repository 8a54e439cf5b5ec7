//! A cluster's folder with everything that runs in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::{Component, tail};
use super::wall::{Deadline, pause};
use super::watchdog::Watchdog;
use super::{Error, Provider};

/// What is known of a cluster, as `cluster.json` keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) provider: Provider,
    pub(super) dir: PathBuf,
    pub(super) kubeconfig: PathBuf,
    /// The log that tells most when the cluster does not answer.
    pub(super) log: PathBuf,
    pub(super) components: Vec<Component>,
    /// The command line that ends what the components do not cover; may be empty.
    pub(super) farewell: Vec<String>,
    /// What that command needs in its environment.
    pub(super) env: Vec<(String, String)>,
}

impl Record {
    /// A record of nothing yet, in an absolute folder.
    pub(super) fn new(name: &str, provider: Provider, dir: &Path) -> Self {
        Self {
            name: name.to_owned(),
            provider,
            dir: dir.to_owned(),
            kubeconfig: dir.join("kubeconfig"),
            log: dir.join("kube-apiserver.log"),
            components: Vec::new(),
            farewell: Vec::new(),
            env: Vec::new(),
        }
    }

    /// Where the record of the cluster in `dir` lies.
    pub(super) fn file(dir: &Path) -> PathBuf {
        dir.join("cluster.json")
    }

    /// Writes the record; a reader sees the old one or the new one.
    pub(super) fn save(&self) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        let (part, file) = (self.dir.join("cluster.json.part"), Self::file(&self.dir));
        write_private(&part, &text)?;
        fs::rename(&part, &file).map_err(Error::files("write", file))
    }
}

/// A [`Record`] with the processes this process owns.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) record: Record,
    children: BTreeMap<String, Child>,
    watchdog: Option<Watchdog>,
    wait: Duration,
    deadline: Deadline,
}

impl Site {
    /// A site in an empty folder that ends with this process.
    pub(super) fn open(record: Record, wait: Duration) -> Result<Self, Error> {
        let watchdog = Watchdog::start(&record.dir, &record.farewell, &record.env)?;
        let mut site = Self::attach(record, wait);
        site.watchdog = Some(watchdog);
        Ok(site)
    }

    /// A site that runs already and is left running.
    pub(super) fn attach(record: Record, wait: Duration) -> Self {
        Self { record, children: BTreeMap::new(), watchdog: None, wait, deadline: Deadline::after(wait) }
    }

    /// Writes down where everything is, then lets it outlive this process.
    pub(super) fn detach(mut self) -> Result<Record, Error> {
        self.record.save()?;
        self.children.clear();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.leave();
        }
        Ok(self.record.clone())
    }

    /// A path in the site's folder.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.record.dir.join(file)
    }

    /// The same as text, for command lines.
    pub(super) fn text(&self, file: &str) -> String {
        self.path(file).to_string_lossy().into_owned()
    }

    /// How much time the operation has left.
    pub(super) fn left(&self) -> Duration {
        self.deadline.left()
    }

    /// Starts one component.
    pub(super) fn spawn(&mut self, program: PathBuf, args: Vec<String>) -> Result<(), Error> {
        let component = Component::new(&self.record.dir, program, args);
        self.record.components.push(component);
        self.launch(self.record.components.len() - 1)
    }

    /// Ends one component and starts it again with the same arguments.
    pub(super) fn restart(&mut self, name: &str) -> Result<(), Error> {
        self.deadline = Deadline::after(self.wait);
        let named = |component: &Component| component.name == name;
        let index = self.record.components.iter().position(named);
        let index = index.expect("only components of the site are restarted");
        match self.children.remove(name) {
            Some(mut child) => end(&mut child),
            None => self.record.components[index].kill(&self.record.dir),
        }
        self.launch(index)?;
        if self.watchdog.is_none() {
            self.record.save()?;
        }
        Ok(())
    }

    /// All components share the group of the first, whose number cannot be given to a
    /// stranger while any of them runs or waits to be reaped.
    fn launch(&mut self, index: usize) -> Result<(), Error> {
        let group = if index == 0 { 0 } else { self.record.components[0].pid };
        let component = &mut self.record.components[index];
        let child = component.spawn(&self.record.dir, group, &self.record.env)?;
        if let (0, Some(watchdog)) = (group, &mut self.watchdog) {
            watchdog.hold(child.id());
        }
        self.children.insert(component.name.clone(), child);
        Ok(())
    }

    /// Ends all components, so that they can be started with other arguments.
    pub(super) fn clear(&mut self) {
        if let (Some(first), Some(watchdog)) = (self.record.components.first(), &mut self.watchdog) {
            watchdog.release(first.pid);
        }
        self.children.values_mut().for_each(end);
        self.children.clear();
        self.record.components.clear();
    }

    /// Fails when a component ended by itself.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        for component in &self.record.components {
            let Some(child) = self.children.get_mut(&component.name) else {
                continue;
            };
            if let Ok(Some(status)) = child.try_wait() {
                return Err(component.ended(&status.to_string()));
            }
        }
        Ok(())
    }

    /// Tries until it works, a component ends or time is up. `attempt` fails with what it
    /// heard instead.
    pub(super) fn until(
        &mut self,
        what: &str,
        mut attempt: impl FnMut() -> Result<(), String>,
    ) -> Result<(), Error> {
        loop {
            let Err(last) = attempt() else { return Ok(()) };
            self.check()?;
            if self.deadline.has_passed() {
                return Err(Error::Timeout {
                    what: what.to_owned(),
                    waited: self.wait,
                    last,
                    tail: tail(&self.record.log),
                });
            }
            pause(Duration::from_millis(10));
        }
    }

    /// Runs a command to its end, its output going to `commands.log`.
    pub(super) fn run(&mut self, program: &Path, args: &[String]) -> Result<(), Error> {
        let log = self.path("commands.log");
        let mut command = Component::new(&self.record.dir, program.to_owned(), args.to_vec());
        command.log.clone_from(&log);
        let mut child = command.spawn(&self.record.dir, 0, &self.record.env)?;
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.hold(child.id());
        }
        let status = self.wait_for(&mut child);
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.release(child.id());
        }
        match status {
            Some(status) if status.success() => Ok(()),
            status => Err(Error::Command {
                command: format!("{} {}", program.display(), args.join(" ")),
                status: status.map_or("out of time".to_owned(), |status| status.to_string()),
                tail: tail(&log),
            }),
        }
    }

    /// `None` when time was up first; the child has ended either way.
    fn wait_for(&self, child: &mut Child) -> Option<ExitStatus> {
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if !self.deadline.has_passed() => pause(Duration::from_millis(10)),
                Ok(None) | Err(_) => {
                    end(child);
                    return None;
                }
            }
        }
    }
}

impl Drop for Site {
    /// The watchdog ends everything, then the ended children are reaped. A site without a
    /// watchdog is left running.
    fn drop(&mut self) {
        if self.watchdog.take().is_some() {
            self.children.values_mut().for_each(end);
        }
    }
}

/// Ends a child of ours and reaps it.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::files("write", path))
}

/// Takes a file that another program wrote away from everyone else.
pub(super) fn make_private(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(Error::files("restrict", path))
}
