use super::{Error, Event, Header, Payload, Reader, Record, symbol::Symbols};
use crate::entropy::Offset;
use std::{collections::BTreeMap, io::Read, path::Path};

/// A whole tape in memory, with real values in the place of symbols and every folded answer unfolded.
/// Secrets stay symbols: [`crate::scrub::serve`] gives their stand-ins.
#[derive(Clone, Debug, PartialEq)]
pub struct Tape {
    /// The first record.
    pub header: Header,
    /// What happened, in order.
    pub events: Vec<TapeEvent>,
    /// `ok`, or why the recording ended early.
    pub end: String,
}

/// One event of a tape.
#[derive(Clone, Debug, PartialEq)]
pub struct TapeEvent {
    /// Its number.
    pub n: u64,
    /// When, since the base.
    pub at: Offset,
    /// What.
    pub event: Event,
}

impl Tape {
    /// Loads a tape, sealed or not.
    ///
    /// # Errors
    /// When the file is no whole tape of a known format; see [`Error`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::whole(Reader::open(path)?)
    }

    /// Loads a tape from any bytes.
    ///
    /// # Errors
    /// As [`Tape::load`].
    pub fn read(input: impl Read) -> Result<Self, Error> {
        Self::whole(Reader::new(input))
    }

    /// Loads what is whole of a tape that is cut off, with the error that ended it.
    ///
    /// # Errors
    /// As [`Tape::load`], but for [`Error::Cut`] after the header.
    pub fn salvage(path: impl AsRef<Path>) -> Result<(Self, Option<Error>), Error> {
        Self::prefix(Reader::open(path)?)
    }

    fn whole(reader: Reader<impl Read>) -> Result<Self, Error> {
        match Self::prefix(reader)? {
            (tape, None) => Ok(tape),
            (_, Some(error)) => Err(error),
        }
    }

    pub(super) fn prefix(mut reader: Reader<impl Read>) -> Result<(Self, Option<Error>), Error> {
        let header = match reader.next() {
            Some(Ok(Record::Header(header))) => header,
            Some(Err(error)) => return Err(error),
            _ => return Err(Error::NotATape),
        };
        let mut symbols = header.sealed.then(|| Symbols::new(&header.base, BTreeMap::new()));
        let mut tape = Self { header, events: Vec::new(), end: "cut off".to_owned() };
        for record in reader {
            match record {
                Ok(Record::Event { n, at, event }) => {
                    let event = tape.unfold(n, event, symbols.as_ref())?;
                    tape.events.push(TapeEvent { n, at, event });
                }
                Ok(Record::Bindings(bindings)) if symbols.is_some() => {
                    symbols = Some(Symbols::new(&tape.header.base, bindings));
                }
                Ok(Record::End { end, .. }) => tape.end = end,
                Ok(_) => {}
                Err(error @ Error::Cut { .. }) => return Ok((tape, Some(error))),
                Err(error) => return Err(error),
            }
        }
        Ok((tape, None))
    }

    fn unfold(&self, n: u64, mut event: Event, symbols: Option<&Symbols>) -> Result<Event, Error> {
        if let Some(symbols) = symbols {
            symbols.resolve(&mut event).map_err(|symbol| Error::Symbol { n, symbol })?;
        }
        if let Event::Answer(answer) = &mut event
            && let Some(earlier) = answer.again.take()
        {
            let missing = || Error::Symbol { n, symbol: format!("\"again\":{earlier}") };
            answer.body = self.answer_body(earlier).ok_or_else(missing)?.clone();
        }
        Ok(event)
    }

    /// The body of the answer with number `n`.
    fn answer_body(&self, n: u64) -> Option<&Payload> {
        let at = self.events.binary_search_by_key(&n, |event| event.n).ok()?;
        match &self.events[at].event {
            Event::Answer(answer) => Some(&answer.body),
            _ => None,
        }
    }
}
