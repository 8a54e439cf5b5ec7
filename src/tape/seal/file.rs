use super::{Event, Payload, Tape, encode::Encoder, known::Known, pretty::pretty};
use crate::{
    scrub::Scrubber,
    tape::{Error, Header, Record, TapeEvent, spell},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// How a tape is sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealOptions {
    /// One record a line; by default bodies are laid out for reading and for diffs.
    pub compact: bool,
    /// Keep `metadata.managedFields`; by default they are left out.
    pub managed_fields: bool,
}

/// What sealing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The file.
    pub path: PathBuf,
    /// Its events.
    pub events: u64,
    /// Answers that refer to an earlier, equal one.
    pub folded: u64,
    /// Secrets that are symbols.
    pub secrets: u64,
    /// Its size.
    pub bytes: u64,
}

/// Seals the captured tape `from` as `to`; both may be the same file.
///
/// # Errors
/// When `from` is no whole tape, or `to` cannot be written.
pub fn seal(from: impl AsRef<Path>, to: impl AsRef<Path>, options: &SealOptions) -> Result<Sealed, Error> {
    Tape::load(from)?.seal(to, options)
}

impl Tape {
    /// Writes the sealed form to `path`: to a file beside it first, which is then renamed, so that `path` never
    /// holds half a tape.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be written.
    pub fn seal(&self, path: impl AsRef<Path>, options: &SealOptions) -> Result<Sealed, Error> {
        let path = path.as_ref();
        let (text, folded) = self.spell(options);
        replace(path, text.as_bytes()).map_err(|source| Error::Write { path: path.to_owned(), source })?;
        let secrets = crate::scrub::symbols_in(&text).len() as u64;
        let events = self.events.len() as u64;
        Ok(Sealed { path: path.to_owned(), events, folded, secrets, bytes: text.len() as u64 })
    }

    /// The text of the sealed form.
    pub fn to_sealed(&self, options: &SealOptions) -> String {
        self.spell(options).0
    }

    /// A copy with symbols in the place of real values.
    pub(in crate::tape) fn symbolic(&self, options: &SealOptions) -> Tape {
        let mut tape = self.prepared(options);
        let mut encoder = Encoder::new(Known::of(&tape), &tape.header.base);
        for event in &mut tape.events {
            event.event = encoder.event(&event.event);
        }
        tape
    }

    fn spell(&self, options: &SealOptions) -> (String, u64) {
        let tape = self.prepared(options);
        let folds = folds(&tape);
        let mut encoder = Encoder::new(Known::of(&tape), &tape.header.base);
        let mut text = String::new();
        for event in &tape.events {
            let mut encoded = encoder.event(&event.event);
            if let Event::Answer(answer) = &mut encoded {
                answer.again = folds.get(&event.n).copied();
            }
            line(&Record::Event { n: event.n, at: event.at, event: encoded }, options, &mut text);
        }
        let mut head = String::new();
        line(&Record::Header(Header { sealed: true, ..tape.header }), options, &mut head);
        line(&Record::Bindings(encoder.into_bindings()), options, &mut head);
        let mut text = head + &text;
        let digest = Sha256::digest(text.as_bytes());
        let digest = digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"));
        let end = Record::End { events: tape.events.len() as u64, end: tape.end, digest: Some(digest) };
        text += &spell::compact(&end);
        (text, folds.len() as u64)
    }

    /// A copy without what is never kept. Tapes that were not recorded here are scrubbed here.
    fn prepared(&self, options: &SealOptions) -> Tape {
        let mut tape = self.clone();
        if !options.managed_fields {
            tape.events.iter_mut().for_each(|event| drop_managed_fields(&mut event.event));
        }
        // Twice with one scrubber: a value may turn up before it is known to be a secret.
        let mut scrubber = Scrubber::new();
        scrub(&mut tape, &mut scrubber);
        scrub(&mut tape, &mut scrubber);
        tape
    }
}

fn scrub(tape: &mut Tape, scrubber: &mut Scrubber) {
    for event in &mut tape.events {
        let step = Event::Step { step: String::new(), of: String::new() };
        let whole = std::mem::replace(&mut event.event, step);
        event.event = scrubber.clean(whole).into_inner();
    }
}

fn drop_managed_fields(event: &mut Event) {
    let payload = match event {
        Event::Sent(sent) => &mut sent.body,
        Event::Answer(answer) => &mut answer.body,
        Event::Frame { object, .. } => return drop_in(Arc::make_mut(object)),
        _ => return,
    };
    if let Payload::Json(value) = payload {
        drop_in(Arc::make_mut(value));
    }
}

fn drop_in(object: &mut Value) {
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    if let Some(Value::Array(items)) = object.get_mut("items") {
        items.iter_mut().for_each(drop_in);
    }
}

/// Answers whose body is that of the last answer on the same path, and the number of the first of them.
fn folds(tape: &Tape) -> BTreeMap<u64, u64> {
    let mut paths: BTreeMap<&str, &str> = BTreeMap::new();
    let mut first: BTreeMap<&str, (u64, &Payload)> = BTreeMap::new();
    let mut folds = BTreeMap::new();
    for TapeEvent { n, event, .. } in &tape.events {
        match event {
            Event::Sent(sent) => {
                paths.insert(&sent.id, sent.path.split('?').next().unwrap_or_default());
            }
            Event::Answer(answer) if answer.body != Payload::Empty => {
                let Some(path) = paths.get(answer.to.as_str()) else { continue };
                match first.get(path) {
                    Some((earlier, body)) if **body == answer.body => {
                        folds.insert(*n, *earlier);
                    }
                    _ => {
                        first.insert(path, (*n, &answer.body));
                    }
                }
            }
            _ => {}
        }
    }
    folds
}

fn line(record: &Record, options: &SealOptions, out: &mut String) {
    if options.compact {
        *out += &spell::compact(record);
        return;
    }
    let (head, body) = match record {
        Record::Bindings(bindings) => ("{\"bindings\"".to_owned(), Some(json!(bindings))),
        record => {
            let (head, body) = spell::head_and_body(record);
            (head + if body.is_some() { ",\"body\"" } else { "" }, body)
        }
    };
    *out += &head;
    if let Some(body) = body {
        *out += ":\n  ";
        pretty(&body, 2, out);
    }
    *out += "}\n";
}

/// Writes a file whole or not at all, with the permissions that any new file has.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".ktape-").tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[path = "tests.rs"]
pub(in crate::tape) mod tests;
