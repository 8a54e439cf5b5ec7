//! Where a capture is written: a directory or an archive, first beside its place, under a name that says that
//! it is partial, and at the end renamed; an empty directory is filled where it stands. In come paths and
//! contents, out comes the capture or what came to be of it. It never looks at what it writes, and never replaces
//! what is no capture.

#[cfg(feature = "archive")]
mod pack;
mod tree;
#[cfg(feature = "archive")]
mod zipped;

use super::{Error, Format, archive::partial_name};
use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

/// The file that is written bit by bit, while the others wait.
const GROWING: &str = "watch.ktape";

/// A capture that is being written.
pub(super) struct Sink {
    to: Box<dyn Put>,
    partial: PathBuf,
    destination: PathBuf,
}

/// Takes files.
trait Put: Send {
    /// Writes one file of `length` bytes.
    fn put(&mut self, path: &str, length: u64, content: &mut dyn Read) -> io::Result<()>;

    /// Brings on disk what was put.
    fn flush(&mut self) -> io::Result<()>;

    /// Ends it.
    fn close(self: Box<Self>) -> io::Result<()>;
}

impl Sink {
    /// Begins a capture beside `destination`.
    pub(super) fn create(destination: &Path, force: bool) -> Result<Self, Error> {
        check(destination, force)?;
        let partial = match destination.is_dir() && is_empty(destination)? {
            // It may be a mount, which cannot be renamed; without a manifest it is partial as well.
            true => destination.to_owned(),
            false => unused(destination),
        };
        let fail = |source| Error::Write { path: partial.clone(), source };
        if let Some(folder) = partial.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        let to: Box<dyn Put> = match Format::of(destination) {
            Format::Directory => Box::new(tree::Tree::create(&partial).map_err(fail)?),
            #[cfg(feature = "archive")]
            format => pack::create(&partial, format).map_err(fail)?,
            #[cfg(not(feature = "archive"))]
            _ => return Err(Error::NoArchives { path: destination.to_owned() }),
        };
        Ok(Self { to, partial, destination: destination.to_owned() })
    }

    /// Writes one file.
    pub(super) fn put(&mut self, path: &str, content: &[u8]) -> Result<(), Error> {
        self.put_from(path, content.len() as u64, &mut &content[..])
    }

    /// Writes one file from a reader.
    pub(super) fn put_from(&mut self, path: &str, length: u64, content: &mut dyn Read) -> Result<(), Error> {
        self.to.put(path, length, content).map_err(|source| self.failed(source))
    }

    /// Makes the file that grows, empty and private, where it outlives a kill: in a directory at its place, else
    /// beside the archive. What was put before is on disk then.
    pub(super) fn grow(&mut self) -> Result<PathBuf, Error> {
        self.flush()?;
        if self.is_directory() {
            self.put(GROWING, b"")?;
            return Ok(self.partial.join(GROWING));
        }
        let place = beside(&self.partial);
        tree::new_file(&place).map(|_| place).map_err(|source| self.failed(source))
    }

    /// Takes in the file that has grown.
    pub(super) fn grown(&mut self, place: &Path) -> Result<(), Error> {
        if self.is_directory() {
            return Ok(());
        }
        let fail = |source| Error::Write { path: place.to_owned(), source };
        let mut file = fs::File::open(place).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        self.put_from(GROWING, length, &mut file)?;
        fs::remove_file(place).map_err(fail)
    }

    fn is_directory(&self) -> bool {
        Format::of(&self.destination) == Format::Directory
    }

    /// Brings on disk what was put, so that it is there after a crash.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.to.flush().map_err(|source| self.failed(source))
    }

    /// Ends it and puts it in its place.
    pub(super) fn finish(self) -> Result<(), Error> {
        let fail = |source| Error::Write { path: self.partial.clone(), source };
        self.to.close().map_err(fail)?;
        if self.partial == self.destination {
            return Ok(());
        }
        replace(&self.partial, &self.destination).map_err(fail)
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.partial.clone(), source }
    }
}

fn is_empty(folder: &Path) -> Result<bool, Error> {
    let entries = fs::read_dir(folder).map_err(|source| Error::Write { path: folder.to_owned(), source });
    entries.map(|mut entries| entries.next().is_none())
}

/// `shop.partial.tar.zst.watch.ktape`.
fn beside(partial: &Path) -> PathBuf {
    let mut path = partial.as_os_str().to_owned();
    path.push(".");
    path.push(GROWING);
    path.into()
}

/// A name for what is not whole yet that nothing has.
fn unused(destination: &Path) -> PathBuf {
    let free = |path: &Path| fs::symlink_metadata(path).is_err();
    let all_free = |path: &PathBuf| free(path) && free(&beside(path));
    (1..=u32::MAX).map(|n| partial_name(destination, n)).find(all_free).expect("there are not so many files")
}

/// Only a capture may be replaced, and only if asked for.
pub(super) fn check(destination: &Path, force: bool) -> Result<(), Error> {
    let path = destination.to_owned();
    let Ok(found) = fs::symlink_metadata(destination) else { return Ok(()) };
    if found.is_dir() {
        if is_empty(destination)? {
            return Ok(());
        }
        let ours = ["capture.json", "manifest.json"].iter().any(|name| destination.join(name).is_file());
        return match (force, ours) {
            (false, _) => Err(Error::Exists { path }),
            (true, false) => Err(Error::NotOurs { path }),
            (true, true) => Ok(()),
        };
    }
    match force {
        false => Err(Error::Exists { path }),
        true if Format::of(destination) == Format::Directory => Err(Error::NotOurs { path }),
        true => Ok(()),
    }
}

/// A file takes the place of the old one at once; of a directory the old one steps aside first.
fn replace(partial: &Path, destination: &Path) -> io::Result<()> {
    if !destination.is_dir() {
        return fs::rename(partial, destination);
    }
    let mut aside = partial.as_os_str().to_owned();
    aside.push(".old");
    let aside = PathBuf::from(aside);
    fs::rename(destination, &aside)?;
    if let Err(error) = fs::rename(partial, destination) {
        fs::rename(&aside, destination)?;
        return Err(error);
    }
    fs::remove_dir_all(&aside)
}

#[cfg(test)]
mod tests;
