use super::{
    Outcome,
    acts::{create, current},
    claim::dying,
};
use crate::{
    sim::{store::News, verbs::State},
    wire::{ObjectKey, Resource},
};
use serde_json::{Value, json};

const ACCOUNTS: &str = "serviceaccount-controller";
const CERTIFICATES: &str = "root-ca-certificate-publisher-controller";
const ROOT: &str = "kube-root-ca.crt";
const NOTE: &str = "kubernetes.io/description";

fn namespaces() -> Resource {
    Resource::new("", "v1", "namespaces")
}

/// Which namespaces a write concerns: those that are there, and those that lost what they should have.
fn concerned(news: &News, plural: &str, changed: bool) -> Option<ObjectKey> {
    match news.key.plural.as_str() {
        _ if !news.key.group.is_empty() => None,
        "namespaces" if !news.removed => Some(news.key.clone()),
        found if found == plural && (news.removed || changed) => {
            Some(ObjectKey::new(&namespaces(), None, news.key.namespace.as_deref()?))
        }
        _ => None,
    }
}

/// Namespaces and service accounts.
pub(super) fn heard_of_accounts(state: &mut State, news: &News) {
    let key = concerned(news, "serviceaccounts", false);
    key.into_iter().for_each(|key| state.agenda.add((ACCOUNTS, key)));
}

/// Namespaces and the config map of each.
pub(super) fn heard_of_certificates(state: &mut State, news: &News) {
    let key = concerned(news, "configmaps", news.key.name == ROOT);
    key.into_iter().for_each(|key| state.agenda.add((CERTIFICATES, key)));
}

fn is_there(state: &State, namespace: &ObjectKey) -> bool {
    current(state, namespace).is_some_and(|object| !dying(&object))
}

/// Every namespace has a service account.
pub(super) fn accounts(state: &mut State, namespace: &ObjectKey) -> Outcome {
    let name = &namespace.name;
    if !is_there(state, namespace) || state.core("serviceaccounts", Some(name), "default").is_some() {
        return Ok(());
    }
    let kind = Resource::new("", "v1", "serviceaccounts");
    create(state, &kind, Some(name), &json!({"metadata": {"name": "default"}})).map(drop)
}

/// Every namespace has the certificate of the server.
pub(super) fn certificates(state: &mut State, namespace: &ObjectKey) -> Outcome {
    let (name, kind) = (&namespace.name, Resource::new("", "v1", "configmaps"));
    if !is_there(state, namespace) {
        return Ok(());
    }
    let text = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                distributions of Kubernetes clusters.";
    let data = json!({"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"});
    let key = ObjectKey::new(&kind, Some(name), ROOT);
    let Some(found) = current(state, &key) else {
        let map = json!({"metadata": {"name": ROOT, "annotations": {NOTE: text}}, "data": data});
        return create(state, &kind, Some(name), &map).map(drop);
    };
    let noted =
        found["metadata"]["annotations"].get(NOTE).and_then(Value::as_str).is_some_and(|t| !t.is_empty());
    if found["data"] == data && noted {
        return Ok(());
    }
    let mut next = (*found).clone();
    next["data"] = data;
    next["metadata"]["annotations"][NOTE] = json!(text);
    super::acts::replace(state, &key, &next).map(drop)
}
