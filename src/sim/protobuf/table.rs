use std::{collections::BTreeMap, sync::LazyLock};

/// How often a field may stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Always once.
    Always,
    /// Once, or not at all.
    Optional,
    /// Any number of times.
    List,
    /// Any number of times, with a text as its key.
    Map,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Text,
    Bytes,
    Whole,
    Flag,
    Fraction,
    Message(&'static str),
}

/// One field of a message.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    /// The member of the JSON object; nothing for a message whose members are those of the object around it.
    pub(super) json: &'static str,
    pub(super) shape: Shape,
    pub(super) of: Of,
}

/// A kind of message.
#[derive(Debug)]
pub(super) struct MessageType {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
}

impl MessageType {
    /// Whether it is a list of texts that has a name of its own.
    pub(super) fn is_alias(&self) -> bool {
        matches!(self.fields.as_slice(), [Field { json: "items", shape: Shape::List, of: Of::Text, .. }])
    }
}

/// The messages of Kubernetes 1.36 by their names.
pub(super) fn messages() -> &'static BTreeMap<&'static str, MessageType> {
    static TABLE: LazyLock<BTreeMap<&'static str, MessageType>> = LazyLock::new(|| {
        let lines = include_str!("../data/v1_36/wire.txt").lines().filter_map(|line| line.split_once('\t'));
        let message = |(name, fields): (&'static str, &'static str)| {
            let fields = fields.split(' ').filter_map(field).collect();
            (name, MessageType { name, fields })
        };
        lines.map(message).collect()
    });
    &TABLE
}

fn field(text: &'static str) -> Option<Field> {
    let mut parts = text.splitn(3, ':');
    let (number, json, of) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    let shapes = [("*", Shape::Optional), ("[]", Shape::List), ("{}", Shape::Map)];
    let shaped = shapes.iter().find_map(|(mark, shape)| Some((of.strip_prefix(mark)?, *shape)));
    let (of, shape) = shaped.unwrap_or((of, Shape::Always));
    let of = match of {
        "s" => Of::Text,
        "y" => Of::Bytes,
        "i" => Of::Whole,
        "b" => Of::Flag,
        "d" => Of::Fraction,
        name => Of::Message(name),
    };
    Some(Field { number, json, shape, of })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_a_field_names_is_in_the_table() {
        for message in messages().values() {
            for field in &message.fields {
                if let Of::Message(name) = field.of {
                    let old = name.contains("beta") || name.contains("alpha");
                    assert!(messages().contains_key(name) || old, "{}: {name}", message.name);
                }
            }
        }
        assert!(messages()["apimachinery.pkg.apis.meta.v1.Verbs"].is_alias());
    }
}
