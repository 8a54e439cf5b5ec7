use kubetape::wire::go_escaped;
use serde::Serialize;
use serde_json::{Serializer, Value, ser::PrettyFormatter};

/// JSON as kubectl prints it: four spaces, and the letters that Go's JSON never has as they are.
pub(super) fn text(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // Values have no keys that JSON refuses, and memory does not fail to take bytes.
    let _ = value.serialize(&mut serializer);
    go_escaped(&String::from_utf8_lossy(&bytes)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_laid_out_as_go_does_it() {
        let value = json!({"b": [1, {}], "a": "<x>\u{2028}", "c": []});
        let expected = "{\n    \"a\": \"\\u003cx\\u003e\\u2028\",\n    \"b\": [\n        1,\n        {}\n    ],\n    \"c\": []\n}\n";
        assert_eq!(text(&value), expected);
    }
}
