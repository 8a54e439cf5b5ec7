use super::{calls::Call, world::World};
use crate::{
    tape::{DRIVER, same_body},
    wire::{RequestInfo, Verb},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What the operators of a scenario did to the API server, a line each: `echo  apply  deployments.apps hello  201`.
///
/// It shows what changed something: writes that were answered with success and said something new about their
/// object. The rest is folded out, for it depends on timing: repeats, refused attempts, all but the last status of
/// an object between two other writes, reads, Leases and Events. So the same scenario has the same trace on a
/// tape and on a cluster, as long as its objects do not race each other.
///
/// # Caveats
/// A write that repairs somebody else's change with the same body as before is a repeat here, unless it made the
/// object anew.
#[derive(Clone, Debug)]
#[must_use = "a trace does nothing by itself; print it, or give it to `assert_trace_snapshot!`"]
pub struct Trace {
    calls: Vec<Call>,
    namespace: String,
    show: Show,
    actors: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Show {
    Effective,
    Reads,
    All,
}

impl World {
    /// What the operators did so far; see [`Trace`].
    pub fn trace(&self) -> Trace {
        let (calls, namespace) = (self.calls().calls(), self.namespace().to_owned());
        Trace { calls, namespace, show: Show::Effective, actors: BTreeSet::new() }
    }

    /// Every request so far in the order in which it was sent, with its time, query, answer's status and body; of
    /// a Secret and the like, the body's digest.
    ///
    /// Two replays of a deterministic operator have the same lines; `KUBETAPE_CHECK=determinism` compares them.
    pub fn requests(&self) -> Vec<String> {
        self.calls().lines()
    }
}

impl Trace {
    /// Shows the first read of each kind too: each get, list and watch of a path once.
    pub fn reads(mut self) -> Self {
        self.show = Show::Reads;
        self
    }

    /// Shows every request: the scenario's own, repeats, refusals, Leases and Events too. What is shown then depends
    /// on timing, so compare it on a tape alone.
    pub fn all(mut self) -> Self {
        self.show = Show::All;
        self
    }

    /// Shows this operator alone; called again, this one too.
    pub fn of(mut self, operator: &str) -> Self {
        self.actors.insert(operator.to_owned());
        self
    }

    /// The lines that it shows.
    pub fn lines(&self) -> Vec<String> {
        let mut fold = Fold::default();
        let mine = |call: &&Call| match self.actors.is_empty() {
            true => self.show == Show::All || call.actor != DRIVER,
            false => self.actors.contains(&call.actor),
        };
        let calls = self.calls.iter().filter(mine);
        match self.show {
            Show::All => return calls.map(|call| self.line(call)).collect(),
            show => calls.for_each(|call| fold.take(call, show)),
        }
        fold.shown.into_iter().map(|call| self.line(call)).collect()
    }

    fn line(&self, call: &Call) -> String {
        let what = what(&call.info, &body(call), &self.namespace);
        format!("{}  {}  {what}  {}", call.actor, call.info.verb, call.status)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

/// Actor, type, name and subresource: what a write is a repeat in.
type Slot = (String, String, String, Option<String>);

/// The calls that are shown, in order.
#[derive(Default)]
struct Fold<'a> {
    shown: Vec<&'a Call>,
    last: BTreeMap<Slot, &'a Call>,
    /// Where each status of an actor's present stretch is shown.
    statuses: BTreeMap<String, BTreeMap<Slot, usize>>,
    reads: BTreeSet<(String, Verb, String)>,
}

impl<'a> Fold<'a> {
    fn take(&mut self, call: &'a Call, show: Show) {
        if is_background(&call.info) || call.status == 0 {
            return;
        }
        if call.info.verb.is_write() {
            self.write(call);
        } else if show == Show::Reads
            && self.reads.insert((call.actor.clone(), call.info.verb, call.info.path.clone()))
        {
            self.shown.push(call);
        }
    }

    fn write(&mut self, call: &'a Call) {
        let body = body(call);
        let slot = (
            call.actor.clone(),
            call.info.resource.as_ref().map_or_else(String::new, ToString::to_string),
            format!("{}/{}", call.info.namespace.as_deref().unwrap_or_default(), name(&call.info, &body)),
            call.info.subresource.clone(),
        );
        if call.status >= 400 || self.last.get(&slot).is_some_and(|last| is_repeat(last, call, &body)) {
            return;
        }
        self.last.insert(slot.clone(), call);
        let statuses = self.statuses.entry(call.actor.clone()).or_default();
        if call.info.subresource.as_deref() != Some("status") {
            statuses.clear();
            self.shown.push(call);
        } else if let Some(at) = statuses.get(&slot) {
            self.shown[*at] = call;
        } else {
            statuses.insert(slot, self.shown.len());
            self.shown.push(call);
        }
    }
}

fn is_repeat(last: &Call, call: &Call, body_of_call: &Value) -> bool {
    let generated = body_of_call.pointer("/metadata/generateName").is_some() && call.info.name.is_none();
    let query = |call: &Call| {
        call.info.query.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeSet<_>>()
    };
    call.status != 201
        && !generated
        && last.info.verb == call.info.verb
        && last.info.content_type == call.info.content_type
        && query(last) == query(call)
        && same_body(call.info.verb, call.info.subresource.as_deref(), &body(last), body_of_call)
}

/// Leases are renewed and Events told as time goes by.
fn is_background(info: &RequestInfo) -> bool {
    info.resource.as_ref().is_some_and(|resource| {
        matches!(
            (resource.group.as_str(), resource.plural.as_str()),
            ("coordination.k8s.io", "leases") | ("" | "events.k8s.io", "events")
        )
    })
}

pub(super) fn body(call: &Call) -> Value {
    let text = || Value::String(String::from_utf8_lossy(&call.body).into_owned());
    serde_json::from_slice(&call.body).unwrap_or_else(|_| text())
}

/// The object's name; `prefix*` where the server makes it.
fn name(info: &RequestInfo, body: &Value) -> String {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let generated = || text("/metadata/generateName").map(|prefix| format!("{prefix}*"));
    info.name
        .clone()
        .or_else(|| text("/metadata/name").map(str::to_owned))
        .or_else(generated)
        .unwrap_or_default()
}

/// `deployments.apps hello status`, with the namespace where it is not the scenario's.
pub(super) fn what(info: &RequestInfo, body: &Value, home: &str) -> String {
    let Some(resource) = &info.resource else { return info.path.clone() };
    let name = name(info, body);
    let place = match info.namespace.as_deref().filter(|namespace| *namespace != home) {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name,
    };
    let parts = [resource.to_string(), place, info.subresource.clone().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(verb: &str, path: &str, body: &str, status: u16) -> Call {
        let (method, kind) = match verb {
            "apply" => ("PATCH", Some("application/apply-patch+yaml".to_owned())),
            "merge" => ("PATCH", Some("application/merge-patch+json".to_owned())),
            method => (method, None),
        };
        let path = format!("/apis/apps/v1/namespaces/home/{path}");
        let info = RequestInfo::from_parts(&method.parse().unwrap(), &path, "", kind, false);
        Call { at: std::time::Duration::ZERO, actor: "op".into(), info, body: body.to_owned().into(), status }
    }

    fn trace(calls: Vec<Call>) -> Trace {
        Trace { calls, namespace: "home".into(), show: Show::Effective, actors: BTreeSet::new() }
    }

    #[test]
    fn repeats_refusals_reads_and_passing_statuses_are_folded_out() {
        let trace = trace(vec![
            call("GET", "deployments/web", "", 404),
            call("apply", "deployments/web", "{\"a\":1}", 201),
            call("apply", "deployments/web", "{\"a\":1}", 200),
            call("merge", "deployments/web/status", "{\"ready\":0}", 200),
            call("merge", "deployments/web/status", "{\"ready\":1}", 200),
            call("apply", "deployments/web", "{\"a\":2}", 409),
            call("apply", "deployments/web", "{\"a\":2}", 200),
            call("merge", "deployments/web/status", "{\"ready\":2}", 200),
            call("POST", "replicasets", "{\"metadata\":{\"generateName\":\"web-\"}}", 201),
            call("DELETE", "deployments/web", "", 200),
            call("DELETE", "deployments/web", "", 200),
        ]);
        let expected = [
            "op  apply  deployments.apps web  201",
            "op  patch  deployments.apps web status  200",
            "op  apply  deployments.apps web  200",
            "op  patch  deployments.apps web status  200",
            "op  create  replicasets.apps web-*  201",
            "op  delete  deployments.apps web  200",
        ];
        assert_eq!(trace.lines(), expected);
        assert_eq!(trace.clone().reads().lines()[0], "op  get  deployments.apps web  404");
        assert_eq!(trace.all().lines().len(), 11);
    }

    #[test]
    fn an_object_that_was_made_anew_is_shown_again() {
        let again = call("apply", "deployments/web", "{\"a\":1}", 201);
        assert_eq!(trace(vec![again.clone(), again]).lines().len(), 2);
    }
}
