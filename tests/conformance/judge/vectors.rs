//! Vectors: what is given, one request, what is expected.

use super::{
    expect::mismatches,
    json::{spaced, text},
    server::{Answer, Ask, Ground, Kind, Server},
};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::Path, sync::LazyLock, time::Duration};
use tokio::time::{Instant, sleep};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

static NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\{([\w][\w.\-]*)\}").expect("a pattern"));

/// A file of vectors.
#[derive(Debug)]
pub(crate) struct Vectors {
    fixtures: Value,
    pub(crate) all: Vec<Value>,
}

/// What became of a vector.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(Vec<String>),
    Skipped(String),
}

/// Where a vector is, with the values that it has saved.
struct Run<'a> {
    fixtures: &'a Value,
    server: Server,
    token: String,
    saved: BTreeMap<String, Value>,
}

impl Vectors {
    /// Reads a file: a line of fixtures, then a vector a line.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
        let lines: Result<Vec<Value>, _> = lines.collect();
        let mut lines = lines.map_err(|error| format!("{}: {error}", path.display()))?;
        let fixed = lines.first().is_some_and(|line| line.get("fixtures").is_some());
        let fixtures = if fixed { lines.remove(0)["fixtures"].clone() } else { json!({}) };
        Ok(Self { fixtures, all: lines })
    }

    /// Runs one on a server of its own.
    pub(crate) async fn run(&self, vector: &Value, ground: &dyn Ground) -> Outcome {
        let kind = match text(&vector["expect"], "env") {
            "controllers" => Kind { controllers: true, accounts: true },
            "admission=ServiceAccount" => Kind { controllers: false, accounts: true },
            _ => Kind::default(),
        };
        let server = match ground.fresh(kind).await {
            Ok(server) => server,
            Err(reason) => return Outcome::Skipped(reason),
        };
        let token = server.admin.clone();
        let mut run = Run { fixtures: &self.fixtures, server, token, saved: BTreeMap::new() };
        for (index, step) in vector["given"].as_array().into_iter().flatten().enumerate() {
            match run.step(step).await {
                Ok(()) => {}
                Err(Stop::Cannot(reason)) => return Outcome::Skipped(reason),
                Err(Stop::Failed(reason)) => {
                    return Outcome::Failed(vec![format!("given[{index}] {reason}")]);
                }
            }
        }
        let patience = if vector["expect"]["eventually"] == true { 30 } else { 0 };
        let end = Instant::now() + Duration::from_secs(patience);
        loop {
            let answer = run.perform(&vector["request"]).await;
            let wrong = run.check(&vector["expect"], &answer, &vector["request"]);
            if wrong.is_empty() {
                return Outcome::Passed;
            }
            if Instant::now() >= end {
                return Outcome::Failed(wrong);
            }
            sleep(Duration::from_millis(400)).await;
        }
    }
}

enum Stop {
    Cannot(String),
    Failed(String),
}

