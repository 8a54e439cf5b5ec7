use serde_json::Value;

/// What is kept of an item that is too large, to tell what it was.
const HEAD: usize = 4096;
/// The largest value beside the items, such as the columns of a table.
const FIELD: usize = 4 << 20;

/// A part of a list.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// One element of `items` or `rows`, as bytes.
    Item(Vec<u8>),
    /// An element over the limit, which was passed over.
    TooLarge {
        /// Its first bytes.
        head: Vec<u8>,
        /// Its size.
        bytes: u64,
    },
    /// Any other field of the list.
    Field(String, Value),
}

/// Why a body is not a list.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum CutError {
    /// Something else stands where JSON wants `expected`.
    #[error("byte {at} of the answer is not {expected}")]
    Garbled { at: u64, expected: &'static str },
    /// A field beside the items is not JSON, or too large.
    #[error("the field {key:?} of the answer is no JSON of a sensible size")]
    Field { key: String },
    /// The body ends too early.
    #[error("the answer ends after {at} bytes, in the middle")]
    CutOff { at: u64 },
}

/// Cuts the items out of the body of a list while it arrives, however the chunks fall, so that no list is ever
/// held whole.
pub(super) struct ItemCutter {
    state: State,
    scan: Scan,
    buffer: Vec<u8>,
    key: String,
    at: u64,
    /// Bytes of the value that are not in the buffer any more.
    dropped: u64,
    limit: usize,
    listed: bool,
}

/// The fields in which lists and tables have their items.
pub(super) fn is_items(key: &str) -> bool {
    matches!(key, "items" | "rows")
}

/// Where the cutter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the list's `{`; then `KeyOrEnd`.
    Open,
    /// After `{`; then `InKey` or `Done`.
    KeyOrEnd,
    /// After a comma; then `InKey`.
    Key,
    /// In the name of a field; then `Colon`.
    InKey,
    /// After it; then `Value`.
    Colon,
    /// After the colon; then `InValue`, or `ItemOrEnd` when the items begin.
    Value,
    /// In the value of a field; then `AfterValue`.
    InValue,
    /// After a value; then `Key` or `Done`.
    AfterValue,
    /// After the `[` of the items; then `InItem` or `AfterValue`.
    ItemOrEnd,
    /// After a comma between items; then `InItem`.
    Item,
    /// In an item; then `AfterItem`.
    InItem,
    /// After an item; then `Item` or `AfterValue`.
    AfterItem,
    /// After the list's `}`.
    Done,
}

