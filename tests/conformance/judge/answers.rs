//! Compares whole answers and the frames of watches.

use super::{
    compare::{Difference, Judge, Owner},
    json::{brief, text},
    leftovers::Leftovers,
    mapping::Mapping,
    server::Answer,
    volatile::Volatile,
};
use regex::Regex;
use serde_json::{Value, json};

/// Headers that are compared, whether recorded or not; of others those that are recorded.
const HEADERS: [&str; 9] = [
    "content-type",
    "warning",
    "retry-after",
    "location",
    "etag",
    "cache-control",
    "vary",
    "allow",
    "x-content-type-options",
];

impl Judge {
    /// For one transcript.
    pub(crate) fn of(lines: &[Value]) -> Self {
        let controllers = lines[0]["meta"]["controllersNeeded"] == true;
        Self {
            volatile: Volatile::of(lines),
            map: Mapping::new(!controllers),
            leftovers: Leftovers::of(lines),
            controllers,
            found: Vec::new(),
            columns: Vec::new(),
            list_revision: None,
            dry: false,
        }
    }

    /// Compares an answer with the recorded one. `unordered`: its causes come in the order of a Go map.
    pub(crate) fn answer(&mut self, line: &Value, live: &Answer, unordered: bool) {
        let recorded = &line["response"];
        self.columns.clear();
        let asked = line["body"].to_string();
        self.dry = text(line, "path").contains("dryRun") || asked.contains("dryRun");
        if recorded["status"] != live.status {
            self.differ("status", live.status.to_string(), recorded["status"].to_string());
        }
        self.headers(line, live);
        if recorded["stream"] == true || recorded.get("bodyOmitted").is_some() {
            return;
        }
        self.leftovers.at(line["n"].as_u64().unwrap_or(u64::MAX));
        let list = |body: &Value| text(body, "kind").ends_with("List") || text(body, "kind") == "Table";
        self.list_revision = list(&recorded["body"]).then_some("body.metadata.resourceVersion");
        let Some(body) = recorded.get("body") else { return self.plain(recorded, live) };
        let Some(answered) = live.json() else { return self.differ("body", live.text(), brief(Some(body))) };
        let (body, answered) = (self.leftovers.body(body), self.leftovers.body(&answered));
        let sort = |body: Value| if unordered { sorted_causes(body) } else { body };
        self.walk(&sort(body), &sort(answered), "body", &Owner::default());
    }

    fn headers(&mut self, line: &Value, live: &Answer) {
        let recorded = line["response"]["headers"].as_object().cloned().unwrap_or_default();
        let names = recorded.keys().map(String::as_str).filter(|name| !HEADERS.contains(name));
        for name in HEADERS.into_iter().chain(names) {
            let path = format!("header {name}");
            let mut values = live.headers(name);
            if line["actor"] == "kubectl" && values.len() > 1 {
                // What recorded kubectl kept the last of repeated headers alone.
                values.drain(..values.len() - 1);
            }
            let answered = match values.as_slice() {
                [] => None,
                [one] => Some(json!(one)),
                _ => Some(json!(values)),
            };
            match (recorded.get(name), &answered) {
                (None, None) => {}
                (Some(there), Some(here)) => self.walk(there, here, &path, &Owner::default()),
                (there, here) => self.differ(&path, brief(here.as_ref()), brief(there)),
            }
        }
    }

