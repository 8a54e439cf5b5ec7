//! A second look at a tape that was captured, with all that is known at its end.

use super::{Error, Reader, Record, spell};
use crate::scrub::Scrubber;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::Path,
};

/// Takes out of the tape at `path` what was only learnt to be a secret after it had been written. It holds one
/// record at a time, and replaces the file at once or not at all.
///
/// # Errors
/// When the tape cannot be read or written.
pub(crate) fn scrub_again(path: &Path, scrubber: &mut Scrubber) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if !holds_a_secret(path, scrubber).map_err(failed)? {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let permissions = path.metadata().map_err(failed)?.permissions();
    let mut builder = tempfile::Builder::new();
    let file = builder.prefix(".ktape-").permissions(permissions).tempfile_in(folder).map_err(failed)?;
    let mut to = BufWriter::new(file);
    for record in Reader::open(path)? {
        let record = match record? {
            Record::Event { n, at, event } => {
                Record::Event { n, at, event: scrubber.clean(event).into_inner() }
            }
            other => other,
        };
        to.write_all(spell::compact(&record).as_bytes()).map_err(failed)?;
    }
    let file = to.into_inner().map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn holds_a_secret(path: &Path, scrubber: &Scrubber) -> io::Result<bool> {
    for line in BufReader::new(File::open(path)?).lines() {
        if scrubber.finds_in(&line?) {
            return Ok(true);
        }
    }
    Ok(false)
}
