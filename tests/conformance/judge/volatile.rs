//! Which parts of a recorded text change from run to run.

use super::json::{objects, strings};
use regex::Regex;
use serde_json::Value;
use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::LazyLock,
};

/// What kind of value a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Certificate,
    Certificate64,
    Token,
    Token64,
    Uid,
    Time,
    Digest,
    Stamp,
    Issuer,
    Source,
    UserToken,
    Revision,
    Address,
    Suffix,
    Ip,
    Port,
    Continue,
}

impl Class {
    /// What a live value of this class looks like.
    pub(crate) fn shape(self) -> &'static str {
        match self {
            Self::Certificate => r"-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----",
            Self::Certificate64 => "LS0tLS1CRUdJTi[A-Za-z0-9+/=]+",
            Self::Token => r"[\w-]+\.[\w-]+\.[\w-]+",
            Self::Token64 => "[A-Za-z0-9+/=]{80,}",
            Self::Uid => "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            Self::Time => r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z",
            Self::Digest => "[0-9A-Za-z]{8,128}",
            Self::Stamp => "[0-9a-f]{15,16}",
            Self::Issuer => r#"https?://[^\s"]+"#,
            Self::Source => r#"[^"]+"#,
            Self::UserToken | Self::Continue => r"\S+",
            Self::Revision => r"\d+",
            Self::Address => r"[\w.\[\]:-]+:\d+",
            Self::Suffix => "[bcdfghjklmnpqrstvwxz2456789]{5}",
            Self::Ip => r"\d+\.\d+\.\d+\.\d+",
            Self::Port => r"\d{4,5}",
        }
    }
}

/// How recorded values are found: the group is the value, what stands around it is context.
static PATTERNS: LazyLock<Vec<(Class, Regex)>> = LazyLock::new(|| {
    let whole = |class: Class| (class, format!("({})", class.shape()));
    let mut table = vec![whole(Class::Certificate), whole(Class::Certificate64)];
    let mut add = |class, pattern: &str| table.push((class, pattern.to_owned()));
    add(Class::Token, r"(eyJ[\w-]{10,}\.[\w-]+\.[\w-]+)");
    add(Class::Token64, "(ZXlK[A-Za-z0-9+/=]{80,})");
    add(Class::Uid, &format!("({})", Class::Uid.shape()));
    add(Class::Time, &format!("({})", Class::Time.shape()));
    add(Class::Digest, r"\b([0-9A-F]{128})\b");
    add(Class::Stamp, r"\.([0-9a-f]{16})\b");
    add(Class::Issuer, r"(https://127\.0\.0\.1:53[67]43/)");
    add(Class::Source, r#"in scheme \\?"([^"\\]+\.go:\d+)"#);
    add(Class::UserToken, r"\b(user-token)\b");
    for context in [
        r"resource version: (\d+)",
        r"current: (\d+)",
        r"\d \((\d+)\)$",
        r"in record \((\d+)",
        r"in object meta: (\d+)$",
        r#"resourceVersion: "(\d+)"#,
        r#""resourceVersion\\":\\"(\d+)"#,
    ] {
        add(Class::Revision, context);
    }
    add(Class::Address, r"(127\.0\.0\.1:53[67]43)");
    let compile = |(class, pattern): (Class, String)| (class, Regex::new(&pattern).expect("a pattern"));
    table.into_iter().map(compile).collect()
});

static UID: LazyLock<Regex> = LazyLock::new(|| Regex::new(Class::Uid.shape()).expect("a pattern"));
static TIME: LazyLock<Regex> = LazyLock::new(|| Regex::new(Class::Time.shape()).expect("a pattern"));
static SUFFIX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("^{}$", Class::Suffix.shape())).expect("a pattern"));
static QUOTA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r#"-({})\\*" is forbidden: exceeded quota"#, Class::Suffix.shape()))
        .expect("a pattern")
});
static ACCESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("kube-api-access-({})", Class::Suffix.shape())).expect("a pattern"));

/// A piece of a text: a literal one when it has no class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) class: Option<Class>,
    pub(crate) text: String,
}

/// A text in pieces.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) pieces: Vec<Part>,
    pattern: OnceCell<Regex>,
}

impl Parts {
    /// Whether nothing in it changes.
    pub(crate) fn are_literal(&self) -> bool {
        self.pieces.iter().all(|part| part.class.is_none())
    }

