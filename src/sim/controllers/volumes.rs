//! Claims and volumes: what binds them to each other, and what holds them while they are in use.

use super::{
    Outcome,
    acts::{all_in, current, record, replace, write_status},
    claim::dying,
    pod::pods,
    text,
};
use crate::{
    sim::{
        store::News,
        verbs::{State, selects},
    },
    wire::{ObjectKey, Quantity, Resource},
};
use serde_json::{Value, json};
use std::sync::Arc;

const BINDER: &str = "persistentvolume-binder-controller";
const CLAIMS: &str = "persistentvolumeclaim-protection-controller";
const VOLUMES: &str = "persistentvolume-protection-controller";
const SPEAKER: &str = "persistentvolume-controller";
const CLAIM_HOLD: &str = "kubernetes.io/pvc-protection";
const VOLUME_HOLD: &str = "kubernetes.io/pv-protection";
const BOUND_BY_US: &str = "pv.kubernetes.io/bound-by-controller";
const BOUND: &str = "pv.kubernetes.io/bind-completed";

fn claims() -> Resource {
    Resource::new("", "v1", "persistentvolumeclaims")
}

fn volumes() -> Resource {
    Resource::new("", "v1", "persistentvolumes")
}

/// The claims that a pod uses.
fn used(pod: &Value) -> impl Iterator<Item = String> {
    let name = text(&pod["metadata"], "name").to_owned();
    let list = pod["spec"]["volumes"].as_array().into_iter().flatten();
    list.filter_map(move |volume| match volume["persistentVolumeClaim"]["claimName"].as_str() {
        Some(claim) => Some(claim.to_owned()),
        None => volume.get("ephemeral").map(|_| format!("{name}-{}", text(volume, "name"))),
    })
}

/// Claims, and those whose pods change.
pub(super) fn heard_of_claims(state: &mut State, news: &News) {
    match news.key.plural.as_str() {
        _ if !news.key.group.is_empty() => {}
        "persistentvolumeclaims" => state.agenda.add((CLAIMS, news.key.clone())),
        "pods" => {
            for claim in used(&news.object) {
                let key = ObjectKey::new(&claims(), news.key.namespace.as_deref(), &claim);
                state.agenda.add((CLAIMS, key));
            }
        }
        _ => {}
    }
}

/// Holds a claim while a pod on a node uses it.
pub(super) fn protect_claim(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(claim) = current(state, key) else { return Ok(()) };
    let in_use = || {
        let own = all_in(state, &pods(), key.namespace.as_deref());
        let placed = |pod: &Value| !text(&pod["spec"], "nodeName").is_empty();
        own.iter().any(|(_, pod)| placed(pod) && used(pod).any(|name| name == key.name))
    };
    let free = dying(&claim) && !in_use();
    hold(state, key, &claim, CLAIM_HOLD, free)
}

/// Volumes.
pub(super) fn heard_of_volumes(state: &mut State, news: &News) {
    if news.key.group.is_empty() && news.key.plural == "persistentvolumes" {
        state.agenda.add((VOLUMES, news.key.clone()));
    }
}

/// Holds a volume while it is bound.
pub(super) fn protect_volume(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(volume) = current(state, key) else { return Ok(()) };
    let free = dying(&volume) && volume["status"]["phase"] != "Bound";
    hold(state, key, &volume, VOLUME_HOLD, free)
}

/// Adds the finalizer of a live object, or takes it away from one that may go.
fn hold(state: &mut State, key: &ObjectKey, object: &Value, finalizer: &str, free: bool) -> Outcome {
    let mut list = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let held = list.iter().any(|known| known == finalizer);
    if held && free {
        list.retain(|known| known != finalizer);
    } else if !held && !dying(object) {
        list.push(json!(finalizer));
    } else {
        return Ok(());
    }
    let mut next = object.clone();
    next["metadata"]["finalizers"] = json!(list);
    replace(state, key, &next).map(drop)
}

