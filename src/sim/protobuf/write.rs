use super::{
    special,
    table::{Field, MessageType, Of, Shape, messages},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// Writes the fields of a message.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    pub(super) fn text(&mut self, number: u32, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    pub(super) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn whole(&mut self, number: u32, value: i64) {
        self.varint(u64::from(number) << 3);
        self.varint(value as u64);
    }

    fn fraction(&mut self, number: u32, value: f64) {
        self.varint(u64::from(number) << 3 | 1);
        self.out.extend_from_slice(&value.to_bits().to_le_bytes());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn one(&mut self, number: u32, of: Of, value: &Value) {
        match of {
            Of::Text => self.text(number, value.as_str().unwrap_or_default()),
            Of::Bytes => {
                let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default();
                self.bytes(number, &bytes);
            }
            Of::Whole => self.whole(number, value.as_i64().unwrap_or(0)),
            Of::Flag => self.whole(number, (*value == true).into()),
            Of::Fraction => self.fraction(number, value.as_f64().unwrap_or(0.0)),
            Of::Message(name) => {
                let inner = messages().get(name).map(|kind| message(kind, value));
                self.bytes(number, &inner.unwrap_or_default());
            }
        }
    }

    fn field(&mut self, field: &Field, object: &Value) {
        let value = if field.json.is_empty() { object } else { &object[field.json] };
        match field.shape {
            Shape::Always if value.is_null() && field.of == Of::Bytes => {}
            Shape::Always => self.one(field.number, field.of, value),
            Shape::Optional if value.is_null() => {}
            Shape::Optional => self.one(field.number, field.of, value),
            Shape::List => {
                for item in value.as_array().into_iter().flatten() {
                    self.one(field.number, field.of, item);
                }
            }
            Shape::Map => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    let mut entry = Writer::default();
                    entry.text(1, key);
                    entry.one(2, field.of, item);
                    self.bytes(field.number, &entry.out);
                }
            }
        }
    }
}

/// A JSON value as a message.
pub(super) fn message(kind: &MessageType, value: &Value) -> Vec<u8> {
    if let Some(bytes) = special::write(kind, value) {
        return bytes;
    }
    let mut writer = Writer::default();
    for field in &kind.fields {
        writer.field(field, value);
    }
    writer.out
}
