use super::{
    special,
    table::{Field, MessageType, Of, Shape, messages},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// How deep messages may stand in one another.
const DEPTH: usize = 100;

/// One field as it stands in the bytes.
pub(super) struct Found<'a> {
    pub(super) number: u32,
    value: Raw<'a>,
}

enum Raw<'a> {
    Whole(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Found<'a> {
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self.value {
            Raw::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn whole(&self) -> Option<i64> {
        match self.value {
            // Negative numbers stand as their complement.
            Raw::Whole(number) => Some(number as i64),
            _ => None,
        }
    }
}

/// Reads the fields of a message.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// All fields; `None` for bytes that are no message.
    pub(super) fn fields(bytes: &'a [u8]) -> Option<Vec<Found<'a>>> {
        let (mut reader, mut all) = (Self(bytes), Vec::new());
        while !reader.0.is_empty() {
            let tag = reader.varint()?;
            let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
            let value = match tag & 7 {
                0 => Raw::Whole(reader.varint()?),
                1 => Raw::Fixed(u64::from_le_bytes(reader.take(8)?.try_into().ok()?)),
                2 => {
                    let length = usize::try_from(reader.varint()?).ok()?;
                    Raw::Bytes(reader.take(length)?)
                }
                5 => Raw::Fixed(u32::from_le_bytes(reader.take(4)?.try_into().ok()?).into()),
                _ => return None,
            };
            all.push(Found { number, value });
        }
        Some(all)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

/// A message as JSON.
pub(super) fn message(kind: &MessageType, bytes: &[u8]) -> Option<Value> {
    nested(kind, bytes, DEPTH)
}

pub(super) fn nested(kind: &MessageType, bytes: &[u8], depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    if let Some(value) = special::read(kind, bytes, depth) {
        return value;
    }
    let mut object = Map::new();
    members(kind, bytes, &mut object, depth)?;
    Some(Value::Object(object))
}

fn members(kind: &MessageType, bytes: &[u8], object: &mut Map<String, Value>, depth: usize) -> Option<()> {
    for found in Reader::fields(bytes)? {
        let Some(field) = kind.fields.iter().find(|field| field.number == found.number) else { continue };
        match (field.shape, field.of) {
            (_, Of::Message(name)) if field.json.is_empty() => {
                members(messages().get(name)?, found.bytes()?, object, depth.checked_sub(1)?)?;
            }
            (Shape::List, _) => {
                let value = one(field, &found, depth)?;
                let list = object.entry(field.json).or_insert_with(|| json!([]));
                list.as_array_mut()?.push(value);
            }
            (Shape::Map, _) => {
                let (key, value) = entry(field, found.bytes()?, depth)?;
                let map = object.entry(field.json).or_insert_with(|| json!({}));
                map.as_object_mut()?.insert(key, value);
            }
            (shape, _) => {
                let value = one(field, &found, depth)?;
                // What is always written says nothing where it is nothing.
                let nothing = matches!(&value, Value::String(text) if text.is_empty())
                    || value == json!(0)
                    || value == json!(false);
                if shape == Shape::Optional || !nothing {
                    object.insert(field.json.to_owned(), value);
                }
            }
        }
    }
    Some(())
}

fn entry(field: &Field, bytes: &[u8], depth: usize) -> Option<(String, Value)> {
    let (mut key, mut value) = (String::new(), None);
    for found in Reader::fields(bytes)? {
        match found.number {
            1 => key = String::from_utf8_lossy(found.bytes()?).into_owned(),
            2 => value = Some(one(field, &found, depth)?),
            _ => {}
        }
    }
    let nothing = || match field.of {
        Of::Text | Of::Bytes => json!(""),
        Of::Whole | Of::Fraction => json!(0),
        Of::Flag => json!(false),
        Of::Message(_) => json!({}),
    };
    Some((key, value.unwrap_or_else(nothing)))
}

fn one(field: &Field, found: &Found<'_>, depth: usize) -> Option<Value> {
    Some(match field.of {
        Of::Text => json!(String::from_utf8_lossy(found.bytes()?)),
        Of::Bytes => json!(STANDARD.encode(found.bytes()?)),
        Of::Whole => json!(found.whole()?),
        Of::Flag => json!(found.whole()? != 0),
        Of::Fraction => match found.value {
            Raw::Fixed(bits) => json!(f64::from_bits(bits)),
            _ => return None,
        },
        Of::Message(name) => nested(messages().get(name)?, found.bytes()?, depth)?,
    })
}