impl Run<'_> {
    async fn step(&mut self, step: &Value) -> Result<(), Stop> {
        let answer = if let Some(name) = step["fixture"].as_str() {
            return self.fixture(name).await;
        } else if step.get("object").is_some() {
            let object = self.filled(&repeated(&step["object"]));
            let path = self.collection(&object).await?;
            let answer = self.server.admin("POST", &path, Some(&object)).await;
            if answer.status != 201 {
                return Err(Stop::Failed(format!("object: {} {}", answer.status, answer.text())));
            }
            answer
        } else if step.get("request").is_some() {
            self.perform(&step["request"]).await
        } else if let Some(what) = step["wait"].as_str() {
            return self.wait(what).await;
        } else {
            return self.simulate(text(step, "sim"));
        };
        if let (Some(name), Some(body)) = (step["save"].as_str(), answer.json()) {
            self.saved.insert(name.to_owned(), body);
        }
        Ok(())
    }

    async fn fixture(&mut self, name: &str) -> Result<(), Stop> {
        let definition = &self.fixtures[name];
        let answer = self.server.admin("POST", DEFINITIONS, Some(definition)).await;
        if !matches!(answer.status, 201 | 409) {
            return Err(Stop::Failed(format!("fixture {name}: {} {}", answer.status, answer.text())));
        }
        self.established(text(&definition["metadata"], "name")).await
    }

    /// Waits until a definition is served in all its versions.
    async fn established(&self, name: &str) -> Result<(), Stop> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            let definition = self.server.admin("GET", &format!("{DEFINITIONS}/{name}"), None).await;
            let definition = definition.json().unwrap_or_default();
            let mut conditions = definition["status"]["conditions"].as_array().into_iter().flatten();
            if conditions.any(|own| own["type"] == "Established" && own["status"] == "True") {
                let spec = &definition["spec"];
                let versions = spec["versions"].as_array().into_iter().flatten();
                let (group, plural) = (text(spec, "group"), text(&spec["names"], "plural"));
                let mut served = true;
                for version in versions.filter(|version| version["served"] == true) {
                    let path = format!("/apis/{group}/{}/{plural}?limit=1", text(version, "name"));
                    served &= self.server.admin("GET", &path, None).await.status == 200;
                }
                if served {
                    return Ok(());
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(Stop::Failed(format!("{name} is not established")))
    }

    /// Where an object is created.
    async fn collection(&self, object: &Value) -> Result<String, Stop> {
        let (version, kind) = (text(object, "apiVersion"), text(object, "kind"));
        let root = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let document = self.server.admin("GET", &root, None).await.json().unwrap_or_default();
        let resources = document["resources"].as_array().into_iter().flatten();
        let own = resources.into_iter().find(|own| own["kind"] == kind && !text(own, "name").contains('/'));
        let own = own.ok_or_else(|| Stop::Failed(format!("{version} {kind} is not served")))?;
        if own["namespaced"] != true {
            return Ok(format!("{root}/{}", text(own, "name")));
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        Ok(format!("{root}/namespaces/{namespace}/{}", text(own, "name")))
    }

    async fn wait(&self, what: &str) -> Result<(), Stop> {
        match what.split_once(' ') {
            Some(("crd-established", name)) => return self.established(name).await,
            _ if what == "crd-schema-active" => sleep(Duration::from_secs(2)).await,
            _ => sleep(Duration::from_secs(3)).await,
        }
        Ok(())
    }

    fn simulate(&mut self, what: &str) -> Result<(), Stop> {
        match what {
            "user-without-rights" => {
                let poor = self.server.poor.clone();
                self.token = poor.ok_or_else(|| Stop::Cannot("no token without rights".to_owned()))?;
            }
            "compact-history" => {
                let compact = self.server.compact.as_ref();
                compact.ok_or_else(|| Stop::Cannot("history cannot be compacted".to_owned()))?();
            }
            _ => return Err(Stop::Cannot(format!("{what} is not played here"))),
        }
        Ok(())
    }

    async fn perform(&self, request: &Value) -> Answer {
        let body = match (request.get("rawBody"), request.get("body")) {
            (Some(Value::String(raw)), _) => Some(self.filled_text(raw).into_bytes()),
            (Some(raw), _) => repeated(raw).as_str().map(|raw| raw.as_bytes().to_vec()),
            (None, Some(body)) => Some(spaced(&repeated(&self.filled(body)))),
            (None, None) => None,
        };
        let none = Map::new();
        let given = request["headers"].as_object().unwrap_or(&none);
        let headers =
            given.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let mut ask = Ask {
            method: text(request, "method").to_owned(),
            path: self.filled_text(text(request, "path")),
            headers: headers.collect(),
            body,
        };
        if ask.body.is_some() && !given.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
            ask.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        self.server.ask(ask, &self.token).await
    }

    fn check(&self, expected: &Value, answer: &Answer, request: &Value) -> Vec<String> {
        let expected = self.filled(expected);
        let mut wrong = Vec::new();
        if answer.status == 0 {
            wrong.push(format!("no answer: {}", answer.text()));
        }
        if let Some(status) = expected.get("status") {
            wrong.extend(mismatches(status, Some(&json!(answer.status)), "status"));
        }
        let (body, events) = bodies(answer, &self.filled_text(text(request, "path")));
        if let Some(wanted) = expected.get("body") {
            wrong.extend(mismatches(wanted, body.as_ref(), "body"));
        }
        for path in expected["absent"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(there) = body.as_ref().and_then(|body| body.pointer(path)) {
                wrong.push(format!("{path}: there, and should not be: {there}"));
            }
        }
        for (name, wanted) in expected["headers"].as_object().into_iter().flatten() {
            wrong.extend(header_mismatches(name, wanted, &answer.headers(&name.to_lowercase())));
        }
        if let Some(wanted) = expected.get("text") {
            wrong.extend(mismatches(wanted, Some(&json!(answer.text())), "text"));
        }
        let Some(wanted) = expected["events"].as_array() else { return wrong };
        if events.len() < wanted.len() || (expected["eventsExact"] == true && events.len() != wanted.len()) {
            wrong.push(format!("events: got {} expected {}: {}", events.len(), wanted.len(), json!(events)));
        }
        for (index, (wanted, event)) in wanted.iter().zip(&events).enumerate() {
            wrong.extend(mismatches(wanted, Some(event), &format!("events/{index}")));
        }
        wrong
    }

    /// A tree with saved values in it.
    fn filled(&self, tree: &Value) -> Value {
        match tree {
            Value::String(text) => {
                let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                match whole.and_then(|name| self.saved.get(name)) {
                    Some(saved) => saved.clone(),
                    None => Value::String(self.filled_text(text)),
                }
            }
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(map) => {
                Value::Object(map.iter().map(|(key, value)| (key.clone(), self.filled(value))).collect())
            }
            _ => tree.clone(),
        }
    }

    fn filled_text(&self, text: &str) -> String {
        let fill = |found: &regex::Captures<'_>| {
            let mut steps = found[1].split('.');
            let first = steps.next().and_then(|name| self.saved.get(name));
            let value = steps.fold(first, |value, step| match value? {
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                value => value.get(step),
            });
            match value {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => found[0].to_owned(),
            }
        };
        NAMED.replace_all(text, fill).into_owned()
    }
}