/// Claims and volumes look for each other.
pub(super) fn heard_of_binding(state: &mut State, news: &News) {
    if !news.key.group.is_empty() {
        return;
    }
    match news.key.plural.as_str() {
        "persistentvolumeclaims" => {
            state.agenda.add((BINDER, news.key.clone()));
            if let Some(volume) = news.object["spec"]["volumeName"].as_str().filter(|_| news.removed) {
                state.agenda.add((BINDER, ObjectKey::new(&volumes(), None, volume)));
            }
        }
        "persistentvolumes" => {
            state.agenda.add((BINDER, news.key.clone()));
            let kind = claims();
            let waiting = state.store.live(&kind).filter(|(_, claim)| claim["status"]["phase"] != "Bound");
            let waiting: Vec<ObjectKey> = waiting.map(|(key, _)| key.clone()).collect();
            waiting.into_iter().for_each(|key| state.agenda.add((BINDER, key)));
        }
        _ => {}
    }
}

/// The next step of a claim or a volume on the way to each other.
pub(super) fn bind(state: &mut State, key: &ObjectKey) -> Outcome {
    let Some(object) = current(state, key) else { return Ok(()) };
    if key.plural == "persistentvolumes" { volume(state, key, &object) } else { claim(state, key, &object) }
}

fn phase(state: &mut State, key: &ObjectKey, volume: &Value, phase: &str) -> Outcome {
    if volume["status"]["phase"] == phase {
        return Ok(());
    }
    let mut next = volume.clone();
    next["status"]["phase"] = json!(phase);
    write_status(state, key, &next).map(drop)
}

/// A volume is available, bound, or released by its claim.
fn volume(state: &mut State, key: &ObjectKey, volume: &Value) -> Outcome {
    let wanted = &volume["spec"]["claimRef"];
    if wanted["uid"].is_null() {
        return phase(state, key, volume, "Available");
    }
    let claim = ObjectKey::new(&claims(), wanted["namespace"].as_str(), text(wanted, "name"));
    match current(state, &claim).filter(|claim| claim["metadata"]["uid"] == wanted["uid"]) {
        None if volume["status"]["phase"] == "Failed" => Ok(()),
        None => phase(state, key, volume, "Released"),
        Some(claim) if claim["spec"]["volumeName"] == key.name.as_str() => phase(state, key, volume, "Bound"),
        Some(_) => {
            state.agenda.add((BINDER, claim));
            Ok(())
        }
    }
}

fn claim(state: &mut State, key: &ObjectKey, claim: &Value) -> Outcome {
    if claim["metadata"]["annotations"].get(BOUND).is_some() || dying(claim) {
        return Ok(());
    }
    let wanted = text(&claim["spec"], "volumeName").to_owned();
    if !wanted.is_empty() {
        let volume = ObjectKey::new(&volumes(), None, &wanted);
        let Some(found) = current(state, &volume) else { return Ok(()) };
        let free = found["spec"]["claimRef"].is_null() || is_for(&found, key, claim);
        return if free { join(state, key, claim, &volume, &found) } else { Ok(()) };
    }
    let class = class(state, claim);
    let waits = class.as_ref().is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer")
        && claim["metadata"]["annotations"].get("volume.kubernetes.io/selected-node").is_none();
    let best = best(state, key, claim, waits);
    if let Some((volume, found)) = best {
        return join(state, key, claim, &volume, &found);
    }
    let name = text(&claim["spec"], "storageClassName");
    let (kind, reason, text) = match class {
        _ if waits => (
            "Normal",
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding".to_owned(),
        ),
        None if name.is_empty() => (
            "Normal",
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set".to_owned(),
        ),
        None => ("Warning", "ProvisioningFailed", format!("storageclass.storage.k8s.io {name:?} not found")),
        Some(class) => return provision(state, key, claim, text(&class, "provisioner")),
    };
    record(state, SPEAKER, claim, kind, reason, &text);
    Ok(())
}

fn class(state: &State, claim: &Value) -> Option<Arc<Value>> {
    let name = claim["spec"]["storageClassName"].as_str()?;
    state.stored("storage.k8s.io", "storageclasses", None, name).cloned()
}

