use super::Put;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
};
use tempfile::SpooledTempFile;

/// What is read and compressed at once.
const BLOCK: usize = 64 << 10;
/// What is kept in memory of the directory of the archive.
const SPOOL: usize = 1 << 20;
/// The largest number in a field that is not zip64.
const SMALL: u64 = 0xFFFF_FFFE;
/// 1980-01-01, the first day of ZIP: nothing of the time stands in an archive.
const DATE: u16 = 0x21;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// Sizes come after the data.
const SIZES_AFTER: u16 = 0x0008;
/// A smaller file is compressed in memory, so that its sizes stand before it and a torn archive can be read.
const WHOLE: u64 = 1 << 20;
const DEFLATED: u16 = 8;
/// Unix, version 4.5 of the format.
const MADE_BY: u16 = 0x032D;
const PRIVATE_FILE: u32 = 0o100_600 << 16;

/// A ZIP file. However many entries there are, the memory stays the same: one compressor serves all of them, and
/// the directory that stands at the end goes to a temporary file.
pub(super) struct Zip {
    to: BufWriter<File>,
    at: u64,
    compress: Compress,
    directory: SpooledTempFile,
    entries: u64,
}

/// One entry that was written.
struct Entry<'a> {
    path: &'a str,
    offset: u64,
    crc: u32,
    packed: u64,
    length: u64,
    /// Whether its sizes have eight bytes.
    long: bool,
    flags: u16,
}

impl Zip {
    pub(super) fn new(to: BufWriter<File>) -> Self {
        let compress = Compress::new(Compression::fast(), false);
        Self { to, at: 0, compress, directory: SpooledTempFile::new(SPOOL), entries: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// Compresses the content, into `whole` where that is given; gives its checksum.
    fn deflate(&mut self, content: &mut dyn Read, mut whole: Option<&mut Vec<u8>>) -> io::Result<Crc> {
        self.compress.reset();
        let (mut crc, mut input, mut packed) = (Crc::new(), vec![0; BLOCK], Vec::with_capacity(BLOCK));
        loop {
            let count = content.read(&mut input)?;
            crc.update(&input[..count]);
            let flush = if count == 0 { FlushCompress::Finish } else { FlushCompress::None };
            let mut rest = &input[..count];
            loop {
                let before = self.compress.total_in();
                packed.clear();
                let status =
                    self.compress.compress_vec(rest, &mut packed, flush).map_err(io::Error::other)?;
                rest = &rest[(self.compress.total_in() - before) as usize..];
                match &mut whole {
                    Some(whole) => whole.extend_from_slice(&packed),
                    None => self.write(&packed)?,
                }
                match (status, count) {
                    (Status::StreamEnd, _) => return Ok(crc),
                    (_, 1..) if rest.is_empty() && packed.len() < packed.capacity() => break,
                    _ => {}
                }
            }
        }
    }

    fn list(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let mut extra = Vec::new();
        for number in [entry.length, entry.packed, entry.offset].into_iter().filter(|n| *n > SMALL) {
            extra.extend(number.to_le_bytes());
        }
        if !extra.is_empty() {
            extra.splice(0..0, [1u16.to_le_bytes(), (extra.len() as u16).to_le_bytes()].concat());
        }
        // A number of which the large field says more is written as the largest there is.
        let field = |number: u64| if number > SMALL { u32::MAX } else { number as u32 };
        let needed = if extra.is_empty() && !entry.long { 20u16 } else { 45 };
        let mut head = Vec::with_capacity(46 + entry.path.len() + extra.len());
        head.extend(0x0201_4B50u32.to_le_bytes());
        shorts(&mut head, &[MADE_BY, needed, entry.flags, DEFLATED, 0, DATE]);
        longs(&mut head, &[entry.crc, field(entry.packed), field(entry.length)]);
        shorts(&mut head, &[entry.path.len() as u16, extra.len() as u16, 0, 0, 0]);
        longs(&mut head, &[PRIVATE_FILE, field(entry.offset)]);
        head.extend(entry.path.as_bytes());
        head.extend(extra);
        self.entries += 1;
        self.directory.write_all(&head)
    }

    /// What stands at the end.
    fn end(&mut self) -> io::Result<()> {
        let start = self.at;
        let size = self.directory.stream_position()?;
        self.directory.seek(SeekFrom::Start(0))?;
        self.at += io::copy(&mut self.directory, &mut self.to)?;
        let mut tail = Vec::new();
        if self.entries >= 0xFFFF || start > SMALL || size > SMALL {
            longs(&mut tail, &[0x0606_4B50]);
            tail.extend(44u64.to_le_bytes());
            shorts(&mut tail, &[MADE_BY, 45]);
            longs(&mut tail, &[0, 0]);
            [self.entries, self.entries, size, start].iter().for_each(|n| tail.extend(n.to_le_bytes()));
            longs(&mut tail, &[0x0706_4B50, 0]);
            tail.extend(self.at.to_le_bytes());
            longs(&mut tail, &[1]);
        }
        let count = self.entries.min(0xFFFF) as u16;
        let field = |number: u64| if number > SMALL { u32::MAX } else { number as u32 };
        longs(&mut tail, &[0x0605_4B50]);
        shorts(&mut tail, &[0, 0, count, count]);
        longs(&mut tail, &[field(size), field(start)]);
        shorts(&mut tail, &[0]);
        self.write(&tail)
    }
}

fn shorts(to: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| to.extend(number.to_le_bytes()));
}

fn longs(to: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| to.extend(number.to_le_bytes()));
}

