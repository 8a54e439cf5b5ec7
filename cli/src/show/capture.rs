use super::{Args, Form, Output, jsonpath, printer};
use crate::{out, select::Selection};
use anyhow::{Context, bail};
use kubetape::{
    gather::{Capture, Id, Kind},
    wire::{FieldSelector, LabelSelector},
};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Which objects of a capture.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Of a capture")]
pub(super) struct Filters {
    #[command(flatten)]
    selection: Selection,
    /// Print the labels as a last column
    #[arg(long)]
    show_labels: bool,
    /// Print no line of column names
    #[arg(long)]
    no_headers: bool,
}

/// The objects of one kind that are to be shown.
pub(super) struct Found<'a> {
    pub(super) kind: &'a Kind,
    pub(super) objects: Vec<(&'a Id, &'a Value)>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let capture = Capture::open(&args.source)?;
    if capture.is_partial() {
        out::talk(" partial  the capture was cut off before it was whole");
    }
    if args.types.is_empty() && args.output == Output::Plain(Form::Table) {
        out::data(&overview(&capture))?;
        return Ok(ExitCode::SUCCESS);
    }
    capture.notes.iter().for_each(|note| out::talk(&format!(" not read {note}")));
    let found = find(&capture, args)?;
    let count: usize = found.iter().map(|found| found.objects.len()).sum();
    if count == 0 {
        out::talk("No resources found");
        return Ok(ExitCode::SUCCESS);
    }
    out::data(&print(&capture, &found, args)?)?;
    Ok(ExitCode::SUCCESS)
}

/// What a capture holds, a line each kind.
fn overview(capture: &Capture) -> String {
    let mut text = format!("written by {}", capture.origin);
    if let Some(version) = capture.manifest["kubernetes"].as_str() {
        text += &format!(" from Kubernetes {version}");
    }
    if !capture.time.is_empty() {
        text += &format!(" at {}", capture.time);
    }
    text += "\n\n";
    let mut rows = vec![vec!["KIND".to_owned(), "GROUP".to_owned(), "OBJECTS".to_owned()]];
    let mut counts = std::collections::BTreeMap::new();
    for id in capture.objects.keys() {
        *counts.entry((id.group.as_str(), id.kind.as_str())).or_insert(0) += 1;
    }
    rows.extend(counts.iter().map(|((group, kind), count)| {
        vec![(*kind).to_owned(), if group.is_empty() { "core" } else { group }.to_owned(), count.to_string()]
    }));
    text += &printer::columns(&rows);
    if !capture.logs.is_empty() {
        text += &format!("\n{} logs\n", capture.logs.len());
    }
    if let Some(changes) = capture.manifest["watch"]["changes"].as_u64() {
        text += &format!("\n{changes} changes, see watch.ktape\n");
    }
    let missing = capture.manifest["warnings"].as_u64().unwrap_or_default();
    if missing > 0 {
        text += &format!("\n{missing} missing, see manifest.json\n");
    }
    for note in &capture.notes {
        text += &format!("not read: {note}\n");
    }
    if let Some(first) = capture.passed_over.first() {
        text += &format!(
            "\n{} files hold no objects and were passed over, {first} among them\n",
            capture.passed_over.len()
        );
    }
    text
}

/// The objects that are meant, kind by kind.
fn find<'a>(capture: &'a Capture, args: &'a Args) -> anyhow::Result<Vec<Found<'a>>> {
    let filters = &args.of_capture;
    let selection = &filters.selection;
    let labels = selection.selector.as_deref().map(LabelSelector::parse).transpose()?;
    let fields = selection.field_selector.as_deref().map(FieldSelector::parse).transpose()?;
    let passes = |id: &Id, object: &Value, name: Option<&str>| {
        let spaces = &selection.namespace;
        let space = spaces.is_empty()
            || id.namespace.is_empty()
            || spaces.iter().any(|pattern| pattern.matches(&id.namespace));
        space
            && name.is_none_or(|name| id.name == name)
            && labels.as_ref().is_none_or(|labels| labels.matches(object))
            && fields.as_ref().is_none_or(|fields| fields.matches(object))
    };
    let mut all: Vec<Found<'_>> = Vec::new();
    for (kind, name) in wanted(capture, &args.types)? {
        let objects: Vec<_> = capture.of(kind).filter(|(id, object)| passes(id, object, name)).collect();
        if let (Some(name), true) = (name, objects.is_empty()) {
            bail!(
                "the capture has no {} {name:?}; `kubetape show {} {}` lists those that it has",
                kind.full_name(),
                args.source.display(),
                kind.plural
            );
        }
        match all.iter_mut().find(|found| found.kind == kind) {
            Some(found) => found.objects.extend(objects),
            None => all.push(Found { kind, objects }),
        }
    }
    all.retain(|found| !found.objects.is_empty());
    Ok(all)
}

fn wanted<'a>(capture: &'a Capture, types: &'a [String]) -> anyhow::Result<Vec<(&'a Kind, Option<&'a str>)>> {
    if types.is_empty() {
        return Ok(capture.kinds.iter().map(|kind| (kind, None)).collect());
    }
    let mut wanted = Vec::new();
    let mut types = types.iter().flat_map(|word| word.split(',')).peekable();
    while let Some(word) = types.next() {
        let (word, mut name) = word.split_once('/').map_or((word, None), |(word, name)| (word, Some(name)));
        let found = capture.kinds.resolve(word);
        if found.is_empty() {
            bail!("the capture knows no kind {word:?}; `kubetape show` without a type lists its kinds");
        }
        // `pod web` is `pod/web`, as for kubectl.
        if name.is_none() && found.len() == 1 {
            name = types.next_if(|next| !next.contains('/') && capture.kinds.resolve(next).is_empty());
        }
        wanted.extend(found.into_iter().map(|kind| (kind, name)));
    }
    Ok(wanted)
}

fn print(capture: &Capture, found: &[Found<'_>], args: &Args) -> anyhow::Result<String> {
    let objects = || found.iter().flat_map(|found| found.objects.iter().map(|(_, object)| (*object).clone()));
    let one = args.types.len() == 1 && args.types[0].contains('/') && objects().count() == 1;
    let whole = || match objects().next() {
        Some(object) if one => object,
        _ => {
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects().collect::<Vec<_>>()})
        }
    };
    Ok(match &args.output {
        Output::Plain(Form::Json) => serde_json::to_string_pretty(&whole())? + "\n",
        Output::Plain(Form::Yaml) => {
            serde_saphyr::to_string(&whole()).context("the objects are no YAML; use -o json")?
        }
        Output::Plain(Form::Name) => names(found),
        Output::Plain(form) => {
            let filters = &args.of_capture;
            let look = printer::Look {
                wide: *form == Form::Wide,
                namespaces: filters.selection.namespace.len() != 1,
                labels: filters.show_labels,
                headers: !filters.no_headers,
                prefix: found.len() > 1,
            };
            let tables: Vec<String> =
                found.iter().map(|found| printer::table(capture, found, &look)).collect();
            tables.join("\n")
        }
        Output::JsonPath(template) => jsonpath::render(template, &whole())?,
    })
}

fn names(found: &[Found<'_>]) -> String {
    let lines = found.iter().flat_map(|found| {
        found.objects.iter().map(|(id, _)| format!("{}/{}\n", printer::word(found.kind), id.name))
    });
    lines.collect()
}