/// Asks whoever provisions volumes of a class for one.
fn provision(state: &mut State, key: &ObjectKey, claim: &Value, provisioner: &str) -> Outcome {
    if provisioner == "kubernetes.io/no-provisioner" {
        return Ok(());
    }
    let names = ["volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner"];
    let noted = names.iter().all(|name| claim["metadata"]["annotations"][*name] == provisioner);
    let mut next = claim.clone();
    if !noted {
        for name in names {
            next["metadata"]["annotations"][name] = json!(provisioner);
        }
        next = (*replace(state, key, &next)?).clone();
    }
    let text = format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
         system administrator. If volume creation is delayed, please verify that the provisioner is running and \
         correctly registered."
    );
    record(state, SPEAKER, &next, "Normal", "ExternalProvisioning", &text);
    Ok(())
}

/// Whether a volume is kept for a claim.
fn is_for(volume: &Value, key: &ObjectKey, claim: &Value) -> bool {
    let wanted = &volume["spec"]["claimRef"];
    wanted["name"] == key.name.as_str()
        && wanted["namespace"].as_str() == key.namespace.as_deref()
        && (wanted["uid"].is_null() || wanted["uid"] == claim["metadata"]["uid"])
}

/// The smallest volume that is large enough; one that is kept for the claim before all others.
fn best(state: &State, key: &ObjectKey, claim: &Value, kept_alone: bool) -> Option<(ObjectKey, Arc<Value>)> {
    let amount = |value: &Value| value.as_str().and_then(Quantity::parse);
    let wanted = amount(&claim["spec"]["resources"]["requests"]["storage"]);
    let modes = |object: &Value| object["spec"]["accessModes"].as_array().cloned().unwrap_or_default();
    let mode = |object: &Value| object["spec"]["volumeMode"].as_str().unwrap_or("Filesystem").to_owned();
    let selector = &claim["spec"]["selector"];
    let fits = |volume: &Value| {
        let own = modes(volume);
        let kept = is_for(volume, key, claim);
        !dying(volume)
            && (kept
                || (volume["spec"]["claimRef"].is_null()
                    && volume["status"]["phase"] == "Available"
                    && !kept_alone))
            && text(&volume["spec"], "storageClassName") == text(&claim["spec"], "storageClassName")
            && modes(claim).iter().all(|mode| own.contains(mode))
            && amount(&volume["spec"]["capacity"]["storage"]) >= wanted
            && mode(volume) == mode(claim)
            && (selector.is_null() || selects(selector, &volume["metadata"]["labels"]))
    };
    let kind = volumes();
    let all = state.store.live(&kind).filter(|(_, volume)| fits(volume));
    let order =
        |volume: &Value| (!is_for(volume, key, claim), amount(&volume["spec"]["capacity"]["storage"]));
    let found =
        all.min_by(|(_, a), (_, b)| order(a).partial_cmp(&order(b)).unwrap_or(std::cmp::Ordering::Equal));
    found.map(|(key, volume)| (key.clone(), volume.clone()))
}

/// Writes both sides of a binding, the volume first.
fn join(state: &mut State, key: &ObjectKey, claim: &Value, volume: &ObjectKey, found: &Value) -> Outcome {
    let mut next = found.clone();
    if found["spec"]["claimRef"].is_null() {
        next["metadata"]["annotations"][BOUND_BY_US] = json!("yes");
    }
    let metadata = &claim["metadata"];
    next["spec"]["claimRef"] = json!({
        "kind": "PersistentVolumeClaim", "namespace": metadata["namespace"], "name": metadata["name"],
        "uid": metadata["uid"], "apiVersion": "v1", "resourceVersion": metadata["resourceVersion"],
    });
    let written = if found["spec"]["claimRef"]["uid"].is_null() {
        replace(state, volume, &next)?
    } else {
        Arc::new(found.clone())
    };
    phase(state, volume, &written, "Bound")?;
    let mut next = claim.clone();
    if text(&claim["spec"], "volumeName").is_empty() {
        next["spec"]["volumeName"] = json!(volume.name);
        next["metadata"]["annotations"][BOUND_BY_US] = json!("yes");
    }
    next["metadata"]["annotations"][BOUND] = json!("yes");
    let mut next = (*replace(state, key, &next)?).clone();
    next["status"]["phase"] = json!("Bound");
    next["status"]["accessModes"] = found["spec"]["accessModes"].clone();
    next["status"]["capacity"] = json!({"storage": found["spec"]["capacity"]["storage"]});
    write_status(state, key, &next).map(drop)
}
