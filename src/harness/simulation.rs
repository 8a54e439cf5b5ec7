use super::{
    calls::{Call, Calls},
    error::chain,
    on_sim::Simulated,
    world::{On, World},
};
use crate::{
    entropy::Offset,
    gather::Capture,
    scrub,
    sim::Sim as Server,
    wire::{Change, Verb, delta},
};
use kube::Resource;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    panic::Location,
    path::Path,
    time::Duration,
};

/// What only a simulated cluster can do for a scenario; from [`World::sim`]. Clones are the same cluster.
#[derive(Clone)]
pub struct Sim {
    server: Server,
    calls: Calls,
    seed: u64,
}

impl World {
    /// The simulated cluster that the scenario runs on.
    ///
    /// # Panics
    /// On another ground; ask [`World::ground`] where a scenario has several.
    #[track_caller]
    pub fn sim(&self) -> Sim {
        match &self.0.ground {
            On::Sim(Simulated { sim, calls, seed, .. }) => {
                Sim { server: sim.clone(), calls: calls.clone(), seed: *seed }
            }
            _ => panic!(
                "`world.sim()` needs a simulated cluster, and this scenario runs on {:?}; run it with \
                 KUBETAPE_CLUSTER=sim or `#[kubetape::test(on(sim))]`",
                self.ground()
            ),
        }
    }
}

impl Sim {
    /// The API server itself: a `tower::Service` for clients of your own.
    pub fn server(&self) -> Server {
        self.server.clone()
    }

    /// The seed of its ids, of hash order and of the order of requests.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Puts the objects of a file, a folder or a capture into the cluster as they are, with their namespaces, uids,
    /// times, owners and status. An object that is there already is replaced. Redacted secrets get stand-ins.
    /// [`World::load`] is what also works on a real cluster.
    ///
    /// # Panics
    /// When it cannot be read, or an object cannot be restored; the text names it.
    #[track_caller]
    pub fn restore(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let capture = Capture::open(path)
            .unwrap_or_else(|error| panic!("failed to restore at {}: {}", Location::caller(), chain(&error)));
        if let Some(note) = capture.notes.first() {
            panic!("failed to restore {}: {note}; mend the file, or take it out", path.display());
        }
        let objects = capture.objects.into_values().map(|mut object| {
            scrub::serve(&mut object);
            object
        });
        self.server
            .restore(objects.collect())
            .unwrap_or_else(|failure| panic!("failed to restore {}: {}", path.display(), failure.message));
    }

    /// What the operators and the scenario have asked so far, in order.
    pub fn requests(&self) -> Requests {
        Requests(self.calls.calls().into_iter().map(Request).collect())
    }

    /// All objects as they are now, to compare with later.
    pub fn now(&self) -> Moment {
        let named = self.server.objects().into_iter().map(|object| (name_of(&object), object));
        Moment(named.collect())
    }

    /// What has changed since then.
    pub fn since(&self, then: &Moment) -> Difference {
        let now = self.now();
        let names: BTreeSet<&String> = then.0.keys().chain(now.0.keys()).collect();
        let mut difference = Difference::default();
        for name in names {
            match (then.0.get(name), now.0.get(name)) {
                (None, Some(object)) => difference.added.push((name.clone(), object.clone())),
                (Some(object), None) => difference.removed.push((name.clone(), object.clone())),
                (Some(a), Some(b)) if a != b => {
                    let mut changes = delta(a, b);
                    changes.retain(|change| !is_bookkeeping(&change.path));
                    difference.changed.push((name.clone(), changes));
                }
                _ => {}
            }
        }
        difference
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sim(seed {}, revision {})", self.seed, self.server.revision())
    }
}

/// `deployments.apps default/web` is what a request has; an object is called `Deployment default/web`.
fn name_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, space, name) = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
    let group = text("/apiVersion").split_once('/').map_or("", |(group, _)| group);
    let kind = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    if space.is_empty() { format!("{kind} {name}") } else { format!("{kind} {space}/{name}") }
}

fn is_bookkeeping(path: &str) -> bool {
    path == "metadata.resourceVersion" || path.starts_with("metadata.managedFields")
}

