use serde_json::Value;

/// The documents of a file of YAML or JSON, lists taken apart.
pub(super) fn objects(path: &str, bytes: &[u8]) -> Result<Vec<Value>, String> {
    let documents =
        if path.ends_with(".json") || bytes.first() == Some(&b'{') { json(bytes) } else { yaml(bytes) }?;
    let mut objects = Vec::new();
    for document in documents {
        flatten(document, &mut objects);
    }
    Ok(objects)
}

fn json(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let documents = serde_json::Deserializer::from_slice(bytes).into_iter();
    documents.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// YAML as kubectl reads it: `0755` is an octal number.
fn yaml(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents = serde_saphyr::from_multiple_with_options(text, options);
    documents.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
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
        assert_eq!(objects("a.yaml", yaml.as_bytes()).unwrap(), expected);
        assert_eq!(objects("x", b"{\"kind\":\"A\"}\n{\"kind\":\"B\"}").unwrap().len(), 2);
        for bad in ["kind: [", "a: b\n a: c\n"] {
            assert!(objects("a.yaml", bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(objects("a.json", b"{\"kind\":").is_err());
    }
}
