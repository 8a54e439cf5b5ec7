use serde_json::Value;

/// The objects of a file of YAML or JSON, lists taken apart, and what is wrong with documents that cannot be
/// read.
pub(super) fn objects(path: &str, bytes: &[u8]) -> (Vec<Value>, Vec<String>) {
    let json_text = path.ends_with(".json") || bytes.first() == Some(&b'{');
    let documents = if json_text { json(bytes) } else { yaml(bytes) };
    let (mut objects, mut wrong) = (Vec::new(), Vec::new());
    for document in documents {
        match document {
            Ok(document) => flatten(document, &mut objects),
            Err(why) => wrong.push(why),
        }
    }
    (objects, wrong)
}

fn json(bytes: &[u8]) -> Vec<Result<Value, String>> {
    let documents = serde_json::Deserializer::from_slice(bytes).into_iter();
    documents.map(|document| document.map_err(|error| error.to_string())).collect()
}

/// YAML as kubectl reads it: `0755` is an octal number.
fn yaml(bytes: &[u8]) -> Vec<Result<Value, String>> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return vec![Err(error.to_string())],
    };
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let read = |document: &str| -> Result<Vec<Value>, String> {
        serde_saphyr::from_multiple_with_options(document, options.clone())
            .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
    };
    let mut documents = Vec::new();
    for (line, document) in apart(text) {
        match read(document) {
            Ok(read) => documents.extend(read.into_iter().map(Ok)),
            Err(why) => documents.push(Err(format!("the document at line {line}: {why}"))),
        }
    }
    documents
}

/// The documents of a stream, each with the number of its first line: a mark at the beginning of a line stands
/// in no text of YAML.
fn apart(text: &str) -> Vec<(usize, &str)> {
    let (mut documents, mut start, mut first, mut at) = (Vec::new(), 0, 1, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.trim_end() == "---" || line.starts_with("--- ") {
            documents.push((first, &text[start..at]));
            (start, first) = (at, number + 1);
        }
        at += line.len();
    }
    documents.push((first, &text[start..]));
    documents
}

fn flatten(document: Value, objects: &mut Vec<Value>) {
    let kind = document["kind"].as_str().unwrap_or_default().to_owned();
    let is_list = document["items"].is_array() && kind != "APIGroupDiscoveryList";
    let Some(item_kind) = kind.strip_suffix("List").filter(|_| is_list) else {
        if !document.is_null() {
            objects.push(document);
        }
        return;
    };
    let version = document["apiVersion"].clone();
    let Value::Object(mut fields) = document else { return };
    for mut item in fields.remove("items").and_then(|items| items.as_array().cloned()).unwrap_or_default() {
        if let (Some(fields), false) = (item.as_object_mut(), item_kind.is_empty()) {
            fields.entry("kind").or_insert_with(|| item_kind.into());
            fields.entry("apiVersion").or_insert_with(|| version.clone());
        }
        flatten(item, objects);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn streams_and_lists_of_both_languages_are_read() {
        let yaml = "kind: Pod\nmode: 0755\n---\n---\nkind: List\nitems:\n- kind: Service\n- kind: PodList\n  apiVersion: v1\n  items: [{metadata: {name: a}}]\n";
        let expected = [
            json!({"kind": "Pod", "mode": 493}),
            json!({"kind": "Service"}),
            json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}),
        ];
        assert_eq!(objects("a.yaml", yaml.as_bytes()), (expected.to_vec(), Vec::new()));
        assert_eq!(objects("x", b"{\"kind\":\"A\"}\n{\"kind\":\"B\"}").0.len(), 2);
        for bad in ["kind: [", "a: b\n a: c\n"] {
            assert_eq!(objects("a.yaml", bad.as_bytes()).1.len(), 1, "{bad}");
        }
        assert_eq!(objects("a.json", b"{\"kind\":").1.len(), 1);
    }

    #[test]
    fn a_bad_document_takes_no_other_with_it() {
        let text = "kind: A\ntext: |\n  ---\n---\nkind: [\n--- # the last\nkind: C\n";
        let (objects, wrong) = objects("a.yaml", text.as_bytes());
        assert_eq!(objects, [json!({"kind": "A", "text": "---\n"}), json!({"kind": "C"})]);
        assert!(wrong.len() == 1 && wrong[0].starts_with("the document at line 4: "), "{wrong:?}");
    }
}
