use super::Schema;
use serde_json::{Value, json};

fn spec(properties: Value) -> Schema {
    Schema::custom(&json!({
        "type": "object", "properties": {"spec": {"type": "object", "properties": properties}},
    }))
}

fn texts(schema: &Schema, value: Value, old: Option<Value>) -> Vec<String> {
    let object = |spec| json!({"apiVersion": "g/v1", "kind": "K", "metadata": {"name": "a"}, "spec": spec});
    let (object, old) = (object(value), old.map(object));
    let mut errors = schema.shape_errors(&object, old.as_ref());
    schema.finish(&object, old.as_ref(), &mut errors);
    errors.iter().map(|error| format!("{}|{}", error.field, error.message)).collect()
}

#[test]
fn values_are_checked_with_the_texts_of_the_server() {
    let schema = spec(json!({
        "color": {"type": "string", "enum": ["red", "green"]},
        "name": {"type": "string", "minLength": 3, "maxLength": 5, "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "minimum": 1, "maximum": 10, "format": "int32"},
        "list": {"type": "array", "maxItems": 1, "items": {"type": "string"}},
        "port": {"x-kubernetes-int-or-string": true},
        "when": {"type": "string", "format": "date-time"},
        "free": {"type": "object", "additionalProperties": {"type": "string"}},
        "strict": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
    }));
    for (value, expected) in [
        (
            json!({"color": "pink"}),
            "spec.color|Unsupported value: \"pink\": supported values: \"red\", \"green\"",
        ),
        (
            json!({"name": "ab"}),
            "spec.name|Invalid value: \"ab\": spec.name in body should be at least 3 chars long",
        ),
        (json!({"name": "abcdef"}), "spec.name|Too long: may not be more than 5 bytes"),
        (
            json!({"name": "AB1"}),
            "spec.name|Invalid value: \"AB1\": spec.name in body should match '^[a-z]+$'",
        ),
        (
            json!({"size": 0}),
            "spec.size|Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (json!({"list": ["a", "b"]}), "spec.list|Too many: 2: must have at most 1 item"),
        (
            json!({"port": 1.5}),
            "spec.port|Invalid value: \"number\": spec.port in body must be of type integer,string: \"number\"",
        ),
        (
            json!({"when": "soon"}),
            "spec.when|Invalid value: \"soon\": spec.when in body must be of type date-time: \"soon\"",
        ),
        (
            json!({"free": {"k": 1}}),
            "spec.free.k|Invalid value: \"integer\": spec.free.k in body must be of type string: \"integer\"",
        ),
        (json!({"strict": {}}), "spec.strict.a|Required value"),
    ] {
        assert_eq!(texts(&schema, value, None), [expected]);
    }
    assert_eq!(texts(&schema, json!({"color": "red", "size": 1.0, "port": "http"}), None), [""; 0]);
}

#[test]
fn a_fraction_for_an_integer_is_two_errors() {
    let schema = spec(json!({"int": {"type": "integer"}}));
    assert_eq!(
        texts(&schema, json!({"int": 1.5}), None),
        [
            "spec.int|Invalid value: \"number\": spec.int in body must be of type integer: \"number\"",
            "|Invalid value: \"\": Checked value must be of type integer (default format) in spec.int",
        ]
    );
}

#[test]
fn items_that_stand_twice_are_named_once() {
    let item = json!({"type": "object", "properties": {"name": {"type": "string"}, "v": {"type": "string"}}});
    let schema = spec(json!({
        "items": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": item},
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
    }));
    let twice = json!({"items": [{"name": "x", "v": "1"}, {"name": "x"}], "tags": ["a", "a", "a"]});
    assert_eq!(
        texts(&schema, twice.clone(), None),
        ["spec.items[1]|Duplicate value: {\"name\":\"x\"}", "spec.tags[1]|Duplicate value: \"a\""]
    );
    assert_eq!(texts(&schema, twice.clone(), Some(twice)), [""; 0]);
}

#[test]
fn what_was_wrong_before_passes_until_it_changes() {
    let schema = spec(json!({"n": {"type": "string", "maxLength": 3}, "m": {"type": "string"}}));
    let old = json!({"n": "toolong"});
    assert_eq!(texts(&schema, json!({"n": "toolong", "m": "x"}), Some(old.clone())), [""; 0]);
    assert_eq!(
        texts(&schema, json!({"n": "alsolong"}), Some(old)),
        ["spec.n|Too long: may not be more than 3 bytes"]
    );
}

#[test]
fn rules_run_on_every_node_and_say_what_the_server_says() {
    let schema = Schema::custom(&json!({"type": "object", "properties": {"spec": {
        "type": "object",
        "required": ["x"],
        "x-kubernetes-validations": [{"rule": "!has(self.y) || self.x < self.y", "message": "x must be less than y"}],
        "properties": {
            "x": {"type": "integer", "x-kubernetes-validations": [{"rule": "self <= 10"}]},
            "y": {"type": "integer"},
            "imm": {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "immutable"}]},
            "forb": {"type": "string",
                "x-kubernetes-validations": [{"rule": "self == 'ok'", "reason": "FieldValueForbidden", "message": "no"}]},
            "me": {"type": "string", "x-kubernetes-validations": [
                {"rule": "self.size() < 3", "messageExpression": "'got ' + self"},
            ]},
        },
    }}}));
    assert_eq!(texts(&schema, json!({"x": 11}), None), ["spec.x|Invalid value: 11: failed rule: self <= 10"]);
    assert_eq!(texts(&schema, json!({"x": 5, "y": 1}), None), ["spec|Invalid value: x must be less than y"]);
    assert_eq!(texts(&schema, json!({"x": 1, "forb": "bad"}), None), ["spec.forb|Forbidden: no"]);
    assert_eq!(
        texts(&schema, json!({"x": 1, "me": "abc"}), None),
        ["spec.me|Invalid value: \"abc\": got abc"]
    );
    assert_eq!(texts(&schema, json!({"x": 1, "imm": "a"}), None), [""; 0]);
    assert_eq!(texts(&schema, json!({"x": 1, "imm": "b"}), Some(json!({"x": 1}))), [""; 0]);
    assert_eq!(
        texts(&schema, json!({"x": 1, "imm": "b"}), Some(json!({"x": 1, "imm": "a"}))),
        ["spec.imm|Invalid value: \"b\": immutable"]
    );
    assert_eq!(
        texts(&schema, json!({}), None),
        [
            "spec.x|Required value",
            "|Invalid value: null: some validation rules were not checked because the object was invalid; \
             correct the existing errors to complete validation",
        ]
    );
}