    /// The volatile values of a live text that is alike.
    pub(crate) fn values<'a>(&self, live: &'a str) -> Option<Vec<&'a str>> {
        let shape = |part: &Part| match part.class {
            Some(class) => format!("({})", class.shape()),
            None => regex::escape(&part.text),
        };
        let pattern = self.pattern.get_or_init(|| whole(&self.pieces.iter().map(shape).collect::<String>()));
        let found = pattern.captures(live)?;
        Some(found.iter().skip(1).flatten().map(|value| value.as_str()).collect())
    }
}

/// A pattern for a whole text.
pub(crate) fn whole(pattern: &str) -> Regex {
    Regex::new(&format!("^(?s:{pattern})$")).expect("escaped parts")
}

/// What is known of the volatile values of one transcript.
#[derive(Debug, Default)]
pub(crate) struct Volatile {
    /// When the recording began, in seconds since 1970.
    pub(crate) epoch: f64,
    /// Uids that a client made up.
    literal: BTreeSet<String>,
    /// Generated suffixes, with the character before them.
    suffixes: BTreeSet<(char, String)>,
    /// Addresses and ports that the server chose.
    words: BTreeMap<String, Class>,
    /// Texts that were parted before.
    known: RefCell<BTreeMap<String, Rc<Parts>>>,
}

impl Volatile {
    /// Reads a whole transcript.
    pub(crate) fn of(lines: &[Value]) -> Self {
        let mut found = Self::default();
        let (mut seen, mut epoch) = (BTreeSet::new(), None);
        let sent: String = lines.iter().flat_map(sent).collect::<Vec<_>>().join(" ");
        for line in lines {
            for text in self::sent(line) {
                let own = UID.find_iter(text).map(|m| m.as_str()).filter(|uid| !seen.contains(*uid));
                found.literal.extend(own.map(str::to_owned));
            }
            for text in got(line) {
                seen.extend(UID.find_iter(text).map(|m| m.as_str().to_owned()));
                if epoch.is_none()
                    && let Some(time) = TIME.find(text).filter(|time| time.as_str() > "2026")
                {
                    epoch = Some(seconds(time.as_str()) - line["ms"].as_f64().unwrap_or(0.0) / 1000.0);
                }
            }
            found.names(line);
            found.addresses(line, &sent);
        }
        found.epoch = epoch.unwrap_or_default();
        found
    }

    fn suffix(&mut self, name: &str) {
        let Some((head, tail)) = name.split_at_checked(name.len().saturating_sub(5)) else { return };
        if let Some(before) = head.chars().next_back().filter(|_| SUFFIX.is_match(tail)) {
            self.suffixes.insert((before, tail.to_owned()));
        }
    }

    fn names(&mut self, line: &Value) {
        let body = line["body"].to_string();
        let prefix = line["body"]["metadata"]["generateName"]
            .as_str()
            .filter(|_| line["body"]["metadata"]["name"].is_null());
        for part in ["response", "frame", "review"] {
            for object in objects(&line[part]) {
                let (name, prefix) = (&object["metadata"]["name"], &object["metadata"]["generateName"]);
                let (Some(name), Some(prefix)) = (name.as_str(), prefix.as_str()) else { continue };
                let head: String = prefix.chars().take(58).collect();
                let made = name.strip_prefix(&head).is_some_and(|rest| rest.len() == 5);
                if made && !body.contains(&format!("\"{name}\"")) {
                    self.suffix(name);
                }
            }
        }
        for text in got(line) {
            for found in QUOTA.captures_iter(text).chain(ACCESS.captures_iter(text)) {
                self.suffix(&format!("-{}", &found[1]));
            }
            let Some(prefix) = prefix else { continue };
            for (at, _) in text.match_indices(prefix) {
                let end = at + prefix.len() + 5;
                if let Some(name) = text.get(at..end) {
                    self.suffix(name);
                }
            }
        }
    }

    fn addresses(&mut self, line: &Value, sent: &str) {
        for object in ["response", "frame"].iter().flat_map(|part| objects(&line[*part])) {
            let spec = &object["spec"];
            if let Some(ip) = spec["clusterIP"].as_str()
                && ip.starts_with("10.0.0.")
                && ip != "10.0.0.1"
                && !sent.contains(ip)
            {
                self.words.insert(ip.to_owned(), Class::Ip);
            }
            for port in spec["ports"].as_array().into_iter().flatten() {
                let Some(port) = port["nodePort"].as_u64().map(|port| port.to_string()) else { continue };
                if !sent.contains(&port) {
                    self.words.insert(port, Class::Port);
                }
            }
        }
    }