impl Zip {
    /// A file of which everything is known before it is written.
    fn put_whole(&mut self, path: &str, content: &mut dyn Read) -> io::Result<()> {
        let mut data = Vec::new();
        let crc = self.deflate(content, Some(&mut data))?.sum();
        let (offset, packed, length) = (self.at, data.len() as u64, self.compress.total_in());
        let mut head = Vec::with_capacity(30 + path.len());
        longs(&mut head, &[0x0403_4B50]);
        shorts(&mut head, &[20, FLAGS, DEFLATED, 0, DATE]);
        longs(&mut head, &[crc, packed as u32, length as u32]);
        shorts(&mut head, &[path.len() as u16, 0]);
        head.extend(path.as_bytes());
        self.write(&head)?;
        self.write(&data)?;
        self.list(&Entry { path, offset, crc, packed, length, long: false, flags: FLAGS })
    }

    fn put_streamed(&mut self, path: &str, length: u64, content: &mut dyn Read) -> io::Result<()> {
        // Compressed data can be a little longer than it was.
        let long = length > SMALL - (SMALL >> 8);
        let offset = self.at;
        let mut head = Vec::with_capacity(64 + path.len());
        longs(&mut head, &[0x0403_4B50]);
        shorts(&mut head, &[if long { 45 } else { 20 }, FLAGS | SIZES_AFTER, DEFLATED, 0, DATE]);
        longs(&mut head, &if long { [0, u32::MAX, u32::MAX] } else { [0; 3] });
        shorts(&mut head, &[path.len() as u16, if long { 20 } else { 0 }]);
        head.extend(path.as_bytes());
        if long {
            shorts(&mut head, &[1, 16]);
            head.extend([0; 16]);
        }
        self.write(&head)?;
        let begin = self.at;
        let crc = self.deflate(content, None)?.sum();
        let (packed, length) = (self.at - begin, self.compress.total_in());
        let mut sizes = Vec::with_capacity(24);
        longs(&mut sizes, &[0x0807_4B50, crc]);
        if long {
            [packed, length].iter().for_each(|n| sizes.extend(n.to_le_bytes()));
        } else {
            longs(&mut sizes, &[packed as u32, length as u32]);
        }
        self.write(&sizes)?;
        self.list(&Entry { path, offset, crc, packed, length, long, flags: FLAGS | SIZES_AFTER })
    }
}

impl Put for Zip {
    fn put(&mut self, path: &str, length: u64, content: &mut dyn Read) -> io::Result<()> {
        if length <= WHOLE { self.put_whole(path, content) } else { self.put_streamed(path, length, content) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn close(mut self: Box<Self>) -> io::Result<()> {
        self.end()?;
        self.to.into_inner()?.sync_all()
    }
}
