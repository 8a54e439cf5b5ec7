use std::{collections::VecDeque, io};

/// The lines of a log on their way out: all of them, or the last ones when it ends, each behind a mark.
pub(crate) struct Lines<W> {
    to: W,
    /// Stands before every line.
    mark: String,
    last: Option<usize>,
    waiting: VecDeque<Vec<u8>>,
    line: Vec<u8>,
}

impl<W: io::Write> Lines<W> {
    pub(crate) fn new(to: W, mark: String, last: Option<usize>) -> Self {
        Self { to, mark, last, waiting: VecDeque::new(), line: Vec::new() }
    }

    fn end_line(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let Some(last) = self.last else {
            self.to.write_all(self.mark.as_bytes())?;
            return self.to.write_all(&line);
        };
        self.waiting.push_back(line);
        if self.waiting.len() > last {
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        for line in &self.waiting {
            self.to.write_all(self.mark.as_bytes())?;
            self.to.write_all(line)?;
        }
        self.to.flush()
    }
}

impl<W: io::Write> io::Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.end_line()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use io::Write;

    fn out(mark: &str, last: Option<usize>, text: &str) -> String {
        let mut to = Vec::new();
        let mut lines = Lines::new(&mut to, mark.to_owned(), last);
        for piece in text.as_bytes().chunks(3) {
            lines.write_all(piece).unwrap();
        }
        lines.finish().unwrap();
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn the_last_lines_come_out_whole_and_marked() {
        let text = "one\ntwo\nthree\nfour";
        assert_eq!(out("", None, text), text);
        assert_eq!(out("> ", None, "one\n\ntwo\n"), "> one\n> \n> two\n");
        assert_eq!(out("", Some(2), text), "three\nfour");
        assert_eq!(out("> ", Some(2), "one\ntwo\nthree\n"), "> two\n> three\n");
        assert_eq!(out("", Some(0), text), "");
        assert_eq!(out("", Some(9), text), text);
    }
}
