use super::accept::Form;
use crate::{
    sim::discovery::Kind,
    wire::{ObjectKey, RequestInfo},
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use std::{cell::RefCell, sync::Arc};

/// One request for objects, with all that verbs ask about it.
#[derive(Debug)]
pub struct Call<'a> {
    /// The parsed head.
    pub info: &'a RequestInfo,
    /// The HTTP method.
    pub method: &'a Method,
    /// The other headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a Bytes,
    /// The type.
    pub kind: Arc<Kind>,
    /// How the answer is wanted.
    pub form: Form,
    /// Who writes, for `managedFields`.
    pub manager: String,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// What happens to fields that nobody knows.
    pub strictness: Strictness,
    /// `Warning` headers of the answer.
    pub warnings: RefCell<Vec<String>>,
}

/// The `fieldValidation` of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Drop what is unknown.
    Ignore,
    /// Drop it and say so.
    Warn,
    /// Refuse the write.
    Strict,
}

impl Call<'_> {
    /// The name in the path.
    pub fn name(&self) -> &str {
        self.info.name.as_deref().unwrap_or_default()
    }

    /// The namespace in the path.
    pub fn namespace(&self) -> Option<&str> {
        self.info.namespace.as_deref()
    }

    /// The subresource in the path.
    pub fn subresource(&self) -> Option<&str> {
        self.info.subresource.as_deref()
    }

    /// Where `name` is stored.
    pub fn key_of(&self, name: &str) -> ObjectKey {
        ObjectKey::new(&self.kind.storage, self.namespace(), name)
    }

    /// Adds a `Warning` header to the answer, once.
    pub fn warn(&self, text: impl Into<String>) {
        let (text, mut warnings) = (text.into(), self.warnings.borrow_mut());
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }
}
