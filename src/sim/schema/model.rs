use super::{
    Checks, Compiled, Definitions,
    definitions::{Definition, OBJECT_META},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What one value may be and how it merges: a node of a built-in type or of a CustomResourceDefinition.
#[derive(Debug, Default)]
pub struct Schema {
    /// The definition that this node refers to; structure comes from there, the rest may be said here.
    pub(super) base: Option<&'static Definition>,
    /// The last part of the name of the definition that this is, as Go calls the struct.
    pub name: Option<&'static str>,
    /// `type`.
    pub kind: Option<Kind>,
    /// `format`.
    pub format: Option<String>,
    /// `default`.
    pub default: Option<Value>,
    /// `nullable`.
    pub nullable: bool,
    /// `x-kubernetes-int-or-string`, or one of the built-in types that are written both ways.
    pub int_or_string: bool,
    /// `x-kubernetes-preserve-unknown-fields`.
    pub preserve_unknown: bool,
    /// `x-kubernetes-embedded-resource`.
    pub embedded: bool,
    /// `properties`.
    pub properties: BTreeMap<String, Schema>,
    /// `additionalProperties`.
    pub additional: Option<Box<Schema>>,
    /// `items`.
    pub items: Option<Box<Schema>>,
    /// `required`.
    pub required: Vec<String>,
    /// How server-side apply sees a list; `None` is atomic.
    pub list: Option<ListType>,
    /// `x-kubernetes-map-type`: whether a map or struct is applied as a whole.
    pub atomic: Option<bool>,
    /// How a strategic merge patch sees the field.
    pub patch: Strategy,
    /// How the zero value of a built-in field is written.
    pub zero: Zero,
    /// The Go type of a built-in field where it is not the usual one.
    pub go: Option<String>,
    /// What a value must fulfil besides its type.
    pub checks: Option<Box<Checks>>,
    /// `x-kubernetes-validations`.
    pub rules: Vec<Compiled>,
    /// Whether there are rules here or below, once somebody asked.
    #[cfg(feature = "cel")]
    pub(super) ruled: std::sync::OnceLock<bool>,
}

/// A JSON type of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// `x-kubernetes-list-type` other than atomic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListType {
    /// Each value is an item of its own.
    Set,
    /// Items are told apart by these fields.
    Map(Vec<String>),
}

/// `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// Lists of this field merge.
    pub merge: bool,
    /// The field is replaced, though it is an object.
    pub replace: bool,
    /// The field that tells the items of a merged list apart.
    pub key: Option<String>,
}

/// How the encoder of the server writes an empty field of a built-in type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zero {
    /// A pointer: null is left out, everything else is kept.
    #[default]
    Pointer,
    /// Always written.
    Kept,
    /// Left out when empty.
    Dropped,
    /// A struct that is always written.
    Struct,
    /// A struct that is left out when it has no member.
    DroppedStruct,
}

