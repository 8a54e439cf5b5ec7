use super::discovery::Documents;
use crate::show;
use anyhow::Context;
use kubetape::{
    entropy::Offset,
    gather::{Capture, Kind, Kinds, documents},
    history::History,
    scrub,
    tape::Tape,
    wire::{ObjectKey, Resource},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

/// A place on a tape.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    /// After the event with this number.
    Event(u64),
    /// So long after the beginning.
    Time(Duration),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text.parse(), text.strip_prefix('+')) {
            (Ok(number), None) => Ok(Self::Event(number)),
            (_, time) => crate::gather::duration(time.unwrap_or(text)).map(Self::Time).map_err(|_| {
                format!(
                    "{text:?} is no place on a tape; write the number of an event, or a time such as +12s"
                )
            }),
        }
    }
}

/// What is served as one cluster.
pub(super) struct Source {
    pub(super) capture: Capture,
    /// Where its logs are read again.
    pub(super) path: PathBuf,
    pub(super) documents: Documents,
    pub(super) history: History,
    pub(super) is_tape: bool,
    /// The name of its context.
    pub(super) context: String,
}

impl Source {
    /// Reads a capture, or the state of a tape.
    ///
    /// # Errors
    /// When it cannot be read, or has no such place.
    pub(super) fn open(path: &Path, at: Option<At>) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            let bytes = show::input()?;
            return match show::are_manifests(&bytes) {
                true => Self::of_capture(Capture::read("standard input", &bytes)?, path),
                false => Self::of_tape(&Tape::read(bytes.as_slice())?, at, path),
            };
        }
        if show::is_tape(path) {
            let (tape, cut) = Tape::salvage(path)?;
            if let Some(error) = cut {
                crate::out::talk(&format!(" partial  {}: {error}", path.display()));
            }
            return Self::of_tape(&tape, at, path);
        }
        Self::of_capture(Capture::open(path)?, path)
    }

    fn of_capture(capture: Capture, path: &Path) -> anyhow::Result<Self> {
        if capture.is_partial() {
            crate::out::talk(&format!(" partial  {} was cut off before it was whole", path.display()));
        }
        capture.notes.iter().for_each(|note| crate::out::talk(&format!(" not read {note}")));
        let files = if path.as_os_str() == "-" { Default::default() } else { documents(path)? };
        let documents = Documents::of(files, &capture);
        Ok(Self::new(capture, documents, path, false))
    }

    fn of_tape(tape: &Tape, at: Option<At>, path: &Path) -> anyhow::Result<Self> {
        let last = tape.events.last().map_or(0, |event| event.n);
        let n = match at {
            None => last,
            Some(At::Event(n)) if n <= last => n,
            Some(At::Event(n)) => {
                anyhow::bail!(
                    "{} has no event {n}: its last one is {last}; `kubetape show {}` lists them",
                    path.display(),
                    path.display()
                )
            }
            Some(At::Time(time)) => {
                let before = tape.events.iter().take_while(|event| event.at <= Offset(time));
                before.last().map_or(0, |event| event.n)
            }
        };
        let state = tape.objects_after(n);
        let mut capture = if state.is_empty() {
            Capture::default()
        } else {
            let items: Vec<&Value> = state.iter().map(|(_, object)| &**object).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
            Capture::read("the tape", list.as_bytes())?
        };
        capture.kinds = kinds(&state, &capture.kinds);
        let at = tape
            .events
            .iter()
            .take_while(|event| event.n <= n)
            .last()
            .map_or(Duration::ZERO, |event| event.at.0);
        let base: jiff::Timestamp =
            tape.header.base.parse().context("the tape's base is no time; record it anew")?;
        capture.time = base.checked_add(at).unwrap_or(base).to_string();
        capture.manifest = json!({"kubernetes": tape.header.kubernetes});
        let documents = Documents::of(Default::default(), &capture);
        Ok(Self::new(capture, documents, path, true))
    }

    fn new(mut capture: Capture, documents: Documents, path: &Path, is_tape: bool) -> Self {
        let mut history = History::default();
        let version = |object: &Value| {
            object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok())
        };
        let newest =
            capture.objects.values().filter_map(version).chain(documents.newest()).max().unwrap_or(1);
        for (id, object) in &mut capture.objects {
            // Symbols are no base64 and no passwords; what stands in for them is.
            scrub::serve(object);
            let found = capture.kinds.iter().find(|kind| kind.group == id.group && kind.kind == id.kind);
            let Some(kind) = found else { continue };
            let resource = resource_of(kind);
            let namespace = (!id.namespace.is_empty()).then_some(id.namespace.as_str());
            let key = ObjectKey::new(&resource, namespace, &id.name);
            history.put(&key, version(object).unwrap_or(1), Arc::new(object.clone()));
        }
        for kind in capture.kinds.iter() {
            history.touch(&resource_of(kind), newest);
        }
        let context = match path.as_os_str().to_str() {
            Some("-") => "input".to_owned(),
            _ => stem(path),
        };
        Self { capture, path: path.to_owned(), documents, history, is_tape, context }
    }

    /// What it is, in a few words.
    pub(super) fn title(&self) -> String {
        let what = if self.is_tape { "a tape".to_owned() } else { self.capture.origin.to_string() };
        format!(
            "{} ({what}), {} objects as of {}",
            self.path.display(),
            self.capture.objects.len(),
            self.capture.time
        )
    }
}

/// The kinds of a tape's objects, under the names of its paths; what else is known of them, and the others, as every
/// server has them.
fn kinds(state: &[(Resource, Arc<Value>)], known: &Kinds) -> Kinds {
    let mut all: Vec<Kind> = Vec::new();
    for (resource, object) in state {
        let taped = kind_of(resource, object);
        let named = known.iter().find(|kind| kind.group == taped.group && kind.plural == taped.plural);
        all.push(match named {
            Some(named) => Kind { version: taped.version, ..named.clone() },
            None => taped,
        });
    }
    let others =
        known.iter().filter(|kind| !all.iter().any(|own| own.group == kind.group && own.kind == kind.kind));
    let others: Vec<Kind> = others.cloned().collect();
    Kinds::new(all.into_iter().chain(others))
}

/// A kind as a tape's paths and bodies tell it.
fn kind_of(resource: &Resource, object: &Value) -> Kind {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    Kind {
        group: resource.group.clone(),
        version: resource.version.clone(),
        plural: resource.plural.clone(),
        singular: kind.to_lowercase(),
        namespaced: object["metadata"]["namespace"].is_string(),
        kind,
        ..Kind::default()
    }
}

pub(super) fn resource_of(kind: &Kind) -> Resource {
    Resource::new(kind.group.clone(), kind.version.clone(), kind.plural.clone())
}

/// The name of a file without its ending.
fn stem(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let endings = [".tar.zst", ".tzst", ".tar.gz", ".tgz", ".zip", ".ktape", ".yaml", ".yml", ".json"];
    let ending = endings.iter().find(|ending| name.ends_with(*ending)).map_or(0, |ending| ending.len());
    match &name[..name.len() - ending] {
        "" => "capture".to_owned(),
        stem => stem.to_owned(),
    }
}
