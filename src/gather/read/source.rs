use super::super::{Error, Format};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The largest file that is read into memory.
const LARGEST: u64 = 64 << 20;

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

/// Shows every file of a capture, in the order of their paths or of the archive. Of an archive that is torn
/// the files before the tear are shown, and the reason is given back.
pub(super) fn walk(path: &Path, each: &mut dyn FnMut(Entry<'_>)) -> Result<Option<String>, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let found = fs::metadata(path).map_err(fail)?;
    if found.is_dir() {
        return folder(path, "", each).map(|()| None).map_err(fail);
    }
    let mut file = File::open(path).map_err(fail)?;
    match Format::of(path) {
        Format::Directory => {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            each(Entry { path: &name, size: found.len(), content: &mut file });
            Ok(None)
        }
        #[cfg(feature = "archive")]
        format => Ok(packed(file, format, each).err().map(|error| error.to_string())),
        #[cfg(not(feature = "archive"))]
        _ => Err(Error::NoArchives { path: path.to_owned() }),
    }
}

fn folder(path: &Path, inside: &str, each: &mut dyn FnMut(Entry<'_>)) -> io::Result<()> {
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = format!("{inside}{}", entry.file_name().to_string_lossy());
        // Of the link itself: what it points to may lie anywhere.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            folder(&entry.path(), &format!("{name}/"), each)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            each(Entry { path: &name, size, content: &mut File::open(entry.path())? });
        }
    }
    Ok(())
}

#[cfg(feature = "archive")]
fn packed(file: File, format: Format, each: &mut dyn FnMut(Entry<'_>)) -> io::Result<()> {
    let file = io::BufReader::with_capacity(256 << 10, file);
    match format {
        Format::Zip => zipped(file, each),
        Format::TarGz => tarred(flate2::read::MultiGzDecoder::new(file), each),
        _ => tarred(zstd::Decoder::with_buffer(file)?, each),
    }
}

#[cfg(feature = "archive")]
fn tarred(reader: impl Read, each: &mut dyn FnMut(Entry<'_>)) -> io::Result<()> {
    for entry in tar::Archive::new(reader).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if entry.header().entry_type().is_file() {
            each(Entry { path: &path, size: entry.size(), content: &mut entry });
        }
    }
    Ok(())
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
