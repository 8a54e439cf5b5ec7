use super::{
    Error, Filter, Kind, Kinds, Pattern,
    list::{Ask, Bounds, Form},
};
use crate::wire::{FieldSelector, LabelSelector};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What is wanted of a cluster. The default is everything but logs of earlier containers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only in these namespaces; none means in all, and cluster-scoped objects too.
    pub namespaces: Vec<Pattern>,
    /// Not in these namespaces.
    pub exclude_namespaces: Vec<Pattern>,
    /// What a person types: `deploy,po`, `web/web`; none means every kind.
    pub types: Vec<String>,
    /// Kinds by any of their names.
    pub kinds: Filter,
    /// API groups; the core group is `core`.
    pub groups: Filter,
    /// Names of objects.
    pub names: Filter,
    /// A label selector.
    pub labels: Option<String>,
    /// A field selector.
    pub fields: Option<String>,
    /// One object, `KIND/NAME`, and everything around it.
    pub owned_by: Option<String>,
    /// Which logs.
    pub logs: Logs,
    /// Only logs of this much time.
    pub since: Option<Duration>,
    /// Only so many last lines of a log.
    pub tail: Option<u64>,
    /// Record what changes after the lists, for so long or until the capture is ended.
    pub watch: Option<Duration>,
    /// Keep secrets as they are.
    pub include_secrets: bool,
    /// Values that are secret wherever they stand, with names for them.
    pub literals: Vec<(String, String)>,
    /// Keep `metadata.managedFields`.
    pub managed_fields: bool,
    /// Keep the OpenAPI documents of the kinds that were read.
    pub openapi: bool,
    /// How many lists are read at once.
    pub concurrency: usize,
    /// How many objects are asked for at once.
    pub page: u32,
    /// The largest object that is kept, in bytes.
    pub largest: usize,
    /// How long the server may take for one kind.
    pub timeout: Duration,
    /// How long a server may say nothing.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            exclude_namespaces: Vec::new(),
            types: Vec::new(),
            kinds: Filter::default(),
            groups: Filter::default(),
            names: Filter::default(),
            labels: None,
            fields: None,
            owned_by: None,
            logs: Logs::default(),
            since: None,
            tail: None,
            watch: None,
            include_secrets: false,
            literals: Vec::new(),
            managed_fields: false,
            openapi: true,
            concurrency: 8,
            page: 500,
            largest: 16 << 20,
            timeout: Duration::from_secs(600),
            silence: Duration::from_secs(60),
        }
    }
}

/// Which logs of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logs {
    /// None.
    None,
    /// Of the container that runs, or ran last.
    #[default]
    Current,
    /// That of the one before as well.
    All,
}

impl Options {
    /// Sees whether the selectors can be understood.
    ///
    /// # Errors
    /// When one cannot.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |what, text: &str, why: String| Error::Selector { what, text: text.to_owned(), why };
        if let Some(text) = &self.labels {
            LabelSelector::parse(text).map_err(|error| bad("label selector", text, error.to_string()))?;
        }
        if let Some(text) = &self.fields {
            FieldSelector::parse(text).map_err(|error| bad("field selector", text, error.to_string()))?;
        }
        Ok(())
    }

    pub(super) fn bounds(&self) -> Bounds {
        Bounds { page: self.page, item: self.largest, time: self.timeout }
    }

    /// What was asked for, each under the name of its flag.
    pub(super) fn asked(&self) -> BTreeMap<String, Value> {
        let patterns = |list: &[Pattern]| json!(list.iter().map(ToString::to_string).collect::<Vec<_>>());
        let default = Self::default();
        let given = [
            ("namespace", !self.namespaces.is_empty(), patterns(&self.namespaces)),
            ("exclude-namespace", !self.exclude_namespaces.is_empty(), patterns(&self.exclude_namespaces)),
            ("types", !self.types.is_empty(), json!(self.types)),
            ("include-kind", !self.kinds.include.is_empty(), patterns(&self.kinds.include)),
            ("exclude-kind", !self.kinds.exclude.is_empty(), patterns(&self.kinds.exclude)),
            ("include-group", !self.groups.include.is_empty(), patterns(&self.groups.include)),
            ("exclude-group", !self.groups.exclude.is_empty(), patterns(&self.groups.exclude)),
            ("include-name", !self.names.include.is_empty(), patterns(&self.names.include)),
            ("exclude-name", !self.names.exclude.is_empty(), patterns(&self.names.exclude)),
            ("selector", self.labels.is_some(), json!(self.labels)),
            ("field-selector", self.fields.is_some(), json!(self.fields)),
            ("owned-by", self.owned_by.is_some(), json!(self.owned_by)),
            ("since", self.since.is_some(), json!(self.since.map(|time| format!("{time:?}")))),
            ("tail", self.tail.is_some(), json!(self.tail)),
            ("watch", self.watch.is_some(), json!(self.watch.map(watched))),
            ("show-managed-fields", self.managed_fields != default.managed_fields, json!(true)),
            ("no-openapi", !self.openapi, json!(true)),
            ("logs", true, json!(format!("{:?}", self.logs).to_lowercase())),
            ("secrets", true, json!(if self.include_secrets { "included" } else { "symbols" })),
        ];
        given
            .into_iter()
            .filter(|(_, given, _)| *given)
            .map(|(key, _, value)| (key.to_owned(), value))
            .collect()
    }
}

