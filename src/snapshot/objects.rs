use super::{path::Path, symbols::settled};
use crate::harness::World;
use k8s_openapi::{
    ClusterResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service},
    },
};
use kube::{
    Api, Resource, ResourceExt,
    api::{DynamicObject, ListParams},
    core::ApiResource,
};
use serde_json::{Value, json};
use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    panic::Location,
};

/// Chooses the objects of a scenario for a snapshot; begin with [`World::objects`].
#[derive(Clone, Debug)]
#[must_use = "nothing is listed before `.collect().await`"]
pub struct ObjectsOf {
    world: World,
    chosen: Chosen,
}

/// Which objects, and what of them is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen {
    pub(super) kinds: Vec<Kind>,
    pub(super) labels: Option<String>,
    pub(super) namespace: Option<String>,
    /// Names by uids.
    pub(super) owners: BTreeMap<String, String>,
    pub(super) redacted: Vec<Path>,
}

#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) types: ApiResource,
    pub(super) cluster: bool,
}

impl Kind {
    fn of<K>() -> Self
    where
        K: Resource<DynamicType = ()>,
        K::Scope: 'static,
    {
        Self {
            types: ApiResource::erase::<K>(&()),
            cluster: TypeId::of::<K::Scope>() == TypeId::of::<ClusterResourceScope>(),
        }
    }
}

/// Objects as a snapshot shows them: YAML documents, ordered by kind and name.
///
/// What another run would have otherwise is replaced:
///
/// | value | in the snapshot |
/// |---|---|
/// | uids, wherever they stand | `$uid(Deployment/web)`; `$uid` for what is not in the snapshot |
/// | times | `$time` |
/// | `resourceVersion` | `$rv` |
/// | names that the server made, and what refers to them | `$name(web-7d9c-,1)` |
/// | the scenario's namespace | `$ns` |
/// | node names, `kubernetes.io/hostname` | `$node` |
/// | addresses of Pods and Services, one for all families | `$ip` |
/// | node ports | `$port` |
/// | ids of containers and images that the kubelet made up | `$id` |
///
/// `metadata.managedFields`, `status.collisionCount`, `status.hostIP`, `status.hostIPs` and the annotations by which the Deployment controller counts
/// (`deployment.kubernetes.io/revision` and its like) are left out; so are the ConfigMaps that every namespace has.
/// Conditions are ordered by type. For more, there is [`ObjectsOf::redact`].
#[derive(Clone)]
pub struct Objects {
    /// As a snapshot shows them.
    settled: Vec<Value>,
    /// As the server gave them.
    pub(super) listed: Vec<Value>,
    pub(super) chosen: Chosen,
    pub(super) namespace: String,
}

impl PartialEq for Objects {
    fn eq(&self, other: &Self) -> bool {
        self.settled == other.settled
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.settled).finish()
    }
}

impl World {
    /// Chooses objects for `assert_cluster_snapshot!`. Without a kind it means the built-in workloads, Services,
    /// ConfigMaps and PersistentVolumeClaims.
    pub fn objects(&self) -> ObjectsOf {
        ObjectsOf { world: self.clone(), chosen: Chosen::default() }
    }
}

impl ObjectsOf {
    /// Adds the objects of one kind.
    pub fn of<K>(mut self) -> Self
    where
        K: Resource<DynamicType = ()>,
        K::Scope: 'static,
    {
        self.chosen.kinds.push(Kind::of::<K>());
        self
    }

    /// Adds the objects of several kinds: `.kinds::<(Deployment, Service)>()`.
    pub fn kinds<T: Kinds>(self) -> Self {
        T::add_to(self)
    }

    /// Only objects that this label selector matches, such as `app=web`.
    pub fn labels(mut self, selector: &str) -> Self {
        self.chosen.labels = Some(selector.to_owned());
        self
    }

