use super::{
    Error, Kind, Missing, Options,
    ahead::Ahead,
    api::{Api, Refusal},
    items::Piece,
    list::{self, Ask, Form, Part},
    options::Wanted,
};
use crate::wire::escaped;
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};
use tokio::sync::mpsc::channel;

/// An object of a server: the place of its kind among those that are wanted, its namespace and its name.
pub(super) type Key = (usize, String, String);

/// A field that names another object in the same namespace, or in none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// The field, or its parent and the field.
    field: String,
    kind: String,
}

static REFERENCES: LazyLock<Vec<Reference>> =
    LazyLock::new(|| serde_json::from_str(include_str!("related.json")).expect("related.json is tested"));

/// One object and everything around it.
#[derive(Debug, Default)]
pub(super) struct Family {
    /// The objects as they came, in order, each with the columns of its table.
    pub(super) members: BTreeMap<Key, (Option<Value>, Piece)>,
    pub(super) missing: Vec<Missing>,
}

/// Who owns whom, of all objects.
#[derive(Debug, Default)]
struct Index {
    by_uid: BTreeMap<String, Key>,
    children: BTreeMap<String, Vec<Key>>,
    all: BTreeSet<Key>,
}

/// Finds `root`, what it owns, what owns it, and what these refer to, over and over. It holds the metadata of
/// all objects and the whole of those that belong to the family.
pub(super) async fn family(
    api: &Api,
    options: &Options,
    kinds: &[Wanted],
    root: &str,
) -> Result<Family, Error> {
    let start = find_root(options, kinds, root)?;
    let mut family = Family::default();
    let index = index(api, options, kinds, &mut family.missing).await;
    let (mut queue, mut seen) = (vec![start.clone()], BTreeSet::from([start.clone()]));
    let mut uids = BTreeSet::new();
    while let Some(key) = queue.pop() {
        let kind = &kinds[key.0].kind;
        match fetch(api, options, kind, &key).await {
            Ok((columns, piece, object)) => {
                let mut next = around(&object, &key, kinds, &index);
                next.retain(|key| seen.insert(key.clone()));
                queue.extend(next);
                uids.extend(object["metadata"]["uid"].as_str().map(str::to_owned));
                family.members.insert(key, (columns, piece));
            }
            Err(refusal) if key == start => {
                return Err(Error::Root { what: root.to_owned(), why: refusal.message });
            }
            Err(refusal) => {
                family.missing.push(Missing::of(format!("{}/{}", kind.full_name(), key.2), refusal))
            }
        }
    }
    events(api, options, kinds, &uids, &mut family).await;
    Ok(family)
}

/// `KIND/NAME`, in the one namespace that was given.
fn find_root(options: &Options, kinds: &[Wanted], root: &str) -> Result<Key, Error> {
    let fail = |why: &str| Error::Root { what: root.to_owned(), why: why.to_owned() };
    let (word, name) = root.split_once('/').ok_or_else(|| fail("it is not written as KIND/NAME"))?;
    let at = kinds.iter().position(|wanted| wanted.kind.is_called(word));
    let at = at.ok_or_else(|| Error::NoKind { word: word.to_owned() })?;
    let namespace = match &options.namespaces[..] {
        _ if !kinds[at].kind.namespaced => String::new(),
        [one] => one.exact().ok_or_else(|| fail("-n must name one namespace"))?.to_owned(),
        _ => return Err(fail("it lives in a namespace, which must be given with -n")),
    };
    Ok((at, namespace, name.to_owned()))
}

/// Reads the metadata of everything.
async fn index(api: &Api, options: &Options, kinds: &[Wanted], missing: &mut Vec<Missing>) -> Index {
    let (own, bounds) = (api.clone(), options.bounds());
    let jobs = kinds.iter().enumerate().filter(|(_, wanted)| wanted.kind.plural != "events");
    let jobs: Vec<(usize, Kind)> = jobs.map(|(at, wanted)| (at, wanted.kind.clone())).collect();
    let mut lists = Ahead::new(jobs, options.concurrency, move |(_, kind): &(usize, Kind), to| {
        let (api, ask) = (own.clone(), Ask::all(kind.clone(), Form::Metadata));
        tokio::spawn(async move { list::read(&api, &ask, bounds, &to).await }).abort_handle()
    });
    let mut index = Index::default();
    while let Some(mut running) = lists.next() {
        let (at, kind) = running.job.clone();
        while let Some(part) = running.parts.recv().await {
            match part {
                Part::Items(pieces) => pieces.iter().for_each(|piece| index.add(at, piece)),
                Part::End(end) => {
                    missing.extend(end.refusal.map(|refusal| Missing::of(kind.full_name(), refusal)))
                }
                Part::Columns(_) => {}
            }
        }
    }
    index
}

impl Index {
    fn add(&mut self, at: usize, piece: &Piece) {
        let Piece::Item(bytes) = piece else { return };
        let Ok(object) = serde_json::from_slice::<Value>(bytes) else { return };
        let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
        let key = (at, text("namespace"), text("name"));
        for owner in owners(&object) {
            self.children.entry(owner.to_owned()).or_default().push(key.clone());
        }
        self.all.insert(key.clone());
        self.by_uid.insert(text("uid"), key);
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| owner["uid"].as_str())
}

