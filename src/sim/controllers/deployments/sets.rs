use super::{
    super::{
        acts::{create, current, delete, replace},
        claim::{dying, reference},
        is_ending, template_hash,
    },
    DESIRED, HISTORY, Look, MOST, REVISION, age, annotation, number, replica_sets, size,
};
use crate::wire::{Failure, ObjectKey};
use serde_json::{Value, json};

/// The names of labels and of annotations that are the controller's own.
const HASH: &str = "pod-template-hash";
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
const ROLLBACK: &str = "deprecated.deployment.rollback.to";
/// The annotation of former revisions is no longer than this.
const LONGEST: usize = 2000;
/// The longest name.
const NAME: usize = 253;

/// A template without the label that the controller adds.
fn bare(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"].get_mut("labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    template
}

fn revision(set: &Value) -> i64 {
    annotation(set, REVISION).parse().unwrap_or(0)
}

impl Look<'_> {
    /// The set of the present template, made when there is none, and all others.
    pub(super) fn known(&mut self, make: bool) -> Result<(Option<Value>, Vec<Value>), Failure> {
        let wanted = bare(&self.object["spec"]["template"]);
        let new = self.sets.iter().position(|set| bare(&set["spec"]["template"]) == wanted);
        let others = self.sets.iter().enumerate().filter(|(index, _)| Some(*index) != new);
        let old: Vec<Value> = others.map(|(_, set)| set.clone()).collect();
        let next = old.iter().map(revision).max().unwrap_or(0) + 1;
        let new = match new {
            Some(index) => Some(self.renewed(self.sets[index].clone(), next)?),
            None if make => Some(self.made(&old, next)?),
            None => None,
        };
        Ok((new, old))
    }

    /// The set that is there already, with the annotations and the revision that it should have.
    fn renewed(&mut self, mut set: Value, next: i64) -> Result<Value, Failure> {
        let changed = self.annotate(&mut set, next);
        let seconds = |object: &Value| number(&object["spec"]["minReadySeconds"]);
        if changed || seconds(&set) != seconds(&self.object) {
            set["spec"]["minReadySeconds"] = json!(seconds(&self.object));
            let written = replace(self.state, &self.set_key(&set), &set)?;
            return Ok((*written).clone());
        }
        let mut write = self.set_revision(annotation(&set, REVISION).to_owned());
        if self.has_deadline() && self.condition("Progressing").is_none() {
            let text = format!("Found new replica set {:?}", super::text(&set["metadata"], "name"));
            self.progress("True", "FoundNewReplicaSet", &text);
            write = true;
        }
        if write {
            self.write()?;
        }
        Ok(set)
    }

    fn made(&mut self, old: &[Value], next: i64) -> Result<Value, Failure> {
        let collisions = self.object["status"]["collisionCount"].as_i64();
        let hash = template_hash::of(&self.object["spec"]["template"], collisions);
        let mut set = self.draft(&hash);
        let replicas = self.next_size(old, &set);
        set["spec"]["replicas"] = json!(replicas);
        self.annotate(&mut set, next);
        self.annotate_size(&mut set);
        let name = super::text(&set["metadata"], "name").to_owned();
        let namespace = self.key.namespace.clone();
        let (made, there) = match create(self.state, &replica_sets(), namespace.as_deref(), &set) {
            Ok(made) => ((*made).clone(), false),
            Err(failure) if failure.reason == "AlreadyExists" => (self.collided(&set, failure)?, true),
            Err(failure) => return Err(self.refused(&name, failure)),
        };
        if !there && replicas > 0 {
            let text = format!("Scaled up replica set {name} from 0 to {replicas}");
            self.say("Normal", "ScalingReplicaSet", &text);
        }
        let mut write = self.set_revision(next.to_string());
        if !there && self.has_deadline() {
            self.progress("True", "NewReplicaSetCreated", &format!("Created new replica set {name:?}"));
            write = true;
        }
        if write {
            self.write()?;
        }
        Ok(made)
    }

    /// A new set for the present template, still without a size.
    fn draft(&self, hash: &str) -> Value {
        let spec = &self.object["spec"];
        let mut template = spec["template"].clone();
        if !template["metadata"]["labels"].is_object() {
            template["metadata"]["labels"] = json!({});
        }
        template["metadata"]["labels"][HASH] = json!(hash);
        let mut selector = spec["selector"].clone();
        if !selector["matchLabels"].is_object() {
            selector["matchLabels"] = json!({});
        }
        selector["matchLabels"][HASH] = json!(hash);
        let mut name = self.key.name.clone();
        name.truncate(NAME - 1 - hash.len());
        json!({
            "metadata": {
                "name": format!("{name}-{hash}"), "ownerReferences": [reference(&self.object)],
                "labels": template["metadata"]["labels"],
            },
            "spec": {
                "replicas": 0, "selector": selector, "template": template,
                "minReadySeconds": number(&spec["minReadySeconds"]),
            },
        })
    }

    /// A set of that name is there: ours when it has our template, else the next hash is tried.
    fn collided(&mut self, set: &Value, failure: Failure) -> Result<Value, Failure> {
        let found = current(self.state, &self.set_key(set)).ok_or_else(|| failure.clone())?;
        let own = super::super::claim::controller(&found)
            .is_some_and(|owner| owner["uid"] == self.object["metadata"]["uid"]);
        if own && bare(&found["spec"]["template"]) == bare(&self.object["spec"]["template"]) {
            return Ok((*found).clone());
        }
        let count = number(&self.object["status"]["collisionCount"]) + 1;
        self.object["status"]["collisionCount"] = json!(count);
        // Whether or not that was written, the deployment is looked at again.
        let _ = self.write();
        Err(failure)
    }

    fn refused(&mut self, name: &str, failure: Failure) -> Failure {
        if is_ending(&failure) {
            return failure;
        }
        let text = format!("Failed to create new replica set {name:?}: {}", failure.message);
        if self.has_deadline() {
            self.progress("False", "ReplicaSetCreateError", &text);
            // The failure itself is the bigger news.
            let _ = self.write();
        }
        self.say("Warning", "ReplicaSetCreateError", &text);
        failure
    }

    pub(super) fn set_key(&self, set: &Value) -> ObjectKey {
        let name = super::text(&set["metadata"], "name");
        ObjectKey::new(&replica_sets(), self.key.namespace.as_deref(), name)
    }

    fn set_revision(&mut self, revision: String) -> bool {
        if annotation(&self.object, REVISION) == revision && !revision.is_empty() {
            return false;
        }
        self.object["metadata"]["annotations"][REVISION] = json!(revision);
        true
    }

    /// Copies the annotations of the deployment to a set and gives it a revision; whether that changed it.
    fn annotate(&self, set: &mut Value, next: i64) -> bool {
        let own = [APPLIED, REVISION, HISTORY, DESIRED, MOST, ROLLBACK];
        let before = set["metadata"].get("annotations").cloned();
        let mut all = before.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        for (key, value) in self.object["metadata"]["annotations"].as_object().into_iter().flatten() {
            if !own.contains(&key.as_str()) {
                all.insert(key.clone(), value.clone());
            }
        }
        let old = all.get(REVISION).and_then(Value::as_str).map(str::to_owned);
        if old.as_deref().unwrap_or("0").parse::<i64>().is_ok_and(|old| old < next) {
            all.insert(REVISION.into(), json!(next.to_string()));
            if let Some(old) = old {
                let history = all.get(HISTORY).and_then(Value::as_str).unwrap_or_default();
                if let Some(history) = longer(history, &old) {
                    all.insert(HISTORY.into(), json!(history));
                }
            }
        }
        let changed = before.as_ref().and_then(Value::as_object).cloned().unwrap_or_default() != all;
        if changed {
            set["metadata"]["annotations"] = Value::Object(all);
        }
        changed
    }

    /// Notes the wanted and the greatest size in a set.
    pub(super) fn annotate_size(&self, set: &mut Value) {
        let wanted = self.replicas();
        if !set["metadata"]["annotations"].is_object() {
            set["metadata"]["annotations"] = json!({});
        }
        set["metadata"]["annotations"][DESIRED] = json!(wanted.to_string());
        set["metadata"]["annotations"][MOST] = json!((wanted + self.bounds().0).to_string());
    }

    /// Deletes the oldest sets that are not in use any more, beyond those that are kept.
    pub(super) fn clean_up(&mut self, old: &[Value]) -> Result<(), Failure> {
        let Some(kept) = self.object["spec"]["revisionHistoryLimit"].as_u64().filter(|n| *n < 0x7fff_ffff)
        else {
            return Ok(());
        };
        let mut old: Vec<&Value> = old.iter().filter(|set| !dying(set)).collect();
        old.sort_by_key(|set| (revision(set), age(set)));
        let spare = old.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
        for set in old.into_iter().take(spare) {
            let status = &set["status"];
            let seen = number(&status["observedGeneration"]) >= number(&set["metadata"]["generation"]);
            if number(&status["replicas"]) == 0 && size(set) == 0 && seen {
                match delete(self.state, &self.set_key(set), &json!({})) {
                    Err(failure) if failure.code != 404 => return Err(failure),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The list of former revisions with one more, without the first ones when it gets too long.
fn longer(history: &str, old: &str) -> Option<String> {
    let mut list: Vec<&str> = history.split(',').filter(|part| !part.is_empty()).collect();
    if list.is_empty() {
        return Some(old.to_owned());
    }
    let mut length = history.len() + old.len() + 1;
    while length > LONGEST && !list.is_empty() {
        length = length.saturating_sub(list.remove(0).len() + 1);
    }
    list.push(old);
    (length <= LONGEST).then(|| list.join(","))
}
