//! Transcripts: a recorded session is sent again, and every answer and frame is judged.

use super::{
    answers::{Ended, line_of, periodic},
    chance::Chance,
    compare::{Difference, FLAVOUR, Judge, Owner},
    json::{spaced, text},
    server::{Answer, Ask, Ground, Kind, Server, Stream},
    volatile::Class,
};
use regex::Regex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio::time::sleep;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A recorded session.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) name: String,
    pub(crate) lines: Vec<Value>,
}

impl Transcript {
    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str);
        let lines: Result<Vec<Value>, _> = lines.collect();
        let lines = lines.map_err(|error| format!("{}: {error}", path.display()))?;
        let name = lines.first().and_then(|line| line["meta"]["scenario"].as_str());
        let name = name.ok_or_else(|| format!("{}: no transcript", path.display()))?.to_owned();
        Ok(Self { name, lines })
    }

    /// Whether the controllers of a control plane take part.
    pub(crate) fn controllers(&self) -> bool {
        self.lines[0]["meta"]["controllersNeeded"] == true
    }

    /// What cannot be played here.
    fn unplayable(&self, server: &Server) -> Option<&'static str> {
        let compacts = |line: &Value| text(line, "comment").starts_with("history up to");
        let user = |name: &str| self.lines.iter().any(|line| line["user"] == name);
        if self.lines.iter().any(|line| line.get("review").is_some()) {
            return Some("webhooks are not played here");
        }
        if self.lines.iter().any(compacts) && server.compact.is_none() {
            return Some("history cannot be compacted");
        }
        if (user("u") && server.poor.is_none()) || (user("jane") && server.other.is_none()) {
            return Some("no token without rights");
        }
        None
    }

    /// Plays it; every difference as a line, or the reason why it cannot be played.
    pub(crate) async fn play(&self, ground: &dyn Ground, chance: &Chance) -> Result<Vec<String>, String> {
        let controllers = self.controllers();
        let server = ground.fresh(Kind { controllers, accounts: controllers }).await?;
        if let Some(reason) = self.unplayable(&server) {
            return Err(reason.to_owned());
        }
        let mut play = Play {
            script: self,
            chance,
            judge: Judge::of(&self.lines),
            streams: BTreeMap::new(),
            etags: BTreeMap::new(),
            sent: (0.0, 0.0),
            wrong: Vec::new(),
            server,
        };
        if let Some(poor) = play.server.poor.clone() {
            // A text cannot be learned wrong: it is the first value of its class.
            let _ = play.judge.map.bind(Class::UserToken, "user-token", &poor);
        }
        for (index, line) in self.lines.iter().enumerate().skip(1) {
            play.line(index, line).await;
        }
        for watch in play.streams.keys().copied().collect::<Vec<_>>() {
            play.end(watch, Ended::Unknown).await;
        }
        Ok(play.wrong)
    }
}

/// An open watch: the frames that are late against the recording.
struct Open {
    stream: Stream,
    due: usize,
    late: usize,
}

impl Open {
    fn arrived(&self) -> usize {
        self.stream.frames().iter().filter(|frame| !periodic(frame)).count()
    }
}

/// A transcript while it is played.
struct Play<'a> {
    script: &'a Transcript,
    chance: &'a Chance,
    server: Server,
    judge: Judge,
    streams: BTreeMap<u64, Open>,
    etags: BTreeMap<String, String>,
    /// When the last request was sent: recorded and live seconds.
    sent: (f64, f64),
    wrong: Vec<String>,
}

