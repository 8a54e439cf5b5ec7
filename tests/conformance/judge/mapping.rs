//! What stands for what: each recorded value has one live value, and each live one has one recorded one.

use super::volatile::Class;
use std::collections::BTreeMap;

/// How far a live time may lie outside of the span that the recording gives it, in seconds.
const EARLY: f64 = 2.5;
const LATE: f64 = 2.0;

/// The values learned so far, and the pace of both runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    live: BTreeMap<(Class, String), String>,
    recorded: BTreeMap<(Class, String), String>,
    revisions: BTreeMap<String, String>,
    standing: BTreeMap<String, String>,
    /// Revisions of objects in order, where one writer made them all.
    order: Option<BTreeMap<u64, u64>>,
    floor: Option<u64>,
    of_object: BTreeMap<String, Vec<(u64, u64)>>,
    lists: BTreeMap<String, String>,
    /// Times that were sent, and the last live value of each recorded one.
    pub(crate) sent: BTreeMap<String, String>,
    pub(crate) latest: BTreeMap<String, String>,
    of_version: BTreeMap<(String, String, String, String), String>,
    /// Recorded and live seconds of each exchange.
    pub(crate) pace: Vec<(f64, f64)>,
}

impl Mapping {
    /// An empty one; `ordered` when no controller writes in between.
    pub(crate) fn new(ordered: bool) -> Self {
        Self { order: ordered.then(BTreeMap::new), ..Self::default() }
    }

    /// The live value for a recorded one.
    pub(crate) fn live(&self, class: Class, recorded: &str) -> Option<&str> {
        self.live.get(&(class, recorded.to_owned())).map(String::as_str)
    }

    /// The token that an answer has shown.
    pub(crate) fn live_token(&self) -> Option<&str> {
        self.live.iter().find(|((class, _), _)| *class == Class::Token).map(|(_, token)| token.as_str())
    }

    /// Whether a live value stands for something already.
    pub(crate) fn is_taken(&self, class: Class, live: &str) -> bool {
        self.recorded.contains_key(&(class, live.to_owned()))
    }

    /// Learns a pair, or says what the live value should have been.
    pub(crate) fn bind(&mut self, class: Class, recorded: &str, live: &str) -> Result<(), String> {
        if matches!(class, Class::Revision | Class::Time | Class::Source) {
            return Ok(());
        }
        let (there, here) = ((class, recorded.to_owned()), (class, live.to_owned()));
        match (self.live.get(&there), self.recorded.get(&here)) {
            (Some(known), _) if known == live => Ok(()),
            (Some(known), _) => Err(format!("{known} (recorded {recorded})")),
            (None, Some(other)) => Err(format!("a value of its own, not the one of recorded {other}")),
            (None, None) => {
                self.live.insert(there, live.to_owned());
                self.recorded.insert(here, recorded.to_owned());
                Ok(())
            }
        }
    }

    /// Learns the resourceVersion of an object; order and equality must hold.
    pub(crate) fn bind_revision(&mut self, recorded: &str, live: &str, uid: &str) -> Result<(), String> {
        if let Some(known) = self.revisions.get(recorded) {
            return if known == live { Ok(()) } else { Err(format!("{known} (recorded {recorded})")) };
        }
        if let Some(other) = self.standing.get(live) {
            return Err(format!("a new resourceVersion, {live} stands for recorded {other}"));
        }
        let (there, here) = (number(recorded)?, number(live)?);
        let floor = *self.floor.get_or_insert(there);
        if let Some(order) = self.order.as_mut().filter(|_| there >= floor) {
            fits(order, there, here, true)?;
            order.insert(there, here);
        }
        let others = self.of_object.entry(uid.to_owned()).or_default();
        if !uid.is_empty() {
            if let Some((other, theirs)) =
                others.iter().find(|(other, theirs)| (*other < there) != (*theirs < here))
            {
                let sign = if *other < there { '>' } else { '<' };
                return Err(format!("{sign} {theirs} (recorded {recorded}, {other} before)"));
            }
            others.push((there, here));
        }
        self.revisions.insert(recorded.to_owned(), live.to_owned());
        self.standing.insert(live.to_owned(), recorded.to_owned());
        Ok(())
    }

    /// Learns the resourceVersion of a list or a bookmark, which others move too.
    pub(crate) fn bind_list(&mut self, recorded: &str, live: &str) -> Result<(), String> {
        let (there, here) = (number(recorded)?, number(live)?);
        if let Some(order) = &self.order {
            fits(order, there, here, false)?;
        }
        self.lists.insert(recorded.to_owned(), live.to_owned());
        Ok(())
    }

    /// The live resourceVersion to send for a recorded one in a query.
    pub(crate) fn revision_asked<'a>(&'a self, recorded: &'a str) -> &'a str {
        self.lists.get(recorded).or_else(|| self.revisions.get(recorded)).map_or(recorded, String::as_str)
    }

    /// The live resourceVersion to send for a recorded one in a body.
    pub(crate) fn revision_sent<'a>(&'a self, recorded: &'a str) -> &'a str {
        self.revisions.get(recorded).or_else(|| self.lists.get(recorded)).map_or(recorded, String::as_str)
    }

    /// One field of one version of an object shows the same time always; the one before when it does not.
    pub(crate) fn same_time(
        &mut self,
        key: (String, String, String, String),
        live: &str,
    ) -> Result<(), String> {
        let known = self.of_version.entry(key).or_insert_with(|| live.to_owned());
        if known == live {
            Ok(())
        } else {
            Err(format!("{known} (the same version of the object as before)"))
        }
    }

    /// The time of a field of a version that was seen.
    pub(crate) fn time_of(&self, key: &(String, String, String, String)) -> Option<&str> {
        self.of_version.get(key).map(String::as_str)
    }

    /// Between which live seconds a recorded time lies: the same exchanges surround it in both runs. Recorded
    /// times and the recorded clock are cut to seconds.
    pub(crate) fn span(&self, at: f64) -> (f64, f64) {
        let before = self.pace.iter().rposition(|(there, _)| *there <= at - 1.0);
        let after = self.pace.iter().find(|(there, _)| *there >= at + 1.1);
        let low = before.map_or(0.0, |index| {
            let (there, here) = self.pace[index];
            if index + 1 == self.pace.len() { here + at - 1.0 - there } else { here }
        });
        let last = || self.pace.last().map_or(f64::INFINITY, |(there, here)| here + at + 1.1 - there);
        let high = after.map_or_else(last, |(_, here)| *here);
        (low - EARLY, high.max(low) + LATE)
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a resourceVersion".to_owned())
}

/// Whether a pair keeps the order of all before it; equal ones are of one object.
fn fits(order: &BTreeMap<u64, u64>, there: u64, here: u64, strict: bool) -> Result<(), String> {
    let below = if strict { order.range(..there).next_back() } else { order.range(..=there).next_back() };
    if let Some((other, theirs)) = below.filter(|(_, theirs)| **theirs > here || (strict && **theirs == here))
    {
        return Err(format!("more than {theirs} (recorded {there}, {other} before)"));
    }
    if let Some((other, theirs)) = order.range(there + 1..).next().filter(|(_, theirs)| **theirs <= here) {
        return Err(format!("less than {theirs} (recorded {there}, {other} after)"));
    }
    Ok(())
}
