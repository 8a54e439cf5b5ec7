use super::{
    Error, Kind, Kinds,
    api::{Api, Refusal, Why},
    layout::openapi_path,
    manifest::Missing,
};
use bytes::Bytes;
use serde_json::Value;

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
const JSON: &str = "application/json";
/// The largest document; the OpenAPI of the core group has about 3 MB.
const LIMIT: usize = 32 << 20;

/// What a server says of itself.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    pub(super) kinds: Kinds,
    pub(super) version: String,
    /// Documents to keep, by path.
    pub(super) files: Vec<(String, Bytes)>,
    pub(super) missing: Vec<Missing>,
}

/// Asks a server what kinds it has. A group that is broken is named as missing, and the rest goes on.
pub(super) async fn discover(api: &Api) -> Result<Discovered, Error> {
    let mut found = Discovered::default();
    let version = api.bytes("/version", JSON, LIMIT).await.map_err(failed)?;
    found.version = parse(&version)["gitVersion"].as_str().unwrap_or_default().to_owned();
    found.files.push(("version.json".into(), version));
    let mut kinds = Vec::new();
    for root in ["api", "apis"] {
        let bytes = api.bytes(&format!("/{root}"), AGGREGATED, LIMIT).await.map_err(failed)?;
        let document = parse(&bytes);
        if document["kind"] == "APIGroupDiscoveryList" {
            stale(&document, &mut found.missing);
            kinds.extend(Kind::from_discovery(&document));
            found.files.push((format!("discovery/{root}.json"), bytes));
        } else {
            found.files.push((format!("discovery/legacy/{root}.json"), bytes));
            for version in versions(root, &document) {
                legacy(api, &version, &mut kinds, &mut found).await;
            }
        }
    }
    if kinds.is_empty() {
        return Err(Error::Discovery { why: "it names no kinds at all".into() });
    }
    found.kinds = Kinds::new(kinds);
    Ok(found)
}

fn failed(refusal: Refusal) -> Error {
    Error::Discovery { why: refusal.message }
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_default()
}

/// The versions whose server did not answer the aggregator.
fn stale(document: &Value, missing: &mut Vec<Missing>) {
    for group in document["items"].as_array().into_iter().flatten() {
        for version in group["versions"].as_array().into_iter().flatten() {
            if version["freshness"] == "Stale" {
                let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let what =
                    format!("discovery {}/{}", name(&group["metadata"]["name"]), name(&version["version"]));
                let message = "the server behind this group does not answer";
                missing.push(Missing::new(what, Why::Unavailable, message));
            }
        }
    }
}

/// The paths of the versions that a legacy document names; of each group the preferred one first.
fn versions(root: &str, document: &Value) -> Vec<String> {
    if root == "api" {
        let versions = document["versions"].as_array().into_iter().flatten();
        return versions.filter_map(Value::as_str).map(|version| format!("api/{version}")).collect();
    }
    let mut paths = Vec::new();
    for group in document["groups"].as_array().into_iter().flatten() {
        let preferred = [&group["preferredVersion"]].into_iter();
        for version in preferred.chain(group["versions"].as_array().into_iter().flatten()) {
            let path = version["groupVersion"].as_str().map(|version| format!("apis/{version}"));
            paths.extend(path.filter(|path| !paths.contains(path)));
        }
    }
    paths
}

async fn legacy(api: &Api, path: &str, kinds: &mut Vec<Kind>, found: &mut Discovered) {
    match api.bytes(&format!("/{path}"), JSON, LIMIT).await {
        Ok(bytes) => {
            kinds.extend(Kind::from_legacy(&parse(&bytes)));
            found.files.push((format!("discovery/legacy/{path}.json"), bytes));
        }
        Err(refusal) => found.missing.push(Missing::of(format!("discovery {path}"), refusal)),
    }
}

/// The OpenAPI index and the documents of the groups that are wanted.
pub(super) async fn openapi(
    api: &Api,
    wanted: impl Fn(&str) -> bool,
) -> (Vec<(String, Bytes)>, Vec<Missing>) {
    let index = match api.bytes("/openapi/v3", JSON, LIMIT).await {
        Ok(index) => index,
        Err(refusal) => return (Vec::new(), vec![Missing::of("openapi", refusal)]),
    };
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    let paths = parse(&index)["paths"].as_object().cloned().unwrap_or_default();
    for (key, entry) in paths.iter().filter(|(key, _)| wanted(key)) {
        let url = entry["serverRelativeURL"].as_str().filter(|url| url.starts_with('/'));
        let url = url.map_or_else(|| format!("/openapi/v3/{key}"), str::to_owned);
        match api.bytes(&url, JSON, LIMIT).await {
            Ok(bytes) => files.push((openapi_path(key), bytes)),
            Err(refusal) => missing.push(Missing::of(format!("openapi {key}"), refusal)),
        }
    }
    files.insert(0, ("openapi/v3.json".into(), index));
    (files, missing)
}
