//! Objects of built-in types in the form of protobuf, which typed clients written in Go prefer.
//!
//! In go bytes or JSON objects, out come the other of both. What messages are made of is data; only the types that
//! JSON writes in a way of their own have code here. Nothing is checked but that the bytes can be read.

mod read;
mod special;
mod table;
mod write;

use crate::sim::schema::Definitions;
use read::Reader;
use serde_json::{Value, json};
use table::{MessageType, messages};
use write::Writer;

/// What stands before every object.
const MAGIC: [u8; 4] = *b"k8s\0";
const META: &str = "apimachinery.pkg.apis.meta.v1";

/// The object that the bytes hold, with `apiVersion` and `kind`.
///
/// # Errors
/// In the server's words: what keeps the bytes from being an object of a type that is known.
pub fn decode(bytes: &[u8]) -> Result<Value, String> {
    let Some(rest) = bytes.strip_prefix(&MAGIC) else {
        let shown: Vec<_> = MAGIC.iter().map(u8::to_string).collect();
        let shown = shown.join(" ");
        return Err(format!(
            "provided data does not appear to be a protobuf message, expected prefix [{shown}]"
        ));
    };
    let (mut version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let broken = || "proto: illegal wireType".to_owned();
    for field in Reader::fields(rest).ok_or_else(broken)? {
        match (field.number, field.bytes()) {
            (1, Some(meta)) => {
                for field in Reader::fields(meta).ok_or_else(broken)? {
                    let text = field.bytes().map(|text| String::from_utf8_lossy(text).into_owned());
                    match field.number {
                        1 => version = text.unwrap_or_default(),
                        2 => kind = text.unwrap_or_default(),
                        _ => {}
                    }
                }
            }
            (2, Some(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let message = message(&version, &kind)
        .ok_or_else(|| format!("no kind {kind:?} is registered for version {version:?}"))?;
    let mut object = read::message(message, raw).ok_or_else(broken)?;
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    Ok(object)
}

/// An object as bytes; `None` for a type that has no message.
pub fn encode(object: &Value) -> Option<Vec<u8>> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let message = message(version, kind)?;
    let mut meta = Writer::default();
    meta.text(1, version);
    meta.text(2, kind);
    let mut whole = Writer::default();
    whole.bytes(1, &meta.out);
    whole.bytes(2, &write::message(message, object));
    whole.text(3, "");
    whole.text(4, "");
    Some([&MAGIC[..], &whole.out].concat())
}

/// A frame of a watch; `None` for a type that has no message.
pub fn frame(event: &str, object: &Value) -> Option<Vec<u8>> {
    let mut inner = Writer::default();
    inner.bytes(1, &encode(object)?);
    let mut whole = Writer::default();
    whole.text(1, event);
    whole.bytes(2, &inner.out);
    let length = u32::try_from(whole.out.len()).ok()?;
    Some([&length.to_be_bytes()[..], &whole.out].concat())
}

/// The message of a kind, be it of objects, of lists of them, or of the options that all groups have.
fn message(version: &str, kind: &str) -> Option<&'static MessageType> {
    let (group, short) = version.split_once('/').unwrap_or(("", version));
    let known = |kind: &str| {
        let name = Definitions::v1_36().name(group, short, kind)?;
        Some(name.strip_prefix("io.k8s.").unwrap_or(name).to_owned())
    };
    let list = || Some(format!("{}List", known(kind.strip_suffix("List")?)?));
    let own = known(kind).or_else(list).unwrap_or_else(|| format!("{META}.{kind}"));
    messages().get(own.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_back_as_it_was() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "a", "labels": {"x": "1", "a": "2"}, "creationTimestamp": "2026-01-02T03:04:05Z", "generation": 3,
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}, "time": "2026-01-02T03:04:05Z"}],
            },
            "spec": {
                "containers": [{
                    "name": "c", "resources": {"limits": {"cpu": "500m"}},
                    "livenessProbe": {"httpGet": {"port": "http", "path": "/x"}, "periodSeconds": 5},
                    "ports": [{"containerPort": 80}], "env": [{"name": "E", "value": "v"}],
                }],
                "volumes": [{"name": "v", "emptyDir": {}}], "hostNetwork": true, "priority": -1,
            },
            "status": {},
        });
        assert_eq!(decode(&encode(&pod).unwrap()).unwrap(), pod);
    }

    #[test]
    fn numbers_bytes_and_lists_of_texts_have_their_forms() {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "creationTimestamp": null},
            "data": {"k": "aGV5"}, "immutable": false,
        });
        assert_eq!(decode(&encode(&secret).unwrap()).unwrap(), secret);
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {"creationTimestamp": null},
            "spec": {"user": "u", "extra": {"k": ["a", "b"]}}, "status": {},
        });
        assert_eq!(decode(&encode(&review).unwrap()).unwrap(), review);
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", "creationTimestamp": null},
            "spec": {"renewTime": "2026-01-02T03:04:05.123456Z", "leaseDurationSeconds": 15},
        });
        assert_eq!(decode(&encode(&lease).unwrap()).unwrap(), lease);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(decode(b"{}").unwrap_err().ends_with("expected prefix [107 56 115 0]"));
        assert!(decode(b"k8s\0\x0a\xff").is_err());
        assert!(encode(&json!({"apiVersion": "example.com/v1", "kind": "Foo"})).is_none());
    }

    #[test]
    fn every_type_that_is_served_has_a_message() {
        for kind in crate::sim::discovery::Registry::v1_36().all() {
            let (group, version) = kind
                .own
                .clone()
                .unwrap_or_else(|| (kind.resource.group.clone(), kind.resource.version.clone()));
            let whole = if group.is_empty() { version } else { format!("{group}/{version}") };
            assert!(message(&whole, &kind.kind).is_some(), "{whole} {}", kind.kind);
        }
    }
}
