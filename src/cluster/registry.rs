//! Clusters that outlive the process that started them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use super::api::{Session, apart};
use super::options::check_name;
use super::site::Record;
use super::{Cluster, Error, Options, Provider, folders, plane};

/// The name of a cluster that nobody named.
const DEFAULT_NAME: &str = "kubetape";

/// One line of [`list`].
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The cluster's name.
    pub name: String,
    /// Who runs it.
    pub provider: Provider,
    /// Whether its API server answers.
    pub running: bool,
    /// Its kubeconfig.
    pub kubeconfig: PathBuf,
}

/// The folder that remembers clusters, one sub-folder each.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

impl Default for Registry {
    fn default() -> Self {
        Self::at(folders::cache().join("clusters"))
    }
}

impl Registry {
    /// A registry in a folder, which is made when it is needed. The default one lies in
    /// `$KUBETAPE_CACHE/clusters` or `~/.cache/kubetape/clusters`.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Starts a cluster that outlives this process. A start that fails or is interrupted
    /// leaves nothing behind.
    ///
    /// # Errors
    /// As [`start`](super::start), and when a cluster of that name is running.
    pub fn up(&self, options: &Options) -> Result<Cluster, Error> {
        let name = options.name.as_deref().unwrap_or(DEFAULT_NAME);
        let dir = self.dir(name)?;
        if let Some(cluster) = self.find(name)? {
            if is_alive(cluster.record()) {
                let kubeconfig = cluster.kubeconfig().to_owned();
                return Err(Error::Exists { name: name.to_owned(), kubeconfig });
            }
            self.down(name)?;
        }
        claim(&dir, name)?;
        let record = plane::raise(options, name, dir)?.detach()?;
        Ok(Cluster::attach(record))
    }

    /// A cluster that [`up`](Self::up) started, without owning it.
    ///
    /// # Errors
    /// When its record cannot be understood.
    pub fn find(&self, name: &str) -> Result<Option<Cluster>, Error> {
        let record = read(&self.dir(name)?)?;
        Ok(record.map(Cluster::attach))
    }

    /// All clusters, by name.
    ///
    /// # Errors
    /// When a record cannot be understood.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let Some(record) = read(&entry.path())? else { continue };
            found.push(Entry {
                running: answers(&record),
                name: record.name,
                provider: record.provider,
                kubeconfig: record.kubeconfig,
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Ends a cluster and removes its folder; tells whether there was one. Ending a
    /// cluster that is not there is no error.
    ///
    /// # Errors
    /// When the record cannot be understood or the folder cannot be removed.
    pub fn down(&self, name: &str) -> Result<bool, Error> {
        let dir = self.dir(name)?;
        if let Some(record) = read(&dir)? {
            record.components.iter().for_each(|component| component.kill(&dir));
            bid_farewell(&record)?;
        }
        match fs::remove_dir_all(&dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(Error::Files { what: "remove", path: dir, source }),
        }
    }

    fn dir(&self, name: &str) -> Result<PathBuf, Error> {
        check_name(name)?;
        let dir = self.folder.join(name);
        // Components run with another working directory.
        std::path::absolute(&dir).map_err(Error::files("find", dir))
    }
}

/// [`Registry::up`] in the default registry.
///
/// # Errors
/// As there.
pub fn up(options: &Options) -> Result<Cluster, Error> {
    Registry::default().up(options)
}

/// [`Registry::find`] in the default registry.
///
/// # Errors
/// As there.
pub fn find(name: &str) -> Result<Option<Cluster>, Error> {
    Registry::default().find(name)
}

/// [`Registry::list`] in the default registry.
///
/// # Errors
/// As there.
pub fn list() -> Result<Vec<Entry>, Error> {
    Registry::default().list()
}

/// [`Registry::down`] in the default registry.
///
/// # Errors
/// As there.
pub fn down(name: &str) -> Result<bool, Error> {
    Registry::default().down(name)
}

/// Makes the cluster's folder; of two processes with the same name one gets it.
fn claim(dir: &Path, name: &str) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let private = |recursive| {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(recursive).mode(0o700);
        builder
    };
    let parent = dir.parent().expect("a registry's folder and a name");
    private(true).create(parent).map_err(Error::files("make", parent))?;
    private(false).create(dir).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Busy { name: name.to_owned() },
        _ => Error::Files { what: "make", path: dir.to_owned(), source },
    })
}

fn read(dir: &Path) -> Result<Option<Record>, Error> {
    let path = Record::file(dir);
    match fs::read_to_string(&path) {
        Ok(text) => match serde_json::from_str(&text) {
            Ok(record) => Ok(Some(record)),
            Err(source) => Err(Error::State { path, source }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Files { what: "read", path, source }),
    }
}

/// Processes count too: an API server that hangs is not to be replaced behind its back.
fn is_alive(record: &Record) -> bool {
    record.components.iter().any(|component| component.runs(&record.dir)) || answers(record)
}

fn answers(record: &Record) -> bool {
    apart(|| Session::open(&record.kubeconfig, Duration::from_secs(2))?.version()).is_ok()
}

/// Runs the command that ends what the components do not cover, such as kwokctl's own.
fn bid_farewell(record: &Record) -> Result<(), Error> {
    let Some((program, args)) = record.farewell.split_first() else {
        return Ok(());
    };
    let output = Command::new(program)
        .args(args)
        .envs(record.env.iter().cloned())
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Spawn { program: program.into(), source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: record.farewell.join(" "),
        status: output.status.to_string(),
        tail: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
