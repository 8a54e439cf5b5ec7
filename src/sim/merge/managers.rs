use super::fieldset::FieldSet;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// Entries of updates that an object keeps apart.
const UPDATES: usize = 10;

/// What tells which object it is, and what the server sets.
static IDENTITY: LazyLock<FieldSet> = LazyLock::new(|| {
    FieldSet::of_fields(&[
        "apiVersion",
        "kind",
        "metadata",
        "metadata.name",
        "metadata.namespace",
        "metadata.creationTimestamp",
        "metadata.selfLink",
        "metadata.uid",
        "metadata.clusterName",
        "metadata.generation",
        "metadata.managedFields",
        "metadata.resourceVersion",
    ])
});

/// What tells the entries of `managedFields` apart. An applier is one whatever version it applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) manager: String,
    /// The version of an update; `None` for an apply.
    pub(super) update: Option<String>,
    pub(super) subresource: String,
}

/// What one manager owns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Owner {
    pub(super) version: String,
    pub(super) time: Option<String>,
    pub(super) fields: FieldSet,
}

/// The `managedFields` of an object, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managers(pub(super) BTreeMap<Id, Owner>);

impl Id {
    pub(super) fn apply(manager: &str, subresource: &str) -> Self {
        Self { manager: manager.to_owned(), update: None, subresource: subresource.to_owned() }
    }

    pub(super) fn update(manager: &str, version: &str, subresource: &str) -> Self {
        Self { update: Some(version.to_owned()), ..Self::apply(manager, subresource) }
    }

    /// As a conflict names it.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{:?}", self.manager);
        if !self.subresource.is_empty() {
            text += &format!(" with subresource {:?}", self.subresource);
        }
        if let Some(version) = &self.update {
            text += &format!(" using {version}");
        }
        text
    }
}

impl Managers {
    /// The entries; `None` when one is malformed.
    pub(super) fn decode(list: &Value) -> Option<Self> {
        let entries = list.as_array().map_or(&[][..], Vec::as_slice).iter().map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or_default();
            let version = text("apiVersion").to_owned();
            let id = match (text("operation"), text("fieldsType")) {
                ("Apply", "FieldsV1") => Id::apply(text("manager"), text("subresource")),
                ("Update", "FieldsV1") => Id::update(text("manager"), &version, text("subresource")),
                _ => return None,
            };
            let fields = match &entry["fieldsV1"] {
                Value::Null => FieldSet::default(),
                fields => FieldSet::decode(fields)?,
            };
            Some((id, Owner { version, time: entry["time"].as_str().map(str::to_owned), fields }))
        });
        entries.collect::<Option<_>>().map(Self)
    }

    /// The entries in the server's order: applies first, then by time, manager, version and subresource.
    pub(super) fn encode(&self) -> Vec<Value> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by(|(a, mine), (b, theirs)| {
            let key = |id: &Id| id.update.is_some();
            (key(a), &mine.time, &a.manager, &mine.version, &a.subresource).cmp(&(
                key(b),
                &theirs.time,
                &b.manager,
                &theirs.version,
                &b.subresource,
            ))
        });
        let entry = |(id, owner): (&Id, &Owner)| {
            let mut entry = json!({
                "manager": id.manager,
                "operation": if id.update.is_some() { "Update" } else { "Apply" },
                "apiVersion": owner.version,
                "fieldsType": "FieldsV1",
                "fieldsV1": owner.fields.encode(),
            });
            if let Some(time) = &owner.time {
                entry["time"] = json!(time);
            }
            if !id.subresource.is_empty() {
                entry["subresource"] = json!(id.subresource);
            }
            entry
        };
        entries.into_iter().map(entry).collect()
    }

    /// What anybody owns.
    pub(super) fn all(&self) -> FieldSet {
        let mut all = FieldSet::default();
        self.0.values().for_each(|owner| all.add(&owner.fields));
        all
    }

    /// Takes fields from everybody, and forgets who owns nothing.
    pub(super) fn take(&mut self, fields: &FieldSet) {
        if fields.is_empty() {
            return;
        }
        self.0.values_mut().for_each(|owner| owner.fields.subtract(fields));
        self.drop_empty();
    }

    pub(super) fn drop_empty(&mut self) {
        self.0.retain(|_, owner| !owner.fields.is_empty());
    }

    /// Nobody owns what tells which object it is, nor what the server sets.
    pub(super) fn drop_identity(&mut self) {
        self.take(&IDENTITY);
    }

    /// Unites the oldest updates until few enough are left, those of each version in one entry.
    pub(super) fn cap(&mut self) {
        let mut updates: Vec<_> = self.0.iter().filter(|(id, _)| id.update.is_some()).collect();
        let Some(mut surplus) = updates.len().checked_sub(UPDATES).filter(|surplus| *surplus > 0) else {
            return;
        };
        updates.sort_by_key(|(id, owner)| (owner.time.clone(), id.manager.clone()));
        let oldest: Vec<Id> = updates.into_iter().map(|(id, _)| id.clone()).collect();
        let mut first: BTreeMap<String, Id> = BTreeMap::new();
        for id in oldest {
            if surplus == 0 {
                return;
            }
            let Some(version) = id.update.clone() else { continue };
            let bucket = Id::update("ancient-changes", &version, "");
            let Some(before) = first.get(&version).cloned() else {
                first.insert(version, id);
                continue;
            };
            for id in [before, id] {
                let Some(owner) = self.0.remove(&id) else { continue };
                let all = self
                    .0
                    .entry(bucket.clone())
                    .or_insert_with(|| Owner { fields: FieldSet::default(), ..owner.clone() });
                all.fields.add(&owner.fields);
                all.time = all.time.clone().max(owner.time);
            }
            first.insert(version, bucket);
            surplus -= 1;
        }
    }
}
