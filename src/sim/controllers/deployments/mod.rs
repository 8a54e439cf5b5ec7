//! The controller of deployments: one look at a deployment does what is next for its replica sets, its
//! revision and its status.
//!
//! In go the key of a deployment, out come writes of it and of its sets. It works on the state that it saw when
//! it began: whoever wrote in between makes its own write fail, and it looks again.

mod rollout;
mod scale;
mod sets;
mod status;

use super::{
    Outcome,
    acts::{all_in, current, record, write_status},
    claim::{claim, concerned, controller_in, dying},
    text,
};
use crate::{
    sim::{store::News, verbs::State},
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::Value;

const WHO: &str = "deployment-controller";
const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";

fn deployments() -> Resource {
    Resource::new("apps", "v1", "deployments")
}

fn replica_sets() -> Resource {
    Resource::new("apps", "v1", "replicasets")
}

/// Which deployments a write concerns.
pub(super) fn heard(state: &mut State, news: &News) {
    let keys = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("apps", "deployments") => vec![news.key.clone()],
        ("apps", "replicasets") => concerned(state, news, "Deployment", &deployments()),
        ("", "pods") if news.removed => last_pod(state, news).into_iter().collect(),
        _ => return,
    };
    keys.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

/// The deployment that made room by the removal of its last pod, before it starts new ones.
fn last_pod(state: &State, news: &News) -> Option<ObjectKey> {
    let set = controller_in(state, &news.key, &news.object, "ReplicaSet", &replica_sets())?;
    let set_object = current(state, &set)?;
    let key = controller_in(state, &set, &set_object, "Deployment", &deployments())?;
    let deployment = current(state, &key)?;
    let own = |object: &Value, uid: &Value| {
        super::claim::controller(object).is_some_and(|owner| owner["uid"] == *uid)
    };
    let namespace = key.namespace.as_deref();
    let sets = all_in(state, &replica_sets(), namespace);
    let sets: Vec<_> = sets.iter().filter(|(_, set)| own(set, &deployment["metadata"]["uid"])).collect();
    let mut pods = all_in(state, &Resource::new("", "v1", "pods"), namespace).into_iter();
    let left = pods.any(|(_, pod)| sets.iter().any(|(_, set)| own(&pod, &set["metadata"]["uid"])));
    (deployment["spec"]["strategy"]["type"] == "Recreate" && !left).then_some(key)
}

/// One look at a deployment: the object as it was seen, and its sets, oldest first.
struct Look<'a> {
    state: &'a mut State,
    key: ObjectKey,
    object: Value,
    sets: Vec<Value>,
}

/// Takes the next step of a deployment.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(object) = current(state, key) else { return Ok(()) };
    if object["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
        let text = "This deployment is selecting all pods. A non-empty selector is required.";
        record(state, WHO, &object, "Warning", "SelectingAll", text);
        return Ok(());
    }
    let sets = claim(state, key, &object, &replica_sets(), |_| true)?;
    let mut sets: Vec<Value> = sets.into_iter().map(|(_, set)| (*set).clone()).collect();
    sets.sort_by_key(age);
    let mut look = Look { state, key: key.clone(), object: (*object).clone(), sets };
    look.work()
}

/// Older ones come first.
fn age(object: &Value) -> (String, String) {
    let metadata = &object["metadata"];
    (text(metadata, "creationTimestamp").to_owned(), text(metadata, "name").to_owned())
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// How many pods an object is to have.
fn size(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name].as_str().unwrap_or_default()
}

impl Look<'_> {
    fn work(&mut self) -> Outcome {
        if dying(&self.object) {
            let (new, old) = self.known(false)?;
            return self.tell_size(new.as_ref(), &old);
        }
        self.note_pause()?;
        if self.object["spec"]["paused"] == true || self.is_resized()? {
            return self.resize();
        }
        match text(&self.object["spec"]["strategy"], "type") {
            "Recreate" => self.recreate(),
            _ => self.roll(),
        }
    }

    /// Scales without rolling, then tells it.
    fn resize(&mut self) -> Outcome {
        let (new, old) = self.known(false)?;
        self.spread(new.as_ref(), &old)?;
        if self.object["spec"]["paused"] == true {
            self.clean_up(&old)?;
        }
        self.tell_size(new.as_ref(), &old)
    }

    /// Writes the object with its status as this look has changed it, and goes on with what was written.
    fn write(&mut self) -> Result<(), Failure> {
        self.object = (*write_status(self.state, &self.key, &self.object)?).clone();
        Ok(())
    }

    fn say(&mut self, kind: &str, reason: &str, message: &str) {
        record(self.state, WHO, &self.object, kind, reason, message);
    }

    fn replicas(&self) -> i64 {
        size(&self.object)
    }

    /// How many pods there may be more than wanted while it rolls, and how many fewer.
    fn bounds(&self) -> (i64, i64) {
        if self.object["spec"]["strategy"]["type"] != "RollingUpdate" {
            return (0, 0);
        }
        let (wanted, rolling) = (self.replicas(), &self.object["spec"]["strategy"]["rollingUpdate"]);
        let surge = super::share(&rolling["maxSurge"], wanted, true);
        let missing = super::share(&rolling["maxUnavailable"], wanted, false);
        let missing = if surge == 0 && missing == 0 { 1 } else { missing };
        (surge, if wanted == 0 { 0 } else { missing.min(wanted) })
    }
}