/// All objects of a simulated cluster at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment(BTreeMap<String, Value>);

/// How a simulated cluster differs from what it was. Objects are named `Deployment.apps default/web`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// Objects that are new.
    pub added: Vec<(String, Value)>,
    /// Objects that changed, with the fields that did; `resourceVersion` and `managedFields` are none.
    pub changed: Vec<(String, Vec<Change>)>,
    /// Objects that are gone, as they were.
    pub removed: Vec<(String, Value)>,
}

impl Difference {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A line for each object: `+` new, `-` gone, `~` changed, with the fields that changed below it.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.added.iter().try_for_each(|(name, _)| writeln!(f, "+ {name}"))?;
        self.removed.iter().try_for_each(|(name, _)| writeln!(f, "- {name}"))?;
        for (name, changes) in &self.changed {
            writeln!(f, "~ {name}")?;
            changes.iter().try_for_each(|change| writeln!(f, "    {change}"))?;
        }
        Ok(())
    }
}

/// One request that the simulated cluster was asked.
#[derive(Clone, Debug)]
pub struct Request(Call);

impl Request {
    /// When, in virtual time since the start.
    pub fn at(&self) -> Duration {
        self.0.at
    }

    /// The operator's name; `driver` is the scenario.
    pub fn actor(&self) -> &str {
        &self.0.actor
    }

    /// What was to be done.
    pub fn verb(&self) -> Verb {
        self.0.info.verb
    }

    /// Path and query.
    pub fn path(&self) -> String {
        self.0.info.path_and_query()
    }

    /// The status code of the answer; 0 as long as there is none.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The body, `null` when there is none or it is no JSON.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.0.body).unwrap_or_default()
    }
}

/// `+1.5s echo patch deployments.apps default/web 200`.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = Offset(self.0.at).short();
        write!(f, "{at} {} {} {} {}", self.0.actor, self.0.info.verb, self.0.info.what(), self.0.status)
    }
}

/// Requests in the order in which they came, to be narrowed down and counted:
/// `assert_eq!(world.sim().requests().by("echo").of::<Deployment>().writes(), 1)`.
#[derive(Clone, Debug, Default)]
pub struct Requests(Vec<Request>);

impl Requests {
    /// Those that `matches`.
    pub fn matching(mut self, matches: impl Fn(&Request) -> bool) -> Self {
        self.0.retain(matches);
        self
    }

    /// Those of one operator.
    pub fn by(self, actor: &str) -> Self {
        self.matching(|request| request.actor() == actor)
    }

    /// Those about one type.
    pub fn of<K: Resource<DynamicType = ()>>(self) -> Self {
        let (group, plural) = (K::group(&()).into_owned(), K::plural(&()).into_owned());
        self.matching(|request| {
            let resource = request.0.info.resource.as_ref();
            resource.is_some_and(|resource| resource.group == group && resource.plural == plural)
        })
    }

    /// Those about an object of this name.
    pub fn named(self, name: &str) -> Self {
        self.matching(|request| request.0.info.name.as_deref() == Some(name))
    }

    /// Those of a subresource, such as `status`.
    pub fn subresource(self, subresource: &str) -> Self {
        self.matching(|request| request.0.info.subresource.as_deref() == Some(subresource))
    }

    /// Those with this verb: `get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete`,
    /// `deletecollection`.
    pub fn verb(self, verb: &str) -> Self {
        self.matching(|request| request.verb().to_string() == verb)
    }

    /// Those that were answered with this status code.
    pub fn answered(self, status: u16) -> Self {
        self.matching(|request| request.status() == status)
    }

    /// Those that write.
    pub fn writes(self) -> Self {
        self.matching(|request| request.verb().is_write())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Request> {
        self.0.iter()
    }
}

impl PartialEq<usize> for Requests {
    fn eq(&self, count: &usize) -> bool {
        self.0.len() == *count
    }
}

impl<'a> IntoIterator for &'a Requests {
    type Item = &'a Request;
    type IntoIter = std::slice::Iter<'a, Request>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A line for each.
impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|request| writeln!(f, "{request}"))
    }
}