fn watched(time: Duration) -> String {
    if time == Duration::MAX { "until stopped".to_owned() } else { format!("{time:?}") }
}

/// One kind that is wanted, with the lists that bring it.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    /// Only these names; empty for all.
    pub(super) names: BTreeSet<String>,
    /// It is here for others' sake: namespaces, or the definitions of custom resources.
    pub(super) beside: bool,
    pub(super) asks: Vec<Ask>,
}

/// The kinds that are wanted: Secrets first, since what they hold is then found in all others; what stands
/// beside the others last, since then it is known what there is.
///
/// # Errors
/// When a type that was asked for does not exist.
pub(super) fn wanted(options: &Options, kinds: &Kinds) -> Result<Vec<Wanted>, Error> {
    let typed = typed(&options.types, kinds)?;
    let core_events = kinds.iter().any(|kind| kind.group.is_empty() && kind.plural == "events");
    let mut wanted: Vec<Wanted> = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.is_listable()) {
        let names = match &typed {
            None => Some(BTreeSet::new()),
            Some(typed) => typed.get(&kind.full_name()).cloned(),
        };
        // The events of both groups are the same objects; component statuses are none at all.
        let twin = match kind.full_name().as_str() {
            "events.events.k8s.io" => core_events && typed.is_none(),
            "componentstatuses" => typed.is_none(),
            _ => false,
        };
        let scope = options.namespaces.is_empty() || kind.namespaced || typed.is_some();
        let admitted = names.is_some() && !twin && scope && admits(options, kind);
        let beside = !admitted && is_beside(options, kind);
        if admitted || beside {
            let names = names.unwrap_or_default();
            wanted.push(Wanted { kind: kind.clone(), names, beside, asks: Vec::new() });
        }
    }
    wanted.sort_by(|a, b| key(a).cmp(&key(b)));
    Ok(wanted)
}

fn key(wanted: &Wanted) -> (bool, bool, &str, &str) {
    let kind = &wanted.kind;
    (kind.full_name() != "secrets", wanted.beside, &kind.group, &kind.plural)
}

fn admits(options: &Options, kind: &Kind) -> bool {
    let full = kind.full_name();
    let mut names = vec![kind.kind.as_str(), &kind.plural, &kind.singular, &full];
    names.extend(kind.short_names.iter().map(String::as_str));
    let group = super::layout::group_folder(&kind.group);
    options.kinds.admits_any(&names) && options.groups.admits(group)
}

/// Where namespaces are chosen, their own objects come along, and the definitions of what is in them.
fn is_beside(options: &Options, kind: &Kind) -> bool {
    let full = kind.full_name();
    let open =
        options.types.is_empty() && options.kinds.include.is_empty() && options.groups.include.is_empty();
    let beside = ["namespaces", "customresourcedefinitions.apiextensions.k8s.io"].contains(&full.as_str());
    open && beside && !options.namespaces.is_empty() && admits(options, kind)
}

/// `deploy,po web/web` as kinds with names; `None` when no type was given.
fn typed(types: &[String], kinds: &Kinds) -> Result<Option<BTreeMap<String, BTreeSet<String>>>, Error> {
    if types.is_empty() {
        return Ok(None);
    }
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut whole = BTreeSet::new();
    for word in types.iter().flat_map(|word| word.split(',')).filter(|word| !word.is_empty()) {
        let (word, name) = word.split_once('/').map_or((word, None), |(kind, name)| (kind, Some(name)));
        let found = kinds.resolve(word);
        if found.is_empty() {
            return Err(Error::NoKind { word: word.to_owned() });
        }
        for kind in found {
            let names = all.entry(kind.full_name()).or_default();
            match name {
                Some(name) => drop(names.insert(name.to_owned())),
                None => drop(whole.insert(kind.full_name())),
            }
        }
    }
    for kind in whole {
        all.insert(kind, BTreeSet::new());
    }
    Ok(Some(all))
}

