use super::capture::Found;
use kubetape::gather::{Capture, Id, Kind};
use kubetape::wire::span;
use serde_json::Value;

/// The space after a column, and the least width with it, as kubectl's.
const SPACE: usize = 3;
const LEAST: usize = 6;

/// What is printed of a table.
pub(super) struct Look {
    pub(super) wide: bool,
    pub(super) namespaces: bool,
    pub(super) labels: bool,
    pub(super) headers: bool,
    /// Names with their kinds before them.
    pub(super) prefix: bool,
}

/// `deployment.apps`, as kubectl names a kind.
pub(super) fn word(kind: &Kind) -> String {
    let singular = if kind.singular.is_empty() { kind.kind.to_lowercase() } else { kind.singular.clone() };
    if kind.group.is_empty() { singular } else { format!("{singular}.{}", kind.group) }
}

/// The objects of one kind, as `kubectl get` prints them.
pub(super) fn table(capture: &Capture, found: &Found<'_>, look: &Look) -> String {
    let shown = shown(capture, found.kind, look.wide);
    let spaces = look.namespaces && found.kind.namespaced;
    let mut rows = Vec::new();
    if look.headers {
        let before = spaces.then(|| "NAMESPACE".to_owned());
        let names = shown.iter().map(|(_, column)| column.to_uppercase());
        rows.push(before.into_iter().chain(names).chain(look.labels.then(|| "LABELS".to_owned())).collect());
    }
    for (id, object) in &found.objects {
        let cells = capture
            .table(found.kind)
            .and_then(|table| table.cells.get(&(id.namespace.clone(), id.name.clone())));
        let row = shown.iter().enumerate().map(|(at, (index, column))| {
            let text = cell(capture, id, object, column, cells.and_then(|cells| cells.get(*index)));
            if at == 0 && look.prefix { format!("{}/{text}", word(found.kind)) } else { text }
        });
        let before = spaces.then(|| id.namespace.clone());
        rows.push(before.into_iter().chain(row).chain(look.labels.then(|| labels(object))).collect());
    }
    columns(&rows)
}

/// The columns that are shown, with their places in a row.
fn shown(capture: &Capture, kind: &Kind, wide: bool) -> Vec<(usize, String)> {
    let Some(table) = capture.table(kind) else { return vec![(0, "Name".into()), (1, "Age".into())] };
    let columns = table.columns.iter().enumerate();
    let shown = columns.filter(|(_, column)| wide || column["priority"].as_i64().unwrap_or_default() == 0);
    shown.map(|(at, column)| (at, column["name"].as_str().unwrap_or_default().to_owned())).collect()
}

fn cell(capture: &Capture, id: &Id, object: &Value, column: &str, cell: Option<&Value>) -> String {
    match cell {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().map(plain).collect::<Vec<_>>().join(","),
        Some(other) if !other.is_null() => other.to_string(),
        _ if column == "Name" => id.name.clone(),
        _ => time_of(object, column).map_or_else(|| "<none>".into(), |time| age(&time, &capture.time)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The time that a column tells as an age.
fn time_of(object: &Value, column: &str) -> Option<String> {
    let fields: &[&str] = match column {
        "Last Seen" => &["/series/lastObservedTime", "/lastTimestamp", "/eventTime"],
        "First Seen" => &["/firstTimestamp", "/eventTime"],
        "Last Schedule" => &["/status/lastScheduleTime"],
        _ => &["/metadata/creationTimestamp"],
    };
    fields.iter().find_map(|field| object.pointer(field)?.as_str()).map(str::to_owned)
}

/// The age of a time at another one, which is now when it is not known.
fn age(time: &str, at: &str) -> String {
    let at = at.parse().unwrap_or_else(|_| kubetape::entropy::now());
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => span(at.duration_since(time).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

fn labels(object: &Value) -> String {
    let Some(labels) = object["metadata"]["labels"].as_object().filter(|labels| !labels.is_empty()) else {
        return "<none>".to_owned();
    };
    labels.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(",")
}

/// Rows in columns; nothing stands after the last one.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        rows.iter().filter_map(|row| Some(row.get(at)?.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..count).map(|at| (width(at) + SPACE).max(LEAST)).collect();
    let mut text = String::new();
    for row in rows {
        let last = row.len().saturating_sub(1);
        for (at, cell) in row.iter().enumerate() {
            if at == last {
                text += cell;
            } else {
                text += &format!("{cell:<0$}", widths[at]);
            }
        }
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_kubectl_makes_them() {
        let rows = [["A", "BB", "C"], ["long-one", "x", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "A          BB    C\nlong-one   x     \n");
    }
}
