use super::{Format, Put, tree::new_file, zipped::Zip};
use flate2::write::GzEncoder;
use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

/// How hard zstd tries.
const LEVEL: i32 = 3;

/// An archive in one file.
pub(super) fn create(path: &Path, format: Format) -> io::Result<Box<dyn Put>> {
    let file = BufWriter::with_capacity(256 << 10, new_file(path)?);
    Ok(match format {
        Format::TarZst => Box::new(Tar(tar::Builder::new(zstd::Encoder::new(file, LEVEL)?))),
        Format::TarGz => Box::new(Tar(tar::Builder::new(GzEncoder::new(file, flate2::Compression::fast())))),
        Format::Zip | Format::Directory => Box::new(Zip::new(file)),
    })
}

/// A compressor that can be ended.
trait Ends: Write + Send {
    fn end(self) -> io::Result<BufWriter<File>>;
}

impl Ends for zstd::Encoder<'static, BufWriter<File>> {
    fn end(self) -> io::Result<BufWriter<File>> {
        self.finish()
    }
}

impl Ends for GzEncoder<BufWriter<File>> {
    fn end(self) -> io::Result<BufWriter<File>> {
        self.finish()
    }
}

struct Tar<W: Ends>(tar::Builder<W>);

impl<W: Ends> Put for Tar<W> {
    fn put(&mut self, path: &str, length: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        // Nothing of the time and the machine, so that equal captures are equal files.
        header.set_mtime(0);
        self.0.append_data(&mut header, path, content)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        sync(self.0.into_inner()?.end()?)
    }
}

fn sync(file: BufWriter<File>) -> io::Result<()> {
    file.into_inner()?.sync_all()
}