impl Play<'_> {
    fn now(&self) -> f64 {
        self.server.began.elapsed().as_secs_f64()
    }

    async fn line(&mut self, index: usize, line: &Value) {
        let watch = line["watch"].as_u64();
        if line.get("method").is_some() {
            self.exchange(line).await;
        } else if let (Some(watch), Some(frame)) = (watch, line.get("frame")) {
            if let Some(open) = self.streams.get_mut(&watch) {
                open.due += usize::from(!periodic(frame));
            }
        } else if let Some(watch) = watch {
            let more = self.script.lines[index..]
                .iter()
                .any(|later| later["watch"].as_u64() == Some(watch) && later.get("frame").is_some());
            if line["eof"] == true {
                self.end(watch, Ended::ByServer).await;
            } else if !more {
                // A stream that the client closed may have said more before it was closed.
                self.end(watch, Ended::ByClient).await;
            }
        } else if text(line, "comment").starts_with("history up to") {
            if let Some(compact) = &self.server.compact {
                compact();
            }
        } else if text(line, "comment").starts_with("a POST body of 3.2 MB") {
            self.large(index, line).await;
        }
    }

    /// Takes what the last comparison found, but what is chance.
    fn take(&mut self, what: &str) {
        for difference in std::mem::take(&mut self.judge.found) {
            self.note(what, &difference);
        }
    }

    fn note(&mut self, what: &str, difference: &Difference) {
        let line = line_of(what, difference);
        if !self.chance.excuses(&self.script.name, &line) {
            self.wrong.push(line);
        }
    }

    async fn large(&mut self, index: usize, line: &Value) {
        let before = self.script.lines[..index].iter().rev().find(|line| line.get("method").is_some());
        let path = before.map(|line| text(line, "path")).unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let body = json!({"metadata": {"name": "big"}, "data": {"a": "x".repeat(3_200_000)}});
        let answer = self.server.admin("POST", &path, Some(&body)).await;
        if line["status"] != answer.status {
            self.judge.differ("status", answer.status.to_string(), line["status"].to_string());
        }
        self.take(&format!("#{} POST of 3.2 MB", line["n"]));
    }

    async fn exchange(&mut self, line: &Value) {
        self.wait(line).await;
        self.resolve(text(line, "path")).await;
        let ask = self.request(line);
        let token = self.token(text(line, "user"));
        let name = format!("#{} {} {}", line["n"], text(line, "method"), text(line, "path"));
        let recorded = line["ms"].as_f64().unwrap_or(0.0) / 1000.0;
        let streams = line["response"]["stream"] == true;
        let (end, mut pause) = (self.now() + self.patience(line), 0.05);
        let (answer, at) = loop {
            let at = self.now();
            self.sent = (recorded, at);
            if streams {
                let (answer, stream) = self.server.open(ask.clone(), &token).await;
                if let (Some(stream), Some(n)) = (stream, line["n"].as_u64()) {
                    self.streams.insert(n, Open { stream, due: 0, late: 0 });
                }
                break (answer, at);
            }
            let answer = self.server.ask(ask.clone(), &token).await;
            if self.now() >= end || self.tried(line, &answer, recorded, at) {
                break (answer, at);
            }
            sleep(Duration::from_secs_f64(pause)).await;
            pause = (pause * 1.5_f64).min(2.0);
        };
        self.pace(recorded, at);
        if answer.status == 0 {
            self.judge.differ("answer", answer.text(), "one");
        } else {
            let unordered = self.unordered(line);
            self.judge.answer(line, &answer, unordered);
        }
        self.take(&name);
        if let Some(etag) = answer.headers("etag").pop() {
            self.etags.insert(ask.path.clone(), etag);
        }
        self.afterwards(line, &answer).await;
    }

    fn pace(&mut self, recorded: f64, at: f64) {
        let (epoch, start) = (self.judge.volatile.epoch, self.server.epoch);
        self.judge.map.pace.push((epoch + recorded, start + at));
    }

    fn unordered(&self, line: &Value) -> bool {
        let own = (self.script.name.clone(), line["n"].as_u64().unwrap_or(0));
        self.chance.unordered.contains(&own)
    }

    /// How long a question is repeated until its answer is the recorded one.
    fn patience(&self, line: &Value) -> f64 {
        let slow = self.script.controllers() || text(line, "path").starts_with(DEFINITIONS);
        match (line.get("polled").is_some(), text(line, "method") == "GET" && slow) {
            (true, _) => 30.0,
            (false, true) => 5.0,
            _ => 0.0,
        }
    }

    /// Whether an answer is the recorded one.
    fn tried(&mut self, line: &Value, answer: &Answer, recorded: f64, at: f64) -> bool {
        let unordered = self.unordered(line);
        let pace = (self.judge.volatile.epoch + recorded, self.server.epoch + at);
        let found = self.judge.trial(|judge| {
            judge.map.pace.push(pace);
            judge.answer(line, answer, unordered);
        });
        let name = format!("#{} {} {}", line["n"], text(line, "method"), text(line, "path"));
        found.iter().all(|difference| self.chance.excuses(&self.script.name, &line_of(&name, difference)))
    }

    fn token(&self, user: &str) -> String {
        match user {
            "u" => self.server.poor.clone().unwrap_or_default(),
            "jane" => self.server.other.clone().unwrap_or_default(),
            "token" => self.judge.map.live_token().unwrap_or("bad").to_owned(),
            _ => self.server.admin.clone(),
        }
    }

    /// Keeps the recorded pause, and waits for the frames that had come by then.
    async fn wait(&mut self, line: &Value) {
        let pause = line["ms"].as_f64().unwrap_or(0.0) / 1000.0 - self.sent.0;
        let left = self.sent.1 + pause - self.now();
        if line.get("polled").is_none() && pause > 0.03 && left > 0.0 {
            sleep(Duration::from_secs_f64(left.min(15.0))).await;
        }
        let end = self.now() + if self.judge.controllers { 3.0 } else { 1.0 };
        for watch in self.streams.keys().copied().collect::<Vec<_>>() {
            while self.streams[&watch].is_late() && self.now() < end {
                sleep(Duration::from_millis(10)).await;
            }
            if let Some(open) = self.streams.get_mut(&watch) {
                open.late = open.late.max(open.due.saturating_sub(open.arrived()));
            }
        }
    }

    /// Names that no answer has shown: one of the live objects that fit.
    async fn resolve(&mut self, path: &str) {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        for suffix in self.judge.unknown_suffixes(&path) {
            let Some((collection, name)) = place_of(&path, &suffix) else { continue };
            let (collection, end) = (self.judge.live_text(collection), self.now() + 10.0);
            while self.now() < end {
                let list = self.server.admin("GET", &collection, None).await.json().unwrap_or_default();
                let pattern = self.judge.pattern(name);
                let mut fits: Vec<&Value> = list["items"].as_array().into_iter().flatten().collect();
                fits.retain(|object| self.is_free(object, &pattern));
                fits.sort_by_key(|object| {
                    let meta = &object["metadata"];
                    (
                        object["status"]["phase"] != "Pending",
                        text(meta, "creationTimestamp"),
                        text(meta, "name"),
                    )
                });
                if let Some(object) = fits.first() {
                    let name = text(&object["metadata"], "name").to_owned();
                    let outcome = self.judge.map.bind(Class::Suffix, &suffix, &name[name.len() - 5..]);
                    self.judge.learned("path", &name, outcome);
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn is_free(&self, object: &Value, pattern: &Regex) -> bool {
        let meta = &object["metadata"];
        let tail = text(meta, "name").len().checked_sub(5).map(|at| &text(meta, "name")[at..]);
        pattern.is_match(text(meta, "name"))
            && meta.get("deletionTimestamp").is_none()
            && !tail.is_some_and(|tail| self.judge.map.is_taken(Class::Suffix, tail))
    }

    fn request(&mut self, line: &Value) -> Ask {
        let body = match (line["rawBody"].as_str(), line.get("body")) {
            (Some(raw), _) => {
                let number = line["n"].as_u64().unwrap_or_default();
                Some(self.chance.raw(&self.script.name, number, raw))
            }
            (None, Some(body)) => {
                let (at, now) = (line["ms"].as_f64().unwrap_or(0.0) / 1000.0, self.server.epoch + self.now());
                let moved = now - self.judge.volatile.epoch - at;
                Some(spaced(&self.judge.live_body(body, "body", &Owner::default(), moved)))
            }
            (None, None) => None,
        };
        let given = line["headers"].as_object().into_iter().flatten();
        let headers = given
            .map(|(name, value)| (name.clone(), self.judge.live_text(value.as_str().unwrap_or_default())));
        let path = self.judge.live_path(text(line, "path"));
        let mut ask = Ask { method: text(line, "method").to_owned(), headers: headers.collect(), body, path };
        if line["response"]["status"] == 304 && ask.header("if-none-match").is_none() {
            // What a client had in its cache was not recorded.
            let etag = self.etags.get(&ask.path).cloned();
            ask.headers.extend(etag.map(|etag| ("if-none-match".to_owned(), etag)));
        }
        ask
    }

    /// What the recorded environment did beside the recording.
    async fn afterwards(&mut self, line: &Value, answer: &Answer) {
        let namespace = text(&line["body"]["metadata"], "name");
        if self.judge.controllers && text(line, "path") == "/api/v1/namespaces" && answer.status == 201 {
            let path =
                format!("/api/v1/namespaces/{namespace}/configmaps?fieldManager=kube-controller-manager");
            let notes = json!({"service.beta.openshift.io/inject-cabundle": "true"});
            let body =
                json!({"metadata": {"name": FLAVOUR, "annotations": notes}, "data": {"service-ca.crt": ""}});
            self.server.admin("POST", &path, Some(&body)).await;
        }
    }

    async fn end(&mut self, watch: u64, ended: Ended) {
        let Some(open) = self.streams.remove(&watch) else { return };
        let end = self.now() + if ended == Ended::ByServer { 5.0 } else { 2.0 };
        let waits = |open: &Open| match ended {
            Ended::ByServer => !open.stream.ended(),
            _ => open.arrived() < open.due && !open.stream.ended(),
        };
        while self.now() < end && waits(&open) {
            sleep(Duration::from_millis(20)).await;
        }
        let lines = &self.script.lines;
        let start = lines.iter().find(|line| line["n"].as_u64() == Some(watch));
        let what = format!("#{watch} WATCH {}", start.map(|line| text(line, "path")).unwrap_or_default());
        let frames = lines.iter().filter(|line| line["watch"].as_u64() == Some(watch));
        let frames: Vec<Value> = frames.filter_map(|line| line.get("frame").cloned()).collect();
        match (ended, open.stream.ended()) {
            (Ended::ByServer, false) => self.judge.differ("end", "none", "closed by the server"),
            (Ended::ByClient, true) => self.judge.differ("end", "closed by the server", "none"),
            _ => {}
        }
        self.judge.frames(&frames, &open.stream.frames(), ended);
        self.take(&what);
    }
}

impl Open {
    fn is_late(&self) -> bool {
        !self.stream.ended() && self.arrived() + self.late < self.due
    }
}

/// The collection and the name in a path, of the object whose name ends so.
fn place_of<'a>(path: &'a str, suffix: &str) -> Option<(&'a str, &'a str)> {
    let segment = path.split('/').find(|segment| segment.ends_with(suffix))?;
    let at = path.find(segment)?;
    Some((path.get(..at.checked_sub(1)?)?, segment))
}
