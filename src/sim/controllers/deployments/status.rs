use super::{super::Outcome, Look, WHO, number, size};
use crate::wire::Failure;
use jiff::Timestamp;
use serde_json::{Value, json};

const PROGRESSING: &str = "Progressing";
const DONE: &str = "NewReplicaSetAvailable";
const LATE: &str = "ProgressDeadlineExceeded";
const PAUSED: &str = "DeploymentPaused";
/// A deadline that is none.
const NEVER: i64 = 0x7fff_ffff;

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn drop_condition(status: &mut Value, kind: &str) {
    if let Some(list) = status["conditions"].as_array_mut() {
        list.retain(|condition| condition["type"] != kind);
    }
}

/// Puts a condition last, unless it says what is there already.
fn set(status: &mut Value, mut condition: Value) {
    let kind = condition["type"].as_str().unwrap_or_default().to_owned();
    if let Some(known) = find(status, &kind) {
        if known["status"] == condition["status"] && known["reason"] == condition["reason"] {
            return;
        }
        if known["status"] == condition["status"] {
            condition["lastTransitionTime"] = known["lastTransitionTime"].clone();
        }
    }
    drop_condition(status, &kind);
    match status["conditions"].as_array_mut() {
        Some(list) => list.push(condition),
        None => status["conditions"] = json!([condition]),
    }
}

