use super::{aligned::columns, capture::Found, sheet::sheet};
use kubetape::{
    gather::{Capture, Kind},
    wire::go_print,
};
use serde_json::Value;

/// What is printed of a table.
pub(super) struct Look<'a> {
    pub(super) wide: bool,
    pub(super) namespaces: bool,
    /// Labels that have a column each.
    pub(super) columns: &'a [String],
    pub(super) labels: bool,
    pub(super) headers: bool,
    /// Names with their kinds before them.
    pub(super) prefix: bool,
}

/// `deployment.apps`, as kubectl names a kind.
fn word(kind: &Kind) -> String {
    let dot = if kind.group.is_empty() { "" } else { "." };
    format!("{}{dot}{}", kind.kind.to_lowercase(), kind.group)
}

/// The objects of one kind, as `kubectl get` prints them.
pub(super) fn table(capture: &Capture, found: &Found<'_>, look: &Look<'_>) -> String {
    let sheet = sheet(capture, found);
    let is_shown = |column: &Value| look.wide || column["priority"].as_i64().unwrap_or_default() == 0;
    let shown: Vec<usize> = (0..sheet.columns.len()).filter(|at| is_shown(&sheet.columns[*at])).collect();
    let spaces = look.namespaces && found.kind.namespaced;
    let mut rows: Vec<Vec<String>> = Vec::new();
    if look.headers {
        let before = spaces.then(|| "NAMESPACE".to_owned());
        let names =
            shown.iter().map(|at| sheet.columns[*at]["name"].as_str().unwrap_or_default().to_uppercase());
        let labels =
            look.columns.iter().map(|label| label.rsplit('/').next().unwrap_or(label).to_uppercase());
        let all = look.labels.then(|| "LABELS".to_owned());
        rows.push(before.into_iter().chain(names).chain(labels).chain(all).collect());
    }
    for ((id, object), cells) in found.objects.iter().zip(&sheet.rows) {
        let row = shown.iter().map(|at| {
            let text = cells.get(*at).map(cell).unwrap_or_default();
            if *at == 0 && look.prefix { format!("{}/{text}", word(found.kind)) } else { text }
        });
        let before = spaces.then(|| id.namespace.clone());
        let own = &object["metadata"]["labels"];
        let labels = look.columns.iter().map(|label| own[label].as_str().unwrap_or_default().to_owned());
        let all = look.labels.then(|| self::labels(own));
        rows.push(before.into_iter().chain(row).chain(labels).chain(all).collect());
    }
    columns(&rows)
}

/// A cell up to the end of its line.
fn cell(value: &Value) -> String {
    let text = if value.is_null() { String::new() } else { go_print(value) };
    let line = match text.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", &text[..end]),
        None => text,
    };
    line.replace('\u{1b}', "^[")
}

fn labels(labels: &Value) -> String {
    let Some(labels) = labels.as_object().filter(|labels| !labels.is_empty()) else {
        return "<none>".to_owned();
    };
    labels.iter().map(|(key, value)| format!("{key}={}", go_print(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_one_line_as_go_prints_it() {
        for (value, text) in [
            (json!("a\nb"), "a..."),
            (json!(null), ""),
            (json!(["a", 1]), "[a 1]"),
            (json!(true), "true"),
            (json!("\u{1b}[31mred"), "^[[31mred"),
        ] {
            assert_eq!(cell(&value), text);
        }
    }
}
