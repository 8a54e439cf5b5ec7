//! The handle of a running cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::api::{self, Session, apart};
use super::options::check_name;
use super::site::{Record, Site};
use super::{Error, Options, Provider, contexts, envtest, kind, kwok};

/// A control plane that answers.
///
/// One that [`start`] made ends when this is dropped; one that [`up`](super::up) or
/// [`find`](super::find) gave is left running.
#[derive(Debug)]
#[must_use = "a started cluster ends when it is dropped; bind it to a variable"]
pub struct Cluster {
    site: Site,
}

/// Starts a cluster that ends with the returned value, or with this process.
///
/// # Errors
/// When a binary is missing, a component ends early, or [`Options::wait`] is over; the
/// error carries the last lines of the log. Nothing is left behind then.
pub fn start(options: &Options) -> Result<Cluster, Error> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let fresh = || {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        format!("kubetape-{}-{count}", std::process::id())
    };
    let name = options.name.clone().unwrap_or_else(fresh);
    check_name(&name)?;
    let private = fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix("kubetape-").permissions(private).tempdir();
    // The watchdog removes the folder, also when no destructor runs.
    let dir = dir.map_err(Error::files("make a folder in", std::env::temp_dir()))?.keep();
    raise(options, &name, dir).map(|site| Cluster { site })
}

/// Starts a cluster in an empty folder, which is removed if that fails.
pub(super) fn raise(options: &Options, name: &str, dir: PathBuf) -> Result<Site, Error> {
    let record = Record::new(name, options.provider, &dir);
    apart(move || {
        let record = match options.provider {
            Provider::Envtest | Provider::Current => record,
            Provider::Kwok => kwok::plan(record, options)?,
            Provider::Kind => kind::plan(record)?,
        };
        let mut site = Site::open(record, options.wait)?;
        match options.provider {
            Provider::Envtest => envtest::raise(&mut site, options),
            Provider::Kwok => kwok::raise(&mut site, options),
            Provider::Kind => kind::raise(&mut site, options),
            Provider::Current => contexts::raise(&mut site, options),
        }?;
        Ok(site)
    })
    .inspect_err(|_| {
        // The watchdog did this already, unless the failure came before there was one.
        let _ = fs::remove_dir_all(&dir);
    })
}

impl Cluster {
    pub(super) fn attach(record: Record) -> Self {
        Self { site: Site::attach(record, Duration::from_secs(60)) }
    }

    pub(super) fn record(&self) -> &Record {
        &self.site.record
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.site.record.name
    }

    /// Who runs it.
    pub fn provider(&self) -> Provider {
        self.site.record.provider
    }

    /// A kubeconfig file that only this user can read, with this cluster alone in it.
    pub fn kubeconfig(&self) -> &Path {
        &self.site.record.kubeconfig
    }

    /// The folder with the logs of the components.
    pub fn folder(&self) -> &Path {
        &self.site.record.dir
    }

    /// A client configuration with administrator rights.
    ///
    /// # Errors
    /// When the kubeconfig is gone, that is, when the cluster was ended meanwhile.
    pub async fn config(&self) -> Result<kube::Config, Error> {
        api::config(self.kubeconfig()).await
    }

    /// The API server's version, such as `v1.36.3`. Blocks for one request.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub fn version(&self) -> Result<String, Error> {
        apart(|| Session::open(self.kubeconfig(), Duration::from_secs(5))?.version())
    }

    /// Ends the API server and waits until its successor is ready: open watches and
    /// requests break, nothing stored is lost. Blocks for about two seconds.
    ///
    /// # Errors
    /// For providers other than envtest, and when the successor does not become ready.
    pub fn restart_apiserver(&mut self) -> Result<(), Error> {
        self.expect_provider(Provider::Envtest, "restart its API server")?;
        apart(|| envtest::restart_apiserver(&mut self.site))
    }

    /// Makes every revision before the present one unknown, in etcd and, by a restart, in
    /// the API server: a watch from an older `resourceVersion` is answered 410 Gone.
    /// Returns the present revision.
    ///
    /// # Errors
    /// For providers other than envtest, and when `etcdctl` is missing or fails.
    pub fn compact(&mut self) -> Result<u64, Error> {
        self.expect_provider(Provider::Envtest, "forget its history")?;
        apart(|| envtest::compact(&mut self.site))
    }

    /// Copies an image of the local container engine into the nodes.
    ///
    /// # Errors
    /// For providers other than kind, whose nodes run no images, and when kind fails.
    pub fn load_image(&mut self, image: &str) -> Result<(), Error> {
        self.expect_provider(Provider::Kind, "load an image")?;
        kind::load_image(&mut self.site, image)
    }

    /// Ends a cluster that [`start`] made, and returns when no process and no file of it
    /// is left. Dropping does the same. A cluster of [`up`](super::up) or
    /// [`find`](super::find) is left running; [`down`](super::down) ends it.
    pub fn stop(self) {
        drop(self);
    }

    fn expect_provider(&self, wanted: Provider, what: &'static str) -> Result<(), Error> {
        if self.provider() == wanted {
            return Ok(());
        }
        let help = match wanted {
            Provider::Envtest => "start one with `--provider envtest`",
            _ => "start one with `--provider kind`",
        };
        Err(Error::Unsupported { provider: self.provider(), what, help })
    }
}