impl Look<'_> {
    pub(super) fn has_deadline(&self) -> bool {
        self.object["spec"]["progressDeadlineSeconds"].as_i64().is_some_and(|seconds| seconds != NEVER)
    }

    pub(super) fn condition(&self, kind: &str) -> Option<&Value> {
        find(&self.object["status"], kind)
    }

    fn new_condition(&self, kind: &str, status: &str, reason: &str, message: &str) -> Value {
        let now = self.state.clock.seconds();
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": now,
            "lastTransitionTime": now,
        })
    }

    /// Notes how the update goes on, not written yet.
    pub(super) fn progress(&mut self, status: &str, reason: &str, message: &str) {
        let condition = self.new_condition(PROGRESSING, status, reason, message);
        set(&mut self.object["status"], condition);
    }

    /// Notes that a deployment was paused or goes on again, so that its deadline does not count meanwhile.
    pub(super) fn note_pause(&mut self) -> Result<(), Failure> {
        let reason = self.condition(PROGRESSING).map(|condition| condition["reason"].clone());
        let reason = reason.as_ref().and_then(Value::as_str).unwrap_or_default();
        if !self.has_deadline() || reason == LATE {
            return Ok(());
        }
        match (self.object["spec"]["paused"] == true, reason == PAUSED) {
            (true, false) => self.progress("Unknown", PAUSED, "Deployment is paused"),
            (false, true) => self.progress("Unknown", "DeploymentResumed", "Deployment is resumed"),
            _ => return Ok(()),
        }
        self.write()
    }

    /// The status that follows from the sets.
    fn counted(&self, new: Option<&Value>, old: &[Value]) -> Value {
        let all: Vec<&Value> = old.iter().chain(new).collect();
        let sum = |field: &str| all.iter().map(|set| number(&set["status"][field])).sum::<i64>();
        let total: i64 = all.iter().map(|set| size(set)).sum();
        let available = sum("availableReplicas");
        let before = &self.object["status"];
        let mut status =
            json!({"conditions": before.get("conditions").cloned().unwrap_or_else(|| json!([]))});
        let silent = |set: &&&Value| {
            number(&set["status"]["observedGeneration"]) > 0 && set["status"]["terminatingReplicas"].is_null()
        };
        if !all.iter().any(|set| silent(&set)) {
            status["terminatingReplicas"] = json!(sum("terminatingReplicas"));
        }
        if let Some(count) = before.get("collisionCount") {
            status["collisionCount"] = count.clone();
        }
        let counts = [
            ("observedGeneration", number(&self.object["metadata"]["generation"])),
            ("replicas", sum("replicas")),
            ("updatedReplicas", new.map_or(0, |set| number(&set["status"]["replicas"]))),
            ("readyReplicas", sum("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", (total - available).max(0)),
        ];
        for (field, count) in counts.into_iter().filter(|(_, count)| *count != 0) {
            status[field] = json!(count);
        }
        let enough = available >= self.replicas() - self.bounds().1;
        let condition = if enough {
            let text = "Deployment has minimum availability.";
            self.new_condition("Available", "True", "MinimumReplicasAvailable", text)
        } else {
            let text = "Deployment does not have minimum availability.";
            self.new_condition("Available", "False", "MinimumReplicasUnavailable", text)
        };
        set(&mut status, condition);
        status
    }

    /// Whether all pods are of the new template and available.
    pub(super) fn is_complete(&self, status: &Value) -> bool {
        let wanted = self.replicas();
        ["updatedReplicas", "replicas", "availableReplicas"]
            .iter()
            .all(|field| number(&status[*field]) == wanted)
            && number(&status["observedGeneration"]) >= number(&self.object["metadata"]["generation"])
    }

    fn moves(&self, next: &Value) -> bool {
        let before = &self.object["status"];
        let old = |status: &Value| number(&status["replicas"]) - number(&status["updatedReplicas"]);
        let more = |field: &str| number(&next[field]) > number(&before[field]);
        more("updatedReplicas")
            || old(next) < old(before)
            || more("readyReplicas")
            || more("availableReplicas")
    }

    fn deadline(&self, condition: &Value) -> Option<Timestamp> {
        let from: Timestamp = condition["lastUpdateTime"].as_str()?.parse().ok()?;
        let seconds = self.object["spec"]["progressDeadlineSeconds"].as_i64()?;
        from.checked_add(jiff::SignedDuration::from_secs(seconds)).ok()
    }

    fn is_late(&self, status: &Value) -> bool {
        let Some(condition) = find(status, PROGRESSING) else { return false };
        match condition["reason"].as_str() {
            Some(DONE) => false,
            Some(LATE) => true,
            _ => self.deadline(condition).is_some_and(|deadline| deadline < self.state.clock.now()),
        }
    }

    /// Tells the size alone, while nothing rolls.
    pub(super) fn tell_size(&mut self, new: Option<&Value>, old: &[Value]) -> Outcome {
        let status = self.counted(new, old);
        self.finish(status).map(drop)
    }

    /// Tells size and progress.
    pub(super) fn tell(&mut self, new: Option<&Value>, old: &[Value]) -> Outcome {
        let mut status = self.counted(new, old);
        let now = self.condition(PROGRESSING).cloned();
        let reason = now.as_ref().and_then(|condition| condition["reason"].as_str()).unwrap_or_default();
        let rests = number(&status["replicas"]) == number(&status["updatedReplicas"]) && reason == DONE;
        if !self.has_deadline() {
            drop_condition(&mut status, PROGRESSING);
        } else if !rests {
            self.judge(&mut status, new, now.as_ref());
        }
        match new.into_iter().chain(old).find_map(|set| find(&set["status"], "ReplicaFailure")) {
            Some(failure) => {
                let mut failure = failure.clone();
                failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
                set(&mut status, failure);
            }
            None => drop_condition(&mut status, "ReplicaFailure"),
        }
        if !self.finish(status)? {
            self.look_later();
        }
        Ok(())
    }

    fn judge(&self, status: &mut Value, new: Option<&Value>, now: Option<&Value>) {
        let what = match new {
            Some(set) => format!("ReplicaSet {:?}", super::text(&set["metadata"], "name")),
            None => format!("Deployment {:?}", self.key.name),
        };
        if self.is_complete(status) {
            let text = format!("{what} has successfully progressed.");
            set(status, self.new_condition(PROGRESSING, "True", DONE, &text));
        } else if self.moves(status) {
            let text = format!("{what} is progressing.");
            let mut condition = self.new_condition(PROGRESSING, "True", "ReplicaSetUpdated", &text);
            if let Some(now) = now.filter(|now| now["status"] == "True") {
                condition["lastTransitionTime"] = now["lastTransitionTime"].clone();
            }
            drop_condition(status, PROGRESSING);
            set(status, condition);
        } else if self.is_late(status) {
            let text = format!("{what} has timed out progressing.");
            set(status, self.new_condition(PROGRESSING, "False", LATE, &text));
        }
    }

    /// Writes a status; whether it was another one.
    fn finish(&mut self, status: Value) -> Result<bool, Failure> {
        if self.object["status"] == status {
            return Ok(false);
        }
        self.object["status"] = status;
        self.write()?;
        Ok(true)
    }

    /// Looks again when the deadline is over.
    fn look_later(&mut self) {
        let status = &self.object["status"];
        let Some(condition) = self.condition(PROGRESSING).filter(|_| self.has_deadline()) else { return };
        if self.is_complete(status) || condition["reason"] == LATE {
            return;
        }
        let Some(deadline) = self.deadline(condition) else { return };
        let left = deadline.as_millisecond() - self.state.clock.now().as_millisecond();
        let pause = u64::try_from(left.max(0)).unwrap_or(0) + 1000;
        self.state.agenda.add_at(self.state.clock.elapsed() + pause, (WHO, self.key.clone()));
    }
}
