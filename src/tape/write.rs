use super::{Error, Event, Header, Record, spell};
use crate::{entropy::Offset, scrub::Clean};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

/// Writes a tape while it is being recorded: one record a line, each handed to the system at once, so that a
/// process that is killed loses at most the record it was writing.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    events: u64,
}

impl Writer {
    /// Begins a tape at `path`, replacing what is there. Its header says that it is not sealed.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be made.
    pub fn create(path: impl AsRef<Path>, header: &Header) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        let file = File::create(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        let mut writer = Self { path, file, events: 0 };
        let header = Header { sealed: false, ..header.clone() };
        writer.write(&Record::Header(header))?;
        Ok(writer)
    }

    /// Appends what happened and gives its number. Only what went through a
    /// [`Scrubber`](crate::scrub::Scrubber) can be appended.
    ///
    /// # Errors
    /// [`Error::Write`] when the record cannot be written.
    pub fn append(&mut self, at: Offset, event: Clean<Event>) -> Result<u64, Error> {
        let n = self.events + 1;
        self.write(&Record::Event { n, at, event: event.into_inner() })?;
        self.events = n;
        Ok(n)
    }

    /// How many events were written.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Writes the end record: `ok`, or why the recording ended early.
    ///
    /// # Errors
    /// [`Error::Write`] when the record cannot be written.
    pub fn finish(mut self, end: &str) -> Result<PathBuf, Error> {
        self.write(&Record::End { events: self.events, end: end.to_owned(), digest: None })?;
        Ok(self.path)
    }

    fn write(&mut self, record: &Record) -> Result<(), Error> {
        let line = spell::compact(record);
        self.file
            .write_all(line.as_bytes())
            .map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
