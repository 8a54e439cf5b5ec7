use super::super::{Error, Format};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

/// The largest file that is read into memory.
const LARGEST: u64 = 64 << 20;
/// The longest name in an archive.
#[cfg(feature = "archive")]
const NAME: u64 = 64 << 10;
const LINK: &str = "not read, since it is a link or no file at all";

/// One file of a capture.
pub(super) struct Entry<'a> {
    /// Its path in the capture, with `/` between the segments.
    pub(super) path: &'a str,
    pub(super) size: u64,
    content: &'a mut dyn Read,
}

impl Entry<'_> {
    /// The whole of it.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = self.content.take(LARGEST + 1).read_to_end(&mut bytes);
        match read {
            Err(error) => Err(error.to_string()),
            Ok(_) if bytes.len() as u64 > LARGEST => Err(format!("it is larger than {} MB", LARGEST >> 20)),
            Ok(_) => Ok(bytes),
        }
    }
}

/// Shows every file of a capture, in the order of their paths or of the archive, and gives a note for each that
/// cannot be read. Of an archive that is torn the files before the tear are shown.
pub(super) fn walk(path: &Path, each: &mut dyn FnMut(Entry<'_>)) -> Result<Vec<String>, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(fail)?;
    let mut notes = Vec::new();
    if found.is_dir() {
        fs::read_dir(path).map_err(fail)?;
        folder(path, "", each, &mut notes);
        return Ok(notes);
    }
    let mut file = File::open(path).map_err(fail)?;
    match Format::of(path) {
        Format::Directory => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            each(Entry { path: &name, size: found.len(), content: &mut file });
        }
        #[cfg(feature = "archive")]
        format => {
            if let Err(error) = packed(file, format, each, &mut notes) {
                notes.push(format!(
                    "the archive is torn: {error}; what stands before the tear was read, copy it again for the rest"
                ));
            }
        }
        #[cfg(not(feature = "archive"))]
        _ => return Err(Error::NoArchives { path: path.to_owned() }),
    }
    Ok(notes)
}

/// The files that an API server said of itself, by their paths: what the capture at `path` has of `version.json`,
/// `run.json` and of all below `discovery/` and `openapi/`.
///
/// # Errors
/// When there is nothing at `path` that can be read.
pub fn documents(path: impl AsRef<Path>) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut found = BTreeMap::new();
    walk(path.as_ref(), &mut |mut entry| {
        let wanted = matches!(entry.path, "version.json" | "run.json")
            || ["discovery/", "openapi/"].iter().any(|folder| entry.path.starts_with(folder));
        if wanted && let Ok(bytes) = entry.bytes() {
            found.insert(entry.path.to_owned(), bytes);
        }
    })?;
    Ok(found)
}

/// Copies one file of a capture, whose path [`walk`] gave.
pub(super) fn copy(path: &Path, inside: &str, out: &mut dyn Write) -> Result<(), Error> {
    let fail = |source| Error::Read { path: path.join(inside), source };
    if path.is_dir() {
        let mut file = File::open(path.join(inside)).map_err(fail)?;
        return io::copy(&mut file, out).map(drop).map_err(fail);
    }
    let mut done = None;
    walk(path, &mut |entry| {
        if entry.path == inside && done.is_none() {
            done = Some(io::copy(entry.content, out));
        }
    })?;
    match done {
        Some(copied) => copied.map(drop).map_err(fail),
        None => Err(fail(io::ErrorKind::NotFound.into())),
    }
}

fn folder(path: &Path, inside: &str, each: &mut dyn FnMut(Entry<'_>), notes: &mut Vec<String>) {
    let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return notes.push(format!("{inside}: {error}")),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        // Of the link itself: what it points to may lie anywhere.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => folder(&entry.path(), &format!("{name}/"), each, notes),
            Ok(kind) if kind.is_file() => match File::open(entry.path()) {
                Ok(mut file) => {
                    let size = entry.metadata().map(|data| data.len()).unwrap_or_default();
                    each(Entry { path: &name, size, content: &mut file });
                }
                Err(error) => notes.push(format!("{name}: {error}")),
            },
            Ok(_) => notes.push(format!("{name}: {LINK}")),
            Err(error) => notes.push(format!("{name}: {error}")),
        }
    }
}

#[cfg(feature = "archive")]
fn packed(
    file: File,
    format: Format,
    each: &mut dyn FnMut(Entry<'_>),
    notes: &mut Vec<String>,
) -> io::Result<()> {
    let file = io::BufReader::with_capacity(256 << 10, file);
    match format {
        Format::Zip => zipped(file, each),
        Format::TarGz => tarred(flate2::read::MultiGzDecoder::new(file), each, notes),
        _ => tarred(zstd::Decoder::with_buffer(file)?, each, notes),
    }
}

/// Records of long names are read here, each only so far: the archive's own reader takes them whole.
#[cfg(feature = "archive")]
fn tarred(reader: impl Read, each: &mut dyn FnMut(Entry<'_>), notes: &mut Vec<String>) -> io::Result<()> {
    let mut long = None;
    for entry in tar::Archive::new(reader).entries()?.raw(true) {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            let mut record = Vec::new();
            (&mut entry).take(NAME + 1).read_to_end(&mut record)?;
            if record.len() as u64 > NAME {
                return Err(io::Error::other(format!("a name is longer than {NAME} bytes")));
            }
            long = if kind.is_gnu_longname() { Some(record) } else { pax_path(&record).or(long) };
            continue;
        }
        let path = match long.take() {
            Some(name) => String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned(),
            None => entry.path()?.to_string_lossy().into_owned(),
        };
        let path = path.trim_start_matches("./").to_owned();
        match kind {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                each(Entry { path: &path, size: entry.size(), content: &mut entry });
            }
            tar::EntryType::Directory | tar::EntryType::XGlobalHeader => {}
            _ => notes.push(format!("{path}: {LINK}")),
        }
    }
    Ok(())
}

/// The path in a record of `LENGTH KEY=VALUE` lines.
#[cfg(feature = "archive")]
fn pax_path(record: &[u8]) -> Option<Vec<u8>> {
    let mut lines = record.split(|byte| *byte == b'\n');
    lines.find_map(|line| {
        let start = line.iter().position(|byte| *byte == b' ')? + 1;
        line[start..].strip_prefix(b"path=").map(<[u8]>::to_vec)
    })
}

/// The central directory is at the end, so a torn file is read from its beginning.
#[cfg(feature = "archive")]
fn zipped(mut file: io::BufReader<File>, each: &mut dyn FnMut(Entry<'_>)) -> io::Result<()> {
    let Ok(mut archive) = zip::ZipArchive::new(&mut file) else {
        io::Seek::rewind(&mut file)?;
        while let Some(mut entry) = zip::read::read_zipfile_from_stream(&mut file)? {
            let (path, size) = (entry.name().to_owned(), entry.size());
            each(Entry { path: &path, size, content: &mut entry });
        }
        return Err(io::Error::other("its directory is missing"));
    };
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at)?;
        let (path, size) = (entry.name().to_owned(), entry.size());
        if entry.is_file() {
            each(Entry { path: &path, size, content: &mut entry });
        }
    }
    Ok(())
}
