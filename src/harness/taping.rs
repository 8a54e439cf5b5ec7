use super::{Error, Options, Record};
use crate::{
    runtime::Clock,
    tape::{self, Header, Recorder, Tape},
};
use std::path::Path;

/// Begins the tape of a run on a control plane, beside its place until it is whole; `clock` is the virtual one.
pub(super) fn begin_tape(
    options: &Options,
    path: &Path,
    source: &str,
    namespace: &str,
    version: &str,
    clock: Option<Clock>,
) -> Result<Recorder, Error> {
    if let Some(folder) = path.parent() {
        let open = |source| tape::Error::Write { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder)
            .map_err(|e| Error::Tape { path: path.to_owned(), source: open(e) })?;
    }
    let header = Header {
        version: tape::FORMAT_VERSION,
        tool: String::new(),
        kubernetes: version.to_owned(),
        source: source.to_owned(),
        namespace: namespace.to_owned(),
        base: String::new(),
        scenario: options.scenario(),
        redacted: Vec::new(),
        sealed: false,
    };
    let part = path.with_extension("ktape.part");
    let recorder = match clock {
        Some(clock) => {
            let start = clock.now();
            Recorder::with_clock(&part, header, move || clock.now().saturating_sub(start))
        }
        None => Recorder::create(&part, header),
    };
    recorder.map_err(|source| Error::Tape { path: path.to_owned(), source })
}

/// Ends a recording and puts it where it belongs.
pub(super) fn end_tape(
    recorder: Option<Recorder>,
    path: &Path,
    record: Record,
    failed: bool,
) -> Result<(), Error> {
    let Some(recorder) = recorder else { return Ok(()) };
    let end = if failed { "the scenario failed" } else { "ok" };
    let kept = recorder.finish_as(end).and_then(|part| keep_tape(&part, path, record, failed));
    kept.map_err(|source| Error::Tape { path: path.to_owned(), source })
}

/// Seals a finished recording; that of a failed scenario never replaces a good one.
fn keep_tape(part: &Path, path: &Path, record: Record, failed: bool) -> Result<(), tape::Error> {
    let recorded = Tape::load(part)?;
    let beside = path.with_extension("ktape.new");
    let target = match record {
        _ if failed => &beside,
        Record::New if path.exists() => {
            if tape::diff(&Tape::load(path)?, &recorded).is_empty() {
                return remove(part);
            }
            &beside
        }
        _ => path,
    };
    recorded.seal(target, &tape::SealOptions::default())?;
    remove(part)
}

fn remove(part: &Path) -> Result<(), tape::Error> {
    std::fs::remove_file(part).map_err(|source| tape::Error::Write { path: part.to_owned(), source })
}
