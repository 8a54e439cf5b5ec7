use crate::sim::{
    store::News,
    verbs::{State, act},
};
use http::Method;
use serde_json::json;

/// Every namespace has a service account and the certificate of the server.
pub(super) fn look(state: &mut State, news: &News) {
    let namespace = match news.key.plural.as_str() {
        "namespaces" if news.removed => return,
        "namespaces" => news.key.name.clone(),
        _ => news.key.namespace.clone().unwrap_or_default(),
    };
    let Some(object) = state.core("namespaces", None, &namespace).cloned() else { return };
    if object["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let base = format!("/api/v1/namespaces/{namespace}");
    if state.runs("serviceaccount-controller")
        && state.core("serviceaccounts", Some(&namespace), "default").is_none()
    {
        let account = json!({"metadata": {"name": "default"}});
        // The next write of the namespace tries again what failed.
        let _ = act(
            state,
            "kube-controller-manager",
            &Method::POST,
            &format!("{base}/serviceaccounts"),
            &account,
        );
    }
    if state.runs("root-ca-certificate-publisher-controller")
        && state.core("configmaps", Some(&namespace), "kube-root-ca.crt").is_none()
    {
        let text = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                    such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                    distributions of Kubernetes clusters.";
        let map = json!({
            "metadata": {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": text}},
            "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"},
        });
        let _ = act(state, "kube-controller-manager", &Method::POST, &format!("{base}/configmaps"), &map);
    }
}
