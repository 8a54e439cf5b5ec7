use super::{
    super::{Error, FORMAT_VERSION, Format, Kind, Kinds, unescape},
    document, known,
    log::{self, LogFile},
    source::{self, Entry},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// What tells an object from all others of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// API group; empty for the core group.
    pub group: String,
    /// The kind, such as `Deployment`.
    pub kind: String,
    /// Empty for what lives in no namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// `deployment.apps shop/web`
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.to_lowercase();
        let dot = if self.group.is_empty() { "" } else { "." };
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        write!(f, "{kind}{dot}{} {}{slash}{}", self.group, self.namespace, self.name)
    }
}

/// Who wrote a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// `kubetape gather`.
    Gather,
    /// `oc adm must-gather` and its like.
    MustGather,
    /// crust-gather.
    CrustGather,
    /// `kubectl cluster-info dump`.
    ClusterInfoDump,
    /// Somebody, by hand or with `kubectl get -o yaml`.
    #[default]
    Manifests,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Gather => "kubetape gather",
            Origin::MustGather => "must-gather",
            Origin::CrustGather => "crust-gather",
            Origin::ClusterInfoDump => "cluster-info dump",
            Origin::Manifests => "manifests",
        })
    }
}

/// How the server prints a kind.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// `columnDefinitions` of a `Table`.
    pub columns: Vec<Value>,
    /// The cells of an object, by namespace and name.
    pub cells: BTreeMap<(String, String), Vec<Value>>,
}

/// What a cluster held, as it was written down.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// Who wrote it.
    pub origin: Origin,
    /// The objects.
    pub objects: BTreeMap<Id, Value>,
    /// The kinds that the server had; where it was not asked, those that every server has. Those of the
    /// definitions and objects are among them.
    pub kinds: Kinds,
    /// How the server prints its kinds, by plural and group.
    pub tables: BTreeMap<String, Table>,
    /// The logs.
    pub logs: Vec<LogFile>,
    /// `manifest.json`; null when there is none.
    pub manifest: Value,
    /// When it was taken, in RFC 3339; where nobody says, when its newest object was created; else empty.
    pub time: String,
    /// What could not be read, and why.
    pub notes: Vec<String>,
    /// Files that hold no objects, by their names, and were not looked into.
    pub passed_over: Vec<String>,
}

impl Capture {
    /// Reads a directory, an archive, or a file of manifests.
    ///
    /// # Errors
    /// When there is nothing at `path` that can be read, or its format is newer than this library.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut reader = Reader::default();
        let notes = reader.walk(path)?;
        reader.finish(path, notes)
    }

    /// Reads several of them as one, so that a definition in one tells the kind of objects in another; and what
    /// `input` holds.
    ///
    /// # Errors
    /// When there is nothing that can be read at one of the paths, or nothing in all of them.
    pub fn open_all(paths: &[PathBuf], input: Option<&[u8]>) -> Result<Self, Error> {
        let (mut reader, mut notes) = (Reader::default(), Vec::new());
        for path in paths {
            notes.extend(reader.walk(path)?);
        }
        if let Some(input) = input {
            reader.document("standard input", input);
        }
        let first = paths.first().map_or(Path::new("standard input"), PathBuf::as_path);
        reader.finish(first, notes)
    }

    /// Reads a stream of manifests, or what `kubectl cluster-info dump` prints; `name` is what errors call it.
    ///
    /// # Errors
    /// When there is nothing in it.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::default();
        reader.document(name, bytes);
        reader.finish(Path::new(name), Vec::new())
    }

    /// Whether it holds nothing of a cluster.
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.logs.is_empty() && self.manifest.is_null()
    }

    /// Whether it was cut off before it was whole.
    pub fn is_partial(&self) -> bool {
        self.origin == Origin::Gather && self.manifest.is_null()
    }
}

#[derive(Default)]
struct Reader {
    capture: Capture,
    kinds: Vec<Kind>,
    signs: Signs,
    /// The format that the first file of a capture of ours names.
    format: u64,
}

