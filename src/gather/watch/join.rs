use super::{Watched, note::Notes, seen::Seen, stream::Over};
use crate::{
    gather::{
        Kind, Kinds, Options,
        api::{Api, Refusal, Why, pause},
        options::{Wanted, wanted},
    },
    wire::{EventType, Frame, LineSplitter, escaped},
};
use futures::StreamExt;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinSet,
};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const NAMESPACES: &str = "/api/v1/namespaces";
const JSON: &str = "application/json";
const LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
/// The largest list of names, and the largest definition.
const LIMIT: usize = 64 << 20;
/// How long the server is asked to keep a watch open.
const OPEN: Duration = Duration::from_secs(240);
/// Failures after this one are waited for no longer: 16 s.
const LONGEST_PAUSE: u32 = 7;
/// How many names wait to be taken.
const WAITING: usize = 16;

/// Something that was not there when the lists were read, or has changed since.
enum Appeared {
    Definition(String),
    Namespace(String),
}

/// Has kinds and namespaces watched that appear while others are watched already.
pub(super) struct Newcomers {
    pub(super) api: Api,
    pub(super) options: Arc<Options>,
    pub(super) to: Notes,
    /// The kinds that are watched.
    pub(super) kinds: Vec<Wanted>,
    /// The namespaces that are watched one by one; `None` where all are watched at once.
    pub(super) namespaces: Option<BTreeSet<String>>,
}

