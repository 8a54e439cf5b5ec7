use std::fmt;

/// A decoded query string, in its own order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `a=b&c=d`. Empty pairs, which kube sends (`?&limit=500`), are dropped.
    pub fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// The first value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Whether `key` is set, as the API server reads booleans: anything but `0` and `false`, even nothing.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// All values of `key`, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// `a=b&c=d`, encoded again.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value)) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("&")?;
            }
            encode(key, f)?;
            f.write_str("=")?;
            encode(value, f)?;
        }
        Ok(())
    }
}

pub(super) fn decode(raw: &str) -> String {
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|h| std::str::from_utf8(h).ok());
        match (bytes[at], hex.and_then(|h| u8::from_str_radix(h, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn encode(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&escaped_but(text, b"-_.~/,"))
}

/// A text as one segment of a URL's path.
///
/// ```
/// assert_eq!(kubetape::wire::escaped("a/b ☃"), "a%2Fb%20%E2%98%83");
/// ```
pub fn escaped(text: &str) -> String {
    escaped_but(text, b"-_.~")
}

fn escaped_but(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_kube_sends_and_encodes_it_again() {
        let query =
            Query::parse("&fieldSelector=metadata.name%3Da&labelSelector=a%3Db%2Cc+in+%28d%29&limit=10&x");
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (d)"));
        assert_eq!(query.get("x"), Some(""));
        assert!(query.is_true("x") && query.is_true("limit") && !query.is_true("y"));
        assert!(!Query::parse("x=False").is_true("x") && !Query::parse("x=0").is_true("x"));
        assert_eq!(Query::parse(&query.to_string()), query);
    }

    #[test]
    fn broken_escapes_are_kept_as_they_are() {
        assert_eq!(Query::parse("a=%zz%4").get("a"), Some("%zz%4"));
    }
}
