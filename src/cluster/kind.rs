//! A cluster of `kind`: real kubelets in containers.
//!
//! Tested against a stand-in for `kind` and `kubectl` that writes down how it was called.

use std::path::{Path, PathBuf};

use super::folders::on_path;
use super::site::{Record, Site, make_private, write_private};
use super::{Error, Options};

const CONFIG: &str = include_str!("../../kwok/kind.yaml");

fn program() -> Result<PathBuf, Error> {
    on_path(
        Path::new("kind"),
        "install it from https://kind.sigs.k8s.io, or use `--provider envtest`, which needs no \
         container engine",
    )
}

/// The record of a cluster that is not there yet, which says how it will be ended.
pub(super) fn plan(mut record: Record) -> Result<Record, Error> {
    let kind = program()?;
    record.log = record.dir.join("commands.log");
    record.farewell = [
        &*kind.to_string_lossy(),
        "delete",
        "cluster",
        "--name",
        &record.name,
        "--kubeconfig",
        &*record.kubeconfig.to_string_lossy(),
    ]
    .map(str::to_owned)
    .to_vec();
    Ok(record)
}

/// Creates the cluster and waits until its nodes are ready.
pub(super) fn raise(site: &mut Site, options: &Options) -> Result<(), Error> {
    let kind = program()?;
    let kubectl = on_path(Path::new("kubectl"), "install it, or put `just assets` on PATH")?;
    let workers = "- role: worker\n".repeat(options.nodes as usize);
    write_private(&site.path("kind.yaml"), &format!("{CONFIG}{workers}"))?;
    let kubeconfig = site.record.kubeconfig.to_string_lossy().into_owned();
    let wait = |site: &Site| format!("{}s", site.left().as_secs().max(1));
    let args = [
        "create",
        "cluster",
        "--name",
        &site.record.name,
        "--kubeconfig",
        &kubeconfig,
        "--config",
        &site.text("kind.yaml"),
        "--wait",
        &wait(site),
    ]
    .map(str::to_owned);
    site.run(&kind, &args)?;
    make_private(&site.record.kubeconfig)?;
    let timeout = format!("--timeout={}", wait(site));
    let args = ["--kubeconfig", &kubeconfig, "wait", "--for=condition=Ready", "node", "--all"];
    let args = [&args[..], &[&timeout]].concat();
    site.run(&kubectl, &args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
}

/// Copies an image of the container engine into the nodes.
pub(super) fn load_image(site: &mut Site, image: &str) -> Result<(), Error> {
    let kind = PathBuf::from(&site.record.farewell[0]);
    let name = site.record.name.clone();
    site.run(&kind, &["load", "docker-image", image, "--name", &name].map(str::to_owned))
}
