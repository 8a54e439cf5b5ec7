//! The published format against the reader: the page, the schema and the old tapes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kubetape::tape::{Event, Payload, SealOptions, Tape};
use serde_json::Value;
use std::{fs, path::Path};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn tapes() -> Vec<String> {
    let page = file("docs/tape-format.md");
    let blocks = page.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    let files = ["v1-captured.ktape", "v1-sealed.ktape"].map(|name| file(&format!("fixtures/tapes/{name}")));
    blocks.chain(files).collect()
}

#[test]
fn the_tapes_of_format_1_and_the_example_of_the_page_can_be_read() {
    let tapes = tapes();
    assert_eq!(tapes.len(), 3);
    let load = |text: &String| Tape::read(text.as_bytes()).unwrap();
    let example = load(&tapes[0]);
    assert_eq!(example.events.len(), 12);
    let Event::Answer(answer) = &example.events[7].event else { panic!("{example:?}") };
    let Payload::Json(list) = &answer.body else { panic!("{answer:?}") };
    assert_eq!(list["items"][0]["metadata"]["uid"], "6f1e2d3c-5a01-4c7e-9b1f-0c2d9e8a7b61");
    let Event::Frame { object, .. } = &example.events[5].event else { panic!("{example:?}") };
    assert_eq!(object["metadata"]["deletionTimestamp"], "2026-07-01T10:00:01.000250Z");
    let (captured, mut sealed) = (load(&tapes[1]), load(&tapes[2]));
    sealed.header.sealed = false;
    assert_eq!(captured, sealed);
    assert_eq!(captured.to_sealed(&SealOptions::default()), tapes[2]);
}

#[test]
fn every_record_satisfies_the_schema() {
    let schema: Value = serde_json::from_str(&file("docs/ktape-1.schema.json")).unwrap();
    let mut count = 0;
    for tape in tapes() {
        for record in serde_json::Deserializer::from_str(&tape).into_iter::<Value>() {
            let record = record.unwrap();
            assert!(satisfies(&record, &schema), "{record}");
            count += 1;
        }
    }
    assert!(count > 80);
    for wrong in [
        r#"{"n":1,"at":"0s"}"#,
        r#"{"n":1,"at":"0s","res":"r1"}"#,
        r#"{"n":1,"at":"0s","req":"r","by":"a","do":"x","path":"/"}"#,
    ] {
        assert!(!satisfies(&serde_json::from_str(wrong).unwrap(), &schema), "{wrong}");
    }
}

/// As much of JSON Schema as ours uses.
fn satisfies(value: &Value, schema: &Value) -> bool {
    let kind = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("{other} is not known here"),
    };
    let list = |key: &str| schema[key].as_array().cloned().unwrap_or_default();
    let fields = value.as_object().cloned().unwrap_or_default();
    let field = |(key, field): (&String, &Value)| {
        let rule = schema["properties"].get(key).or(schema.get("additionalProperties"));
        rule.is_none_or(|rule| satisfies(field, rule))
    };
    kind && list("required").iter().all(|key| fields.contains_key(key.as_str().unwrap()))
        && fields.iter().all(field)
        && schema.get("const").is_none_or(|expected| expected == value)
        && (schema.get("enum").is_none() || list("enum").contains(value))
        && schema
            .get("items")
            .is_none_or(|rule| value.as_array().unwrap().iter().all(|item| satisfies(item, rule)))
        && (schema.get("oneOf").is_none()
            || list("oneOf").iter().filter(|rule| satisfies(value, rule)).count() == 1)
}
