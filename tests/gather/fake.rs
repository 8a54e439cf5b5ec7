//! The server, and a look at what was captured of it.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use kube::Client;
use kubetape::gather::{self, Error, KindReport, Manifest, Options, Progress};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

type Chunks = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// What is asked.
pub(crate) struct Ask {
    query: BTreeMap<String, String>,
    /// How often this path was asked before.
    pub(crate) number: usize,
}

impl Ask {
    pub(crate) fn token(&self) -> Option<&str> {
        self.query.get("continue").map(String::as_str)
    }

    fn is_watch(&self) -> bool {
        self.query.contains_key("watch")
    }

    /// Since when changes are wanted.
    pub(crate) fn version(&self) -> &str {
        &self.query["resourceVersion"]
    }
}

/// What is answered.
pub(crate) struct Reply {
    status: u16,
    after: Option<&'static str>,
    chunks: Chunks,
}

impl Reply {
    /// A body in chunks of a few bytes, so that no chunk ends where JSON does.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let size = if text.len() > 4096 { 1000 } else { 7 };
        let chunks: Vec<_> = text.as_bytes().chunks(size).map(|chunk| Ok(chunk.to_vec().into())).collect();
        Self::stream(stream::iter(chunks))
    }

    pub(crate) fn json(value: &Value) -> Self {
        Self::text(text(value))
    }

    pub(crate) fn stream(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { status: 200, after: None, chunks: Box::pin(chunks) }
    }

    pub(crate) fn refusal(code: u16, message: &str) -> Self {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message});
        Self { status: code, ..Self::json(&status) }
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn retry_after(self, seconds: &'static str) -> Self {
        Self { after: Some(seconds), ..self }
    }

    /// Frames of a watch.
    pub(crate) fn frames(frames: &[(&str, Value)]) -> Self {
        let line =
            |(event, object): &(&str, Value)| json!({"type": event, "object": object}).to_string() + "\n";
        Self::text(frames.iter().map(line).collect::<String>())
    }

    /// The body begins a while later.
    pub(crate) fn after(self, pause: Duration) -> Self {
        let wait = stream::once(tokio::time::sleep(pause)).filter_map(|()| async { None });
        Self { chunks: Box::pin(wait.chain(self.chunks)), ..self }
    }

    /// The body goes on, and nothing comes any more.
    pub(crate) fn and_stays(self) -> Self {
        Self { chunks: Box::pin(self.chunks.chain(stream::pending())), ..self }
    }

    /// The body ends with an error, as when the connection is cut.
    pub(crate) fn and_breaks(self) -> Self {
        let cut = stream::iter([Err(io::Error::other("connection reset"))]);
        Self { chunks: Box::pin(self.chunks.chain(cut)), ..self }
    }
}

type Script = Box<dyn Fn(&Ask) -> Reply + Send + Sync>;

/// A server; what it has no script for is not there.
pub(crate) struct Fake {
    scripts: BTreeMap<String, Script>,
    /// What watches get; those without a script stay open and say nothing.
    watches: BTreeMap<String, Script>,
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// A list with `items`, and a token for the next page.
pub(crate) fn list(items: &[Value], next: &str) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7", "continue": next}, "items": items})
}

/// JSON; a list has its metadata before its items, as an API server writes it.
pub(crate) fn text(value: &Value) -> String {
    let mut rest = value.clone();
    let Some(fields) = rest.as_object_mut().filter(|fields| fields.contains_key("items")) else {
        return value.to_string();
    };
    let metadata = fields.remove("metadata").unwrap_or_default();
    format!("{{\"metadata\":{metadata},{}", &rest.to_string()[1..])
}

/// An object in the namespace `shop`.
pub(crate) fn object(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}")}, "data": {"of": name}})
}

/// Objects with the names `o-FROM`, and so on.
pub(crate) fn objects(numbers: std::ops::Range<usize>) -> Vec<Value> {
    numbers.map(|n| object(&format!("o-{n}"))).collect()
}

impl Fake {
    /// A server with Secrets, ConfigMaps and Pods, of which it has none.
    pub(crate) fn new() -> Self {
        let resource = |plural: &str, kind: &str| {
            json!({"resource": plural, "singularResource": kind.to_lowercase(), "scope": "Namespaced",
                "responseKind": {"kind": kind}, "verbs": ["get", "list", "watch"]})
        };
        let resources =
            [resource("configmaps", "ConfigMap"), resource("pods", "Pod"), resource("secrets", "Secret")];
        let core = json!({"metadata": {}, "versions": [{"version": "v1", "resources": resources}]});
        let groups = |items: Value| json!({"kind": "APIGroupDiscoveryList", "items": items});
        let fake = Self { scripts: BTreeMap::new(), watches: BTreeMap::new(), asked: Arc::default() };
        fake.json("/version", json!({"gitVersion": "v1.36.3"}))
            .json("/api", groups(json!([core])))
            .json("/apis", groups(json!([])))
            .json("/openapi/v3", json!({"paths": {}}))
            .json("/api/v1/secrets", list(&[], ""))
            .json("/api/v1/pods", list(&[object("healthy")], ""))
            .json("/api/v1/configmaps", list(&[], ""))
    }