/// A repeated header is a list; where one value is expected, any of them may be it.
fn header_mismatches(name: &str, wanted: &Value, values: &[String]) -> Vec<String> {
    let path = format!("header {name}");
    match (wanted, values) {
        (Value::Array(_), [_, ..]) => mismatches(wanted, Some(&json!(values)), &path),
        (_, []) => mismatches(wanted, None, &path),
        _ => {
            let tries = values.iter().map(|value| mismatches(wanted, Some(&json!(value)), &path));
            let mut tries: Vec<Vec<String>> = tries.collect();
            if tries.iter().any(Vec::is_empty) { Vec::new() } else { tries.swap_remove(0) }
        }
    }
}

/// The body of an answer, or the events of a watch. A watch that says one thing which is no event has a body.
fn bodies(answer: &Answer, path: &str) -> (Option<Value>, Vec<Value>) {
    let query = path.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let watch =
        query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1") || path.contains("/watch/");
    if !watch || answer.status != 200 {
        return (answer.json(), Vec::new());
    }
    let text = answer.text();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut events: Vec<Value> =
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!({"unparsed": line}))).collect();
    let plain = |event: &Value| event.get("kind").is_some() && event.get("object").is_none();
    if events.len() == 1 && plain(&events[0]) {
        return (events.pop(), Vec::new());
    }
    (None, events)
}

/// A tree with its long parts written out.
fn repeated(tree: &Value) -> Value {
    match tree {
        Value::Object(map) if map.len() == 1 && map.contains_key("$repeat") => {
            let (item, times) = (repeated(&map["$repeat"]["item"]), &map["$repeat"]["n"]);
            (0..times.as_u64().unwrap_or(0)).map(|_| item.clone()).collect()
        }
        Value::Object(map) if map.len() == 1 && map.contains_key("$repeatString") => {
            let (piece, times) = (text(&map["$repeatString"], "s"), &map["$repeatString"]["n"]);
            Value::String(piece.repeat(usize::try_from(times.as_u64().unwrap_or(0)).unwrap_or(0)))
        }
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), repeated(value))).collect(),
        Value::Array(items) => items.iter().map(repeated).collect(),
        _ => tree.clone(),
    }
}
