use super::{
    Call, State,
    accept::{Media, Transform, no_watch_in_yaml},
    convert::shown,
    frames::Form,
    options::integer,
    read::ahead,
    reply::Reply,
    select, table,
};
use crate::{
    history::{Event, Scope, metadata_of},
    sim::{
        discovery::Kind,
        protobuf,
        refusal::{FieldError, invalid_options},
    },
    wire::{EventType, Failure},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::watch;

/// A stream of what happens to the objects of a scope.
#[derive(Debug)]
pub struct Watch {
    scope: Scope,
    kind: Arc<Kind>,
    transform: Transform,
    include: Option<String>,
    bookmarks: bool,
    binary: bool,
    columns_sent: bool,
    after: u64,
    waiting: VecDeque<Bytes>,
    over: bool,
    compactions: u64,
    now: Timestamp,
    /// Changes whenever there may be something new.
    pub topic: watch::Receiver<u64>,
    /// How long the stream lasts.
    pub timeout: Duration,
}

/// What comes after the lines of a watch that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// More, when there is news.
    More,
    /// The end of the stream, in good order.
    End,
    /// The connection breaks, as with the server that held it.
    Break,
}

/// How a watch starts.
enum Start {
    /// Behind this revision.
    After(u64),
    /// With what there is; `end` marks the end of that.
    Present { end: bool },
}

/// Starts a watch.
///
/// # Errors
/// 400, 422 and 500 for options that make no sense, 406 for YAML.
pub fn watch(state: &mut State, call: &Call<'_>) -> Result<Reply, Failure> {
    if call.form.media == Media::Yaml {
        return Err(no_watch_in_yaml());
    }
    let query = &call.info.query;
    let seconds = match query.get("timeoutSeconds") {
        None | Some("") => 0,
        Some(text) => integer(text)?,
    };
    let scope = select::scope(call)?;
    let include = query.get("includeObject");
    if call.form.transform == Transform::Table {
        table::table(&call.kind, &[], Value::Null, include, state.clock.now())?;
    }
    let start = start(state, call)?;
    // Without a wish the server ends a watch after half an hour to an hour.
    let seconds = match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 => seconds,
        _ => 1800 + state.dice.roll() % 1800,
    };
    let topic = state.store.topic(&scope.resource);
    let mut watch = Watch {
        scope,
        kind: call.kind.clone(),
        transform: call.form.transform,
        include: include.map(str::to_owned),
        bookmarks: query.is_true("allowWatchBookmarks"),
        binary: call.form.media == Media::Protobuf,
        columns_sent: false,
        after: 0,
        waiting: VecDeque::new(),
        over: false,
        compactions: state.store.compactions(),
        now: state.clock.now(),
        topic,
        // No stream lives longer than a day, whatever is asked for.
        timeout: Duration::from_secs(seconds.min(86_400)),
    };
    match start {
        Ok(Start::After(rv)) => watch.after = rv,
        Ok(Start::Present { end }) => watch.present(state, end),
        Err(failure) => watch.fail(&failure),
    }
    Ok(Reply::Watch(Box::new(watch)))
}

/// Where a watch starts; the inner failure is told in the stream.
fn start(state: &State, call: &Call<'_>) -> Result<Result<Start, Failure>, Failure> {
    let query = &call.info.query;
    let text = |key| query.get(key).unwrap_or_default();
    let (rv, how) = (text("resourceVersion"), text("resourceVersionMatch"));
    let initial = query.get("sendInitialEvents").map(|_| query.is_true("sendInitialEvents"));
    let number = match rv {
        "" => 0,
        rv => rv.parse::<u64>().map_err(|_| Failure::new(500, "", super::read::unparsable(rv)))?,
    };
    let errors = watch_errors(how, initial, number == 0 && !text("continue").is_empty());
    if !errors.is_empty() {
        return Err(invalid_options("ListOptions", &errors));
    }
    let bookmarks = query.is_true("allowWatchBookmarks");
    let newest = state.store.revision();
    Ok(match initial {
        Some(true) => ahead(state, number).map(|()| Start::Present { end: bookmarks }),
        Some(false) if number == 0 => Ok(Start::After(newest)),
        None if number == 0 => Ok(Start::Present { end: bookmarks }),
        _ => Ok(Start::After(number)),
    })
}

