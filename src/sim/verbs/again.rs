//! Configurations that were applied and changed nothing: asked again about the same object, the answer is known.
//! An operator that applies its children every few seconds mostly does that.

use super::{Call, reply::Reply};
use crate::sim::discovery::Kind;
use bytes::Bytes;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// How many of them are remembered.
const MANY: usize = 1000;

/// What was applied where, by path and query.
#[derive(Debug, Default)]
pub struct Again(BTreeMap<String, Applied>);

#[derive(Debug)]
struct Applied {
    /// The very object that it left as it was.
    live: Arc<Value>,
    /// The type as it was then.
    kind: Arc<Kind>,
    manager: String,
    body: Bytes,
    answer: Arc<Value>,
}

impl Again {
    /// The answer to an apply that was made before, of the same object and with nothing changed since.
    pub fn answer(&self, call: &Call<'_>, live: &Arc<Value>) -> Option<Reply> {
        let known = self.0.get(&call.info.path_and_query())?;
        let same = Arc::ptr_eq(&known.live, live)
            && Arc::ptr_eq(&known.kind, &call.kind)
            && known.manager == call.manager
            && known.body == *call.body;
        same.then(|| Reply::Object(200, known.answer.clone()))
    }

    /// Remembers an apply that changed nothing and warned of nothing.
    pub fn note(&mut self, call: &Call<'_>, live: &Arc<Value>, answer: &Arc<Value>) {
        if self.0.len() >= MANY {
            self.0.clear();
        }
        let applied = Applied {
            live: live.clone(),
            kind: call.kind.clone(),
            manager: call.manager.clone(),
            body: call.body.clone(),
            answer: answer.clone(),
        };
        self.0.insert(call.info.path_and_query(), applied);
    }
}