impl Wanted {
    /// Makes the lists that bring this kind, with as much of the filters as the server can do.
    pub(super) fn ask(&mut self, options: &Options, namespaces: Option<&[String]>) {
        let mut fields: Vec<String> = options.fields.iter().filter(|_| !self.beside).cloned().collect();
        let labels = options.labels.clone().filter(|_| !self.beside);
        let exact: Vec<&str> = options.names.include.iter().filter_map(Pattern::exact).collect();
        if self.names.len() == 1 {
            fields.extend(self.names.iter().map(|name| format!("metadata.name={name}")));
        } else if let ([name], 1, false) = (&exact[..], options.names.include.len(), self.beside) {
            fields.push(format!("metadata.name={name}"));
        }
        if self.kind.namespaced {
            let out = options.exclude_namespaces.iter().filter_map(Pattern::exact);
            fields.extend(out.map(|namespace| format!("metadata.namespace!={namespace}")));
        }
        let ask = |namespace: Option<String>| Ask {
            kind: self.kind.clone(),
            namespace,
            labels: labels.clone(),
            fields: (!fields.is_empty()).then(|| fields.join(",")),
            form: Form::Table,
        };
        self.asks = match namespaces.filter(|_| self.kind.namespaced) {
            Some(namespaces) => namespaces.iter().cloned().map(Some).map(ask).collect(),
            None => vec![ask(None)],
        };
    }

    /// Whether an object passes what the server could not be asked.
    pub(super) fn admits(&self, options: &Options, namespace: Option<&str>, name: &str) -> bool {
        let space = |namespace: &str| {
            let hit = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(namespace));
            (options.namespaces.is_empty() || hit(&options.namespaces)) && !hit(&options.exclude_namespaces)
        };
        let own = match (self.kind.full_name().as_str(), namespace) {
            ("namespaces", None) => space(name),
            (_, Some(namespace)) => space(namespace),
            _ => true,
        };
        own && (self.beside || options.names.admits(name))
            && (self.names.is_empty() || self.names.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Kinds {
        let kind = |group: &str, plural: &str, kind: &str, namespaced| Kind {
            group: group.into(),
            version: "v1".into(),
            plural: plural.into(),
            kind: kind.into(),
            namespaced,
            verbs: vec!["list".into()],
            ..Kind::default()
        };
        Kinds::new([
            kind("", "nodes", "Node", false),
            kind("", "namespaces", "Namespace", false),
            kind("", "events", "Event", true),
            kind("events.k8s.io", "events", "Event", true),
            kind("apps", "deployments", "Deployment", true),
            kind("", "secrets", "Secret", true),
        ])
    }

    fn names(options: &Options) -> Vec<String> {
        wanted(options, &kinds()).unwrap().iter().map(|wanted| wanted.kind.full_name()).collect()
    }

    #[test]
    fn secrets_come_first_and_events_once() {
        assert_eq!(
            names(&Options::default()),
            ["secrets", "events", "namespaces", "nodes", "deployments.apps"]
        );
        let shop = Options { namespaces: vec!["shop".parse().unwrap()], ..Options::default() };
        assert_eq!(names(&shop), ["secrets", "events", "deployments.apps", "namespaces"]);
        let typed = Options { types: vec!["deployment,node".into()], ..Options::default() };
        assert_eq!(names(&typed), ["nodes", "deployments.apps"]);
        let unknown = Options { types: vec!["widgets".into()], ..Options::default() };
        assert!(wanted(&unknown, &kinds()).unwrap_err().to_string().contains("api-resources"));
        let kinds = Filter {
            exclude: vec!["/^[ES]/".parse().unwrap(), "Namespace".parse().unwrap()],
            ..Filter::default()
        };
        assert_eq!(names(&Options { kinds, ..Options::default() }), ["nodes", "deployments.apps"]);
    }

    #[test]
    fn the_server_does_what_it_can() {
        let options = Options {
            types: vec!["deployment/web".into()],
            exclude_namespaces: vec!["kube-system".parse().unwrap(), "x-*".parse().unwrap()],
            labels: Some("app=web".into()),
            ..Options::default()
        };
        let mut web = wanted(&options, &kinds()).unwrap().remove(0);
        web.ask(&options, None);
        assert_eq!(web.asks[0].fields.as_deref(), Some("metadata.name=web,metadata.namespace!=kube-system"));
        assert_eq!(web.asks[0].labels.as_deref(), Some("app=web"));
        assert!(web.admits(&options, Some("shop"), "web") && !web.admits(&options, Some("x-1"), "web"));
        assert!(!web.admits(&options, Some("shop"), "db"));
        web.ask(&options, Some(&["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            web.asks.iter().map(|ask| ask.namespace.as_deref()).collect::<Vec<_>>(),
            [Some("a"), Some("b")]
        );
    }

    #[test]
    fn selectors_are_checked_before_anything_is_asked() {
        let bad = Options { labels: Some("a in (b".into()), ..Options::default() };
        assert!(bad.check().unwrap_err().to_string().contains("write it as for kubectl"));
        assert!(Options { fields: Some("a".into()), ..Options::default() }.check().is_err());
    }
}