/// By what the writers of captures are known.
#[derive(Default)]
struct Signs {
    ours: bool,
    must: bool,
    crust: bool,
    dump: bool,
}

impl Reader {
    fn walk(&mut self, path: &Path) -> Result<Vec<String>, Error> {
        // A file that somebody names is read whatever it is called.
        let alone = path.is_file() && Format::of(path) == Format::Directory;
        source::walk(path, &mut |mut entry| match alone {
            true => self.with(&mut entry, Reader::document),
            false => self.entry(entry),
        })
    }

    fn entry(&mut self, mut entry: Entry<'_>) {
        let path = entry.path.to_owned();
        self.sign(&path);
        let name = path.rsplit('/').next().unwrap_or(&path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension {
            _ if path == "capture.json" => self.with(&mut entry, Self::mark),
            _ if path.starts_with("openapi/") => {}
            "log" => self.capture.logs.push(LogFile::at(path, entry.size)),
            "txt" if name == "logs.txt" => self.with(&mut entry, Self::logs),
            "jsonl" if path.starts_with("tables/") => self.with(&mut entry, Self::table),
            // A list of images, which crust-gather makes.
            _ if name == "app-versions.yaml" => self.capture.passed_over.push(path),
            "yaml" | "yml" | "json" => self.with(&mut entry, Self::document),
            "patch" => self.capture.notes.push(format!("{path}: changes of crust-gather are not read")),
            "ktape" | "gitignore" | "timestamp" => {}
            _ => self.capture.passed_over.push(path),
        }
    }

    fn mark(&mut self, path: &str, bytes: &[u8]) {
        self.format = self.parsed(path, bytes)["format"].as_u64().unwrap_or_default();
    }

    fn sign(&mut self, path: &str) {
        self.signs.ours |= path == "capture.json";
        self.signs.must |= path.split('/').any(|part| part == "cluster-scoped-resources");
        self.signs.crust |= path.ends_with("collected.timestamp");
        self.signs.dump |= path == "nodes.json";
    }

    /// The logs of all containers of a Pod.
    fn logs(&mut self, path: &str, bytes: &[u8]) {
        let file = LogFile::at(path.to_owned(), bytes.len() as u64);
        let (_, logs) = log::apart(path, &String::from_utf8_lossy(bytes));
        // Their texts stand in a file of their own, where they can be read again.
        let logs: Vec<LogFile> = logs.into_iter().map(|log| LogFile { text: None, ..log }).collect();
        self.capture.logs.extend(if logs.is_empty() { vec![file] } else { logs });
    }

    fn with(&mut self, entry: &mut Entry<'_>, read: impl Fn(&mut Self, &str, &[u8])) {
        let path = entry.path.to_owned();
        match entry.bytes() {
            Ok(bytes) => read(self, &path, &bytes),
            Err(why) => self.capture.notes.push(format!("{path}: {why}")),
        }
    }

    fn parsed(&mut self, path: &str, json: &[u8]) -> Value {
        serde_json::from_slice(json).unwrap_or_else(|error| {
            self.capture.notes.push(format!("{path}: {error}"));
            Value::Null
        })
    }

    fn table(&mut self, path: &str, bytes: &[u8]) {
        let mut table = Table::default();
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let mut line = self.parsed(path, line);
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let key = (text("namespace"), text("name"));
            if let Value::Array(columns) = line["columnDefinitions"].take() {
                table.columns = columns;
            } else if let Value::Array(cells) = line["cells"].take() {
                table.cells.insert(key, cells);
            }
        }
        let mut segments =
            path.trim_end_matches(".jsonl").split('/').skip(1).map(|part| unescape(part).unwrap_or_default());
        let (group, plural) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        let name = if group == "core" { plural } else { format!("{plural}.{group}") };
        self.capture.tables.insert(name, table);
    }

