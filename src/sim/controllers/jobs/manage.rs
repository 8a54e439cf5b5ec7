use super::{
    super::{
        Outcome,
        acts::{delete, record},
        claim::reference,
        pod::{condition, is_active, is_ready, make, order_of_deletion, prefix},
        text,
    },
    HOLD, Look, WHO, indexes, number,
};
use crate::wire::ObjectKey;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// So many pods are made or deleted at one look.
const BURST: i64 = 500;
/// A job has no more pods at once, so that an absurd number does not end the server.
const MOST: i64 = 1000;
/// How long a job waits after a failed pod, and at most, in milliseconds.
const FIRST: u64 = 10_000;
const LONGEST: u64 = 600_000;

impl Look<'_> {
    pub(super) fn end_all(&mut self) -> Outcome {
        let active: Vec<ObjectKey> =
            self.pods.iter().filter(|(_, pod)| is_active(pod)).map(|(key, _)| key.clone()).collect();
        self.end_some(active)
    }

    fn end_some(&mut self, keys: Vec<ObjectKey>) -> Outcome {
        for key in keys {
            let pod = self.pods.iter().find(|(known, _)| *known == key).map(|(_, pod)| pod.clone());
            match delete(self.state, &key, &json!({})) {
                Err(failure) if failure.code != 404 => {
                    let text = format!("Error deleting: {}", failure.message);
                    record(self.state, WHO, &self.job, "Warning", "FailedDelete", &text);
                    return Err(failure);
                }
                _ => {}
            }
            let text = format!("Deleted pod: {}", key.name);
            record(self.state, WHO, &self.job, "Normal", "SuccessfulDelete", &text);
            self.active -= 1;
            self.terminating += 1;
            self.ready -= i64::from(pod.is_some_and(|pod| is_ready(&pod)));
        }
        Ok(())
    }

    /// Makes and ends pods until there are as many as are wanted.
    pub(super) fn manage(&mut self) -> Outcome {
        if self.suspended() {
            return self.end_all();
        }
        let spec = &self.job["spec"];
        let parallel = spec["parallelism"].as_i64().unwrap_or(1).min(MOST);
        let wanted = match spec["completions"].as_i64() {
            None if self.succeeded > 0 => self.active,
            None => parallel,
            Some(all) => (all - self.succeeded).clamp(0, parallel),
        };
        if self.active > wanted {
            let crowd = BTreeMap::new();
            let now = self.state.clock.now();
            let mut active: Vec<_> = self.pods.iter().filter(|(_, pod)| is_active(pod)).cloned().collect();
            active.sort_by(|(_, a), (_, b)| order_of_deletion(a, b, &crowd, now));
            let spare = usize::try_from((self.active - wanted).min(BURST)).unwrap_or(0);
            return self.end_some(active.into_iter().take(spare).map(|(key, _)| key).collect());
        }
        let late = spec["podReplacementPolicy"] == "Failed";
        let more = wanted - self.active - if late { self.terminating } else { 0 };
        if more <= 0 {
            return Ok(());
        }
        if let Some(pause) = self.pause() {
            self.state.agenda.add_at(self.state.clock.elapsed() + pause, (WHO, self.key.clone()));
            return Ok(());
        }
        self.grow(more.min(BURST))
    }

    /// How long no pod is made, because some have failed since the last success.
    fn pause(&self) -> Option<u64> {
        let ended = |pod: &Value| {
            let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
            let times = statuses.filter_map(|status| status["state"]["terminated"]["finishedAt"].as_str());
            let ready = condition(pod, "Ready").and_then(|ready| ready["lastTransitionTime"].as_str());
            let gone = pod["metadata"]["deletionTimestamp"].as_str();
            let time = times.max().or(ready).or(gone).unwrap_or(text(&pod["metadata"], "creationTimestamp"));
            time.parse::<Timestamp>().ok()
        };
        let succeeded = self.pods.iter().filter(|(_, pod)| pod["status"]["phase"] == "Succeeded");
        let good = succeeded.filter_map(|(_, pod)| ended(pod)).max();
        let failed: Vec<Timestamp> = self
            .pods
            .iter()
            .filter(|(_, pod)| self.has_failed(pod))
            .filter_map(|(_, pod)| ended(pod))
            .filter(|at| good.is_none_or(|good| *at > good))
            .collect();
        let last = failed.iter().max()?;
        let pause = FIRST.checked_shl(failed.len() as u32 - 1).unwrap_or(LONGEST).min(LONGEST);
        let passed = self.state.clock.now().as_millisecond() - last.as_millisecond();
        let left = pause.saturating_sub(u64::try_from(passed).unwrap_or(0));
        (left > 0).then_some(left)
    }

    fn grow(&mut self, count: i64) -> Outcome {
        let free: Vec<i64> = if self.indexed() {
            let taken =
                self.pods.iter().filter(|(_, pod)| is_active(pod)).filter_map(|(_, pod)| indexes::of(pod));
            let taken: BTreeSet<i64> = taken.chain(self.done.1.iter().copied()).collect();
            let all = 0..number(&self.job["spec"]["completions"]);
            all.filter(|index| !taken.contains(index)).take(usize::try_from(count).unwrap_or(0)).collect()
        } else {
            vec![-1; usize::try_from(count).unwrap_or(0)]
        };
        for index in free {
            let pod = self.draft((index >= 0).then_some(index));
            if !make(self.state, WHO, &self.job, &pod)? {
                return Ok(());
            }
            self.active += 1;
        }
        Ok(())
    }

    fn draft(&self, index: Option<i64>) -> Value {
        let (template, name) = (&self.job["spec"]["template"], &self.key.name);
        let list = template["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        let list = [list, vec![json!(HOLD)]].concat();
        let mut pod = json!({
            "metadata": {
                "generateName": prefix(name), "ownerReferences": [reference(&self.job)],
                "labels": template["metadata"]["labels"], "finalizers": list,
            },
            "spec": template["spec"],
        });
        if let Some(annotations) = template["metadata"].get("annotations") {
            pod["metadata"]["annotations"] = annotations.clone();
        }
        let Some(index) = index else { return pod };
        pod["metadata"]["generateName"] = json!(format!("{name}-{index}-"));
        pod["metadata"]["annotations"][indexes::INDEX] = json!(index.to_string());
        pod["metadata"]["labels"][indexes::INDEX] = json!(index.to_string());
        pod["spec"]["hostname"] = json!(format!("{name}-{index}"));
        let field = format!("metadata.labels['{}']", indexes::INDEX);
        let own = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": field}}});
        for list in ["initContainers", "containers"] {
            for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                let env = container["env"].as_array().cloned().unwrap_or_default();
                if !env.iter().any(|known| known["name"] == own["name"]) {
                    container["env"] = json!([env, vec![own.clone()]].concat());
                }
            }
        }
        pod
    }
}