    /// Whether the server chose this port.
    pub(crate) fn is_port(&self, port: &Value) -> bool {
        self.words.get(&port.to_string()) == Some(&Class::Port)
    }

    /// Parts a text into literal and volatile pieces.
    pub(crate) fn split(&self, text: &str) -> Rc<Parts> {
        if let Some(parts) = self.known.borrow().get(text) {
            return parts.clone();
        }
        let parts = Rc::new(Parts { pieces: self.pieces(text), pattern: OnceCell::new() });
        self.known.borrow_mut().insert(text.to_owned(), parts.clone());
        parts
    }

    fn pieces(&self, text: &str) -> Vec<Part> {
        let mut spans: Vec<(usize, usize, Class)> = Vec::new();
        // All of these have a digit or this word.
        if text.contains(|c: char| c.is_ascii_digit())
            || text.contains("BEGIN")
            || text.contains("user-token")
        {
            for (class, pattern) in PATTERNS.iter() {
                let found = pattern.captures_iter(text).filter_map(|found| found.get(1));
                let found = found.filter(|value| self.changes(*class, value.as_str()));
                spans.extend(found.map(|value| (value.start(), value.end(), *class)));
            }
        }
        spans.extend(self.chosen(text));
        spans.sort_by_key(|(start, _, class)| (*start, *class));
        let (mut pieces, mut at) = (Vec::new(), 0);
        let literal = |text: &str| Part { class: None, text: text.to_owned() };
        for (start, end, class) in spans {
            if start < at {
                continue;
            }
            if start > at {
                pieces.push(literal(&text[at..start]));
            }
            pieces.push(Part { class: Some(class), text: text[start..end].to_owned() });
            at = end;
        }
        if at < text.len() || pieces.is_empty() {
            pieces.push(literal(&text[at..]));
        }
        pieces
    }

    fn changes(&self, class: Class, value: &str) -> bool {
        match class {
            Class::Time => (-86_400.0..366.0 * 86_400.0).contains(&(seconds(value) - self.epoch)),
            Class::Revision => value != "1" && value != "999999999",
            _ => !self.literal.contains(value),
        }
    }

    /// Where names, addresses and ports stand that the server chose.
    fn chosen(&self, text: &str) -> Vec<(usize, usize, Class)> {
        let mut spans = Vec::new();
        for (before, suffix) in &self.suffixes {
            for (at, _) in text.match_indices(suffix.as_str()) {
                let next = text[at + suffix.len()..].chars().next();
                let ends = !next.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
                if ends && text[..at].ends_with(*before) {
                    spans.push((at, at + suffix.len(), Class::Suffix));
                }
            }
        }
        for (word, class) in &self.words {
            for (at, _) in text.match_indices(word.as_str()) {
                let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                let before = text[..at].chars().next_back();
                if !digit(before) && before != Some('.') && !digit(text[at + word.len()..].chars().next()) {
                    spans.push((at, at + word.len(), *class));
                }
            }
        }
        spans
    }
}

/// What a line sends.
fn sent(line: &Value) -> Vec<&str> {
    let mut found = strings(&line["body"]);
    found.extend(line["rawBody"].as_str());
    found.extend(line["path"].as_str());
    found
}

/// What a line shows of the server.
fn got(line: &Value) -> Vec<&str> {
    let mut found = strings(&line["response"]["body"]);
    found.extend(line["response"]["text"].as_str());
    found.extend(strings(&line["frame"]));
    found.extend(strings(&line["review"]));
    found
}

/// A time as seconds since 1970.
pub(crate) fn seconds(time: &str) -> f64 {
    let time: Result<jiff::Timestamp, _> = time.parse();
    time.map_or(0.0, |time| time.as_nanosecond() as f64 / 1e9)
}

/// Seconds since 1970 as a time of the same precision as another one.
pub(crate) fn time_like(at: f64, like: &str) -> String {
    let digits = like.split_once('.').map_or(0, |(_, rest)| rest.len() - 1);
    let time = jiff::Timestamp::from_nanosecond((at * 1e9) as i128).unwrap_or_default();
    let text = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if digits == 0 {
        return format!("{text}Z");
    }
    let fraction = format!("{:09}", time.subsec_nanosecond());
    format!("{text}.{}Z", &fraction[..digits.min(9)])
}
