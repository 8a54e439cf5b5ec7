use super::{
    Kind, definition,
    parameters::{self, DELETE, DELETE_ALL, LIST, PATCH, WRITE},
    schemas::{Schemas, group_version},
};
use crate::sim::discovery::Subresource;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const JSON: [&str; 2] = ["application/json", "application/yaml"];
const ALL: [&str; 3] = ["application/json", "application/vnd.kubernetes.protobuf", "application/yaml"];
const STREAMS: [&str; 5] = [
    "application/json",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/yaml",
];
const PATCHES: [&str; 4] = [
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

/// `AppsV1`, `RbacAuthorization`, `ExampleCom`: a group as names of operations have it.
pub(super) fn prefix(group: &str) -> String {
    let group = if group.is_empty() { "core" } else { group.trim_end_matches(".k8s.io") };
    group.split('.').map(capital).collect()
}

/// `rbacAuthorization`.
pub(super) fn tag(group: &str) -> String {
    let name = prefix(group);
    name[..1].to_lowercase() + &name[1..]
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// One operation of a path, and the options of its request.
struct Operation {
    method: &'static str,
    text: Value,
    options: Vec<Value>,
}

/// The paths of a group version.
pub(super) fn of_version(
    group: &str,
    version: &str,
    kinds: &[Arc<Kind>],
    schemas: &mut Schemas,
) -> Map<String, Value> {
    let mut paths = Map::new();
    let tag = format!("{}_{version}", tag(group));
    let whole = format!("{}{}", prefix(group), capital(version));
    for kind in kinds {
        Writer { kind, tag: &tag, whole: &whole, schemas: &mut *schemas, paths: &mut paths }.all();
    }
    if kinds.iter().all(|kind| kind.custom.is_none()) {
        let root =
            if group.is_empty() { format!("/api/{version}/") } else { format!("/apis/{group}/{version}/") };
        let list = "io.k8s.apimachinery.pkg.apis.meta.v1.APIResourceList";
        paths.extend(plain(&root, &tag, &format!("get{whole}APIResources"), list, schemas));
    }
    let mut sorted: Vec<_> = paths.into_iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    sorted.into_iter().collect()
}

/// A document of discovery.
pub(super) fn plain(path: &str, tag: &str, id: &str, of: &str, schemas: &mut Schemas) -> Map<String, Value> {
    let schema = if of.is_empty() { json!({"type": "string"}) } else { schemas.built_in(of) };
    let media = match tag {
        "openid" => &["application/jwk-set+json"][..],
        "version" | "WellKnown" => &ALL[..1],
        _ => &ALL,
    };
    let ok = answer("OK", media, &schema);
    let operation = json!({"tags": [tag], "operationId": id, "responses": {"200": ok, "401": refused()}});
    let mut paths = Map::new();
    paths.insert(path.to_owned(), json!({ "get": operation }));
    paths
}

fn refused() -> Value {
    json!({"description": "Unauthorized"})
}

fn content(media: &[&str], schema: &Value) -> Value {
    let all = media.iter().map(|media| ((*media).to_owned(), json!({ "schema": schema })));
    Value::Object(all.collect())
}

fn answer(what: &str, media: &[&str], schema: &Value) -> Value {
    json!({"description": what, "content": content(media, schema)})
}

/// What is written about one type.
struct Writer<'a> {
    kind: &'a Kind,
    tag: &'a str,
    whole: &'a str,
    schemas: &'a mut Schemas,
    paths: &'a mut Map<String, Value>,
}

impl Writer<'_> {
    fn all(&mut self) {
        let kind = self.kind;
        let scope = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let (root, plural) = (kind.resource.prefix(), &kind.resource.plural);
        let (list, one) = (format!("{root}{scope}/{plural}"), format!("{root}{scope}/{plural}/{{name}}"));
        let operations = self.many();
        self.put(&list, operations);
        let operations = self.one();
        self.put(&one, operations);
        if kind.namespaced && self.can("list") {
            let operation = self.list(&format!("list{}{}ForAllNamespaces", self.whole, kind.kind));
            self.put(&format!("{root}/{plural}"), vec![operation]);
        }
        if kind.custom.is_none() && self.can("watch") {
            self.watches(&root, scope);
        }
        for sub in kind.listed_subresources() {
            self.subresource(&one, sub);
        }
    }

    fn can(&self, verb: &str) -> bool {
        self.kind.verbs.iter().any(|known| known == verb)
    }

    /// `AppsV1NamespacedDeployment`, with a word before the scope.
    fn id(&self, word: &str) -> String {
        let scope = if self.kind.namespaced { "Namespaced" } else { "" };
        format!("{}{word}{scope}{}", self.whole, self.kind.kind)
    }

    fn media(&self) -> &'static [&'static str] {
        if self.kind.custom.is_some() { &JSON } else { &ALL }
    }

    fn bodies(&self) -> &'static [&'static str] {
        if self.kind.custom.is_some() { &JSON } else { &["*/*"] }
    }

    fn operation(
        &self,
        method: &'static str,
        id: String,
        action: &str,
        options: &[&str],
        answers: Value,
    ) -> Operation {
        let (group, version) = group_version(self.kind);
        let mut responses = answers;
        responses["401"] = refused();
        let text = json!({
            "tags": [self.tag], "operationId": id, "responses": responses, "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": self.kind.kind},
        });
        Operation { method, text, options: options.iter().map(|name| parameters::query(name)).collect() }
    }

    fn answers(&self, codes: &[(&str, &str)], schema: &Value) -> Value {
        let all = codes.iter().map(|(code, text)| ((*code).to_owned(), answer(text, self.media(), schema)));
        Value::Object(all.collect())
    }

    fn list(&mut self, id: &str) -> Operation {
        let schema = self.schemas.list_of(self.kind);
        let media = if self.kind.custom.is_some() { &JSON[..] } else { &STREAMS[..] };
        self.operation("get", id.to_owned(), "list", &LIST, json!({ "200": answer("OK", media, &schema) }))
    }

    /// The operations on all objects of a type.
    fn many(&mut self) -> Vec<Operation> {
        let mut all = Vec::new();
        if self.can("list") {
            let id = format!("list{}", self.id(""));
            all.push(self.list(&id));
        }
        if self.can("create") {
            let schema = self.schemas.of(self.kind);
            let id = format!("create{}", self.id(""));
            all.push(self.create(id, &schema));
        }
        if self.can("deletecollection") {
            let (status, id) = (self.schemas.meta("Status"), format!("delete{}", self.id("Collection")));
            let answers = self.answers(&[("200", "OK")], &status);
            let custom = self.kind.custom.is_some();
            let options = if custom { &LIST[..] } else { &DELETE_ALL[..] };
            let mut operation = self.operation("delete", id, "deletecollection", options, answers);
            if !custom {
                operation.text["requestBody"] =
                    json!({"content": content(self.bodies(), &self.schemas.meta("DeleteOptions"))});
            }
            all.push(operation);
        }
        all
    }

    fn create(&mut self, id: String, schema: &Value) -> Operation {
        let answers = self.answers(&[("200", "OK"), ("201", "Created"), ("202", "Accepted")], schema);
        let mut operation = self.operation("post", id, "post", &WRITE, answers);
        operation.text["requestBody"] = json!({"content": content(self.bodies(), schema), "required": true});
        operation
    }

    /// The operations on one object.
    fn one(&mut self) -> Vec<Operation> {
        let schema = if ["get", "update", "patch", "delete"].iter().any(|verb| self.can(verb)) {
            self.schemas.of(self.kind)
        } else {
            return Vec::new();
        };
        let id = self.id("");
        let verbs = self.kind.verbs.clone();
        let mut all = self.rewrites(&verbs, &id, &schema);
        if self.can("delete") {
            // A namespace is answered with, though its document does not say so.
            let object = self.kind.rules.returns_deleted && !self.kind.is_core("namespaces");
            let answered = if object { schema } else { self.schemas.meta("Status") };
            let answers = self.answers(&[("200", "OK"), ("202", "Accepted")], &answered);
            let mut operation = self.operation("delete", format!("delete{id}"), "delete", &DELETE, answers);
            operation.text["requestBody"] =
                json!({"content": content(self.bodies(), &self.schemas.meta("DeleteOptions"))});
            all.push(operation);
        }
        all
    }

    /// Reading, replacing and patching of an object or a part of one.
    fn rewrites(&mut self, verbs: &[String], id: &str, schema: &Value) -> Vec<Operation> {
        let (custom, mut all) = (self.kind.custom.is_some(), Vec::new());
        let can = |verb: &str| verbs.iter().any(|known| known == verb);
        if can("get") {
            let answers = self.answers(&[("200", "OK")], schema);
            let options: &[&str] = if custom { &["resourceVersion"] } else { &[] };
            all.push(self.operation("get", format!("read{id}"), "get", options, answers));
        }
        let written = [("200", "OK"), ("201", "Created")];
        if can("update") {
            let answers = self.answers(&written, schema);
            let mut operation = self.operation("put", format!("replace{id}"), "put", &WRITE, answers);
            operation.text["requestBody"] =
                json!({"content": content(self.bodies(), schema), "required": true});
            all.push(operation);
        }
        if can("patch") {
            let answers = self.answers(if custom { &written[..1] } else { &written }, schema);
            let mut operation = self.operation("patch", format!("patch{id}"), "patch", &PATCH, answers);
            let media = if custom { &PATCHES[..3] } else { &PATCHES[..] };
            operation.text["requestBody"] =
                json!({"content": content(media, &self.schemas.meta("Patch")), "required": true});
            all.push(operation);
        }
        all
    }

    /// The old paths of watches.
    fn watches(&mut self, root: &str, scope: &str) {
        let (kind, plural) = (&self.kind.kind, &self.kind.resource.plural);
        let mut rows = vec![
            (format!("{root}/watch{scope}/{plural}"), format!("watch{}List", self.id("")), "watchlist"),
            (format!("{root}/watch{scope}/{plural}/{{name}}"), format!("watch{}", self.id("")), "watch"),
        ];
        if self.kind.namespaced {
            let id = format!("watch{}{kind}ListForAllNamespaces", self.whole);
            rows.push((format!("{root}/watch/{plural}"), id, "watchlist"));
        }
        if !self.can("list") || !self.can("get") {
            return;
        }
        for (path, id, action) in rows {
            let ok = answer("OK", &STREAMS, &self.schemas.meta("WatchEvent"));
            let operation = self.operation("get", id, action, &LIST, json!({ "200": ok }));
            self.put(&path, vec![operation]);
        }
    }

    fn subresource(&mut self, one: &str, sub: &Subresource) {
        let (path, id) = (format!("{one}/{}", sub.name), format!("{}{}", self.id(""), capital(&sub.name)));
        if ["attach", "exec", "portforward", "proxy"].contains(&sub.name.as_str()) {
            return self.connects(&path, &sub.name, sub);
        }
        let (group, version) = match (&sub.group, &sub.version) {
            (Some(group), Some(version)) => (group.clone(), version.clone()),
            _ => {
                let (group, version) = group_version(self.kind);
                (group.to_owned(), version.to_owned())
            }
        };
        let schema = match definition(&group, &version, &sub.kind) {
            Some(name) => self.schemas.built_in(name),
            None => self.schemas.of(self.kind),
        };
        if sub.name == "log" {
            let media = [&ALL[..], &["text/plain"]].concat();
            let ok = json!({ "200": answer("OK", &media, &json!({"type": "string"})) });
            let operation =
                self.operation("get", format!("read{id}"), "get", parameters::of_stream("log"), ok);
            return self.put(&path, vec![operation]);
        }
        let mut all = self.rewrites(&sub.verbs, &id, &schema);
        if sub.verbs.iter().any(|verb| verb == "create") {
            all.push(self.create(format!("create{id}"), &schema));
        }
        if self.kind.custom.is_none() {
            for operation in &mut all {
                operation.text["x-kubernetes-group-version-kind"] =
                    json!({"group": group, "version": version, "kind": sub.kind});
            }
        }
        self.put(&path, all);
    }

    /// Streams, with each method that may begin one.
    fn connects(&mut self, path: &str, name: &str, sub: &Subresource) {
        let (methods, whole): (&[&'static str], _) = if name == "proxy" {
            (&["get", "put", "post", "delete", "options", "head", "patch"], true)
        } else {
            (&["get", "post"], false)
        };
        for (path, tail) in [(path.to_owned(), ""), (format!("{path}/{{path}}"), "WithPath")] {
            let operations = methods.iter().map(|method| {
                let (scope, kind) = (if self.kind.namespaced { "Namespaced" } else { "" }, &self.kind.kind);
                let id =
                    format!("connect{}{}{scope}{kind}{}{tail}", self.whole, capital(method), capital(name));
                let ok = json!({ "200": answer("OK", &["*/*"], &json!({"type": "string"})) });
                let mut operation = self.operation(method, id, "connect", parameters::of_stream(name), ok);
                operation.text["x-kubernetes-group-version-kind"]["kind"] = json!(sub.kind);
                operation
            });
            let operations = operations.collect();
            self.put(&path, operations);
            if !whole {
                return;
            }
        }
    }

    /// Puts the operations at a path; the options that all of them have stand there once.
    fn put(&mut self, path: &str, operations: Vec<Operation>) {
        let Some(first) = operations.first() else { return };
        let everywhere =
            |option: &Value| operations.iter().all(|operation| operation.options.contains(option));
        let mut shared: Vec<Value> =
            first.options.iter().filter(|option| everywhere(option)).cloned().collect();
        shared.extend(
            ["name", "namespace", "path"]
                .iter()
                .filter(|part| path.contains(&format!("{{{part}}}")))
                .map(|part| parameters::path(part)),
        );
        let stream = ["connect"].contains(&first.text["x-kubernetes-action"].as_str().unwrap_or_default());
        if !stream && !shared.iter().any(|option| option["name"] == "pretty") {
            shared.push(parameters::query("pretty"));
        }
        let order = |option: &Value| (option["name"].to_string(), option["in"].to_string());
        shared.sort_by_key(order);
        let mut item = Map::new();
        for mut operation in operations {
            operation.options.retain(|option| !shared.contains(option));
            if !operation.options.is_empty() {
                operation.text["parameters"] = operation.options.into();
            }
            item.insert(operation.method.to_owned(), operation.text);
        }
        item.insert("parameters".to_owned(), shared.into());
        self.paths.insert(path.to_owned(), Value::Object(item));
    }
}
