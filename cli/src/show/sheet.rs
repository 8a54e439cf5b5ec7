use super::capture::Found;
use kubetape::{
    gather::{Capture, Kind},
    sim::Printed,
};
use serde_json::{Value, json};

/// The objects of one kind as a server prints them: the captured cells, with ages as they were then; for objects
/// without them, what a server of today prints.
pub(crate) fn sheet(capture: &Capture, found: &Found<'_>) -> Printed {
    let objects: Vec<&Value> = found.objects.iter().map(|(_, object)| *object).collect();
    let computed = computed(capture, found.kind, &objects);
    let Some(table) = capture.table(found.kind) else { return computed };
    let rows = found.objects.iter().zip(computed.rows).map(|((id, _), mut fresh)| {
        let cells = table.cells.get(&(id.namespace.clone(), id.name.clone()));
        let row = table.columns.iter().enumerate().map(|(at, column)| {
            let same = computed.columns.iter().position(|other| other["name"] == column["name"]);
            let fresh = same.and_then(|at| fresh.get_mut(at)).map(Value::take);
            match cells.and_then(|cells| cells.get(at)) {
                Some(Value::Null) if is_age(column) => fresh.unwrap_or_default(),
                Some(Value::String(count)) if column["name"] == "Restarts" => with_age(count, fresh),
                Some(cell) => cell.clone(),
                None => fresh.unwrap_or_default(),
            }
        });
        row.collect()
    });
    Printed { columns: table.columns.clone(), rows: rows.collect() }
}

fn computed(capture: &Capture, kind: &Kind, objects: &[&Value]) -> Printed {
    let now = capture.time.parse().unwrap_or_else(|_| kubetape::entropy::now());
    let custom = || {
        let definitions = capture
            .objects
            .iter()
            .filter(|(id, _)| id.kind == "CustomResourceDefinition")
            .map(|(_, o)| &o["spec"]);
        let mut own = definitions.filter(|spec| {
            spec["group"] == kind.group.as_str() && spec["names"]["kind"] == kind.kind.as_str()
        });
        let versions = own.next()?["versions"].as_array()?;
        let version = versions.iter().find(|version| version["name"] == kind.version.as_str());
        Some(Printed::custom(version.or(versions.first())?, objects, now))
    };
    // A kind that nobody describes has a name and an age, as a definition without columns has.
    Printed::built_in(&kind.group, &kind.kind, objects, now)
        .or_else(custom)
        .unwrap_or_else(|| Printed::custom(&json!({}), objects, now))
}

/// Whether a column's cells change by themselves, so that a capture leaves them empty.
fn is_age(column: &Value) -> bool {
    let name = column["name"].as_str().unwrap_or_default();
    column["type"] == "date" || ["Age", "Last Seen", "First Seen", "Last Schedule"].contains(&name)
}

/// Restarts and how long ago the last one was, which a capture leaves out.
fn with_age(count: &str, fresh: Option<Value>) -> Value {
    let fresh = fresh.filter(|cell| cell.as_str().is_some_and(|text| text.split(" (").next() == Some(count)));
    fresh.unwrap_or_else(|| json!(count))
}
