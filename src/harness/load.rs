use super::{error::chain, fill, world::World};
use crate::gather::Capture;
use std::{
    collections::BTreeSet,
    future::Future,
    panic::Location,
    path::{Path, PathBuf},
};

impl World {
    /// Puts the objects of a capture into the cluster: a directory or an archive of `kubetape gather`, one file of
    /// it, or any manifests. Owners come before what they own, and references to them follow their new uids;
    /// status is restored. What stands in one namespace is put into [`World::namespace`]; what stands in
    /// several keeps them. Redacted secrets get stand-ins, the same for the same symbol. Objects that the
    /// cluster has already are left as they are, and kinds that it makes by itself, such as Events, are left out.
    ///
    /// # Panics
    /// When the capture cannot be read, or the server refuses an object.
    #[track_caller]
    pub fn load(&self, path: impl AsRef<Path>) -> impl Future<Output = ()> + Send {
        let (world, at, path) = (self.clone(), Location::caller(), path.as_ref().to_owned());
        async move {
            world.at(at, format!("load({path:?})"));
            load(&world, &path).await;
        }
    }
}

async fn load(world: &World, path: &PathBuf) {
    let capture = Capture::open(path).unwrap_or_else(|error| panic!("failed to load: {}", chain(&error)));
    if let Some(note) = capture.notes.first() {
        panic!("failed to load {}: {note}; mend the file, or take it out", path.display());
    }
    let spaces: BTreeSet<&str> =
        capture.objects.keys().map(|id| id.namespace.as_str()).filter(|n| !n.is_empty()).collect();
    let made = capture.objects.keys().any(|id| id.kind == "Namespace");
    let one = spaces.len() == 1 || (spaces.is_empty() && !made);
    let into = one.then(|| world.namespace());
    if let Err(error) = fill::fill(&world.client(), &capture, into).await {
        panic!("failed to load {}: {}", path.display(), chain(&error));
    }
}
