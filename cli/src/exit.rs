//! The exit codes that the commands share; usage errors (2) are clap's.

use kubetape::{gather, tape::Error};
use std::process::ExitCode;

/// A negative answer: a difference, a finding.
pub(crate) const NO: u8 = 1;
/// What was typed cannot be understood.
pub(crate) const USAGE: u8 = 2;
/// A tape that cannot be read.
pub(crate) const UNREADABLE: u8 = 3;

/// A cluster that cannot be reached or refuses; with `--strict` a capture that misses something.
pub(crate) const REFUSED: u8 = 5;
/// What would be overwritten is left alone.
pub(crate) const UNSAFE: u8 = 6;
/// A command behind `--` that is no program.
pub(crate) const NOT_EXECUTABLE: u8 = 126;
/// A command behind `--` that is not there.
pub(crate) const NOT_FOUND: u8 = 127;
/// Ended before anything could be sealed.
pub(crate) const INTERRUPTED: u8 = 130;

/// What was typed cannot be understood: the words say why, and what to type.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// What was asked for would harm something: the words say what, and what to do.
#[derive(Debug)]
pub(crate) struct Unsafe(pub(crate) String);

impl std::fmt::Display for Unsafe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unsafe {}

/// The exit code for an error that ended a command.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref() {
        return ExitCode::from(crate::cluster::exit_code(error));
    }
    if error.downcast_ref::<Usage>().is_some() {
        return ExitCode::from(USAGE);
    }
    if error.downcast_ref::<Unsafe>().is_some() {
        return ExitCode::from(UNSAFE);
    }
    if error.downcast_ref::<crate::connect::Unreachable>().is_some() {
        return ExitCode::from(REFUSED);
    }
    if let Some(error) = error.downcast_ref::<gather::Error>() {
        return ExitCode::from(match error {
            gather::Error::Discovery { .. } | gather::Error::Root { .. } => REFUSED,
            gather::Error::Read { .. }
            | gather::Error::Newer { .. }
            | gather::Error::Nothing { .. }
            | gather::Error::Garbled { .. } => UNREADABLE,
            gather::Error::Exists { .. } | gather::Error::NotOurs { .. } => UNSAFE,
            gather::Error::Pattern { .. } | gather::Error::Selector { .. } | gather::Error::NoKind { .. } => {
                USAGE
            }
            _ => NO,
        });
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Write { .. }) | None => ExitCode::from(NO),
        Some(_) => ExitCode::from(UNREADABLE),
    }
}
