use sha2::{Digest, Sha256};

/// A longer segment is cut, since file systems end at 255 bytes.
const LONGEST: usize = 200;
/// What is kept of a longer one.
const KEPT: usize = 180;
/// Names that Windows keeps for devices, whatever extension follows.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A name as a segment of a path: reversible, and safe on every file system.
///
/// ```
/// use kubetape::gather::escape;
///
/// assert_eq!(escape("web-1.example.com"), "web-1.example.com");
/// assert_eq!(escape("system:node"), "system%3Anode");
/// ```
pub fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let device = is_device(name);
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let edge = byte == b'.' && (at == 0 || at + 1 == name.len());
        if plain && !edge && !(device && at == 0) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    if out.len() > LONGEST { cut(&out, name) } else { out }
}

/// The name behind a segment; `None` when it was cut or is not one of ours, and the object must tell it.
pub fn unescape(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
    let numbered =
        |word: &&str| base.strip_prefix(*word).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    DEVICES[..4].contains(&base.as_str()) || DEVICES[4..].iter().any(numbered)
}

/// The head of a long segment, never in the middle of an escape, and a digest that tells it from its like.
fn cut(segment: &str, name: &str) -> String {
    let head = (KEPT - 2..=KEPT).rev().find(|at| !segment[at - 2..*at].contains('%')).unwrap_or(KEPT - 2);
    let digest = Sha256::digest(name.as_bytes());
    let tail: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}%%{tail}", &segment[..head])
}

/// The folder of a group; the core group has no name of its own.
pub(super) fn group_folder(group: &str) -> &str {
    if group.is_empty() { "core" } else { group }
}

/// Where an object stands. A namespace of `None` is the cluster.
pub(super) fn object_path(namespace: Option<&str>, group: &str, plural: &str, name: &str) -> String {
    let scope = match namespace {
        Some(namespace) => format!("namespaces/{}", escape(namespace)),
        None => "cluster-scoped-resources".to_owned(),
    };
    format!("{scope}/{}/{}/{}.yaml", escape(group_folder(group)), escape(plural), escape(name))
}

/// Where the log of a container stands.
pub(super) fn log_path(namespace: &str, pod: &str, container: &str, previous: bool) -> String {
    let (namespace, pod, container) = (escape(namespace), escape(pod), escape(container));
    let file = if previous { "previous" } else { "current" };
    format!("namespaces/{namespace}/pods/{pod}/{container}/{container}/logs/{file}.log")
}

/// Where the columns and cells of a kind stand.
pub(super) fn table_path(group: &str, plural: &str) -> String {
    format!("tables/{}/{}.jsonl", escape(group_folder(group)), escape(plural))
}

/// Where an OpenAPI document stands.
pub(super) fn openapi_path(key: &str) -> String {
    format!("openapi/v3/{}.json", escape(&key.replace('/', "__")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_come_back() {
        let names = [
            "web",
            "a.b-c_d",
            "system:node",
            "Upper",
            "naïve-☃",
            ".hidden",
            "dot.",
            "con",
            "con.x",
            "com1",
            "com",
            "com12",
            "100%",
            "a b",
            "nul",
            "NUL",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let segment = escape(name);
            assert_eq!(unescape(&segment).as_deref(), Some(name), "{segment}");
            assert!(seen.insert(segment.to_lowercase()), "{segment} is there already");
            assert!(!segment.starts_with('.') && !segment.ends_with('.'), "{segment}");
            assert!(!is_device(&segment), "{segment}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (a, b) = ("é".repeat(200) + "a", "é".repeat(200) + "b");
        assert!(escape(&a).len() <= LONGEST);
        assert_ne!(escape(&a), escape(&b));
        assert_eq!(unescape(&escape(&a)), None);
        let exact = "a".repeat(LONGEST);
        assert_eq!(escape(&exact), exact);
        assert!(escape(&"a".repeat(LONGEST + 1)).starts_with(&"a".repeat(KEPT)));
    }

    #[test]
    fn objects_and_logs_stand_where_must_gather_has_them() {
        assert_eq!(object_path(None, "", "nodes", "n1"), "cluster-scoped-resources/core/nodes/n1.yaml");
        assert_eq!(
            object_path(Some("shop"), "apps", "deployments", "web"),
            "namespaces/shop/apps/deployments/web.yaml"
        );
        assert_eq!(
            log_path("shop", "web-1", "main", true),
            "namespaces/shop/pods/web-1/main/main/logs/previous.log"
        );
    }
}
