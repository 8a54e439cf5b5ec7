use super::{Compare, JsonPathError, Part, Slice, Step};
use serde_json::Value;

fn fail<T>(text: impl Into<String>) -> Result<T, JsonPathError> {
    Err(JsonPathError(text.into()))
}

/// How a brace is used.
enum Action {
    Steps(Vec<Step>),
    Range(Vec<Step>),
    End,
}

/// The parts of a template.
pub(super) fn template(text: &str) -> Result<Vec<Part>, JsonPathError> {
    let mut open: Vec<(Vec<Step>, Vec<Part>)> = Vec::new();
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find('{') {
        if start > 0 {
            parts.push(Part::Text(rest[..start].to_owned()));
        }
        let inside = &rest[start + 1..];
        let Some(end) = close(inside) else {
            return fail(format!("a brace is not closed in {text:?}"));
        };
        match action(&inside[..end])? {
            Action::Steps(steps) => parts.push(Part::Action(steps)),
            Action::Range(steps) => open.push((steps, std::mem::take(&mut parts))),
            Action::End => match open.pop() {
                Some((steps, before)) => {
                    let body = std::mem::replace(&mut parts, before);
                    parts.push(Part::Range(steps, body));
                }
                None => return fail(format!("{{end}} stands without {{range}} in {text:?}")),
            },
        }
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    // A range that nobody ended goes to the end of the text.
    while let Some((steps, before)) = open.pop() {
        let body = std::mem::replace(&mut parts, before);
        parts.push(Part::Range(steps, body));
    }
    Ok(parts)
}

/// Where the brace closes, quotes left out.
fn close(text: &str) -> Option<usize> {
    let (mut quote, mut escaped) = (None, false);
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            _ if escaped => {
                escaped = false;
                continue;
            }
            ('\\', _) => escaped = true,
            ('}', None) => return Some(at),
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            _ => {}
        }
    }
    None
}

fn action(text: &str) -> Result<Action, JsonPathError> {
    match text.trim() {
        "end" => Ok(Action::End),
        trimmed => match trimmed
            .strip_prefix("range")
            .filter(|rest| rest.is_empty() || rest.starts_with([' ', '.', '[']))
        {
            Some(path) => Ok(Action::Range(steps(path)?)),
            None => Ok(Action::Steps(steps(trimmed)?)),
        },
    }
}

/// The steps of a path.
fn steps(text: &str) -> Result<Vec<Step>, JsonPathError> {
    let (mut steps, mut rest) = (Vec::new(), text);
    while let Some(letter) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("[?(") {
            let (filter, after) = filter(after)?;
            steps.push(filter);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Recursive);
            rest = if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                field(after, &mut steps)
            } else {
                after
            };
        } else if matches!(letter, ' ' | '@' | '$') {
            rest = &rest[1..];
        } else if let Some(after) = rest.strip_prefix('[') {
            rest = bracket(after, &mut steps)?;
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = field(after, &mut steps);
        } else if matches!(letter, '"' | '\'') {
            let (value, after) = quoted(rest, letter)?;
            steps.push(Step::Literal(Value::String(value)));
            rest = after;
        } else if matches!(letter, '+' | '-' | '0'..='9') {
            let end = rest.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(rest.len());
            steps.push(Step::Literal(number(&rest[..end])?));
            rest = &rest[end..];
        } else if letter.is_alphanumeric() || letter == '_' {
            let end = rest.find(ends_name).unwrap_or(rest.len());
            match &rest[..end] {
                truth @ ("true" | "false") => steps.push(Step::Literal(Value::Bool(truth == "true"))),
                name => return fail(format!("unrecognized identifier {name}; a field has a dot before it")),
            }
            rest = &rest[end..];
        } else {
            return fail(format!("{letter:?} stands where a path has none, in {text:?}"));
        }
    }
    Ok(steps)
}

