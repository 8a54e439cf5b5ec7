//! The exit codes that the commands share; usage errors (2) are clap's.

use kubetape::tape::Error;
use std::process::ExitCode;

/// A negative answer: a difference, a finding.
pub(crate) const NO: u8 = 1;
/// A tape that cannot be read.
pub(crate) const UNREADABLE: u8 = 3;

/// The exit code for an error that ended a command.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref() {
        return ExitCode::from(crate::cluster::exit_code(error));
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Write { .. }) | None => ExitCode::from(NO),
        Some(_) => ExitCode::from(UNREADABLE),
    }
}