    /// Looks in this namespace; in [`World::namespace`] unless said otherwise.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.chosen.namespace = Some(namespace.to_owned());
        self
    }

    /// Only objects that `object` owns, itself or through others of the chosen kinds.
    ///
    /// # Panics
    /// When `object` has no uid: it has to be one that the server gave.
    #[track_caller]
    pub fn owned_by<K: Resource>(mut self, object: &K) -> Self {
        let uid = object.meta().uid.clone();
        let uid = uid.expect("the owner of objects is one that the server gave, with a uid");
        self.chosen.owners.insert(uid, object.meta().name.clone().unwrap_or_default());
        self
    }

    /// Puts `$redacted` in the place of the values at `path`: `status.conditions[].message`,
    /// `metadata.annotations[example.com/hash]`.
    pub fn redact(mut self, path: &str) -> Self {
        self.chosen.redacted.push(Path::parse(path));
        self
    }

    /// Lists them with the scenario's own client: on a cluster that is recorded, on a tape answered from it.
    ///
    /// # Panics
    /// When the server refuses a list.
    #[track_caller]
    pub fn collect(mut self) -> impl Future<Output = Objects> + Send {
        let at = Location::caller();
        async move {
            self.world.at(at, "objects()".into());
            if self.chosen.kinds.is_empty() {
                self.chosen.kinds = workloads();
            }
            let mut listed = Vec::new();
            for kind in &self.chosen.kinds {
                listed.extend(self.list(kind).await);
            }
            if !self.chosen.owners.is_empty() {
                listed = owned(listed, self.chosen.owners.keys().cloned().collect());
            }
            let namespace = self.world.namespace().to_owned();
            let settled = settled(listed.clone(), &namespace, &self.chosen.redacted);
            Objects { settled, listed, chosen: self.chosen, namespace }
        }
    }

    async fn list(&self, kind: &Kind) -> Vec<Value> {
        let client = self.world.client();
        let namespace = self.chosen.namespace.as_deref().unwrap_or(self.world.namespace());
        let api: Api<DynamicObject> = match kind.cluster {
            true => Api::all_with(client, &kind.types),
            false => Api::namespaced_with(client, namespace, &kind.types),
        };
        let params = ListParams { label_selector: self.chosen.labels.clone(), ..ListParams::default() };
        let list = self.world.done(api.list(&params).await);
        let objects = list.items.iter().filter(|object| !is_everywhere(&kind.types.kind, &object.name_any()));
        objects.map(|object| typed(object, &kind.types)).collect()
    }
}

/// Whether it is an object that every namespace has.
pub(super) fn is_everywhere(kind: &str, name: &str) -> bool {
    kind == "ConfigMap" && name == "kube-root-ca.crt"
}

/// Items of a list do not say what they are.
fn typed(object: &DynamicObject, types: &ApiResource) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    value["apiVersion"] = json!(types.api_version);
    value["kind"] = json!(types.kind);
    value
}

fn workloads() -> Vec<Kind> {
    vec![
        Kind::of::<ConfigMap>(),
        Kind::of::<CronJob>(),
        Kind::of::<DaemonSet>(),
        Kind::of::<Deployment>(),
        Kind::of::<Job>(),
        Kind::of::<PersistentVolumeClaim>(),
        Kind::of::<Pod>(),
        Kind::of::<ReplicaSet>(),
        Kind::of::<Service>(),
        Kind::of::<StatefulSet>(),
    ]
}

/// The objects that one of `owners` owns, or an object that it owns.
pub(super) fn owned(objects: Vec<Value>, mut owners: BTreeSet<String>) -> Vec<Value> {
    let (mut found, mut rest) = (Vec::new(), objects);
    loop {
        let (mine, others): (Vec<Value>, Vec<Value>) = rest.into_iter().partition(|o| is_owned(o, &owners));
        if mine.is_empty() {
            return found;
        }
        owners.extend(mine.iter().filter_map(|o| o.pointer("/metadata/uid")?.as_str().map(str::to_owned)));
        found.extend(mine);
        rest = others;
    }
}

fn is_owned(object: &Value, owners: &BTreeSet<String>) -> bool {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let owner = |reference: &Value| reference["uid"].as_str().is_some_and(|uid| owners.contains(uid));
    references.is_some_and(|references| references.iter().any(owner))
}

impl Objects {
    /// The objects, with symbols for what varies.
    pub fn values(&self) -> &[Value] {
        &self.settled
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty()
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, object) in self.settled.iter().enumerate() {
            let yaml = serde_saphyr::to_string(object).map_err(|_| fmt::Error)?;
            let line = if index == 0 { "" } else { "---\n" };
            write!(f, "{line}{}", yaml.trim_start_matches("---\n"))?;
        }
        Ok(())
    }
}

/// Several kinds at once, as a tuple of types: `(Deployment, Service)`.
pub trait Kinds {
    /// Adds them to the objects that are chosen.
    fn add_to(objects: ObjectsOf) -> ObjectsOf;
}

macro_rules! kinds {
    ($($kind:ident)+) => {
        impl<$($kind),+> Kinds for ($($kind,)+)
        where
            $($kind: Resource<DynamicType = ()>, $kind::Scope: 'static,)+
        {
            fn add_to(objects: ObjectsOf) -> ObjectsOf {
                objects$(.of::<$kind>())+
            }
        }
    };
}

kinds!(A);
kinds!(A B);
kinds!(A B C);
kinds!(A B C D);
kinds!(A B C D E);
kinds!(A B C D E F);
