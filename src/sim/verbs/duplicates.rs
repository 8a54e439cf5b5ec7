use super::Call;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Spanned, options::DuplicateKeyPolicy};
use std::{cell::RefCell, collections::BTreeSet, fmt};

/// Values that hold no keys are passed over.
macro_rules! no_values {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
            Ok(())
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
            Ok(())
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
            Ok(())
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
            Ok(())
        }

        fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
            Ok(())
        }

        fn visit_unit<E: Error>(self) -> Result<(), E> {
            Ok(())
        }
    };
}

/// The paths of the keys that stand twice in an object of a JSON text, in their order.
pub fn find(body: &[u8]) -> Vec<String> {
    let found = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_slice(body);
    // A text that is no JSON was refused before.
    let _ = Scan { path: "", found: &found }.deserialize(&mut reader);
    found.into_inner()
}

/// What a strict reader says of the keys that stand twice in a body; nothing where there are none.
pub fn strange(call: &Call<'_>) -> Vec<String> {
    if call.info.content_type.as_deref() == Some("application/yaml") {
        return yaml(call.body).map(|(_, found)| found).unwrap_or_default();
    }
    find(call.body).iter().map(|path| format!("duplicate field {path:?}")).collect()
}

/// The same for an applied configuration, which is read as YAML even where it is JSON.
pub fn applied(call: &Call<'_>) -> Vec<String> {
    let plain = serde_json::from_slice::<serde::de::IgnoredAny>(call.body).is_ok();
    if plain && find(call.body).is_empty() {
        return Vec::new();
    }
    yaml(call.body).map(|(_, found)| found).unwrap_or_default()
}

/// How a reader of YAML that refuses them names them all.
pub fn refused(found: &[String]) -> String {
    format!("yaml: unmarshal errors:\n  {}", found.join("\n  "))
}

/// A YAML text as JSON, and what a strict reader says of each key that stands twice in it: the last one counts.
///
/// # Errors
/// What keeps it from being YAML.
pub fn yaml(body: &[u8]) -> Result<(Value, Vec<String>), serde_saphyr::Error> {
    let options = || serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
    let value = serde_saphyr::from_slice_with_options(body, options())?;
    let found = RefCell::new(Vec::new());
    let scan = |reader: serde_saphyr::Deserializer<'_, '_>| Lines(&found).deserialize(reader);
    // Keys that are no texts were refused before.
    let _ = serde_saphyr::with_deserializer_from_slice_with_options(body, options(), scan);
    let said = |(line, key)| format!("line {line}: key {key:?} already set in map");
    Ok((value, found.into_inner().into_iter().map(said).collect()))
}

struct Lines<'a>(&'a RefCell<Vec<(u64, String)>>);

impl<'de> DeserializeSeed<'de> for Lines<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Lines<'_> {
    type Value = ();
    no_values!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Lines(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = members.next_key::<Spanned<String>>()? {
            if !seen.insert(key.value.clone()) {
                self.0.borrow_mut().push((key.referenced.line(), key.value));
            }
            members.next_value_seed(Lines(self.0))?;
        }
        Ok(())
    }
}

struct Scan<'a> {
    path: &'a str,
    found: &'a RefCell<Vec<String>>,
}

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan<'_> {
    type Value = ();

    no_values!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut at = 0;
        loop {
            let path = format!("{}[{at}]", self.path);
            if items.next_element_seed(Scan { path: &path, found: self.found })?.is_none() {
                return Ok(());
            }
            at += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = members.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            if !seen.insert(key) {
                self.found.borrow_mut().push(path.clone());
            }
            members.next_value_seed(Scan { path: &path, found: self.found })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_stand_twice_in_yaml_are_found_with_their_lines() {
        let (value, found) = yaml(b"a: 1\nb:\n  c: x\n  c: z\na: 2\n").unwrap();
        assert_eq!(value, serde_json::json!({"a": 2, "b": {"c": "z"}}));
        assert_eq!(found, ["line 4: key \"c\" already set in map", "line 5: key \"a\" already set in map"]);
    }

    #[test]
    fn keys_that_stand_twice_are_found_wherever_they_are() {
        let text = br#"{"a":1,"b":[{"c":1,"c":2}],"a":{"x":null,"x":"y"}}"#;
        assert_eq!(find(text), ["b[0].c", "a", "a.x"]);
        assert_eq!(find(b"{"), [""; 0]);
    }
}
