use super::{
    super::{Outcome, acts::all_in, claim::controller},
    Look, number, size,
};
use crate::wire::{Failure, Resource};
use serde_json::Value;

fn available(set: &Value) -> i64 {
    number(&set["status"]["availableReplicas"])
}

impl Look<'_> {
    /// The next step of a rolling update: one more scaled up, else some scaled down.
    pub(super) fn roll(&mut self) -> Outcome {
        let (new, mut old) = self.known(true)?;
        let Some(mut new) = new else { return Ok(()) };
        let wanted = self.replicas();
        let to = if size(&new) > wanted { wanted } else { self.next_size(&old, &new) };
        let scaled = size(&new) != wanted && self.scale(&mut new, to, false)?;
        if !scaled && !self.shrink(&mut old, &new) && self.is_complete(&self.object["status"]) {
            self.clean_up(&old)?;
        }
        self.tell(Some(&new), &old)
    }

    /// Scales old sets down, as far as enough pods stay; whether it did. A refused write is tried again later.
    fn shrink(&mut self, old: &mut [Value], new: &Value) -> bool {
        let active: i64 = old.iter().map(size).sum();
        if active == 0 {
            return false;
        }
        let least = self.replicas() - self.bounds().1;
        let most = active + size(new) - least - (size(new) - available(new));
        if most <= 0 {
            return false;
        }
        let Ok(idle) = self.drop_idle(old, most) else { return false };
        let ready: i64 = old.iter().map(available).sum::<i64>() + available(new);
        match self.drop_ready(old, ready - least) {
            Ok(dropped) => idle + dropped > 0,
            Err(_) => false,
        }
    }

    /// Takes the pods that are not available first.
    fn drop_idle(&mut self, old: &mut [Value], most: i64) -> Result<i64, Failure> {
        let mut dropped = 0;
        for set in old {
            let idle = size(set) - available(set);
            if dropped >= most || size(set) == 0 || idle == 0 {
                continue;
            }
            let less = idle.min(most - dropped);
            let to = size(set) - less;
            self.scale(set, to, false)?;
            dropped += less;
        }
        Ok(dropped)
    }

    fn drop_ready(&mut self, old: &mut [Value], most: i64) -> Result<i64, Failure> {
        let mut dropped = 0;
        for set in old {
            if dropped >= most || size(set) == 0 {
                continue;
            }
            let less = size(set).min(most - dropped);
            let to = size(set) - less;
            self.scale(set, to, false)?;
            dropped += less;
        }
        Ok(dropped)
    }

    /// The next step of an update that ends all old pods before it starts new ones.
    pub(super) fn recreate(&mut self) -> Outcome {
        let (new, mut old) = self.known(false)?;
        let mut scaled = false;
        for set in old.iter_mut().filter(|set| size(set) > 0) {
            scaled |= self.scale(set, 0, false)?;
        }
        if scaled || self.old_run(new.as_ref(), &old) {
            return self.tell(new.as_ref(), &old);
        }
        let new = match new {
            Some(new) => Some(new),
            None => self.known(true)?.0,
        };
        let Some(mut new) = new else { return Ok(()) };
        let wanted = self.replicas();
        self.scale(&mut new, wanted, false)?;
        if self.is_complete(&self.object["status"]) {
            self.clean_up(&old)?;
        }
        self.tell(Some(&new), &old)
    }

    /// Whether pods of old sets run.
    fn old_run(&self, new: Option<&Value>, old: &[Value]) -> bool {
        if old.iter().any(|set| number(&set["status"]["replicas"]) > 0) {
            return true;
        }
        let new = new.map(|set| &set["metadata"]["uid"]);
        let of_old = |uid: &Value| {
            self.sets.iter().any(|set| set["metadata"]["uid"] == *uid) && new.is_none_or(|new| new != uid)
        };
        let pods = all_in(self.state, &Resource::new("", "v1", "pods"), self.key.namespace.as_deref());
        pods.iter().any(|(_, pod)| {
            let over = matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
            !over && controller(pod).is_some_and(|owner| of_old(&owner["uid"]))
        })
    }
}