    fn document(&mut self, path: &str, bytes: &[u8]) {
        let (objects, wrong) = match std::str::from_utf8(bytes).ok().filter(|text| log::has_logs(text)) {
            Some(text) => {
                let (rest, logs) = log::apart(path, text);
                self.signs.dump = true;
                self.capture.logs.extend(logs);
                document::objects(path, rest.as_bytes())
            }
            None => document::objects(path, bytes),
        };
        objects.into_iter().for_each(|object| self.object(path, object));
        self.capture.notes.extend(wrong.into_iter().map(|why| format!("{path}: {why}")));
    }

    fn object(&mut self, path: &str, object: Value) {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        match (text("kind"), path) {
            ("APIGroupDiscoveryList", _) => self.kinds.extend(Kind::from_discovery(&object)),
            ("APIResourceList", _) => self.kinds.extend(Kind::from_legacy(&object)),
            ("APIVersions" | "APIGroupList" | "APIGroup", _) => {}
            ("", "manifest.json") => self.capture.manifest = object,
            ("", "run.json") => self.capture.time = text("finished").to_owned(),
            ("", _) if path.ends_with("version.json") || path.ends_with("version.yaml") => {}
            (kind, _) => {
                let meta = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
                let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group).to_owned();
                let id =
                    Id { group, kind: kind.to_owned(), namespace: meta("namespace"), name: meta("name") };
                self.keep(path, id, object);
            }
        }
    }

    fn keep(&mut self, path: &str, id: Id, object: Value) {
        let note = if id.kind.is_empty() || id.name.is_empty() {
            "an object has no kind or no name that is a text; names such as n, yes and 1 want quotes"
                .to_owned()
        } else if self.capture.objects.get(&id).is_some_and(|other| *other != object) {
            format!("{id} is there twice and differs; the one that was read first is kept")
        } else {
            self.capture.objects.entry(id).or_insert(object);
            return;
        };
        self.capture.notes.push(format!("{path}: {note}"));
    }

    fn finish(self, path: &Path, notes: Vec<String>) -> Result<Capture, Error> {
        let newest = self.format;
        let mut capture = self.done();
        capture.notes.extend(notes);
        let format = capture.manifest["format"].as_u64().unwrap_or_default().max(newest);
        if format > u64::from(FORMAT_VERSION) {
            return Err(Error::Newer { path: path.to_owned(), format });
        }
        if !capture.is_empty() {
            return Ok(capture);
        }
        let path = path.to_owned();
        Err(match capture.notes.into_iter().next() {
            Some(why) => Error::Garbled { path, why },
            None => Error::Nothing { path },
        })
    }

    fn done(self) -> Capture {
        let mut capture = self.capture;
        capture.origin = match self.signs {
            Signs { ours: true, .. } => Origin::Gather,
            Signs { crust: true, .. } => Origin::CrustGather,
            Signs { must: true, .. } => Origin::MustGather,
            Signs { dump: true, .. } => Origin::ClusterInfoDump,
            _ => Origin::Manifests,
        };
        if capture.time.is_empty() {
            let created =
                |object: &Value| object["metadata"]["creationTimestamp"].as_str().map(str::to_owned);
            capture.time = capture.objects.values().filter_map(created).max().unwrap_or_default();
        }
        capture.kinds = known::kinds(self.kinds, &capture.objects);
        capture
    }
}

impl Capture {
    /// The objects of a kind.
    pub fn of<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = (&'a Id, &'a Value)> {
        let first = Id { group: kind.group.clone(), kind: kind.kind.clone(), ..Id::default() };
        let of = move |(id, _): &(&Id, &Value)| id.group == kind.group && id.kind == kind.kind;
        self.objects.range(first..).take_while(of)
    }

    /// The cells that the server printed for an object.
    pub fn table(&self, kind: &Kind) -> Option<&Table> {
        self.tables.get(&kind.full_name()).filter(|table| !table.columns.is_empty())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
