use super::{
    super::{
        Outcome,
        acts::{record, write_status},
        claim::dying,
        text,
    },
    Look, WHO, condition, indexes, is_held, let_go, number,
};
use serde_json::{Value, json};

/// So many pods are counted at one look.
const MOST: usize = 500;

impl Look<'_> {
    /// Whether all pods that are wanted have succeeded; and that a job waits, or goes on.
    pub(super) fn complete(&mut self) {
        let all = self.job["spec"]["completions"].as_i64();
        let enough = all.map_or(self.succeeded > 0, |all| self.succeeded >= all);
        if enough && self.active == 0 {
            let text = "Reached expected number of succeeded pods";
            self.end = Some(self.new_condition("SuccessCriteriaMet", "True", "CompletionsReached", text));
        } else if dying(&self.job) {
        } else if self.suspended() {
            if self.ensure("True", "JobSuspended", "Job suspended") {
                record(self.state, WHO, &self.job, "Normal", "Suspended", "Job suspended");
            }
        } else if self.ensure("False", "JobResumed", "Job resumed") {
            record(self.state, WHO, &self.job, "Normal", "Resumed", "Job resumed");
            self.job["status"]["startTime"] = json!(self.state.clock.seconds());
        }
    }

    /// Sets the condition of a job that waits; whether that changed it. One that never waited has none.
    fn ensure(&mut self, status: &str, reason: &str, message: &str) -> bool {
        let next = self.new_condition("Suspended", status, reason, message);
        let mut list = self.job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        match list.iter_mut().find(|known| known["type"] == "Suspended") {
            Some(known) if known["status"] == status => return false,
            Some(known) => *known = next,
            None if status == "True" => list.push(next),
            None => return false,
        }
        self.job["status"]["conditions"] = json!(list);
        self.flush = true;
        true
    }

    /// Counts pods that have ended, lets them go, and ends the job when all are counted.
    pub(super) fn track(&mut self) -> Outcome {
        let held: Vec<String> =
            self.pods.iter().filter(|(_, pod)| is_held(pod)).map(|(_, pod)| uid(pod)).collect();
        self.flush |= self.take_counted(&held);
        let ended = self.note_ended();
        self.note_end();
        if self.flush {
            self.write()?;
        }
        let mut gone = Vec::new();
        for (key, pod) in ended {
            let_go(self.state, &key, &pod)?;
            gone.push(uid(&pod));
        }
        let held: Vec<String> = held.into_iter().filter(|uid| !gone.contains(uid)).collect();
        self.flush = self.take_counted(&held);
        let finished = self.finish();
        if self.flush || finished {
            self.write()?;
        }
        if finished {
            self.say_finished();
        }
        Ok(())
    }

    /// Moves what is held no more from the lists of pods into the counts; whether there was any.
    fn take_counted(&mut self, held: &[String]) -> bool {
        let mut changed = false;
        for what in ["succeeded", "failed"] {
            let list = self.uncounted(what);
            let kept: Vec<&String> = list.iter().filter(|uid| held.contains(uid)).collect();
            let taken = list.len() - kept.len();
            if taken == 0 {
                continue;
            }
            changed = true;
            let status = &mut self.job["status"];
            status[what] = json!(number(&status[what]) + taken as i64);
            match (kept.is_empty(), status["uncountedTerminatedPods"].as_object_mut()) {
                (true, Some(lists)) => _ = lists.remove(what),
                _ => status["uncountedTerminatedPods"][what] = json!(kept),
            }
        }
        changed
    }

    /// Notes the pods that have ended and are not counted; those are let go once that is written.
    fn note_ended(&mut self) -> Vec<(crate::wire::ObjectKey, Value)> {
        let (mut good, mut bad, mut ended) =
            (self.uncounted("succeeded"), self.uncounted("failed"), Vec::new());
        let met = self.end.as_ref().is_some_and(|end| end["type"] == "SuccessCriteriaMet");
        let (mut done, before) = (self.done.0.clone(), (good.clone(), bad.clone()));
        let most = number(&self.job["spec"]["completions"]);
        for (key, pod) in self.pods.iter().filter(|(_, pod)| is_held(pod)) {
            let (failed, over) = (self.has_failed(pod), pod["status"]["phase"] == "Succeeded");
            if !(over || failed || self.end.is_some() || dying(&self.job)) {
                continue;
            }
            ended.push((key.clone(), (**pod).clone()));
            let (own, index) = (uid(pod), indexes::of(pod));
            let counts = !self.indexed() || index.is_some_and(|index| index < most);
            if over && !bad.contains(&own) {
                match index.filter(|_| self.indexed() && counts) {
                    Some(index) => _ = done.insert(index),
                    None if !self.indexed() && !good.contains(&own) => good.push(own),
                    None => {}
                }
            } else if (failed || (self.end.is_some() && !met)) && counts && !bad.contains(&own) {
                bad.push(own);
            }
            if ended.len() >= MOST {
                break;
            }
        }
        self.flush |= before != (good.clone(), bad.clone());
        for (what, list) in [("succeeded", good), ("failed", bad)] {
            if !list.is_empty() {
                self.job["status"]["uncountedTerminatedPods"][what] = json!(list);
            }
        }
        if self.indexed() {
            let text = indexes::write(&done);
            self.flush |= text != super::super::text(&self.job["status"], "completedIndexes");
            self.job["status"]["succeeded"] = json!(done.len());
            self.job["status"]["completedIndexes"] = json!(text);
        }
        ended
    }

    /// Notes why the job will end, before its pods are let go.
    fn note_end(&mut self) {
        let Some(end) = self.end.clone() else { return };
        let next = match text(&end, "type") {
            "FailureTarget" => "Failed",
            "SuccessCriteriaMet" => "Complete",
            _ => return,
        };
        if condition(&self.job, text(&end, "type")).is_none() {
            let mut list = self.job["status"]["conditions"].as_array().cloned().unwrap_or_default();
            list.push(end.clone());
            self.job["status"]["conditions"] = json!(list);
            self.flush = true;
        }
        self.end = Some(self.new_condition(next, "True", text(&end, "reason"), text(&end, "message")));
    }

    fn finish(&mut self) -> bool {
        let waits = self.terminating > 0
            || ["succeeded", "failed"].iter().any(|what| !self.uncounted(what).is_empty());
        let Some(end) = self.end.clone().filter(|_| !waits) else { return false };
        if end["type"] == "Complete" {
            self.job["status"]["completionTime"] = end["lastTransitionTime"].clone();
        }
        let mut list = self.job["status"]["conditions"].as_array().cloned().unwrap_or_default();
        list.push(end);
        self.job["status"]["conditions"] = json!(list);
        true
    }

    fn say_finished(&mut self) {
        let Some(end) = self.end.clone() else { return };
        if end["type"] != "Complete" {
            record(self.state, WHO, &self.job, "Warning", text(&end, "reason"), text(&end, "message"));
            return;
        }
        let all = self.job["spec"]["completions"].as_i64();
        if all.is_some_and(|all| number(&self.job["status"]["succeeded"]) > all) {
            let text = "Too many succeeded pods running after completion count reached";
            record(self.state, WHO, &self.job, "Warning", "TooManySucceededPods", text);
        }
        record(self.state, WHO, &self.job, "Normal", "Completed", "Job completed");
    }

    fn write(&mut self) -> Outcome {
        self.job = (*write_status(self.state, &self.key, &self.job)?).clone();
        Ok(())
    }
}

fn uid(pod: &Value) -> String {
    text(&pod["metadata"], "uid").to_owned()
}
