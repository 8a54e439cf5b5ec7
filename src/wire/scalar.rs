/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text allows, as the emitter of go-yaml looks at it.
#[derive(Default)]
struct Looks {
    block_indicators: bool,
    line_breaks: bool,
    special: bool,
    leading: bool,
    trailing_space: bool,
    trailing_break: bool,
    break_space: bool,
    space_break: bool,
}

/// The style that kubectl gives a text.
pub(super) fn style(text: &str, is_key: bool) -> Style {
    let looks = look(text);
    let literal = text.contains('\n');
    let plain = !text.is_empty()
        && !resolves(text)
        && !looks.leading
        && !looks.trailing_space
        && !looks.trailing_break
        && !looks.break_space
        && !looks.space_break
        && !looks.special
        && !looks.line_breaks
        && !looks.block_indicators;
    let single = !looks.break_space && !looks.space_break && !looks.special;
    if literal {
        let block = !text.is_empty() && !looks.trailing_space && !looks.space_break && !looks.special;
        return if block && !is_key { Style::Literal } else { Style::Double };
    }
    match (resolves(text), plain) {
        (true, _) => Style::Double,
        (_, true) => Style::Plain,
        _ if single && !(is_key && looks.line_breaks) => Style::Single,
        _ => Style::Double,
    }
}

fn look(text: &str) -> Looks {
    let mut looks =
        Looks { block_indicators: text.starts_with("---") || text.starts_with("..."), ..Looks::default() };
    let (mut after_blank, mut previous_space, mut previous_break) = (true, false, false);
    for (at, letter) in text.char_indices() {
        let next = text[at + letter.len_utf8()..].chars().next();
        let before_blank = next.is_none_or(|next| matches!(next, ' ' | '\t') || is_break(next));
        looks.block_indicators |= match letter {
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`'
                if at == 0 =>
            {
                true
            }
            '?' | '-' if at == 0 => before_blank,
            ':' => before_blank,
            '#' => after_blank,
            _ => false,
        };
        looks.special |= !is_printable(letter);
        match letter {
            ' ' => {
                looks.leading |= at == 0;
                looks.trailing_space |= next.is_none();
                looks.break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            }
            letter if is_break(letter) => {
                looks.line_breaks = true;
                looks.leading |= at == 0;
                looks.trailing_break |= next.is_none();
                looks.space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            }
            _ => (previous_space, previous_break) = (false, false),
        }
        after_blank = matches!(letter, ' ' | '\t') || is_break(letter);
    }
    looks
}

pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml writes as it is; letters beyond the first plane are none of it.
pub(super) fn is_printable(letter: char) -> bool {
    matches!(letter, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// Whether a plain text would be read as something else: a number, a time, a truth or nothing.
fn resolves(text: &str) -> bool {
    let words = [
        "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "n", "N", "no", "No", "NO",
        "false", "False", "FALSE", "off", "Off", "OFF", "", "~", "null", "Null", "NULL", ".nan", ".NaN",
        ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    if words.contains(&text) {
        return true;
    }
    match text.as_bytes().first() {
        Some(b'.') => is_float(text),
        Some(b'+' | b'-' | b'0'..=b'9') => {
            let plain = text.replace('_', "");
            is_time(text) || is_integer(&plain) || is_float(&plain) || is_base60(text)
        }
        _ => false,
    }
}

/// `12`, `0x1f`, `0b1`, `0o7`, `017`, as far as 64 bits hold it.
fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let value = u64::from_str_radix(digits, radix);
    let signed = text.starts_with(['+', '-']);
    !digits.starts_with(['+', '-']) && value.is_ok_and(|value| !signed || value <= 1 << 63)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(n, e)| (n, Some(e)));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let (whole, part) = number.split_once('.').map_or((number, None), |(whole, part)| (whole, Some(part)));
    let some = !whole.is_empty() || part.is_some_and(|part| !part.is_empty());
    exponent && some && all_digits(whole) && part.is_none_or(all_digits)
}

/// `190:20:30`, which older YAML reads as a number.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (text, part) = text.split_once('.').map_or((text, ""), |(text, part)| (text, part));
    let mut places = text.split(':');
    let first = places.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut rest = places.peekable();
    first.starts_with(|c: char| c.is_ascii_digit())
        && digits(first)
        && digits(part)
        && rest.peek().is_some()
        && rest.all(|place| matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']))
}

/// `2026-01-02`, alone or with a time of day after it.
fn is_time(text: &str) -> bool {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((&text[at..=at], &text[at + 1..]))),
        None => (text, None),
    };
    let number = |text: &str, most: u32| {
        (1..=2).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|value| value <= most)
    };
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let date = year.len() == 4
        && year.bytes().all(|byte| byte.is_ascii_digit())
        && number(month, 12)
        && number(day, 31)
        && *month != "0"
        && *month != "00";
    let Some((mark, time)) = time else { return date };
    let zone = time.find(['Z', '+', '-']);
    let clock = &time[..zone.unwrap_or(time.len())];
    let has_zone = zone.is_some_and(|at| &time[at..] == "Z" || time.len() - at == 6);
    let (clock, part) = clock.split_once('.').map_or((clock, "0"), |(clock, part)| (clock, part));
    let places: Vec<&str> = clock.split(':').collect();
    let [hour, minute, second] = places.as_slice() else { return false };
    date && number(hour, 23)
        && number(minute, 59)
        && number(second, 59)
        && !part.is_empty()
        && part.bytes().all(|byte| byte.is_ascii_digit())
        && (mark != " ") == has_zone
        && (mark != " " || zone.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_style_that_go_yaml_gives_them() {
        for (style, texts) in [
            (
                Style::Plain,
                &[
                    "nginx:1.27",
                    "a-b",
                    "-x",
                    "10.0.0.1",
                    "1Gi",
                    "500m",
                    "a: b".split(':').next().unwrap_or("a"),
                    "$(X)",
                    "a # b".split(' ').next().unwrap_or("a"),
                    "x,y",
                    "0x",
                    "日本",
                    "2026-13-01",
                    "node/a",
                ][..],
            ),
            (
                Style::Double,
                &[
                    "true",
                    "y",
                    "no",
                    "null",
                    "~",
                    "",
                    "12",
                    "1e3",
                    "0x1f",
                    "017",
                    "09",
                    "1.5",
                    ".5",
                    "2026-01-02",
                    "2026-01-02T03:04:05Z",
                    "190:20:30",
                    "a\tb",
                    "a \nb",
                    "+1",
                    "1_000",
                ],
            ),
            (
                Style::Single,
                &[
                    "a: b", "- a", "{}", "*x", "@x", "%x", " a", "a ", "a #b", "'a'", "\"a\"", "a:", "---",
                    "!x", "`",
                ],
            ),
            (Style::Literal, &["a\nb\n", "a\n b", "{\n}\n", "\na"]),
        ] {
            for text in texts {
                assert_eq!(super::style(text, false), style, "{text:?}");
            }
        }
        assert_eq!(style("a\nb", true), Style::Double);
    }
}
