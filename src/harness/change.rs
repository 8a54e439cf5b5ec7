use super::world::World;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{fmt::Debug, future::Future, panic::Location};

/// The field manager of a scenario's own writes.
const MANAGER: &str = "kubetape";

impl World {
    /// Applies an object server-side in [`World::namespace`] and gives what the server made of it.
    ///
    /// # Panics
    /// When the object has no name, or the server refuses it; use `world.api::<K>()` where a refusal is what
    /// you want to see.
    #[track_caller]
    pub fn apply<K>(&self, object: K) -> impl Future<Output = K> + Send
    where
        K: Object,
    {
        let (world, at) = (self.clone(), Location::caller());
        async move {
            let (kind, name) = (kind::<K>(), object.name_any());
            world.at(at, format!("apply({kind} {name:?})"));
            let api: Api<K> = world.api();
            let params = PatchParams::apply(MANAGER).force();
            world.done(api.patch(&name, &params, &Patch::Apply(&object)).await)
        }
    }

    /// Creates an object in [`World::namespace`] and gives what the server made of it.
    ///
    /// # Panics
    /// When the server refuses it.
    #[track_caller]
    pub fn create<K>(&self, object: K) -> impl Future<Output = K> + Send
    where
        K: Object,
    {
        let (world, at) = (self.clone(), Location::caller());
        async move {
            world.at(at, format!("create({} {:?})", kind::<K>(), object.name_any()));
            let api: Api<K> = world.api();
            world.done(api.create(&PostParams::default(), &object).await)
        }
    }

    /// Merges `patch` into the object `name` and gives what the server made of it.
    ///
    /// # Panics
    /// When the server refuses it.
    #[track_caller]
    pub fn patch<K>(&self, name: &str, patch: Value) -> impl Future<Output = K> + Send + use<K>
    where
        K: Object,
    {
        let (world, at, name) = (self.clone(), Location::caller(), name.to_owned());
        async move {
            world.at(at, format!("patch({} {name:?})", kind::<K>()));
            let api: Api<K> = world.api();
            world.done(api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await)
        }
    }

    /// Merges `patch` into the status of the object `name`: what a controller that is not there would write.
    ///
    /// # Panics
    /// When the server refuses it.
    #[track_caller]
    pub fn patch_status<K>(&self, name: &str, patch: Value) -> impl Future<Output = K> + Send + use<K>
    where
        K: Object,
    {
        let (world, at, name) = (self.clone(), Location::caller(), name.to_owned());
        async move {
            world.at(at, format!("patch_status({} {name:?})", kind::<K>()));
            let api: Api<K> = world.api();
            world.done(api.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await)
        }
    }

    /// Asks for the deletion of the object `name`; wait for it with [`World::gone`].
    ///
    /// # Panics
    /// When the server refuses it.
    #[track_caller]
    pub fn delete<K>(&self, name: &str) -> impl Future<Output = ()> + Send + use<K>
    where
        K: Object,
    {
        let (world, at, name) = (self.clone(), Location::caller(), name.to_owned());
        async move {
            world.at(at, format!("delete({} {name:?})", kind::<K>()));
            let api: Api<K> = world.api();
            world.done(api.delete(&name, &DeleteParams::default()).await.map(|_| ()));
        }
    }

    /// The result, or the scenario's end with what the server said.
    pub(crate) fn done<T>(&self, result: kube::Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let text = super::error::chain(&error);
            panic!("the API server refused a step of the scenario at {}: {text}", self.place())
        })
    }
}

/// The objects that a scenario handles: namespaced, and known both ways.
pub trait Object:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

fn kind<K: Object>() -> String {
    K::kind(&()).into_owned()
}
