use super::{Args, capture::Found};
use crate::{exit::Usage, select};
use anyhow::bail;
use kubetape::gather::{Capture, Kind};

/// What of a capture is shown.
pub(super) struct Shown<'a> {
    /// Every kind that was asked for, be it without objects.
    pub(super) kinds: Vec<Found<'a>>,
    /// Whether one object was asked for by its name.
    pub(super) single: bool,
}

/// The objects that are meant, kind by kind.
pub(super) fn find<'a>(capture: &'a Capture, args: &'a Args) -> anyhow::Result<Shown<'a>> {
    let selection = &args.of_capture.selection;
    let wanted = wanted(capture, args)?;
    let single = matches!(wanted.as_slice(), [(_, Some(_))]);
    let passes = selection.filter()?;
    let mut kinds: Vec<Found<'_>> = Vec::new();
    for (kind, name) in wanted {
        let named = capture.of(kind).filter(|(id, _)| name.is_none_or(|name| id.name == name));
        let mut objects: Vec<_> = named.filter(|(id, object)| passes(id, object)).collect();
        if let (Some(name), true) = (name, objects.is_empty()) {
            bail!(
                "the capture has no {} {name:?}{}; `kubetape show {} {}` lists those that it has",
                kind.full_name(),
                selection.place(),
                args.source.display(),
                kind.full_name()
            );
        }
        // As an API server has them in its store.
        objects.sort_by_cached_key(|(id, _)| format!("{}/{}", id.namespace, id.name));
        match kinds.iter_mut().find(|found| found.kind == kind) {
            Some(found) => found.objects.extend(objects),
            None => kinds.push(Found { kind, objects }),
        }
    }
    Ok(Shown { kinds, single })
}

/// The kinds that are meant, each with a name if one is given.
fn wanted<'a>(capture: &'a Capture, args: &'a Args) -> anyhow::Result<Vec<(&'a Kind, Option<&'a str>)>> {
    if args.types.is_empty() {
        let full = capture.kinds.iter().filter(|kind| capture.of(kind).next().is_some());
        return Ok(full.map(|kind| (kind, None)).collect());
    }
    let mut wanted = Vec::new();
    for (word, name) in select::words(&args.types)? {
        let found = capture.kinds.resolve(word);
        if found.is_empty() {
            let source = args.source.display();
            let next = format!("`kubetape show {source}` lists those that it has");
            return Err(Usage(format!("the capture knows no kind {word:?}; {next}")).into());
        }
        wanted.extend(found.into_iter().map(|kind| (kind, name)));
    }
    Ok(wanted)
}
