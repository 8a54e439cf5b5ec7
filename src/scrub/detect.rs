use super::{rules::defaults, vault::decoded};
use regex::Regex;
use std::{ops::Range, sync::LazyLock};

/// What kind of credential a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A JSON web token.
    Jwt,
    /// A PEM private key.
    PrivateKey,
    /// An `Authorization: Bearer` value.
    Bearer,
    /// A credential in a kubeconfig.
    Kubeconfig,
    /// A manifest of a Secret.
    Manifest,
}

impl Finding {
    /// What it looks like, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Finding::Jwt => "a JWT",
            Finding::PrivateKey => "a PEM private key",
            Finding::Bearer => "a bearer token",
            Finding::Kubeconfig => "a credential of a kubeconfig",
            Finding::Manifest => "a Secret's manifest",
        }
    }
}

/// Without any of these a text has no credential that is known here.
static MARKS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("-----BEGIN |eyJ|users|Secret|(?i:bearer) ").expect("the pattern is tested with the others")
});

/// What stands before a token in a header, in any case.
const WORD: &[u8] = b"bearer";

/// The first thing in `text` that looks like a credential, with how many rounds of base64 it lies under.
pub fn suspicious(text: &str) -> Option<(Finding, usize)> {
    let mut text = std::borrow::Cow::Borrowed(text);
    for depth in 0..3 {
        if let Some((_, finding)) = spans(&text).first() {
            return Some((*finding, depth));
        }
        text = decoded(&text)?.into();
    }
    None
}

/// Where credentials stand in `text`, in order and without overlap.
pub(super) fn spans(text: &str) -> Vec<(Range<usize>, Finding)> {
    // Nearly all texts are ordinary, and are looked through once.
    if text.len() < 20 || !MARKS.is_match(text) {
        return Vec::new();
    }
    let mut found = private_keys(text);
    found.extend(jwts(text));
    found.extend(bearers(text));
    found.extend(kubeconfig(text));
    if manifest(text) {
        found = vec![(0..text.len(), Finding::Manifest)];
    }
    found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut end = 0;
    found.retain(|(range, _)| {
        let fits = range.start >= end;
        if fits {
            end = range.end;
        }
        fits
    });
    found
}

fn private_keys(text: &str) -> Vec<(Range<usize>, Finding)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("-----BEGIN ") {
        let rest = &text[start..];
        let Some(label) = rest[11..].split("-----").next().filter(|label| label.ends_with("PRIVATE KEY"))
        else {
            continue;
        };
        let close = format!("-----END {label}-----");
        let end = rest.find(&close).map_or(text.len(), |at| start + at + close.len());
        found.push((start..end, Finding::PrivateKey));
    }
    found
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn jwts(text: &str) -> Vec<(Range<usize>, Finding)> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("eyJ") {
        let run = text[start..].bytes().take_while(|b| is_base64url(*b) || *b == b'.').count();
        let token = &text[start..start + run];
        let mut parts = token.split('.');
        let long = |part: Option<&str>| part.is_some_and(|part| part.len() >= 10);
        if long(parts.next()) && long(parts.next()) && parts.next().is_some() {
            found.push((start..start + run, Finding::Jwt));
        }
    }
    found
}

fn bearers(text: &str) -> Vec<(Range<usize>, Finding)> {
    let mut found = Vec::new();
    for space in memchr::memchr_iter(b' ', text.as_bytes()) {
        let word = space.checked_sub(WORD.len()).and_then(|at| text.as_bytes().get(at..space));
        if !word.is_some_and(|word| word.eq_ignore_ascii_case(WORD)) {
            continue;
        }
        let start = space + 1;
        let token = |b: &u8| is_base64url(*b) || b"./+~=".contains(b);
        let run = text.as_bytes()[start..].iter().take_while(|b| token(b)).count();
        let digits = text.as_bytes()[start..start + run].iter().any(u8::is_ascii_digit);
        if run >= 16 && digits {
            found.push((start..start + run, Finding::Bearer));
        }
    }
    found
}

/// Values of credential keys in a text that has the parts of a kubeconfig.
fn kubeconfig(text: &str) -> Vec<(Range<usize>, Finding)> {
    let has = |key: &str| text.contains(&format!("{key}:")) || text.contains(&format!("\"{key}\""));
    if !(has("users") && (has("clusters") || has("contexts"))) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for key in &defaults().kubeconfig {
        for (at, _) in text.match_indices(key.as_str()) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_') {
                continue;
            }
            let rest = &text[at + key.len()..];
            let skip = rest.len() - rest.trim_start_matches(['"', '\'', '\\']).len();
            let Some(value) = rest[skip..].strip_prefix(':') else { continue };
            let lead = value.len() - value.trim_start_matches([' ', '"', '\'', '\\']).len();
            let start = at + key.len() + skip + 1 + lead;
            let run = text[start..].find(|c: char| c.is_whitespace() || "\"'\\,}".contains(c));
            let end = run.map_or(text.len(), |run| start + run);
            if end > start && !text[start..end].starts_with("$secret") {
                found.push((start..end, Finding::Kubeconfig));
            }
        }
    }
    found
}

/// A YAML or JSON manifest of a Secret that holds data, inside a text.
fn manifest(text: &str) -> bool {
    let kind = ["kind: Secret", "kind: \"Secret\"", "\"kind\":\"Secret\"", "\"kind\": \"Secret\""];
    let is_secret = kind.iter().any(|kind| {
        text.match_indices(kind)
            .any(|(at, _)| !text[at + kind.len()..].starts_with(|c: char| c.is_alphanumeric()))
    });
    is_secret
        && ["data:", "Data:", "\"data\"", "\"stringData\""].iter().any(|key| text.contains(key))
        && !text.contains("$secret")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};

    const JWT: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";

    #[test]
    fn credentials_are_seen_under_two_rounds_of_base64() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----";
        let config = "apiVersion: v1\nclusters: []\nusers:\n- user:\n    token: abc123\n";
        let rows = [
            (JWT.to_owned(), Finding::Jwt),
            (format!("x {key} y"), Finding::PrivateKey),
            ("Authorization: Bearer abcdefgh12345678".to_owned(), Finding::Bearer),
            (config.to_owned(), Finding::Kubeconfig),
            ("kind: Secret\nstringData:\n  a: b".to_owned(), Finding::Manifest),
        ];
        for (text, finding) in rows {
            let once = STANDARD.encode(&text);
            let twice = STANDARD.encode(&once);
            for (depth, text) in [text, once, twice].into_iter().enumerate() {
                assert_eq!(suspicious(&text), Some((finding, depth)), "{text}");
            }
        }
    }

    #[test]
    fn ordinary_texts_are_left_alone() {
        for text in [
            "deployment.kubernetes.io/revision",
            "the bearer of this letter is a friend",
            "kind: SecretStore
data: x",
            "-----BEGIN CERTIFICATE-----\nMHcCAQ\n-----END CERTIFICATE-----",
            "users: many, token: none",
        ] {
            assert_eq!(suspicious(text), None, "{text}");
        }
    }
}
