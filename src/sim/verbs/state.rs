use super::{again::Again, frames::Frames};
use crate::{
    entropy::Dice,
    sim::{
        agenda::{Agenda, Correlator},
        discovery::Registry,
        store::Store,
    },
    wire::{ObjectKey, Resource},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::time::Instant;

/// Everything that a server is.
#[derive(Debug)]
pub struct State {
    /// The objects.
    pub store: Store,
    /// The types.
    pub registry: Registry,
    /// Where ids come from.
    pub dice: Dice,
    /// Where times come from.
    pub clock: Clock,
    /// Admission plugins that are off.
    pub disabled: Vec<String>,
    /// Controllers that run.
    pub controllers: Vec<String>,
    /// Who depends on whom: the keys of dependents by the uid of their owner.
    pub dependents: BTreeMap<String, BTreeSet<ObjectKey>>,
    /// What controllers are to look at.
    pub agenda: Agenda,
    /// What controllers have said in events.
    pub said: Correlator,
    /// When what a controller tells about an object changed last, by the names of its parts.
    pub triggers: BTreeMap<(&'static str, ObjectKey), BTreeMap<String, Timestamp>>,
    /// What watches told last.
    pub frames: Frames,
    /// What was applied and changed nothing.
    pub again: Again,
    /// When the controllers work again, in milliseconds since the start.
    pub waking: Option<u64>,
}

/// A time of day that moves with tokio's clock.
#[derive(Clone, Debug)]
pub struct Clock {
    base: Timestamp,
    start: Instant,
}

impl Clock {
    /// A clock that shows `base` now.
    pub fn new(base: Timestamp) -> Self {
        Self { base, start: Instant::now() }
    }

    /// Milliseconds since the start.
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When so many milliseconds since the start are over.
    pub fn at(&self, millis: u64) -> Instant {
        self.start + std::time::Duration::from_millis(millis)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.base.checked_add(self.start.elapsed()).unwrap_or(self.base)
    }

    /// Now as metadata writes it: whole seconds.
    pub fn seconds(&self) -> String {
        self.later(0)
    }

    /// So many seconds from now.
    pub fn later(&self, seconds: i64) -> String {
        let second = self.now().as_second().saturating_add(seconds);
        Timestamp::from_second(second).unwrap_or(self.base).to_string()
    }
}

impl State {
    /// An empty server.
    pub fn new(seed: u64, base: Timestamp) -> Self {
        Self {
            store: Store::default(),
            registry: Registry::v1_36(),
            dice: Dice::new(seed),
            clock: Clock::new(base),
            disabled: Vec::new(),
            controllers: Vec::new(),
            dependents: BTreeMap::new(),
            agenda: Agenda::default(),
            said: Correlator::default(),
            triggers: BTreeMap::new(),
            frames: Frames::default(),
            again: Again::default(),
            waking: None,
        }
    }

    /// An object of the core group.
    pub fn core(&self, plural: &str, namespace: Option<&str>, name: &str) -> Option<&Arc<Value>> {
        self.stored("", plural, namespace, name)
    }

    /// An object as it is stored.
    pub fn stored(
        &self,
        group: &str,
        plural: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&Arc<Value>> {
        let resource = Resource::new(group, "", plural);
        self.store.get(&ObjectKey::new(&resource, namespace, name)).map(|current| &current.object)
    }

    /// Whether a controller runs.
    pub fn runs(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    /// Whether an admission plugin is on.
    pub fn admits(&self, plugin: &str) -> bool {
        !self.disabled.iter().any(|disabled| disabled == plugin)
    }
}
