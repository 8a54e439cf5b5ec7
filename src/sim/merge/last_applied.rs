use super::{
    Conflict, Error, Write,
    changes::Changes,
    fieldset::FieldSet,
    path::Element,
    typed::{mismatches, owned},
};
use serde_json::{Value, json};

/// Where `kubectl apply` keeps what it applied last.
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manager whose client-side applies are taken over.
const KUBECTL: &str = "kubectl";

/// Lets conflicts of kubectl pass where the live value is the one that it applied from its side before.
///
/// # Errors
/// The conflicts that are left.
pub(super) fn allowed(live: &Value, conflicts: Vec<Conflict>, write: &Write) -> Result<(), Error> {
    let fields = match write.manager {
        KUBECTL => untouched(live, write),
        _ => FieldSet::default(),
    };
    let text = |path: &Vec<Element>| path.iter().map(Element::to_string).collect::<String>();
    let paths: Vec<String> = fields.paths().iter().map(text).collect();
    let left: Vec<_> = conflicts.into_iter().filter(|conflict| !paths.contains(&conflict.path)).collect();
    if left.is_empty() { Ok(()) } else { Err(Error::Conflicts(left)) }
}

/// The fields that stand in the object as its annotation has them.
fn untouched(live: &Value, write: &Write) -> FieldSet {
    let text = live["metadata"]["annotations"][ANNOTATION].as_str().unwrap_or_default();
    let Ok(last) = serde_json::from_str::<Value>(text) else { return FieldSet::default() };
    let schema = Some(write.schema);
    if last["apiVersion"] != write.version || !mismatches(&last, schema).is_empty() {
        return FieldSet::default();
    }
    let changes = Changes::between(&last, live, schema);
    owned(&last, schema).difference(&changes.written()).difference(&changes.removed)
}

/// Writes the annotation anew when kubectl applies an object that has it.
pub(super) fn renew(object: &mut Value, config: &Value, write: &Write) {
    let annotated = object["metadata"]["annotations"].get(ANNOTATION).is_some();
    if write.manager != KUBECTL || !annotated {
        return;
    }
    let mut applied = config.clone();
    if let Some(annotations) = applied.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
    object["metadata"]["annotations"][ANNOTATION] = json!(format!("{applied}\n"));
}
