//! Selectors, JSONPath templates and query strings: parsed or refused, and used on an object.
#![no_main]

use kubetape::wire::{FieldSelector, JsonPath, LabelSelector, Query};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let object = json!({"metadata": {"name": "a", "labels": {"app": "web", "n": "7"}}, "items": [{"x": 1}, {"x": [2, null]}]});
    if let Ok(selector) = LabelSelector::parse(text) {
        let _ = selector.matches(&object);
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let _ = selector.matches(&object);
    }
    if let Ok(path) = JsonPath::parse(text) {
        let _ = path.fill(&object);
        let _ = path.find(&object);
    }
    let _ = Query::parse(text).iter().count();
});
