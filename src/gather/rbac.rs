use super::{Error, Logs, Options, api::Api, discover::discover, options::wanted};
use kube::Client;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The account that a capture in a cluster runs as.
const NAME: &str = "kubetape-gather";

/// The least that a user must be allowed for a capture with these options, as manifests: a ServiceAccount in
/// `account_namespace`, and roles with bindings. It asks the server for its kinds alone.
///
/// # Errors
/// When the server cannot be reached, or does not have what is wanted.
pub async fn rbac(client: Client, options: &Options, account_namespace: &str) -> Result<Vec<Value>, Error> {
    options.check()?;
    let found = discover(&Api::new(client, options.silence)).await?;
    let mut everywhere: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut inside = everywhere.clone();
    let exact: Option<BTreeSet<&str>> = options.namespaces.iter().map(super::Pattern::exact).collect();
    let spaces = exact.filter(|spaces| !spaces.is_empty());
    for wanted in wanted(options, &found.kinds)? {
        let kind = wanted.kind;
        let rules = if spaces.is_some() && kind.namespaced { &mut inside } else { &mut everywhere };
        rules.entry(kind.group).or_default().insert(kind.plural);
    }
    // What appears while others are watched.
    if options.watch.is_some() && options.types.is_empty() && options.owned_by.is_none() {
        let definitions = "customresourcedefinitions".to_owned();
        everywhere.entry("apiextensions.k8s.io".to_owned()).or_default().insert(definitions);
    }
    let account = json!({"kind": "ServiceAccount", "name": NAME, "namespace": account_namespace});
    let mut manifests = vec![json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": NAME, "namespace": account_namespace}})];
    let mut all = rules(&everywhere, options);
    all.push(json!({"nonResourceURLs": ["/version", "/api", "/apis", "/openapi/v3", "/openapi/v3/*"], "verbs": ["get"]}));
    manifests.extend(role("ClusterRole", None, all, &account));
    for namespace in spaces.into_iter().flatten() {
        manifests.extend(role("Role", Some(namespace), rules(&inside, options), &account));
    }
    Ok(manifests)
}

fn rules(kinds: &BTreeMap<String, BTreeSet<String>>, options: &Options) -> Vec<Value> {
    let verbs = if options.watch.is_some() { json!(["list", "watch"]) } else { json!(["list"]) };
    let mut rules: Vec<Value> = kinds
        .iter()
        .map(|(group, kinds)| json!({"apiGroups": [group], "resources": kinds, "verbs": verbs}))
        .collect();
    let pods = kinds.get("").is_some_and(|kinds| kinds.contains("pods"));
    if pods && options.logs != Logs::None {
        rules.push(json!({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}));
    }
    rules
}

fn role(kind: &str, namespace: Option<&str>, rules: Vec<Value>, account: &Value) -> [Value; 2] {
    let mut metadata = json!({ "name": NAME });
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    let group = "rbac.authorization.k8s.io";
    [
        json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata, "rules": rules}),
        json!({"apiVersion": format!("{group}/v1"), "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": kind, "name": NAME}, "subjects": [account]}),
    ]
}
