//! The exit codes that the commands on tapes share; usage errors (2) are clap's.

use kubetape::tape::Error;
use std::process::ExitCode;

/// A negative answer: a difference, a finding.
pub(crate) const NO: u8 = 1;
/// A tape that cannot be read.
pub(crate) const UNREADABLE: u8 = 3;

/// The exit code for an error that ended a command.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Error>() {
        Some(Error::Write { .. }) | None => ExitCode::from(NO),
        Some(_) => ExitCode::from(UNREADABLE),
    }
}
