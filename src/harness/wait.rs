use super::{
    change::Object,
    failure::stuck,
    world::{On, World},
};
use crate::scrub::Scrubber;
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api,
    runtime::{WatchStreamExt, wait::Condition, watcher::watch_object},
};
use std::{future::Future, panic::Location, sync::Arc, time::Duration};

impl World {
    /// Waits until `condition` holds for the object `name`, and gives the object.
    ///
    /// `condition` is one of [`kube::runtime::wait::conditions`], or a closure on `Option<&K>`.
    ///
    /// # Panics
    /// When it does not hold before the deadline, or holds because the object is gone: use [`World::gone`].
    #[track_caller]
    pub fn until<K>(&self, name: &str, condition: impl Condition<K> + Send) -> impl Future<Output = K> + Send
    where
        K: Object,
    {
        let (world, at, name) = (self.clone(), Location::caller(), name.to_owned());
        async move {
            let kind = K::kind(&Default::default()).into_owned();
            world.at(at, format!("until({kind} {name:?})"));
            let found = world.watch_until::<K>(&name, &kind, condition).await;
            found.unwrap_or_else(|| panic!("{kind} {name:?} is gone; wait for that with `world.gone`"))
        }
    }

    /// Waits until the object `name` does not exist.
    ///
    /// # Panics
    /// When it still exists at the deadline.
    #[track_caller]
    pub fn gone<K>(&self, name: &str) -> impl Future<Output = ()> + Send + use<K>
    where
        K: Object,
    {
        let (world, at, name) = (self.clone(), Location::caller(), name.to_owned());
        async move {
            let kind = K::kind(&Default::default()).into_owned();
            world.at(at, format!("gone({kind} {name:?})"));
            world.watch_until::<K>(&name, &kind, |object: Option<&K>| object.is_none()).await;
        }
    }

    async fn watch_until<K>(&self, name: &str, kind: &str, condition: impl Condition<K>) -> Option<K>
    where
        K: Object,
    {
        let api: Api<K> = self.api();
        let last = Arc::new(std::sync::Mutex::new(None));
        let seen = last.clone();
        let wait = async move {
            // A client of its own back-off: the scenario's waits must not add jitter of theirs.
            let mut states = watch_object(api, name).default_backoff().boxed();
            loop {
                // The watcher goes on by itself after an error.
                if let Ok(Some(state)) = states.try_next().await {
                    if condition.matches_object(state.as_ref()) {
                        return state;
                    }
                    *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                        state.as_ref().map(seen_as);
                }
            }
        };
        let what = || {
            let last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            let last = last.unwrap_or_else(|| "nothing".into());
            format!("the condition on {kind} {name:?} holds\nit was last seen as:\n{last}")
        };
        match tokio::time::timeout(self.time_left(), wait).await {
            Ok(state) => state,
            Err(_) => stuck(self, &what()),
        }
    }

    /// Waits for `future`, at most until the deadline.
    pub(super) async fn until_in_time(&self, future: impl Future<Output = ()>, what: &str) {
        if tokio::time::timeout(self.time_left(), future).await.is_err() {
            stuck(self, what)
        }
    }

    /// The deadline, on a tape beyond the tape's own time.
    pub(super) fn time_left(&self) -> Duration {
        match &self.0.ground {
            On::Tape(replay) => replay.remaining().saturating_add(self.0.deadline),
            On::Sim(_) | On::Cluster(_) => self.0.deadline,
        }
    }
}

/// An object for a failure text: its secrets are no part of one.
fn seen_as<K: Object>(object: &K) -> String {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    Scrubber::new().json("", &mut value);
    serde_saphyr::to_string(&value).unwrap_or_else(|_| value.to_string())
}