    pub(crate) fn on(mut self, path: &str, script: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        self.scripts.insert(path.to_owned(), Box::new(script));
        self
    }

    /// Watches of `path`, which are counted apart, as `PATH?watch`.
    pub(crate) fn watch(
        mut self,
        path: &str,
        script: impl Fn(&Ask) -> Reply + Send + Sync + 'static,
    ) -> Self {
        self.watches.insert(path.to_owned(), Box::new(script));
        self
    }

    pub(crate) fn json(self, path: &str, value: Value) -> Self {
        self.on(path, move |_| Reply::json(&value))
    }

    /// The server of a test about one list: that of ConfigMaps.
    pub(crate) fn maps(script: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        Self::new().on("/api/v1/configmaps", script)
    }

    fn answer(
        &self,
        request: &http::Request<kube::client::Body>,
    ) -> http::Response<StreamBody<impl Stream<Item = io::Result<Frame<Bytes>>> + use<>>> {
        assert_eq!(request.method(), "GET", "a capture only reads");
        let path = request.uri().path().to_owned();
        let pairs = request.uri().query().unwrap_or_default().split('&');
        let query = pairs.filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        let mut ask = Ask { query: query.collect(), number: 0 };
        let counted = if ask.is_watch() { format!("{path}?watch") } else { path.clone() };
        let mut asked = self.asked.lock().unwrap();
        let number = asked.entry(counted).or_default();
        ask.number = *number;
        *number += 1;
        let missing = || Reply::refusal(404, "the server could not find the requested resource");
        let silent = || Reply::text("").and_stays();
        let reply = match ask.is_watch() {
            true => self.watches.get(&path).map_or_else(silent, |script| script(&ask)),
            false => self.scripts.get(&path).map_or_else(missing, |script| script(&ask)),
        };
        let mut response = http::Response::builder().status(reply.status);
        if let Some(after) = reply.after {
            response = response.header("retry-after", after);
        }
        response.body(StreamBody::new(reply.chunks.map(|chunk| chunk.map(Frame::data)))).unwrap()
    }

    fn client(self: &Arc<Self>) -> Client {
        let fake = Arc::clone(self);
        let service = tower::service_fn(move |request| {
            let response = fake.answer(&request);
            async move { Ok::<_, io::Error>(response) }
        });
        Client::new(service, "default")
    }

    /// Captures it into `place`.
    pub(crate) async fn into(
        self,
        options: &Options,
        place: &Path,
        force: bool,
    ) -> (Result<Manifest, Error>, Asked) {
        self.watched(options, place, force, &Progress::new()).await
    }

    pub(crate) async fn watched(
        self,
        options: &Options,
        place: &Path,
        force: bool,
        progress: &Progress,
    ) -> (Result<Manifest, Error>, Asked) {
        let fake = Arc::new(self);
        let done = gather::gather(fake.client(), "https://fake", options, place, force, progress).await;
        (done, Asked(fake.asked.lock().unwrap().clone()))
    }

    /// Captures it into a directory.
    pub(crate) async fn capture(self, options: &Options) -> Capture {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("capture");
        let (manifest, asked) = self.into(options, &place, false).await;
        Capture { manifest: manifest.unwrap(), asked, files: files(&place) }
    }
}

/// How often each path was asked.
pub(crate) struct Asked(BTreeMap<String, usize>);

impl Asked {
    pub(crate) fn of(&self, path: &str) -> usize {
        self.0.get(path).copied().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

pub(crate) struct Capture {
    pub(crate) manifest: Manifest,
    pub(crate) asked: Asked,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Capture {
    pub(crate) fn report(&self, plural: &str) -> &KindReport {
        self.manifest.kinds.iter().find(|kind| kind.plural == plural).unwrap()
    }

    pub(crate) fn maps(&self) -> &KindReport {
        self.report("configmaps")
    }

    /// The names of the ConfigMaps that were captured.
    pub(crate) fn names(&self) -> Vec<&str> {
        let names = self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix("namespaces/shop/core/configmaps/")?.strip_suffix(".yaml"));
        names.collect()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.files[path]).unwrap()
    }

    /// Fails unless the pod, which nothing is wrong with, and the manifest are there.
    pub(crate) fn expect_the_rest(&self) {
        assert!(self.files.contains_key("namespaces/shop/core/pods/healthy.yaml"), "{:?}", self.files.keys());
        assert_eq!(self.json("manifest.json")["warnings"], self.manifest.warnings);
    }
}

/// All files under a directory.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// Options of a user who does not want to wait.
pub(crate) fn hasty(timeout: u64) -> Options {
    Options { timeout: Duration::from_millis(timeout), ..Options::default() }
}