fn watch_errors(how: &str, initial: Option<bool>, token: bool) -> Vec<FieldError> {
    let field = "resourceVersionMatch";
    let mut errors = Vec::new();
    match initial {
        Some(_) if how != "NotOlderThan" => {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            errors.push(FieldError::forbidden(field, why));
        }
        None if !how.is_empty() => {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.push(FieldError::forbidden(field, why));
        }
        _ => {}
    }
    if !how.is_empty() && how != "NotOlderThan" {
        errors.push(FieldError::unsupported(field, &json!(how), &["NotOlderThan"]));
    }
    if token {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        errors.push(FieldError::forbidden(field, why));
    }
    errors
}

impl Watch {
    /// The lines that are new, and how the stream goes on.
    pub fn read(&mut self, state: &State) -> (Vec<Bytes>, After) {
        let mut lines: Vec<Bytes> = self.waiting.drain(..).collect();
        self.now = state.clock.now();
        if self.over {
            return (lines, After::End);
        }
        if self.compactions != state.store.compactions() {
            return (lines, After::Break);
        }
        let served = state.registry.find(
            &self.kind.resource.group,
            &self.kind.resource.version,
            &self.kind.resource.plural,
        );
        match state.store.events(&self.scope, self.after) {
            Ok(events) => lines.extend(events.iter().map(|event| self.told(state, event))),
            Err(failure) => {
                self.fail(&failure);
                lines.extend(self.waiting.drain(..));
                return (lines, After::End);
            }
        }
        self.after = self.after.max(state.store.revision());
        // A changed definition ends the watches of its objects.
        let same = served.is_some_and(|served| Arc::ptr_eq(served, &self.kind));
        (lines, if same { After::More } else { After::End })
    }

    /// A bookmark of the present place, when they were asked for.
    pub fn bookmark_now(&self) -> Option<Bytes> {
        (self.bookmarks && self.after > 0).then(|| self.bookmark(false))
    }

    fn present(&mut self, state: &State, end: bool) {
        self.after = state.store.revision();
        let items = state.store.slice(&self.scope, self.after, None, 0).map(|slice| slice.items);
        for item in items.unwrap_or_default() {
            let line = self.told(state, &(EventType::Added, item));
            self.waiting.push_back(line);
        }
        if end {
            let line = self.bookmark(true);
            self.waiting.push_back(line);
        }
    }

    fn fail(&mut self, failure: &Failure) {
        let line = if self.binary {
            self.frame("ERROR", &failure.to_status())
        } else {
            format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", failure.to_text()).into()
        };
        self.waiting.push_back(line);
        self.over = true;
    }

    fn told(&mut self, state: &State, event: &Event) -> Bytes {
        let form = Form { kind: self.kind.clone(), transform: self.transform, binary: self.binary };
        state.frames.get(event, &form, || self.line(event))
    }

    fn line(&mut self, (event, object): &Event) -> Bytes {
        let object = shown(&self.kind, object);
        let value = match self.transform {
            Transform::None => object,
            Transform::Metadata | Transform::MetadataList => Arc::new(metadata_of(&object)),
            Transform::Table => Arc::new(self.table(&object)),
        };
        self.frame(&event.to_string(), &value)
    }

    /// An event in the form of the stream.
    fn frame(&self, event: &str, object: &Value) -> Bytes {
        let binary = if self.binary { protobuf::frame(event, object) } else { None };
        let line = || format!("{{\"type\":\"{event}\",\"object\":{object}}}\n");
        binary.map_or_else(|| line().into(), Bytes::from)
    }

    /// A table of one row; only the first says what its columns are.
    fn table(&mut self, object: &Value) -> Value {
        let row = table::row(&self.kind, object, self.include.as_deref(), self.now).unwrap_or_default();
        let columns = if self.columns_sent { Value::Null } else { table::definitions(&self.kind) };
        self.columns_sent = true;
        let rv = &object["metadata"]["resourceVersion"];
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": rv},
            "columnDefinitions": columns, "rows": [row],
        })
    }

    fn bookmark(&self, initial: bool) -> Bytes {
        let mut object = json!({
            "kind": self.kind.kind, "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.after.to_string()},
        });
        if initial {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        if self.transform == Transform::Metadata {
            object = metadata_of(&object);
        } else if self.kind.is_core("pods") {
            object["spec"] = json!({"containers": null});
            object["status"] = json!({});
        }
        self.frame("BOOKMARK", &object)
    }
}
