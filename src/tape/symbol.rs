//! Symbols in sealed tapes, and the way back to the values they stand for.

use super::{Event, Payload};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// Real values by kind and symbol argument.
pub(super) type Bindings = BTreeMap<String, BTreeMap<String, String>>;

/// Resolves symbols.
pub(super) struct Symbols {
    base: Option<Timestamp>,
    bindings: Bindings,
}

impl Symbols {
    pub(super) fn new(base: &str, bindings: Bindings) -> Self {
        Self { base: base_second(base), bindings }
    }

    /// Puts the real values back; gives the symbol that has none.
    pub(super) fn resolve(&self, event: &mut Event) -> Result<(), String> {
        match event {
            Event::Sent(sent) => {
                self.text(&mut sent.path)?;
                self.payload(&mut sent.body)
            }
            Event::Answer(answer) => {
                answer.headers.values_mut().try_for_each(|value| self.text(value))?;
                self.payload(&mut answer.body)
            }
            Event::Frame { object, .. } => self.value(Arc::make_mut(object)),
            Event::Failed { error, .. } => self.text(error),
            Event::Closed { error, .. } => error.as_mut().map_or(Ok(()), |error| self.text(error)),
            Event::Step { of, .. } => self.text(of),
        }
    }

    fn payload(&self, payload: &mut Payload) -> Result<(), String> {
        match payload {
            Payload::Json(value) => self.value(Arc::make_mut(value)),
            Payload::Text(text) => self.text(text),
            Payload::Empty | Payload::Bytes(_) => Ok(()),
        }
    }

    fn value(&self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.value(item)),
            Value::Object(map) => {
                map.values_mut().try_for_each(|value| self.value(value))?;
                if map.keys().any(|key| has_symbol(key)) {
                    *map = std::mem::take(map)
                        .into_iter()
                        .map(|(mut key, value)| self.text(&mut key).map(|()| (key, value)))
                        .collect::<Result<Map<_, _>, _>>()?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn text(&self, text: &mut String) -> Result<(), String> {
        if has_symbol(text) {
            *text = self.decode(text)?;
        }
        Ok(())
    }

    fn decode(&self, text: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            out += before;
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (symbol, kind, argument, after) = split(after).ok_or_else(|| format!("${after}"))?;
            match kind {
                "secret" | "secret.b64" | "secret.b64.b64" => out += &format!("${symbol}"),
                _ => out += &self.real(kind, argument).ok_or_else(|| format!("${symbol}"))?,
            }
            rest = after;
        }
        Ok(out + rest)
    }

    fn real(&self, kind: &str, argument: &str) -> Option<Cow<'_, str>> {
        if kind == "time" {
            return real_time(self.base?, argument).map(Cow::Owned);
        }
        self.bindings.get(kind)?.get(argument).map(|value| value.as_str().into())
    }
}

/// A search for one byte is fast in unoptimised builds too, in which tests read tapes.
fn has_symbol(text: &str) -> bool {
    text.as_bytes().contains(&b'$')
}

/// `uid(echoes/hello) and more` as `uid(echoes/hello)`, `uid`, `echoes/hello` and ` and more`.
fn split(text: &str) -> Option<(&str, &str, &str, &str)> {
    let open = text.find('(')?;
    let close = open + text[open..].find(')')?;
    Some((&text[..=close], &text[..open], &text[open + 1..close], &text[close + 1..]))
}

/// The base of time symbols: whole seconds, so that the digits of a symbol are those of the time.
pub(super) fn base_second(base: &str) -> Option<Timestamp> {
    let base: Timestamp = base.parse().ok()?;
    Timestamp::from_second(base.as_second()).ok()
}

/// `+3.000123s` after `base`, with as many digits as the symbol has.
pub(super) fn real_time(base: Timestamp, argument: &str) -> Option<String> {
    let (back, number) = match argument.strip_suffix('s')?.split_at_checked(1)? {
        ("+", number) => (false, number),
        ("-", number) => (true, number),
        _ => return None,
    };
    let (whole, digits) = number.split_once('.').unwrap_or((number, ""));
    if digits.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let seconds = base.as_second().checked_add(if back { -seconds } else { seconds })?;
    let whole = Timestamp::from_second(seconds).ok()?.to_string();
    let whole = whole.strip_suffix('Z')?;
    Some(if digits.is_empty() { format!("{whole}Z") } else { format!("{whole}.{digits}Z") })
}
