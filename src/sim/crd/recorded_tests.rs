use super::errors;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the simulator does not find out: rules are compiled without their types and their cost is not estimated.
const OPEN: &[&str] = &["crd-cel-cost", "crd-cel-messageexpression-unbounded"];

/// Definitions that a real server refused or took, and what it said.
const RECORDED: &str = include_str!("../../../recordings/conformance/definitions.jsonl");

fn said(body: &Value) -> String {
    let mut object = body.clone();
    super::complete(&mut object);
    super::prepare(&mut object);
    let mut seen = BTreeSet::new();
    let found = errors(&object, None);
    let texts = found.iter().map(|error| format!("{}: {}", error.field, error.message));
    let texts: Vec<_> = texts.filter(|text| seen.insert(text.clone())).collect();
    let name = object["metadata"]["name"].as_str().unwrap();
    let all = if texts.len() == 1 { texts[0].clone() } else { format!("[{}]", texts.join(", ")) };
    let kind = "CustomResourceDefinition.apiextensions.k8s.io";
    if texts.is_empty() { String::new() } else { format!("{kind} {name:?} is invalid: {all}") }
}

#[test]
fn definitions_are_refused_with_the_texts_of_a_real_server() {
    let mut wrong = Vec::new();
    for line in RECORDED.lines() {
        let recorded: Value = serde_json::from_str(line).unwrap();
        let (id, said) = (recorded["id"].as_str().unwrap(), said(&recorded["body"]));
        let agrees = recorded["message"] == said.as_str();
        if agrees == OPEN.contains(&id) {
            wrong.push(format!("{id}\n  server {}\n  ours   {said}", recorded["message"].as_str().unwrap()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
