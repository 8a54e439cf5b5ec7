use super::{Error, FORMAT_VERSION, Record, spell};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// More than any header needs; a file without line feeds is not read whole to learn that it is no tape.
const HEADER_LIMIT: u64 = 1 << 20;

/// Reads a tape record by record, holding one at a time.
///
/// After the last record of a tape that is cut off comes [`Error::Cut`]; a sealed tape whose bytes were
/// changed ends in [`Error::Digest`]. After an error nothing more comes.
pub struct Reader<R> {
    input: BufReader<R>,
    /// The first line of the next record, already read.
    ahead: Vec<u8>,
    /// The number of the line in `ahead`.
    line: usize,
    /// The line where the last record began.
    last: usize,
    events: u64,
    digest: Sha256,
    hashes: bool,
    state: State,
}

enum State {
    Start,
    Records,
    Over,
}

#[derive(Deserialize)]
struct Version {
    kubetape: u64,
}

impl Reader<File> {
    /// Opens a tape.
    ///
    /// # Errors
    /// [`Error::Open`] when there is no such file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        Ok(Self::new(file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads a tape from any bytes.
    pub fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 << 10, input),
            ahead: Vec::new(),
            line: 0,
            last: 0,
            events: 0,
            digest: Sha256::new(),
            hashes: false,
            state: State::Start,
        }
    }

    /// The line where the record that came last begins.
    pub fn line_of_last(&self) -> usize {
        self.last
    }

    fn step(&mut self) -> Result<Option<Record>, Error> {
        match self.state {
            State::Over => Ok(None),
            State::Start => self.first().map(Some),
            State::Records => self.next_record(),
        }
    }

    /// The header, whose version is judged before anything else is read.
    fn first(&mut self) -> Result<Record, Error> {
        let mut limited = self.input.by_ref().take(HEADER_LIMIT);
        limited.read_until(b'\n', &mut self.ahead).map_err(|source| Error::Read { line: 0, source })?;
        self.line = 1;
        if !self.ahead.starts_with(b"{\"kubetape\"") {
            return Err(Error::NotATape);
        }
        let (line, text, at_end) = self.text()?;
        let version = match serde_json::from_slice::<Version>(&text) {
            Ok(version) => version.kubetape,
            Err(_) if at_end => return Err(Error::Cut { line: 0, events: 0 }),
            Err(_) => return Err(Error::NotATape),
        };
        if version > FORMAT_VERSION {
            return Err(Error::Newer { version, ours: FORMAT_VERSION });
        }
        self.state = State::Records;
        self.parse(line, &text, at_end)
    }

    fn next_record(&mut self) -> Result<Option<Record>, Error> {
        if self.ahead.is_empty() {
            return Err(Error::Cut { line: self.line, events: self.events });
        }
        let (line, text, at_end) = self.text()?;
        let record = self.parse(line, &text, at_end)?;
        match &record {
            Record::Header(_) => {
                return Err(Error::Shape { line, what: "a second header".to_owned() });
            }
            Record::End { events, digest, .. } => {
                self.state = State::Over;
                if !self.ahead.is_empty() {
                    let what = "something follows the end record".to_owned();
                    return Err(Error::Shape { line: self.line, what });
                }
                let whole = digest.as_ref().is_none_or(|digest| self.hashes && *digest == self.digest());
                if !whole || *events != self.events {
                    return Err(Error::Digest);
                }
            }
            Record::Event { .. } => self.events += 1,
            Record::Bindings(_) => {}
        }
        Ok(Some(record))
    }

    fn digest(&self) -> String {
        let digest = self.digest.clone().finalize();
        digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// A torn record can only be the last one; anywhere else the tape is damaged.
    fn parse(&mut self, line: usize, text: &[u8], at_end: bool) -> Result<Record, Error> {
        let record = match spell::parse(text) {
            Ok(record) => record,
            Err(spell::Fault::Json(error)) if at_end && error.is_eof() => {
                return Err(Error::Cut { line: line - 1, events: self.events });
            }
            Err(spell::Fault::Json(source)) => return Err(Error::Json { line, source }),
            Err(spell::Fault::Shape(what)) => return Err(Error::Shape { line, what }),
        };
        // Only a sealed tape has a digest to compare with, and hashing is half of the time of reading.
        if let Record::Header(header) = &record {
            self.hashes = header.sealed;
        }
        if self.hashes && !matches!(record, Record::End { .. }) {
            self.digest.update(text);
        }
        Ok(record)
    }

    /// The whole text of the record that begins in `ahead`, the line where it begins, and whether the input
    /// ends with it.
    fn text(&mut self) -> Result<(usize, Vec<u8>, bool), Error> {
        let begin = self.line;
        self.last = begin;
        let mut text = std::mem::take(&mut self.ahead);
        check_start(&text, begin)?;
        loop {
            let length = text.len();
            let read = self.input.read_until(b'\n', &mut text);
            if read.map_err(|source| Error::Read { line: self.line, source })? == 0 {
                return Ok((begin, text, true));
            }
            // The rest of a first line that was longer than the limit belongs to it.
            if text[..length].ends_with(b"\n") {
                self.line += 1;
                if !matches!(text[length], b' ' | b'\t' | b'\n' | b'\r') {
                    self.ahead = text.split_off(length);
                    return Ok((begin, text, false));
                }
            }
        }
    }
}

fn check_start(text: &[u8], line: usize) -> Result<(), Error> {
    if [&b"<<<<<<<"[..], b"=======", b">>>>>>>", b"|||||||"].iter().any(|marker| text.starts_with(marker)) {
        return Err(Error::Conflict { line });
    }
    if !text.starts_with(b"{") {
        let what = "a record begins with { and its other lines are indented".to_owned();
        return Err(Error::Shape { line, what });
    }
    Ok(())
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.state = State::Over;
        }
        step.transpose()
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