    /// Texts; of protobuf, whose bytes the recording lost, the strings in it.
    fn plain(&mut self, recorded: &Value, live: &Answer) {
        let there = text(recorded, "text");
        if !text(&recorded["headers"], "content-type").contains("protobuf") {
            return self.text(there, &live.text(), "text", &Owner::default());
        }
        let moment = Regex::new(r"\x08\x08[^\x10]{1,8}\x10\x00").expect("a pattern");
        let fields = Regex::new(r#"^.?(\{"f:.*\}).?$"#).expect("a pattern");
        let runs = |text: &str| {
            let text = moment.replace_all(text, "\0");
            let words = text.split(|c: char| !(' '..='~').contains(&c)).filter(|word| word.len() >= 3);
            // Lengths stand beside texts and look like letters; revisions have other lengths here.
            let number = |word: &str| word[..word.len() - 1].bytes().all(|byte| byte.is_ascii_digit());
            let words = words.filter(|word| !number(word));
            let words = words.map(|word| {
                fields.replace(word, "$1").trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned()
            });
            let mut words: Vec<_> = words.collect();
            words.sort_unstable();
            json!(words)
        };
        self.walk(&runs(there), &runs(&live.text()), "protobuf", &Owner::default());
    }

    /// Compares one frame.
    pub(crate) fn frame(&mut self, recorded: &Value, live: &Value) {
        let mark = recorded["type"] == "BOOKMARK";
        self.list_revision = mark.then_some("frame.object.metadata.resourceVersion");
        self.dry = false;
        self.walk(recorded, live, "frame", &Owner::default());
    }

    /// Compares all frames of a watch. Without controllers they come one for one; with them some versions
    /// between the first and the last one of an object are seen by one watch and not by another.
    pub(crate) fn frames(&mut self, recorded: &[Value], live: &[Value], ended: Ended) {
        self.columns.clear();
        self.leftovers.at(u64::MAX);
        let (marks, there): (Vec<_>, Vec<_>) = recorded.iter().partition(|frame| periodic(frame));
        let (live_marks, mut here): (Vec<_>, Vec<_>) = live.iter().partition(|frame| periodic(frame));
        if let Some(mark) = marks.first() {
            for frame in live_marks {
                self.frame(mark, frame);
            }
        }
        if self.controllers {
            return self.by_object(&there, &here, ended);
        }
        if ended == Ended::Unknown {
            here.truncate(there.len());
        }
        for (a, b) in there.iter().zip(&here) {
            self.frame(a, b);
        }
        if there.len() != here.len() {
            self.counts(&there, &here);
        }
    }

    fn counts(&mut self, there: &[&Value], here: &[&Value]) {
        let show = |frames: &[&Value]| frames.iter().map(|frame| short(frame)).collect::<Vec<_>>().join(", ");
        self.differ("frames", show(here), show(there));
    }

    fn by_object(&mut self, there: &[&Value], here: &[&Value], ended: Ended) {
        let (a, b) = (grouped(there), grouped(here));
        let head = |group: &Vec<&Value>| group[0]["object"].clone();
        let (heads, live_heads): (Vec<Value>, Vec<Value>) =
            (a.iter().map(head).collect(), b.iter().map(head).collect());
        let (heads, live_heads): (Vec<&Value>, Vec<&Value>) =
            (heads.iter().collect(), live_heads.iter().collect());
        let pairs = self.pairs(&heads, &live_heads, &mut |judge, i, j| {
            let ends = judge.trial(|judge| {
                judge.frame(a[i][0], b[j][0]);
                judge.frame(a[i][a[i].len() - 1], b[j][b[j].len() - 1]);
            });
            a[i].len().abs_diff(b[j].len()) + ends.len()
        });
        let used: Vec<usize> = pairs.iter().filter_map(|(_, j)| *j).collect();
        for (i, j) in pairs {
            match j {
                Some(j) => self.object_frames(&a[i], &b[j], ended),
                None => self.counts(&a[i], &[]),
            }
        }
        for (j, group) in b.iter().enumerate() {
            if !used.contains(&j) && ended != Ended::Unknown {
                self.counts(&[], group);
            }
        }
    }

    fn object_frames(&mut self, there: &[&Value], here: &[&Value], ended: Ended) {
        let mut here = here;
        if ended == Ended::Unknown && here.len() > there.len() {
            let last = there[there.len() - 1];
            if self.trial(|judge| judge.frame(last, here[there.len() - 1])).is_empty() {
                here = &here[..there.len()];
            }
        }
        let even = |judge: &mut Self| there.iter().zip(here).for_each(|(a, b)| judge.frame(a, b));
        if there.len() == here.len() && self.keeps(even) {
            return;
        }
        if self.keeps(|judge| judge.within(there, here, false))
            || self.keeps(|judge| judge.within(here, there, true))
        {
            return;
        }
        let before = self.found.len();
        for (a, b) in there.iter().zip(here) {
            self.frame(a, b);
            if self.found.len() > before {
                self.found.truncate(before + 4);
                break;
            }
        }
        if self.found.len() == before || there.len() != here.len() {
            self.counts(there, here);
        }
    }

    /// Compares, and learns only when nothing differs.
    fn keeps(&mut self, compare: impl FnOnce(&mut Self)) -> bool {
        let (map, before) = (self.map.clone(), self.found.len());
        compare(self);
        let equal = self.found.len() == before;
        if !equal {
            self.found.truncate(before);
            self.map = map;
        }
        equal
    }

    /// Whether the fewer frames all stand among the more ones, in order, and the ends are the same.
    fn within(&mut self, few: &[&Value], many: &[&Value], swapped: bool) {
        let same = |judge: &mut Self, a: &Value, b: &Value| {
            judge.keeps(|judge| if swapped { judge.frame(b, a) } else { judge.frame(a, b) })
        };
        let mut at = 0;
        for (index, frame) in few.iter().enumerate() {
            if index + 1 == few.len() && at < many.len() {
                if !same(self, frame, many[many.len() - 1]) {
                    self.differ("frames", "another last frame", "");
                }
                return;
            }
            let found = (at..many.len()).find(|k| same(self, frame, many[*k]));
            match found {
                Some(k) if index > 0 || k == 0 => at = k + 1,
                _ => return self.differ("frames", "a frame less", ""),
            }
        }
        if at < many.len() {
            self.differ("frames", "more at the end", "");
        }
    }
}

/// How a recorded watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    ByServer,
    ByClient,
    Unknown,
}

/// Bookmarks that come once a minute, or when the server likes.
pub(crate) fn periodic(frame: &Value) -> bool {
    frame["type"] == "BOOKMARK" && frame["object"]["metadata"].get("annotations").is_none()
}

fn short(frame: &Value) -> String {
    let meta = &frame["object"]["metadata"];
    format!("{} {}@{}", text(frame, "type"), text(meta, "name"), text(meta, "resourceVersion"))
}

fn grouped<'a>(frames: &[&'a Value]) -> Vec<Vec<&'a Value>> {
    let mut groups: Vec<(String, Vec<&Value>)> = Vec::new();
    for frame in frames {
        let uid = text(&frame["object"]["metadata"], "uid");
        let key = if frame["type"] == "BOOKMARK" { "a bookmark" } else { uid };
        match groups.iter_mut().find(|(known, _)| known == key) {
            Some((_, group)) => group.push(frame),
            None => groups.push((key.to_owned(), vec![frame])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A refusal with its causes in an order of our own.
fn sorted_causes(mut body: Value) -> Value {
    let message = text(&body, "message").to_owned();
    let mut pieces: Vec<&str> = message.split(['[', ']', ',']).map(str::trim).collect();
    pieces.sort_unstable();
    body["message"] = json!(pieces);
    if let Some(causes) = body["details"]["causes"].as_array_mut() {
        causes.sort_by_key(Value::to_string);
    }
    body
}

/// A difference as one line.
pub(crate) fn line_of(what: &str, difference: &Difference) -> String {
    format!("{what} | {}: got {} expected {}", difference.path, difference.got, difference.expected)
        .replace('\n', "\\n")
}
