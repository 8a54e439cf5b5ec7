//! Data goes to stdout, talk to stderr; a reader that went away is no error.

use std::io::{self, Write};

/// Writes data to stdout. A broken pipe ends the command in good order, as `kubetape show x | head` wants it.
pub(crate) fn data(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says something to the person in front of the terminal; nobody waits for it.
pub(crate) fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