impl Schema {
    /// A schema as a built-in definition or a CustomResourceDefinition spells it. References are looked up in
    /// `definitions`.
    pub fn parse(text: &Value, definitions: Option<&'static Definitions>) -> Self {
        let string = |key: &str| text[key].as_str();
        let flag = |key: &str| text[key] == true;
        let inner = |value: &Value| Box::new(Self::parse(value, definitions));
        let strings = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        };
        let list = match string("x-kubernetes-list-type") {
            Some("set") => Some(ListType::Set),
            Some("map") => Some(ListType::Map(strings(&text["x-kubernetes-list-map-keys"]))),
            _ => None,
        };
        let properties = text["properties"].as_object().into_iter().flatten();
        let strategies: Vec<_> = string("x-kubernetes-patch-strategy").unwrap_or("").split(',').collect();
        Self {
            base: string("$ref").and_then(|name| definitions?.entry(name)),
            name: None,
            kind: string("type").and_then(Kind::parse),
            format: string("format").map(str::to_owned),
            default: text.get("default").cloned(),
            nullable: flag("nullable"),
            int_or_string: flag("x-kubernetes-int-or-string")
                || (definitions.is_some() && text["oneOf"].is_array()),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields")
                || flag("additionalProperties")
                || (definitions.is_some() && is_free(text)),
            embedded: flag("x-kubernetes-embedded-resource"),
            properties: properties.map(|(key, value)| (key.clone(), *inner(value))).collect(),
            additional: text.get("additionalProperties").filter(|value| value.is_object()).map(inner),
            items: text.get("items").filter(|value| value.is_object()).map(inner),
            required: strings(&text["required"]),
            list,
            atomic: string("x-kubernetes-map-type").map(|kind| kind == "atomic"),
            patch: Strategy {
                merge: strategies.contains(&"merge"),
                replace: strategies.contains(&"replace"),
                key: string("x-kubernetes-patch-merge-key").map(str::to_owned),
            },
            zero: string("x").map(Zero::parse).unwrap_or_default(),
            go: string("go").map(str::to_owned),
            checks: Checks::parse(text, definitions).map(Box::new),
            rules: Compiled::parse(text),
            #[cfg(feature = "cel")]
            ruled: std::sync::OnceLock::new(),
        }
    }

    /// The root of a custom resource: `apiVersion`, `kind` and `metadata` are there whatever it says, and so
    /// they are below embedded resources.
    pub fn custom(text: &Value) -> Self {
        let mut root = Self::parse(text, None);
        root.embed();
        root.embed_below();
        root
    }

    fn embed(&mut self) {
        for key in ["apiVersion", "kind"] {
            let string = || Self { kind: Some(Kind::String), ..Self::default() };
            self.properties.entry(key.to_owned()).or_insert_with(string);
        }
        let given = self.properties.remove("metadata").unwrap_or_default();
        let base = Definitions::latest().entry(OBJECT_META);
        let metadata =
            Self { base, kind: Some(Kind::Object), properties: given.properties, ..Self::default() };
        self.properties.insert("metadata".to_owned(), Self { checks: given.checks, ..metadata });
    }

    fn embed_below(&mut self) {
        let children = self.properties.values_mut();
        for child in children.chain(self.additional.as_deref_mut()).chain(self.items.as_deref_mut()) {
            if child.embedded {
                child.embed();
            }
            child.embed_below();
        }
    }

    /// The node that says what the value consists of: the definition, where this is a reference.
    pub fn shape(&self) -> &Self {
        self.base.and_then(Definition::schema).unwrap_or(self)
    }

    /// The schema of a member of an object.
    pub fn member(&self, key: &str) -> Option<&Self> {
        let shape = self.shape();
        shape.properties.get(key).or(shape.additional.as_deref())
    }

    /// The schema of a named field, which a free member is not.
    pub fn field(&self, key: &str) -> Option<&Self> {
        self.shape().properties.get(key)
    }

    /// The schema of the items of a list.
    pub fn item(&self) -> Option<&Self> {
        self.shape().items.as_deref()
    }

    /// Whether a map or struct is applied as a whole.
    pub fn is_atomic(&self) -> bool {
        // What no Go type describes is one piece to the server.
        let raw = self.shape().name == Some("RawExtension");
        self.atomic.or(self.shape().atomic).unwrap_or(raw)
    }

    /// How server-side apply tells the items of the list apart; `None` when it is atomic.
    pub fn list_type(&self) -> Option<&ListType> {
        self.list.as_ref().or(self.shape().list.as_ref())
    }

    /// The type, of this node or of its definition.
    pub fn kind(&self) -> Option<Kind> {
        self.kind.or(self.shape().kind)
    }

    /// Whether nothing is said about what the value consists of: objects merge by member, lists do not.
    pub fn is_free(&self) -> bool {
        let shape = self.shape();
        shape.preserve_unknown && shape.properties.is_empty() && shape.additional.is_none()
    }

    /// The format, of this node or of its definition.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref().or(self.shape().format.as_deref())
    }

    /// Whether a number or a string may stand here.
    pub fn is_int_or_string(&self) -> bool {
        self.int_or_string || self.shape().int_or_string
    }
}

/// A built-in type that says nothing of its members.
fn is_free(text: &Value) -> bool {
    let silent = |key: &str| text.get(key).is_none();
    let object = text.get("type").is_none_or(|kind| kind == "object");
    object && ["$ref", "oneOf", "properties", "additionalProperties"].iter().all(|key| silent(key))
}

impl Kind {
    /// The name that a schema has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Object, Self::Array, Self::String, Self::Integer, Self::Number, Self::Boolean];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

impl Zero {
    fn parse(mark: &str) -> Self {
        match mark {
            "k" => Self::Kept,
            "v" => Self::Dropped,
            "s" => Self::Struct,
            "z" => Self::DroppedStruct,
            _ => Self::Pointer,
        }
    }
}
