//! `kubetape fmt`: tapes in their canonical form.

use crate::{exit, files, out};
use kubetape::tape::{SealOptions, Tape};
use std::{fs, path::PathBuf, process::ExitCode};

/// Bring tapes into their canonical form: seals captured ones, and of those that are cut off keeps what is whole.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Tapes, and directories in which every .ktape file is meant.
    #[arg(default_value = ".")]
    tapes: Vec<PathBuf>,
    /// Write nothing; name the tapes that would change and exit with 1.
    #[arg(long)]
    check: bool,
    /// One record a line.
    #[arg(long)]
    compact: bool,
    /// Keep metadata.managedFields.
    #[arg(long)]
    managed_fields: bool,
}

/// Runs the command.
///
/// # Errors
/// When a tape cannot be read or written.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let options = SealOptions { compact: args.compact, managed_fields: args.managed_fields };
    let mut changed = 0;
    for path in files::tapes(&args.tapes)? {
        let (tape, cut) = Tape::salvage(&path)?;
        let text = tape.to_sealed(&options);
        if fs::read(&path)? == text.as_bytes() {
            continue;
        }
        changed += 1;
        if args.check {
            out::data(&format!("{}\n", path.display()))?;
            continue;
        }
        let sealed = tape.seal(&path, &options)?;
        if let Some(error) = cut {
            out::talk(&format!(" repaired {}: {error}", path.display()));
        }
        let kilobytes = sealed.bytes.div_ceil(1000);
        let (events, folded, secrets) = (sealed.events, sealed.folded, sealed.secrets);
        out::talk(&format!(
            " sealed   {}   {events} events ({folded} identical answers folded), {kilobytes} KB, {secrets} secrets tokenised",
            path.display()
        ));
    }
    Ok(if args.check && changed > 0 { ExitCode::from(exit::NO) } else { ExitCode::SUCCESS })
}
