//! Tables have columns that count from now.

use regex::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;

const AGES: [&str; 5] = ["Age", "Last Seen", "First Seen", "Duration", "Last Schedule"];

static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^([0-9]+[ydhms])+$").expect("a pattern"));

/// Puts one word for every age that has the form of one. A table without columns has those of the one before.
pub(crate) fn without_ages(
    there: &mut Map<String, Value>,
    here: &mut Map<String, Value>,
    columns: &mut Vec<Value>,
) {
    if let Some(own) = there.get("columnDefinitions").and_then(Value::as_array).filter(|own| !own.is_empty())
    {
        columns.clone_from(own);
    }
    let counts = |column: &Value| column["name"].as_str().is_some_and(|name| AGES.contains(&name));
    let ages: Vec<usize> = (0..columns.len()).filter(|index| counts(&columns[*index])).collect();
    for table in [there, here] {
        for row in table.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
            for index in &ages {
                let Some(cell) = row.get_mut("cells").and_then(|cells| cells.get_mut(*index)) else {
                    continue;
                };
                if cell.as_str().is_some_and(|cell| AGE.is_match(cell)) {
                    *cell = Value::from("AGE");
                }
            }
        }
    }
}