impl Newcomers {
    /// Looks out until nobody takes what is found.
    pub(super) async fn run(mut self) {
        let (to, mut appeared) = mpsc::channel(WAITING);
        let mut looking = JoinSet::new();
        let follow = |path, name: fn(String) -> Appeared| Follow {
            api: self.api.clone(),
            path,
            name,
            to: to.clone(),
            notes: self.to.clone(),
        };
        // Who named types has named all of them.
        if self.options.types.is_empty() {
            looking.spawn(follow(DEFINITIONS, Appeared::Definition).run());
        }
        if self.namespaces.is_some() {
            looking.spawn(follow(NAMESPACES, Appeared::Namespace).run());
        }
        drop(to);
        while let Some(appeared) = appeared.recv().await {
            let done = match appeared {
                Appeared::Definition(name) => self.definition(&name).await,
                Appeared::Namespace(name) => self.namespace(name).await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn namespace(&mut self, name: String) -> Result<(), Over> {
        let hit = self.options.namespaces.iter().any(|pattern| pattern.matches(&name));
        let out = self.options.exclude_namespaces.iter().any(|pattern| pattern.matches(&name));
        let Some(known) = &mut self.namespaces else { return Ok(()) };
        if !hit || out || !known.insert(name.clone()) {
            return Ok(());
        }
        for mut wanted in self.kinds.iter().filter(|wanted| wanted.kind.namespaced).cloned() {
            wanted.ask(&self.options, Some(std::slice::from_ref(&name)));
            self.join(&wanted).await?;
        }
        Ok(())
    }

    async fn definition(&mut self, name: &str) -> Result<(), Over> {
        if self.kinds.iter().any(|wanted| wanted.kind.full_name() == name) {
            return Ok(());
        }
        // As a list, which needs no other right. One that cannot be read is told by the watch of definitions, if
        // they are wanted.
        let path = format!("{DEFINITIONS}?fieldSelector=metadata.name%3D{}", escaped(name));
        let Ok(bytes) = self.api.bytes(&path, JSON, LIMIT).await else { return Ok(()) };
        let list: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let definition = &list["items"][0];
        // Until it is established there is nothing to list; then it changes again.
        let Some(kind) = established(definition) else { return Ok(()) };
        let kind = self.preferred(kind, definition).await;
        let Ok(found) = wanted(&self.options, &Kinds::new([kind])) else { return Ok(()) };
        for mut wanted in found {
            let namespaces: Option<Vec<String>> =
                self.namespaces.as_ref().map(|names| names.iter().cloned().collect());
            wanted.ask(&self.options, namespaces.as_deref());
            self.join(&wanted).await?;
            self.kinds.push(wanted);
        }
        Ok(())
    }

    /// The kind in the version that its group prefers, if it is served in that.
    async fn preferred(&self, kind: Kind, definition: &Value) -> Kind {
        let path = format!("/apis/{}", escaped(&kind.group));
        let bytes = self.api.bytes(&path, JSON, LIMIT).await.unwrap_or_default();
        let group: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let preferred = group["preferredVersion"]["version"].as_str().unwrap_or_default();
        match served(definition).any(|version| version == preferred) {
            true => Kind { version: preferred.to_owned(), ..kind },
            false => kind,
        }
    }

    async fn join(&self, wanted: &Wanted) -> Result<(), Over> {
        for ask in &wanted.asks {
            let (wanted, ask, version) = (wanted.clone(), ask.clone(), String::new());
            self.to.join(Watched { wanted, ask, version, seen: Seen::default() }).await?;
        }
        Ok(())
    }
}

fn served(definition: &Value) -> impl Iterator<Item = &str> {
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    versions.filter(|version| version["served"] == true).filter_map(|version| version["name"].as_str())
}

/// The kind of a definition whose objects can be had.
fn established(definition: &Value) -> Option<Kind> {
    let conditions = definition["status"]["conditions"].as_array()?;
    let is_established =
        |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
    if !conditions.iter().any(is_established) {
        return None;
    }
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let names = &spec["names"];
    Some(Kind {
        group: text(&spec["group"]),
        version: served(definition).next()?.to_owned(),
        plural: text(&names["plural"]),
        singular: text(&names["singular"]),
        kind: text(&names["kind"]),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        verbs: ["get", "list", "watch"].map(str::to_owned).to_vec(),
    })
}

/// Tells the names of the objects of a kind, those that are there and those that come or change.
struct Follow {
    api: Api,
    path: &'static str,
    name: fn(String) -> Appeared,
    to: Sender<Appeared>,
    notes: Notes,
}

impl Follow {
    async fn run(self) {
        let mut failed = 0;
        while !self.to.is_closed() {
            match self.once().await {
                Ok(()) => failed = 0,
                // A server that does not have the kind has none that could appear.
                Err(Refusal { why: Why::Gone, .. }) => return,
                Err(refusal) if matches!(refusal.why, Why::Forbidden | Why::Unauthorized | Why::Refused) => {
                    let what = self.path.rsplit('/').next().unwrap_or_default();
                    // When nobody takes it, nobody waits for newcomers either.
                    return drop(self.notes.blind(&format!("{what} that appear later"), refusal).await);
                }
                Err(_) => failed += 1,
            }
            tokio::time::sleep(pause((failed + 1).min(LONGEST_PAUSE))).await;
        }
    }

    /// Lists, and follows the changes until the server ends the watch or has forgotten the version.
    async fn once(&self) -> Result<(), Refusal> {
        let list = self.api.bytes(self.path, LIST, LIMIT).await?;
        let list: Value = serde_json::from_slice(&list).unwrap_or_default();
        for item in list["items"].as_array().into_iter().flatten() {
            self.tell(item).await;
        }
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let open = OPEN.as_secs();
        let path = format!("{}?watch=true&timeoutSeconds={open}&resourceVersion={version}", self.path);
        let body = self.api.open(&path, METADATA).await?.into_body();
        let patient = self.api.patient(OPEN);
        let mut chunks = std::pin::pin!(patient.chunks(body));
        let mut lines = LineSplitter::default();
        while let Some(chunk) = chunks.next().await {
            for line in lines.push(&chunk?) {
                match Frame::parse(&line) {
                    Ok(Frame { event: EventType::Added | EventType::Modified, object }) => {
                        self.tell(&object).await
                    }
                    Ok(Frame { event: EventType::Error, .. }) | Err(_) => return Ok(()),
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }

    async fn tell(&self, object: &Value) {
        if let Some(name) = object["metadata"]["name"].as_str() {
            // When nobody takes it, the loop ends by itself.
            let _ = self.to.send((self.name)(name.to_owned())).await;
        }
    }
}