impl ItemCutter {
    /// A cutter that passes over items of more than `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        let (scan, buffer, key) = (Scan::default(), Vec::new(), String::new());
        Self { state: State::Open, scan, buffer, key, at: 0, dropped: 0, limit, listed: false }
    }

    /// Takes the next chunk and gives what it completes.
    pub(super) fn push(&mut self, chunk: &[u8], out: &mut Vec<Piece>) -> Result<(), CutError> {
        let mut rest = chunk;
        while !rest.is_empty() {
            let used = match self.state {
                State::InKey | State::InValue | State::InItem => self.value(rest, out)?,
                _ if rest[0].is_ascii_whitespace() => 1,
                state => self.mark(state, rest[0])?,
            };
            self.at += used as u64;
            rest = &rest[used..];
        }
        Ok(())
    }

    /// Whether the items have begun, be it none.
    pub(super) fn had_items(&self) -> bool {
        self.listed
    }

    /// The end of the body.
    pub(super) fn finish(&self) -> Result<(), CutError> {
        if self.state == State::Done { Ok(()) } else { Err(CutError::CutOff { at: self.at }) }
    }

    /// One byte between values; gives how many bytes were taken.
    fn mark(&mut self, state: State, byte: u8) -> Result<usize, CutError> {
        let (next, used) = match (state, byte) {
            (State::Open, b'{') => (State::KeyOrEnd, 1),
            (State::KeyOrEnd | State::AfterValue, b'}') => (State::Done, 1),
            (State::KeyOrEnd | State::Key, b'"') => (State::InKey, 0),
            (State::Colon, b':') => (State::Value, 1),
            (State::Value, b'[') if is_items(&self.key) => {
                self.listed = true;
                (State::ItemOrEnd, 1)
            }
            (State::Value, b) if Scan::begins(b) => (State::InValue, 0),
            (State::AfterValue, b',') => (State::Key, 1),
            (State::ItemOrEnd | State::AfterItem, b']') => (State::AfterValue, 1),
            (State::ItemOrEnd | State::Item, b) if Scan::begins(b) => (State::InItem, 0),
            (State::AfterItem, b',') => (State::Item, 1),
            (state, _) => return Err(CutError::Garbled { at: self.at, expected: expected(state) }),
        };
        if used == 0 {
            (self.scan, self.dropped) = (Scan::default(), 0);
            self.buffer.clear();
        }
        self.state = next;
        Ok(used)
    }

    /// Bytes of a key, a field or an item; gives how many bytes were taken.
    fn value(&mut self, rest: &[u8], out: &mut Vec<Piece>) -> Result<usize, CutError> {
        let end = self.scan.feed(rest);
        let used = end.unwrap_or(rest.len());
        self.keep(&rest[..used])?;
        if end.is_none() {
            return Ok(used);
        }
        let bytes = std::mem::take(&mut self.buffer);
        self.state = match self.state {
            State::InKey => {
                let garbled = CutError::Garbled { at: self.at, expected: "the name of a field" };
                self.key = serde_json::from_slice(&bytes).map_err(|_| garbled)?;
                State::Colon
            }
            State::InValue => {
                let key = std::mem::take(&mut self.key);
                match serde_json::from_slice(&bytes) {
                    Ok(value) => out.push(Piece::Field(key, value)),
                    Err(_) => return Err(CutError::Field { key }),
                }
                State::AfterValue
            }
            _ => {
                out.push(match self.dropped {
                    0 => Piece::Item(bytes),
                    dropped => Piece::TooLarge { bytes: bytes.len() as u64 + dropped, head: bytes },
                });
                State::AfterItem
            }
        };
        Ok(used)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), CutError> {
        let item = self.state == State::InItem;
        if self.dropped == 0 && self.buffer.len() + bytes.len() <= if item { self.limit } else { FIELD } {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        if !item {
            return Err(CutError::Field { key: self.key.chars().take(60).collect() });
        }
        let kept = self.buffer.len();
        if kept < HEAD {
            self.buffer.extend_from_slice(&bytes[..bytes.len().min(HEAD - kept)]);
        }
        self.buffer.truncate(HEAD);
        self.dropped += (kept + bytes.len() - self.buffer.len()) as u64;
        // The room of a huge item is not held for the next ones.
        self.buffer.shrink_to(HEAD);
        Ok(())
    }
}

fn expected(state: State) -> &'static str {
    match state {
        State::Open => "the beginning of a list",
        State::KeyOrEnd | State::Key => "the name of a field",
        State::Colon => "a colon",
        State::Value => "a value",
        State::ItemOrEnd | State::Item => "an item",
        State::AfterItem => "a comma or the end of the items",
        _ => "a comma or the end of the list",
    }
}

/// Finds the end of one JSON value.
#[derive(Clone, Copy, Debug, Default)]
struct Scan {
    depth: u32,
    text: bool,
    escaped: bool,
    bare: bool,
}

impl Scan {
    fn begins(byte: u8) -> bool {
        matches!(byte, b'{' | b'[' | b'"' | b'-' | b't' | b'f' | b'n') || byte.is_ascii_digit()
    }

    /// How many of the bytes belong to the value; `None` when it goes on after them.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.text {
                at += self.in_text(&bytes[at..])?;
                if self.depth == 0 {
                    return Some(at);
                }
                continue;
            }
            match bytes[at] {
                b'"' => self.text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' | b',' if self.bare => return Some(at),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                byte if self.depth == 0 && byte.is_ascii_whitespace() => return Some(at),
                _ => self.bare |= self.depth == 0,
            }
            at += 1;
        }
        None
    }

    /// How many bytes there are to the end of the text, its quote included.
    fn in_text(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            at += memchr::memchr2(b'"', b'\\', &bytes[at..])?;
            if bytes[at] == b'"' {
                self.text = false;
                return Some(at + 1);
            }
            self.escaped = true;
            at += 1;
        }
        None
    }
}

#[cfg(test)]
#[path = "items_tests.rs"]
mod tests;
