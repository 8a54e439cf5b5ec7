use super::{super::acts::replace, DESIRED, Look, MOST, age, annotation, number, size};
use crate::wire::Failure;
use serde_json::{Value, json};
use std::cmp::Reverse;

fn total(sets: &[Value]) -> i64 {
    sets.iter().map(size).sum()
}

fn with<'a>(new: Option<&'a Value>, old: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    old.iter().chain(new)
}

impl Look<'_> {
    /// How many pods the new set may have now.
    pub(super) fn next_size(&self, old: &[Value], new: &Value) -> i64 {
        let wanted = self.replicas();
        if self.object["spec"]["strategy"]["type"] != "RollingUpdate" {
            return wanted;
        }
        let room = wanted + self.bounds().0 - total(old) - size(new);
        if room <= 0 { size(new) } else { size(new) + room.min(wanted - size(new)) }
    }

    /// Gives a set another size and says so; whether that changed it.
    pub(super) fn scale(&mut self, set: &mut Value, to: i64, force: bool) -> Result<bool, Failure> {
        let (from, most) = (size(set), self.replicas() + self.bounds().0);
        let stale = annotation(set, DESIRED) != self.replicas().to_string()
            || annotation(set, MOST) != most.to_string();
        if from == to && !(force && stale) {
            return Ok(false);
        }
        let mut next = set.clone();
        next["spec"]["replicas"] = json!(to);
        self.annotate_size(&mut next);
        *set = (*replace(self.state, &self.set_key(set), &next)?).clone();
        if from == to {
            return Ok(false);
        }
        let (way, name) = (if from < to { "up" } else { "down" }, super::text(&set["metadata"], "name"));
        let text = format!("Scaled {way} replica set {name} from {from} to {to}");
        self.say("Normal", "ScalingReplicaSet", &text);
        Ok(true)
    }

    /// Whether somebody changed the size of the deployment since its sets were scaled.
    pub(super) fn is_resized(&mut self) -> Result<bool, Failure> {
        let (new, old) = self.known(false)?;
        let wanted = self.replicas();
        let mut active = with(new.as_ref(), &old).filter(|set| size(set) > 0);
        Ok(active.any(|set| annotation(set, DESIRED).parse::<i64>().is_ok_and(|desired| desired != wanted)))
    }

    /// Brings the sets to the size of the deployment: the only one, the new one, or all in proportion.
    pub(super) fn spread(&mut self, new: Option<&Value>, old: &[Value]) -> Result<(), Failure> {
        let wanted = self.replicas();
        let mut active: Vec<Value> = with(new, old).filter(|set| size(set) > 0).cloned().collect();
        if active.len() < 2 {
            let only = active.pop().or_else(|| new.cloned()).or_else(|| old.last().cloned());
            return match only {
                Some(mut set) => self.scale(&mut set, wanted, false).map(drop),
                None => Ok(()),
            };
        }
        if new.is_some_and(|new| self.is_saturated(new)) {
            for set in old.iter().filter(|set| size(set) > 0) {
                self.scale(&mut set.clone(), 0, false)?;
            }
            return Ok(());
        }
        if self.object["spec"]["strategy"]["type"] == "RollingUpdate" {
            self.share_out(active)?;
        }
        Ok(())
    }

    fn is_saturated(&self, new: &Value) -> bool {
        let wanted = self.replicas();
        size(new) == wanted
            && annotation(new, DESIRED) == wanted.to_string()
            && number(&new["status"]["availableReplicas"]) == wanted
    }

    /// Shares what is to be added or taken among the sets by their sizes; the largest one gets the rest.
    fn share_out(&mut self, mut active: Vec<Value>) -> Result<(), Failure> {
        let wanted = self.replicas();
        let allowed = if wanted > 0 { wanted + self.bounds().0 } else { 0 };
        let more = allowed - total(&active);
        active.sort_by_key(age);
        if more > 0 {
            active.reverse();
        }
        active.sort_by_key(|set| Reverse(size(set)));
        let mut given = 0;
        let mut sizes = Vec::new();
        for set in &active {
            let part = if more == 0 || more == given { 0 } else { self.part(set) };
            let part = if more > 0 { part.min(more - given) } else { part.max(more - given) };
            given += part;
            sizes.push(size(set) + part);
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + more - given).max(0);
        }
        for (mut set, to) in active.into_iter().zip(sizes) {
            self.scale(&mut set, to, true)?;
        }
        Ok(())
    }

    /// The part of a set in a change of the deployment's size.
    fn part(&self, set: &Value) -> i64 {
        let own = size(set);
        if self.replicas() == 0 {
            return -own;
        }
        let most = self.replicas() + self.bounds().0;
        let before = annotation(set, MOST).parse::<i64>().ok().filter(|before| *before > 0);
        match before.unwrap_or_else(|| number(&self.object["status"]["replicas"])) {
            0 => 0,
            before => ((own * most) as f64 / before as f64).round() as i64 - own,
        }
    }
}
