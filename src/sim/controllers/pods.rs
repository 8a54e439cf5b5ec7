use super::{
    Outcome,
    acts::{current, path},
    claim::dying,
    text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, act},
    },
    wire::ObjectKey,
};
use http::Method;
use serde_json::{Value, json};

/// How long the containers of a pod take to start, in milliseconds.
const START: u64 = 1000;

const WHO: &str = "pod";

/// Which pods a write concerns.
pub(super) fn heard(state: &mut State, news: &News) {
    if news.key.group.is_empty() && news.key.plural == "pods" && !news.removed {
        state.agenda.add((WHO, news.key.clone()));
    }
}

/// Puts a pod on the node, starts it, and ends it when its time is up.
pub(super) fn sync(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(pod) = current(state, key) else { return Ok(()) };
    if dying(&pod) {
        if let Some(path) = path(state, key).filter(|_| pod["metadata"]["deletionGracePeriodSeconds"] != 0) {
            // Nothing runs in it, so it ends at once.
            let _ = act(state, "kubelet", &Method::DELETE, &path, &json!({"gracePeriodSeconds": 0}));
        }
        return Ok(());
    }
    let gated = pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty());
    let task = (WHO, key.clone());
    if gated || state.agenda.waits(&task) {
        return Ok(());
    }
    if text(&pod["spec"], "nodeName").is_empty() {
        bind(state, key);
        let start = state.clock.elapsed() + START;
        state.agenda.add_at(start, task);
    } else if pod["status"]["phase"] == "Pending" {
        run(state, key, &pod);
    }
    Ok(())
}

/// The name of the node that everything runs on.
pub const NODE: &str = "node-0";

fn bind(state: &mut State, key: &ObjectKey) {
    let Some(path) = path(state, key) else { return };
    let binding = json!({"metadata": {"name": key.name}, "target": {"kind": "Node", "name": NODE}});
    // A pod that is gone meanwhile needs no node.
    let _ = act(state, "kube-scheduler", &Method::POST, &format!("{path}/binding"), &binding);
}

fn run(state: &mut State, key: &ObjectKey, pod: &Value) {
    let now = state.clock.seconds();
    let mut pod = pod.clone();
    let address = format!("10.244.0.{}", 2 + state.dice.roll() % 250);
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let statuses: Vec<Value> = containers
        .iter()
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": true,
                "started": true, "restartCount": 0, "state": {"running": {"startedAt": now}}, "lastState": {},
            })
        })
        .collect();
    let conditions = conditions(&pod, &now);
    let status = &mut pod["status"];
    status["phase"] = json!("Running");
    status["podIP"] = json!(address);
    status["podIPs"] = json!([{"ip": address}]);
    status["startTime"] = json!(now);
    status["containerStatuses"] = json!(statuses);
    status["conditions"] = json!(conditions);
    // Whoever changed it meanwhile makes it news again.
    let Some(path) = path(state, key) else { return };
    let _ = act(state, "kubelet", &Method::PUT, &format!("{path}/status"), &pod);
}

/// The conditions of a pod that runs, in front of those that others wrote, as kwok's patch leaves them.
fn conditions(pod: &Value, now: &str) -> Vec<Value> {
    let gates = pod["spec"]["readinessGates"].as_array().into_iter().flatten();
    let gates = gates.map(|gate| text(gate, "conditionType"));
    let kinds: Vec<&str> = ["Initialized", "Ready", "ContainersReady"].into_iter().chain(gates).collect();
    let mut all: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": now}))
        .collect();
    let others = pod["status"]["conditions"].as_array().into_iter().flatten();
    all.extend(others.filter(|other| !kinds.contains(&text(other, "type"))).cloned());
    all
}
