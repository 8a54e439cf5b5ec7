//! Real time and real chance: a control plane lives in neither a paused clock nor a seed.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Error;

/// A point on the wall clock after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(wait: Duration) -> Self {
        Self(now() + wait)
    }

    pub(super) fn left(self) -> Duration {
        self.0.saturating_duration_since(now())
    }

    pub(super) fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}

#[expect(clippy::disallowed_methods, reason = "processes start and end in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Waits a moment before looking again.
#[expect(clippy::disallowed_methods, reason = "other processes can only be polled")]
pub(super) fn pause(moment: Duration) {
    std::thread::sleep(moment);
}

/// A secret that other users of this machine cannot guess: the API server listens on a
/// loopback port that they can reach too.
pub(super) fn token() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0_u8; 16];
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::files("read", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
