use super::{Args, capture::Found};
use crate::exit::Usage;
use anyhow::bail;
use kubetape::{
    gather::{Capture, Id, Kind},
    wire::{FieldSelector, LabelSelector},
};
use serde_json::Value;

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
    let passes = passes(selection)?;
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

/// Whether an object is one of a selection.
pub(crate) fn passes(
    selection: &crate::select::Selection,
) -> anyhow::Result<impl Fn(&Id, &Value) -> bool + '_> {
    let next = "write it as for kubectl, for example";
    let labels = selection.selector.as_deref().map(|text| {
        LabelSelector::parse(text).map_err(|why| {
            Usage(format!("the label selector {text:?} cannot be understood: {why}; {next} app=web,tier!=db"))
        })
    });
    let fields = selection.field_selector.as_deref().map(|text| {
        FieldSelector::parse(text).map_err(|why| {
            Usage(format!(
                "the field selector {text:?} cannot be understood: {why}; {next} status.phase=Running"
            ))
        })
    });
    let (labels, fields) = (labels.transpose()?, fields.transpose()?);
    Ok(move |id: &Id, object: &Value| {
        let spaces = &selection.namespace;
        let space = spaces.is_empty()
            || id.namespace.is_empty()
            || spaces.iter().any(|pattern| pattern.matches(&id.namespace));
        space
            && labels.as_ref().is_none_or(|labels| labels.matches(object))
            && fields.as_ref().is_none_or(|fields| fields.matches(object))
    })
}

/// The kinds that are meant, each with a name if one is given: `deploy,po`, `pod web other` or `pod/web deploy/web`.
fn wanted<'a>(capture: &'a Capture, args: &'a Args) -> anyhow::Result<Vec<(&'a Kind, Option<&'a str>)>> {
    let Some((first, rest)) = args.types.split_first() else {
        let full = capture.kinds.iter().filter(|kind| capture.of(kind).next().is_some());
        return Ok(full.map(|kind| (kind, None)).collect());
    };
    let source = args.source.display();
    let known = |word: &str| -> anyhow::Result<Vec<&'a Kind>> {
        let found = capture.kinds.resolve(word);
        if found.is_empty() {
            let text = format!(
                "the capture knows no kind {word:?}; `kubetape show {source}` lists those that it has"
            );
            return Err(Usage(text).into());
        }
        Ok(found)
    };
    let mut wanted = Vec::new();
    if first.contains('/') {
        for word in &args.types {
            let Some((kind, name)) = word.split_once('/') else {
                let next = "write it so too, or give TYPE first and then names alone";
                return Err(
                    Usage(format!("{word:?} stands among names of the form TYPE/NAME; {next}")).into()
                );
            };
            wanted.extend(known(kind)?.into_iter().map(|kind| (kind, Some(name))));
        }
        return Ok(wanted);
    }
    for kind in first.split(',').map(known).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        if rest.is_empty() {
            wanted.push((kind, None));
        }
        for name in rest {
            if name.contains('/') {
                return Err(Usage(format!(
                    "{name:?} follows a type; write names alone behind a type, or TYPE/NAME everywhere"
                ))
                .into());
            }
            wanted.push((kind, Some(name.as_str())));
        }
    }
    Ok(wanted)
}
