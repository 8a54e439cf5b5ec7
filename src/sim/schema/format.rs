use base64::Engine as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a text has a format; formats that are not checked here fit everything.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "date-time" | "datetime" => date_time(text),
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "cidr" => cidr(text),
        "mac" => mac(text),
        "uuid" => uuid(text, None),
        "uuid3" => uuid(text, Some('3')),
        "uuid4" => uuid(text, Some('4')),
        "uuid5" => uuid(text, Some('5')),
        "byte" => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        "email" => email(text),
        "hostname" => hostname(text),
        "uri" => uri(text),
        "duration" => duration(text),
        "hexcolor" => {
            let hex = text.strip_prefix('#').unwrap_or(text);
            matches!(hex.len(), 3 | 6) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        "bsonobjectid" => text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "k8s-short-name" => label(text),
        "k8s-long-name" => text.len() <= 253 && text.split('.').all(|part| label(part) || part.len() > 63),
        _ => true,
    }
}

/// The formats that the server knows.
pub(super) fn is_known(format: &str) -> bool {
    const KNOWN: &str = "bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 \
        creditcard ssn hexcolor rgbcolor byte password date duration date-time datetime int32 int64 uint32 uint64 float \
        double k8s-short-name k8s-long-name";
    KNOWN.split_whitespace().any(|known| known == format)
}

fn date_time(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper.len() >= 20 && upper.as_bytes()[10] == b'T' && upper.parse::<jiff::Timestamp>().is_ok()
}

fn cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let most = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(_), _) => 32,
        (_, Ok(_)) => 128,
        _ => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn mac(text: &str) -> bool {
    let parts: Vec<_> = text.split([':', '-']).collect();
    let hex = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(hex)
}

fn uuid(text: &str, version: Option<char>) -> bool {
    let plain: String = text.chars().filter(|letter| *letter != '-').collect();
    let right = plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
    right && version.is_none_or(|version| plain.chars().nth(12) == Some(version))
}

fn email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
}

fn hostname(text: &str) -> bool {
    let part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 255 && text.trim_end_matches('.').split('.').all(part)
}

fn uri(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace) && (text.contains("://") || text.starts_with('/'))
}

fn label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Go's durations, and those that are spelled out: `1h30m`, `3 days`.
fn duration(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    if text == "0" {
        return true;
    }
    const UNITS: &str = " ns us µs μs ms s m h d w nano nanos nanosecond nanoseconds micro micros microsecond \
        microseconds milli millis millisecond milliseconds sec secs second seconds min mins minute minutes hr hrs hour \
        hours day days wk week weeks ";
    let mut rest = text;
    while !rest.is_empty() {
        let number =
            rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let after = rest[number..].trim_start();
        let unit = after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len());
        if number == 0 || unit == 0 || !UNITS.contains(&format!(" {} ", &after[..unit])) {
            return false;
        }
        rest = after[unit..].trim_start();
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_tell_texts_apart() {
        for (format, good, bad) in [
            ("date-time", "2024-05-01T10:00:00Z", "yesterday"),
            ("date", "2024-05-01", "2024-13-01"),
            ("ipv4", "10.0.0.1", "10.0.0"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("uuid", "9d0e6e59-f31f-44bc-974b-0543101eaa51", "9d0e"),
            ("byte", "aGk=", "aGk"),
            ("duration", "1h30m", "1 fortnight"),
            ("hostname", "a.b", "-a"),
            ("mac", "01:02:03:04:05:06", "01:02"),
        ] {
            assert!(fits(format, good), "{format} {good}");
            assert!(!fits(format, bad), "{format} {bad}");
        }
        assert!(fits("nosuch", "anything") && !is_known("nosuch") && is_known("uri"));
    }
}
