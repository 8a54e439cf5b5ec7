use super::reads::json_text;
use crate::wire::Response;
use bytes::Bytes;
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

/// Objects as they are sent, each spelled once: repeats are often answered with the same one.
#[derive(Debug, Default)]
pub(super) struct Texts(RefCell<BTreeMap<usize, (Arc<Value>, Bytes)>>);

impl Texts {
    /// A 200 with the object.
    pub(super) fn response(&self, object: &Arc<Value>) -> Response {
        json_text(self.of(object))
    }

    /// The object as JSON.
    pub(super) fn of(&self, object: &Arc<Value>) -> Bytes {
        // The object is held beside its text, so that no other one can come to its address.
        let place = Arc::as_ptr(object).addr();
        let mut texts = self.0.borrow_mut();
        let (_, text) =
            texts.entry(place).or_insert_with(|| (object.clone(), Bytes::from(object.to_string())));
        text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_is_spelled_once_and_never_taken_for_another() {
        let texts = Texts::default();
        let first = Arc::new(json!({"a": 1}));
        assert_eq!(texts.of(&first).as_ptr(), texts.of(&first.clone()).as_ptr());
        for number in 0..100 {
            let other = Arc::new(json!({ "a": number }));
            assert_eq!(texts.of(&other), other.to_string());
        }
    }
}