/// Whether a name is over before this letter.
fn ends_name(letter: char) -> bool {
    matches!(letter, ' ' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

/// Takes a name; gives what comes after it.
fn field<'a>(text: &'a str, steps: &mut Vec<Step>) -> &'a str {
    let (mut name, mut escaped) = (String::new(), false);
    let mut end = text.len();
    for (at, letter) in text.char_indices() {
        match letter {
            letter if escaped => {
                name.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            letter if ends_name(letter) => {
                end = at;
                break;
            }
            letter => name.push(letter),
        }
    }
    steps.push(if name == "*" { Step::Wildcard } else { Step::Field(name) });
    &text[end..]
}

fn number(text: &str) -> Result<Value, JsonPathError> {
    let value = match text.parse::<i64>() {
        Ok(number) => Some(Value::from(number)),
        Err(_) => text.parse::<f64>().ok().map(Value::from),
    };
    value.ok_or_else(|| JsonPathError(format!("{text:?} is no number")))
}

/// A text in quotes, with the escapes of Go.
fn quoted(text: &str, quote: char) -> Result<(String, &str), JsonPathError> {
    let (mut value, mut letters) = (String::new(), text.char_indices().skip(1));
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, letter)) => value.push(letter),
                None => break,
            },
            letter if letter == quote => return Ok((value, &text[at + 1..])),
            letter => value.push(letter),
        }
    }
    fail(format!("a quote is not closed in {text:?}"))
}

/// What stands in brackets: a key, an index, a slice, `*`, or several of them; gives what comes after it.
fn bracket<'a>(text: &'a str, steps: &mut Vec<Step>) -> Result<&'a str, JsonPathError> {
    let mut quote = false;
    let end = text.char_indices().find(|(_, letter)| {
        quote ^= *letter == '\'';
        *letter == ']' && !quote
    });
    let Some((end, _)) = end else {
        return fail(format!("a bracket is not closed in {:?}", format!("[{text}")));
    };
    let inside = &text[..end];
    let choices: Vec<&str> = inside.split(',').collect();
    if choices.len() > 1 {
        let branches = choices.iter().map(|choice| {
            let mut branch = Vec::new();
            inner(choice.trim(), &mut branch).map(|()| branch)
        });
        steps.push(Step::Union(branches.collect::<Result<_, _>>()?));
    } else {
        inner(inside, steps)?;
    }
    Ok(&text[end + 1..])
}

fn inner(text: &str, steps: &mut Vec<Step>) -> Result<(), JsonPathError> {
    if let Some(key) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        // As after a dot: a key with a dot in it needs a backslash here too.
        steps.extend(self::steps(&format!(".{key}"))?);
        return Ok(());
    }
    let text = if text == "*" { ":" } else { text };
    let bad = || JsonPathError(format!("[{text}] is no index; a key stands in single quotes: ['key']"));
    let mut numbers = text.split(':').map(|part| match part {
        "" => Ok(None),
        part => part.parse::<i64>().map(Some),
    });
    let (from, to, step) = (numbers.next(), numbers.next(), numbers.next());
    if numbers.next().is_some() || text.is_empty() {
        return Err(bad());
    }
    let single = to.is_none();
    let from = from.transpose().map_err(|_| bad())?.flatten().unwrap_or(0);
    let to = match to {
        Some(to) => to.map_err(|_| bad())?,
        None => Some(from.saturating_add(1)),
    };
    let step = step.transpose().map_err(|_| bad())?.flatten().unwrap_or(1);
    let step = usize::try_from(step).ok().filter(|step| *step > 0).ok_or_else(bad)?;
    steps.push(Step::Slice(Slice { from, to, single, step }));
    Ok(())
}

/// A filter after its `[?(`, and what comes after it.
fn filter(text: &str) -> Result<(Step, &str), JsonPathError> {
    let (mut quote, mut before) = (None, ' ');
    let mut end = None;
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open && before != '\\' => quote = None,
            (')', None) => {
                end = Some(at);
                break;
            }
            _ => {}
        }
        before = letter;
    }
    let closed = end.and_then(|end| Some((&text[..end], text[end + 1..].strip_prefix(']')?)));
    let Some((inside, after)) = closed else {
        return fail(format!(
            "a filter is not closed in {:?}; write [?(@.type==\"Ready\")]",
            format!("[?({text}")
        ));
    };
    let is_sign = |c: char| "!<>=".contains(c);
    let Some(start) = inside.find(is_sign).filter(|start| *start > 0) else {
        return Ok((Step::Filter(steps(inside)?, None), after));
    };
    let right = inside[start..].trim_start_matches(is_sign);
    let compare = match &inside[start..inside.len() - right.len()] {
        "<" => Compare::Less,
        "<=" => Compare::LessOrEqual,
        ">" => Compare::Greater,
        ">=" => Compare::GreaterOrEqual,
        "==" => Compare::Equal,
        "!=" => Compare::NotEqual,
        other => return fail(format!("{other:?} compares nothing; use ==, !=, <, <=, > or >=")),
    };
    Ok((Step::Filter(steps(&inside[..start])?, Some((compare, steps(right)?))), after))
}
