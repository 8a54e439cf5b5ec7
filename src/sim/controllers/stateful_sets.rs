use super::{
    Outcome,
    acts::{create, current, delete, record, write_status},
    claim::{claim, concerned, dying, reference},
    pod::{available_in, is_available, is_over, is_ready, pods},
    revisions, share, text,
};
use crate::{
    sim::{store::News, verbs::State},
    wire::{Failure, ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const WHO: &str = "statefulset-controller";
const REVISION: &str = "controller-revision-hash";
/// A set gets no more pods, so that an absurd number does not end the server.
const MOST: i64 = 1000;

fn sets() -> Resource {
    Resource::new("apps", "v1", "statefulsets")
}

/// Which sets a write concerns.
pub(super) fn heard(state: &mut State, news: &News) {
    let keys = match (news.key.group.as_str(), news.key.plural.as_str()) {
        ("apps", "statefulsets") => vec![news.key.clone()],
        ("", "pods") => concerned(state, news, "StatefulSet", &sets()),
        _ => return,
    };
    keys.into_iter().for_each(|key| state.agenda.add((WHO, key)));
}

/// One look at a set: its pods by number, and its revisions.
struct Look<'a> {
    state: &'a mut State,
    key: ObjectKey,
    set: Value,
    /// The set with the template that its pods had, and with the one that they are to have.
    was: (String, Value),
    will: (String, Value),
    status: Value,
}

/// The number at the end of a pod's name.
fn ordinal(set: &str, pod: &Value) -> Option<i64> {
    text(&pod["metadata"], "name").strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

fn revision(pod: &Value) -> &str {
    pod["metadata"]["labels"][REVISION].as_str().unwrap_or_default()
}

/// Takes the next step of a set: one pod after the other, and each only when those before it are ready.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(set) = current(state, key) else { return Ok(()) };
    let own = claim(state, key, &set, &pods(), |pod| ordinal(&key.name, pod).is_some())?;
    let own: BTreeMap<i64, Value> =
        own.iter().filter_map(|(_, pod)| Some((ordinal(&key.name, pod)?, (**pod).clone()))).collect();
    let collisions = set["status"]["collisionCount"].as_i64().unwrap_or(0);
    let (was, will) = revise(state, key, &set, collisions)?;
    let pair = |it: &Value| (revisions::name(it).to_owned(), revisions::applied(&set, it));
    let mut look = Look {
        state,
        key: key.clone(),
        set: (*set).clone(),
        was: pair(&was),
        will: pair(&will),
        status: json!({
            "observedGeneration": set["metadata"]["generation"], "currentRevision": revisions::name(&was),
            "updateRevision": revisions::name(&will), "collisionCount": collisions,
        }),
    };
    look.count(own.values());
    let outcome = if dying(&set) { Ok(()) } else { look.work(&own) };
    look.tell()?;
    outcome?;
    let mut used: BTreeSet<String> = own.values().map(|pod| revision(pod).to_owned()).collect();
    used.extend([look.was.0.clone(), look.will.0.clone()]);
    revisions::truncate(state, key, &set, &used)?;
    if let Some(pause) = available_in(state, &set["spec"], own.values()) {
        state.agenda.add_at(state.clock.elapsed() + pause, (WHO, key.clone()));
    }
    Ok(())
}

/// The revision that the pods had, and the one of the present template.
fn revise(
    state: &mut State,
    key: &ObjectKey,
    set: &Value,
    collisions: i64,
) -> Result<(Value, Value), Failure> {
    let all = revisions::of(state, key, set);
    let next = all.last().map_or(0, revisions::number) + 1;
    let data = revisions::data(set);
    let same = all.iter().rev().find(|revision| revision["data"] == data);
    let will = match same {
        Some(known) if all.last() == Some(known) => known.clone(),
        Some(known) => revisions::renew(state, key, known, next)?,
        None => {
            let hash = revisions::hash(&data, collisions);
            revisions::make(state, key, set, ("controller.kubernetes.io/hash", &hash), next)?
        }
    };
    let was = text(&set["status"], "currentRevision");
    let was = all.into_iter().find(|revision| revisions::name(revision) == was);
    Ok((was.unwrap_or_else(|| will.clone()), will))
}

impl Look<'_> {
    fn ready_seconds(&self) -> i64 {
        self.set["spec"]["minReadySeconds"].as_i64().unwrap_or(0)
    }

    fn available(&self, pod: &Value) -> bool {
        is_available(pod, self.ready_seconds(), self.state.clock.now())
    }

    /// Whether a pod is not there, not ready, or going.
    fn unavailable(&self, pod: Option<&Value>) -> bool {
        pod.is_none_or(|pod| !self.available(pod) || dying(pod))
    }

    fn count<'p>(&mut self, pods: impl Iterator<Item = &'p Value>) {
        let (mut all, mut ready, mut available, mut was, mut will) = (0, 0, 0, 0, 0);
        for pod in pods {
            all += 1;
            if pod["status"]["phase"] == "Running" && is_ready(pod) {
                ready += 1;
                available += i64::from(self.available(pod));
            }
            if !dying(pod) {
                was += i64::from(revision(pod) == self.was.0);
                will += i64::from(revision(pod) == self.will.0);
            }
        }
        for (field, count) in [
            ("replicas", all),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("currentReplicas", was),
            ("updatedReplicas", will),
        ] {
            self.status[field] = json!(count);
        }
    }

    fn bounds(&self) -> (i64, i64) {
        let start = self.set["spec"]["ordinals"]["start"].as_i64().unwrap_or(0);
        let count = self.set["spec"]["replicas"].as_i64().unwrap_or(1).min(MOST);
        (start, start + count)
    }

    fn work(&mut self, own: &BTreeMap<i64, Value>) -> Outcome {
        let (start, end) = self.bounds();
        let ordered = self.set["spec"]["podManagementPolicy"] != "Parallel";
        for number in start..end {
            if self.grow(number, own.get(&number))? && ordered {
                return Ok(());
            }
        }
        let condemned: Vec<&Value> = own
            .iter()
            .rev()
            .filter(|(number, _)| !(start..end).contains(*number))
            .map(|(_, pod)| pod)
            .collect();
        let first = (start..end)
            .map(|number| own.get(&number))
            .chain(condemned.iter().rev().map(|pod| Some(*pod)))
            .find(|pod| self.unavailable(*pod))
            .flatten();
        for pod in &condemned {
            let waits = self.unavailable(Some(pod)) && first.is_some_and(|first| first != *pod);
            let may = !ordered || !waits;
            if may && !dying(pod) {
                self.drop(pod)?;
            }
            if ordered {
                return Ok(());
            }
        }
        if self.set["spec"]["updateStrategy"]["type"] == "OnDelete" {
            return Ok(());
        }
        self.update(own, start, end)
    }

    /// Sees that a pod is there; whether those after it have to wait.
    fn grow(&mut self, number: i64, pod: Option<&Value>) -> Result<bool, Failure> {
        let Some(pod) = pod else {
            self.make(number)?;
            return Ok(true);
        };
        if is_over(pod) {
            if !dying(pod) {
                self.drop(pod)?;
            }
            return Ok(true);
        }
        Ok(dying(pod) || pod["status"]["phase"] != "Running" || !self.available(pod))
    }

    /// Ends pods of another template, the last one first, as many as may be missing.
    fn update(&mut self, own: &BTreeMap<i64, Value>, start: i64, end: i64) -> Outcome {
        let rolling = &self.set["spec"]["updateStrategy"]["rollingUpdate"];
        let from = start + rolling["partition"].as_i64().unwrap_or(0);
        let most = match &rolling["maxUnavailable"] {
            Value::Null => 1,
            most => share(most, end - start, true).max(1),
        };
        let missing = (start..end).filter(|number| self.unavailable(own.get(number))).count() as i64;
        let mut room = most - missing;
        for number in (from..end).rev() {
            let Some(pod) = own.get(&number).filter(|pod| revision(pod) != self.will.0 && !dying(pod)) else {
                continue;
            };
            let counted = self.unavailable(Some(pod));
            if room <= 0 && !counted {
                break;
            }
            self.drop(pod)?;
            if revision(pod) == self.was.0 {
                let left = self.status["currentReplicas"].as_i64().unwrap_or(0) - 1;
                self.status["currentReplicas"] = json!(left.max(0));
            }
            room -= i64::from(!counted);
            if room <= 0 {
                break;
            }
        }
        Ok(())
    }

    fn say<T>(&mut self, verb: &str, what: &str, outcome: &Result<T, Failure>) {
        let set = self.key.name.clone();
        let (kind, reason, text) = match outcome {
            Ok(_) => ("Normal", "Successful", format!("{verb} {what} in StatefulSet {set} success")),
            Err(failure) => (
                "Warning",
                "Failed",
                format!(
                    "{} {what} in StatefulSet {set} failed error: {}",
                    verb.to_lowercase(),
                    failure.message
                ),
            ),
        };
        let text = if outcome.is_ok() && what.starts_with("Pod ") { text + "ful" } else { text };
        record(self.state, WHO, &self.set, kind, &format!("{reason}{verb}"), &text);
    }

    fn drop(&mut self, pod: &Value) -> Outcome {
        let name = text(&pod["metadata"], "name");
        let key = ObjectKey::new(&pods(), self.key.namespace.as_deref(), name);
        let outcome = delete(self.state, &key, &json!({}));
        self.say("Delete", &format!("Pod {name}"), &outcome);
        outcome
    }

    /// The claims of a pod, and then the pod.
    fn make(&mut self, number: i64) -> Outcome {
        let rolling = self.set["spec"]["updateStrategy"].get("rollingUpdate");
        let partition = rolling.and_then(|rolling| rolling["partition"].as_i64());
        let start = self.bounds().0;
        let old = match partition {
            Some(partition) => number < start + partition,
            None => {
                self.set["spec"]["updateStrategy"]["type"] == "RollingUpdate"
                    && number < start + self.set["status"]["currentReplicas"].as_i64().unwrap_or(0)
            }
        };
        let (revision, set) = if old { self.was.clone() } else { self.will.clone() };
        let pod = self.draft(&set, &revision, number);
        let namespace = self.key.namespace.clone();
        self.claims(number, text(&pod["metadata"], "name"))?;
        let outcome = create(self.state, &pods(), namespace.as_deref(), &pod);
        if outcome.as_ref().is_err_and(|failure| failure.reason == "AlreadyExists") {
            return outcome.map(drop);
        }
        self.say("Create", &format!("Pod {}", text(&pod["metadata"], "name")), &outcome);
        outcome.map(drop)
    }

    fn draft(&self, set: &Value, revision: &str, number: i64) -> Value {
        let (template, owner) = (&set["spec"]["template"], &self.key.name);
        let name = format!("{owner}-{number}");
        let mut pod = json!({
            "metadata": {
                "name": name, "generateName": format!("{owner}-"), "ownerReferences": [reference(set)],
                "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"],
        });
        for field in ["annotations", "finalizers"] {
            if let Some(value) = template["metadata"].get(field) {
                pod["metadata"][field] = value.clone();
            }
        }
        let labels = &mut pod["metadata"]["labels"];
        labels[REVISION] = json!(revision);
        labels["statefulset.kubernetes.io/pod-name"] = json!(name);
        labels["apps.kubernetes.io/pod-index"] = json!(number.to_string());
        pod["spec"]["hostname"] = json!(name);
        pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
        let claims: Vec<&Value> =
            set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten().collect();
        let own = |volume: &&Value| claims.iter().any(|claim| claim["metadata"]["name"] == volume["name"]);
        let volume = |claim: &&Value| {
            let volume = text(&claim["metadata"], "name");
            json!({"name": volume, "persistentVolumeClaim": {"claimName": format!("{volume}-{name}")}})
        };
        let others = template["spec"]["volumes"].as_array().into_iter().flatten();
        let others = others.filter(|volume| !own(volume)).cloned();
        let volumes: Vec<Value> = claims.iter().map(volume).chain(others).collect();
        if !volumes.is_empty() {
            pod["spec"]["volumes"] = json!(volumes);
        }
        pod
    }

    fn claims(&mut self, number: i64, pod: &str) -> Outcome {
        let kind = Resource::new("", "v1", "persistentvolumeclaims");
        let templates = self.set["spec"]["volumeClaimTemplates"].as_array().cloned().unwrap_or_default();
        for template in templates {
            let name = format!("{}-{}-{number}", text(&template["metadata"], "name"), self.key.name);
            let key = ObjectKey::new(&kind, self.key.namespace.as_deref(), &name);
            if current(self.state, &key).is_some() {
                continue;
            }
            let mut claim = json!({"metadata": template["metadata"], "spec": template["spec"]});
            claim["metadata"]["name"] = json!(name);
            for (label, value) in
                self.set["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten()
            {
                claim["metadata"]["labels"][label] = value.clone();
            }
            let outcome = create(self.state, &kind, key.namespace.as_deref(), &claim);
            self.say("Create", &format!("Claim {name} Pod {pod}"), &outcome);
            outcome?;
        }
        Ok(())
    }

    /// Writes the status; when all pods are of the new template, that is the present one.
    fn tell(&mut self) -> Outcome {
        let status = &mut self.status;
        let rolls = self.set["spec"]["updateStrategy"]["type"] == "RollingUpdate";
        let wanted = json!(self.set["spec"]["replicas"].as_i64().unwrap_or(1));
        if rolls
            && ["updatedReplicas", "readyReplicas", "replicas"].iter().all(|field| status[*field] == wanted)
        {
            status["currentReplicas"] = status["updatedReplicas"].clone();
            status["currentRevision"] = status["updateRevision"].clone();
        }
        let before = &self.set["status"];
        let number = |status: &Value, field: &str| status[field].as_i64().unwrap_or(0);
        let counts = [
            "observedGeneration",
            "replicas",
            "readyReplicas",
            "availableReplicas",
            "currentReplicas",
            "updatedReplicas",
        ];
        let same = counts.iter().all(|field| number(before, field) == number(status, field))
            && ["currentRevision", "updateRevision"].iter().all(|field| before[*field] == status[*field]);
        if same {
            return Ok(());
        }
        let mut next = self.set.clone();
        next["status"] = self.status.clone();
        if let Some(conditions) = before.get("conditions") {
            next["status"]["conditions"] = conditions.clone();
        }
        write_status(self.state, &self.key, &next).map(drop)
    }
}
