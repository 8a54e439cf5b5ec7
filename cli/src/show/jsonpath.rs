use anyhow::{anyhow, bail};
use jsonpath_rust::JsonPath;
use serde_json::Value;

/// Fills a template in kubectl's dialect: `{.a.b}`, `{range .items[*]}…{end}`, `{"\n"}`, text around them.
pub(super) fn render(template: &str, value: &Value) -> anyhow::Result<String> {
    let parts = parse(template)?;
    let (mut out, mut at) = (String::new(), 0);
    block(&parts, &mut at, value, &mut out)?;
    if at < parts.len() {
        bail!("{{end}} without {{range}} in {template:?}");
    }
    Ok(out)
}

enum Part {
    Text(String),
    Path(String),
    Range(String),
    End,
}

fn parse(template: &str) -> anyhow::Result<Vec<Part>> {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some(open) = rest.find('{') {
        parts.push(Part::Text(rest[..open].to_owned()));
        let inside = &rest[open + 1..];
        let close = close(inside)
            .ok_or_else(|| anyhow!("a brace is not closed in {template:?}; write {{.metadata.name}}"))?;
        let body = inside[..close].trim();
        parts.push(match body {
            "end" => Part::End,
            _ if body.starts_with('"') => Part::Text(serde_json::from_str(body)?),
            _ => match body.strip_prefix("range ") {
                Some(path) => Part::Range(path_of(path)),
                None => Part::Path(path_of(body)),
            },
        });
        rest = &inside[close + 1..];
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

/// Where the brace closes, quotes left out.
fn close(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            ('}', None) => return Some(at),
            ('"' | '\'', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            _ => {}
        }
    }
    None
}

/// `.a`, `a`, `@.a` and `$.a` are all `$.a`; `\.` in a name is a dot.
fn path_of(text: &str) -> String {
    let text = text.trim().trim_start_matches(['$', '@']);
    let mut path = String::from("$");
    if !text.starts_with(['.', '[']) && !text.is_empty() {
        path.push('.');
    }
    for piece in split_names(text) {
        match piece.strip_prefix('.').filter(|name| name.contains("\\.") || name.contains(['/', '-'])) {
            Some(name) => path += &format!("['{}']", name.replace("\\.", ".")),
            None => path += &piece,
        }
    }
    path.trim_end_matches('.').to_owned()
}

/// A path in pieces, each with the dot or bracket that it begins with.
fn split_names(text: &str) -> Vec<String> {
    let (mut pieces, mut piece, mut depth, mut escaped) = (Vec::new(), String::new(), 0usize, false);
    for letter in text.chars() {
        let begins = depth == 0 && !escaped && matches!(letter, '.' | '[');
        if begins && !piece.is_empty() && piece != "." {
            pieces.push(std::mem::take(&mut piece));
        }
        depth += usize::from(letter == '[');
        depth -= usize::from(letter == ']' && depth > 0);
        escaped = letter == '\\';
        piece.push(letter);
    }
    pieces.push(piece);
    pieces
}

/// Renders the parts up to the end of the block.
fn block(parts: &[Part], at: &mut usize, value: &Value, out: &mut String) -> anyhow::Result<()> {
    while let Some(part) = parts.get(*at) {
        *at += 1;
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Path(path) => {
                let found: Vec<String> = query(value, path)?.into_iter().map(plain).collect();
                out.push_str(&found.join(" "));
            }
            Part::Range(path) => {
                let (start, items) = (*at, query(value, path)?);
                if items.is_empty() {
                    block(parts, at, &Value::Null, &mut String::new())?;
                }
                for item in items {
                    *at = start;
                    block(parts, at, item, out)?;
                }
            }
            Part::End => return Ok(()),
        }
    }
    Ok(())
}

fn query<'a>(value: &'a Value, path: &str) -> anyhow::Result<Vec<&'a Value>> {
    value.query(path).map_err(|error| anyhow!("{path:?} is no JSONPath: {error}; write {{.metadata.name}}"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn templates_are_filled_as_kubectl_fills_them() {
        let list = json!({"items": [
            {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
            {"metadata": {"name": "b"}}]});
        let render = |template: &str| super::render(template, &list).unwrap();
        assert_eq!(render("{.items[*].metadata.name}"), "a b");
        assert_eq!(render(r#"{range .items[*]}{.metadata.name}={"\n"}{end}x"#), "a=\nb=\nx");
        assert_eq!(render("{.items[0].metadata.labels.app\\.io/x}"), "1");
        assert_eq!(render(r#"{.items[0].status.conditions[?(@.type=="Ready")].status}"#), "True");
        assert_eq!(render("{items[1].metadata.name}"), "b");
        for bad in ["{.a", "{end}", "{.a[}"] {
            assert!(super::render(bad, &list).is_err(), "{bad}");
        }
    }
}