/// One object with the cells of its row.
async fn fetch(
    api: &Api,
    options: &Options,
    kind: &Kind,
    key: &Key,
) -> Result<(Option<Value>, Piece, Value), Refusal> {
    let namespace = Some(key.1.as_str()).filter(|_| kind.namespaced);
    let path = format!("{}/{}?includeObject=Object", kind.path(namespace), escaped(&key.2));
    let bytes = api.bytes(&path, Form::Table.accept(), options.largest).await?;
    let garbled = |error: serde_json::Error| Refusal::new(super::Why::Garbled, error.to_string());
    let mut value: Value = serde_json::from_slice(&bytes).map_err(garbled)?;
    let row = value.get_mut("rows").and_then(|rows| rows.get_mut(0)).map(Value::take);
    let Some(row) = row else { return Ok((None, Piece::Item(bytes.to_vec()), value)) };
    let object = row["object"].clone();
    Ok((Some(value["columnDefinitions"].take()), Piece::Item(row.to_string().into_bytes()), object))
}

/// The keys of what an object owns, is owned by and refers to.
fn around(object: &Value, key: &Key, kinds: &[Wanted], index: &Index) -> Vec<Key> {
    let up = owners(object).filter_map(|uid| index.by_uid.get(uid)).cloned();
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    let down = index.children.get(uid).into_iter().flatten().cloned();
    let mut found: Vec<Key> = up.chain(down).collect();
    let mut names = Vec::new();
    references(object, "", &mut names);
    let kind = &kinds[key.0].kind;
    names.push(("namespaces", key.1.clone()));
    let definition = format!("{}.{}", kind.plural, kind.group);
    names.push(("customresourcedefinitions.apiextensions.k8s.io", definition));
    for (name, referred) in names {
        let Some(at) = kinds.iter().position(|wanted| wanted.kind.full_name() == name) else { continue };
        let namespace = if kinds[at].kind.namespaced { key.1.clone() } else { String::new() };
        let key = (at, namespace, referred);
        // What is referred to and does not exist is no part of the family.
        if index.all.contains(&key) {
            found.push(key);
        }
    }
    found
}

/// The names that stand in fields which refer to other objects, with their kinds.
fn references(value: &Value, parent: &str, found: &mut Vec<(&'static str, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, parent, found)),
        Value::Object(fields) => {
            for (field, value) in fields {
                let Some(name) = value.as_str() else {
                    references(value, field, found);
                    continue;
                };
                let both = format!("{parent}.{field}");
                let hits = REFERENCES
                    .iter()
                    .filter(|reference| reference.field == *field || reference.field == both);
                found.extend(hits.map(|reference| (reference.kind.as_str(), name.to_owned())));
            }
        }
        _ => {}
    }
}

/// Adds the events about the family.
async fn events(
    api: &Api,
    options: &Options,
    kinds: &[Wanted],
    uids: &BTreeSet<String>,
    family: &mut Family,
) {
    let Some(at) = kinds.iter().position(|wanted| wanted.kind.full_name() == "events") else { return };
    let spaces: BTreeSet<String> = family.members.keys().map(|(_, namespace, _)| namespace.clone()).collect();
    for namespace in spaces.into_iter().filter(|namespace| !namespace.is_empty()) {
        let ask = Ask { namespace: Some(namespace), ..Ask::all(kinds[at].kind.clone(), Form::Table) };
        let (to, mut parts) = channel(2);
        let (own, bounds) = (api.clone(), options.bounds());
        tokio::spawn(async move { list::read(&own, &ask, bounds, &to).await });
        let mut columns = None;
        while let Some(part) = parts.recv().await {
            match part {
                Part::Columns(these) => columns = Some(these),
                Part::Items(pieces) => {
                    let about = pieces.into_iter().filter_map(|piece| event(at, piece, uids));
                    family.members.extend(about.map(|(key, piece)| (key, (columns.clone(), piece))));
                }
                Part::End(end) => {
                    family.missing.extend(end.refusal.map(|refusal| Missing::of("events", refusal)));
                }
            }
        }
    }
}

fn event(at: usize, piece: Piece, uids: &BTreeSet<String>) -> Option<(Key, Piece)> {
    let Piece::Item(bytes) = &piece else { return None };
    let row: Value = serde_json::from_slice(bytes).ok()?;
    let event = row.get("object").unwrap_or(&row);
    let about = event["involvedObject"]["uid"].as_str().is_some_and(|uid| uids.contains(uid));
    let text = |key: &str| event["metadata"][key].as_str().map(str::to_owned);
    let key = (at, text("namespace")?, text("name")?);
    about.then_some((key, piece))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_found_wherever_pods_are_described() {
        let pod = json!({"spec": {"serviceName": "db", "template": {"spec": {
            "serviceAccountName": "runner", "imagePullSecrets": [{"name": "pull"}],
            "containers": [{"name": "main", "envFrom": [{"configMapRef": {"name": "env"}}],
                "env": [{"valueFrom": {"secretKeyRef": {"name": "pw", "key": "k"}}}]}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "disk"}},
                {"projected": {"sources": [{"secret": {"name": "token"}}]}}]}}}});
        let mut found = Vec::new();
        references(&pod, "", &mut found);
        found.sort();
        let expected = [
            ("configmaps", "env"),
            ("persistentvolumeclaims", "disk"),
            ("secrets", "pull"),
            ("secrets", "pw"),
            ("secrets", "token"),
            ("serviceaccounts", "runner"),
            ("services", "db"),
        ];
        assert_eq!(found.iter().map(|(kind, name)| (*kind, name.as_str())).collect::<Vec<_>>(), expected);
    }
}
