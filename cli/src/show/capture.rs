use super::{Args, custom, find, json, logs, order, output::Output, overview, printer};
use crate::{exit::Usage, out, select::Selection};
use kubetape::wire::yaml;
use kubetape::{
    gather::{Capture, Id, Kind},
    wire::JsonPath,
};
use serde_json::{Value, json};
use std::{path::Path, process::ExitCode};

/// Which objects of a capture.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Of a capture")]
pub(super) struct Filters {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Order the objects by the value of a JSONPath, such as .metadata.creationTimestamp
    #[arg(long, value_name = "JSONPATH")]
    sort_by: Option<String>,
    /// Print the values of these labels as columns
    #[arg(short = 'L', long, value_delimiter = ',', value_name = "LABEL")]
    label_columns: Vec<String>,
    /// Print the labels as a last column
    #[arg(long)]
    show_labels: bool,
    /// Print no line of column names
    #[arg(long)]
    no_headers: bool,
    /// Print metadata.managedFields too, where the capture has it
    #[arg(long)]
    show_managed_fields: bool,
    /// With logs/POD: the container, where the Pod has several
    #[arg(short, long)]
    pub(super) container: Option<String>,
    /// With logs/POD: the logs of all its containers, those that start it first
    #[arg(long, conflicts_with = "container")]
    pub(super) all_containers: bool,
    /// With logs/POD: the log before the container's last restart
    #[arg(short, long)]
    pub(super) previous: bool,
    /// With logs/POD: so many lines from the end, of each log; -1 for all
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, value_name = "LINES")]
    pub(super) tail: i64,
    /// With logs/POD: begin each line with the Pod and the container
    #[arg(long)]
    pub(super) prefix: bool,
}

/// The objects of one kind that are to be shown.
pub(crate) struct Found<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) objects: Vec<(&'a Id, &'a Value)>,
}

pub(super) fn run(capture: Capture, args: &Args) -> anyhow::Result<ExitCode> {
    if capture.is_partial() {
        out::talk(" partial  the capture was cut off before it was whole");
    }
    if args.types.is_empty() && args.output == Output::Table {
        out::data(&overview::text(&capture))?;
        return Ok(ExitCode::SUCCESS);
    }
    capture.notes.iter().for_each(|note| out::talk(&format!(" not read {note}")));
    if let Some(wanted) = logs::wanted(&capture, &args.types) {
        return logs::run(&capture, args, &wanted);
    }
    let mut shown = find::find(&capture, args)?;
    let sorted = args.of_capture.sort_by.as_deref().map(|path| {
        JsonPath::relaxed(path).map_err(|error| {
            Usage(format!("--sort-by is no JSONPath: {error}; write --sort-by .metadata.name"))
        })
    });
    let sorted = sorted.transpose()?;
    if !args.output.is_table() {
        out::data(&other(&shown, args, sorted.as_ref())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for found in &mut shown.kinds {
        if let Some(path) = &sorted {
            order::sort(&mut found.objects, path, |(_, object)| object)?;
        }
    }
    if shown.kinds.iter().all(|found| found.objects.is_empty()) {
        out::talk("No resources found");
    }
    out::data(&tables(&capture, &shown, args))?;
    Ok(ExitCode::SUCCESS)
}

fn tables(capture: &Capture, shown: &find::Shown<'_>, args: &Args) -> String {
    let filters = &args.of_capture;
    let look = printer::Look {
        wide: args.output == Output::Wide,
        namespaces: filters.selection.namespace.len() != 1,
        columns: &filters.label_columns,
        labels: filters.show_labels,
        headers: !filters.no_headers,
        prefix: shown.kinds.len() > 1,
    };
    let full = shown.kinds.iter().filter(|found| !found.objects.is_empty());
    let tables: Vec<String> = full.map(|found| printer::table(capture, found, &look)).collect();
    tables.join(if filters.no_headers { "" } else { "\n" })
}

/// What is printed of whole objects.
fn other(shown: &find::Shown<'_>, args: &Args, sorted: Option<&JsonPath>) -> anyhow::Result<String> {
    let objects = shown.kinds.iter().flat_map(|found| found.objects.iter().map(|(_, object)| *object));
    let mut objects: Vec<Value> = objects.cloned().collect();
    if let Some(path) = sorted {
        order::sort(&mut objects, path, |object| object)?;
    }
    if !args.of_capture.show_managed_fields {
        for metadata in objects.iter_mut().filter_map(|object| object["metadata"].as_object_mut()) {
            metadata.remove("managedFields");
        }
    }
    let headers = !args.of_capture.no_headers;
    match &args.output {
        Output::Name => return Ok(objects.iter().map(name).collect()),
        Output::Columns(columns) => return custom::Columns::parse(columns)?.print(&objects, headers),
        Output::ColumnsFile(file) => return custom::Columns::file(&read(file)?)?.print(&objects, headers),
        _ => {}
    }
    let whole = match objects.pop() {
        Some(object) if shown.single && objects.is_empty() => object,
        last => {
            objects.extend(last);
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects})
        }
    };
    match &args.output {
        Output::JsonPath(template) => fill(template, &whole),
        Output::JsonPathFile(file) => fill(&read(file)?, &whole),
        Output::Yaml => Ok(yaml(&whole)),
        _ => Ok(json::text(&whole)),
    }
}

/// `deployment.apps/web`
fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]);
    let group = group.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
    format!("{}{group}/{}\n", text(&object["kind"]).to_lowercase(), text(&object["metadata"]["name"]))
}

fn fill(template: &str, whole: &Value) -> anyhow::Result<String> {
    let next = r#"write it as for kubectl, for example -o 'jsonpath={.items[*].metadata.name}'"#;
    let wrong = |error| Usage(format!("the JSONPath {template:?} cannot be used: {error}; {next}"));
    if template.is_empty() {
        return Err(Usage(format!("there is no JSONPath after jsonpath=; {next}")).into());
    }
    Ok(JsonPath::parse(template).and_then(|path| path.fill(whole)).map_err(wrong)?)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let wrong = |error| Usage(format!("{} cannot be read: {error}; see its name with ls", file.display()));
    Ok(std::fs::read_to_string(file).map_err(wrong)?)
}
