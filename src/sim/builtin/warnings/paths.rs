use super::{items, text};
use serde_json::Value;

/// A path that a volume fills, and where from.
#[derive(PartialEq)]
struct Filled {
    path: String,
    source: String,
}

impl Filled {
    fn new(path: &str, source: &str) -> Self {
        Self { path: path.trim_end_matches('/').to_owned(), source: source.to_owned() }
    }

    fn shown(&self) -> String {
        if self.source.is_empty() {
            format!("{:?}", self.path)
        } else {
            format!("{:?} ({})", self.path, self.source)
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let within = |outer: &str, inner: &str| format!("{inner}/").starts_with(&format!("{outer}/"));
        !self.path.is_empty()
            && !other.path.is_empty()
            && (within(&self.path, &other.path) || within(&other.path, &self.path))
    }
}

/// Paths in one volume where one is another or lies in it.
pub(super) fn overlapping(spec: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (_, volume) in items(spec, "volumes") {
        let name = text(volume, "name");
        let kinds = [
            ("configMap", format!("ConfigMap {:?}", text(&volume["configMap"], "name"))),
            ("secret", format!("Secret {:?}", text(&volume["secret"], "secretName"))),
            ("downwardAPI", "DownwardAPI".to_owned()),
        ];
        for (key, shown) in kinds {
            all.extend(
                meeting(listed(&volume[key], "")).into_iter().map(|text| overlap(name, &shown, &text)),
            );
        }
        let mut filled = Vec::new();
        for (_, source) in items(&volume["projected"], "sources") {
            if source.as_object().is_some_and(serde_json::Map::is_empty) {
                all.push(format!("volume {name:?} (Projected) has no sources provided"));
            }
            filled.extend(projected(source));
        }
        all.extend(meeting(filled).into_iter().map(|text| overlap(name, "Projected", &text)));
    }
    all
}

fn overlap(volume: &str, of: &str, text: &str) -> String {
    format!("volume {volume:?} ({of}): overlapping paths: {text}")
}

fn listed(source: &Value, shown: &str) -> Vec<Filled> {
    items(source, "items").map(|(_, item)| Filled::new(text(item, "path"), shown)).collect()
}

fn projected(source: &Value) -> Vec<Filled> {
    let named =
        |key: &str, shown: &str| listed(&source[key], &format!("{shown} {:?}", text(&source[key], "name")));
    let one = |path: &Value, shown: &str| vec![Filled::new(path.as_str().unwrap_or_default(), shown)];
    let (bundle, certificate) = (&source["clusterTrustBundle"], &source["podCertificate"]);
    if !source["configMap"]["items"].is_null() {
        named("configMap", "ConfigMap")
    } else if !source["secret"]["items"].is_null() {
        named("secret", "Secret")
    } else if !source["downwardAPI"]["items"].is_null() {
        listed(&source["downwardAPI"], "DownwardAPI")
    } else if source["serviceAccountToken"].is_object() {
        one(&source["serviceAccountToken"]["path"], "ServiceAccountToken")
    } else if bundle.is_object() {
        let name = bundle["name"].as_str().or(bundle["signerName"].as_str()).unwrap_or_default();
        one(&bundle["path"], &format!("ClusterTrustBundle {name:?}"))
    } else {
        let parts = [
            ("certificateChainPath", "chain"),
            ("keyPath", "key"),
            ("credentialBundlePath", "credential bundle"),
        ];
        let given = parts.iter().filter(|(key, _)| !text(certificate, key).is_empty());
        given
            .map(|(key, part)| Filled::new(text(certificate, key), &format!("PodCertificate {part}")))
            .collect()
    }
}

/// Every pair that meets, the later one first.
fn meeting(filled: Vec<Filled>) -> Vec<String> {
    let mut all = Vec::new();
    for (at, later) in filled.iter().enumerate() {
        let met = filled[..at].iter().filter(|earlier| later.meets(earlier));
        all.extend(met.map(|earlier| format!("{} with {}", later.shown(), earlier.shown())));
    }
    all
}
