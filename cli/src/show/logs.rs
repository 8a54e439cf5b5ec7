use super::{Args, aligned, lines::Lines};
use crate::{exit::Usage, out};
use anyhow::bail;
use kubetape::gather::{Capture, Error, LogFile};
use std::{collections::BTreeSet, io, process::ExitCode};

/// The Pods whose logs are wanted, when it is logs that are: `logs`, `logs/web` or `logs web`.
pub(super) fn wanted(capture: &Capture, types: &[String]) -> Option<Vec<String>> {
    let (first, rest) = types.split_first()?;
    let (word, name) =
        first.split_once('/').map_or((first.as_str(), None), |(word, name)| (word, Some(name)));
    // A cluster may have a kind of that name.
    if !matches!(word, "log" | "logs") || !capture.kinds.resolve(word).is_empty() {
        return None;
    }
    let rest = rest.iter().map(|word| word.strip_prefix("logs/").unwrap_or(word));
    Some(name.into_iter().chain(rest).map(str::to_owned).collect())
}

/// Prints the logs of Pods, or without one the list of what there is.
pub(super) fn run(capture: &Capture, args: &Args, pods: &[String]) -> anyhow::Result<ExitCode> {
    let filters = &args.of_capture;
    let spaces = &filters.selection.namespace;
    let here = |log: &&LogFile| spaces.is_empty() || spaces.iter().any(|space| space.matches(&log.namespace));
    let logs: Vec<&LogFile> = capture.logs.iter().filter(here).collect();
    if pods.is_empty() {
        out::data(&list(&logs))?;
        return Ok(ExitCode::SUCCESS);
    }
    let last = usize::try_from(filters.tail).ok();
    for log in chosen(capture, args, &logs, pods)? {
        let mark = match filters.prefix {
            true => format!("[pod/{}/{}] ", log.pod, log.container),
            false => String::new(),
        };
        let mut lines = Lines::new(io::stdout().lock(), mark, last);
        let copied = capture.copy_log(&args.source, log, &mut lines);
        // As `show x | head` wants it.
        let away = |error: &Error| matches!(error, Error::Read { source, .. } if source.kind() == io::ErrorKind::BrokenPipe);
        copied.or_else(|error| if away(&error) { Ok(()) } else { Err(error) })?;
        lines.finish().or_else(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(error),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The logs that are meant, Pod by Pod.
fn chosen<'a>(
    capture: &Capture,
    args: &Args,
    logs: &[&'a LogFile],
    pods: &[String],
) -> anyhow::Result<Vec<&'a LogFile>> {
    let mut all = Vec::new();
    for pod in pods {
        all.extend(of_pod(capture, args, logs, pod)?);
    }
    Ok(all)
}

/// The logs of a Pod that are meant.
fn of_pod<'a>(
    capture: &Capture,
    args: &Args,
    logs: &[&'a LogFile],
    pod: &str,
) -> anyhow::Result<Vec<&'a LogFile>> {
    let filters = &args.of_capture;
    let own: Vec<&LogFile> = logs.iter().copied().filter(|log| log.pod == pod).collect();
    let spaces: BTreeSet<&str> = own.iter().map(|log| log.namespace.as_str()).collect();
    if spaces.len() > 1 {
        let names: Vec<&str> = spaces.into_iter().collect();
        let text = format!(
            "there are Pods {pod:?} in the namespaces {}; choose one with -n {}",
            names.join(", "),
            names[0]
        );
        return Err(Usage(text).into());
    }
    let Some(first) = own.first() else { bail!(nothing(args, pod, None)) };
    let names = containers(capture, &first.namespace, pod, &own, filters.all_containers);
    if filters.all_containers {
        let found: Vec<_> = names.iter().filter_map(|name| one(&own, filters.previous, Some(name))).collect();
        let found =
            if names.is_empty() { one(&own, filters.previous, None).into_iter().collect() } else { found };
        return if found.is_empty() { bail!(nothing(args, pod, None)) } else { Ok(found) };
    }
    let container = match (&filters.container, names.as_slice()) {
        (Some(container), _) => Some(container.clone()),
        (None, [only]) => Some(only.clone()),
        (None, []) => None,
        (None, [first, ..]) => {
            out::talk(&format!("Defaulted container {first:?} out of: {}", names.join(", ")));
            Some(first.clone())
        }
    };
    match one(&own, filters.previous, container.as_ref()) {
        Some(log) => Ok(vec![log]),
        None => bail!(nothing(args, pod, container.as_deref())),
    }
}

/// The log of a container, or the one that holds those of all.
pub(crate) fn one<'a>(
    logs: &[&'a LogFile],
    previous: bool,
    container: Option<&String>,
) -> Option<&'a LogFile> {
    let is_meant = |log: &&LogFile| {
        log.previous == previous && (log.container.is_empty() || Some(&log.container) == container)
    };
    // must-gather keeps the same log twice, got in two ways of which one mostly fails.
    logs.iter().copied().filter(is_meant).max_by_key(|log| log.size)
}

/// The containers of a Pod, the one that is meant first: the annotated one, else the order of the Pod. Where all are
/// meant, those that start the Pod come first.
fn containers(capture: &Capture, namespace: &str, pod: &str, logs: &[&LogFile], all: bool) -> Vec<String> {
    let found = capture.objects.iter().find(|(id, _)| {
        id.group.is_empty() && id.kind == "Pod" && id.namespace == namespace && id.name == pod
    });
    let mut names: Vec<String> = Vec::new();
    if let Some((_, object)) = found {
        let annotated = &object["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"];
        names.extend(annotated.as_str().filter(|_| !all).map(str::to_owned));
        let mut lists = ["containers", "initContainers", "ephemeralContainers"];
        if all {
            lists.swap(0, 1);
        }
        for list in lists {
            let list = object["spec"][list].as_array().into_iter().flatten();
            names.extend(list.filter_map(|container| container["name"].as_str().map(str::to_owned)));
        }
    }
    names.extend(logs.iter().map(|log| log.container.clone()).filter(|name| !name.is_empty()));
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn nothing(args: &Args, pod: &str, container: Option<&str>) -> String {
    let before = if args.of_capture.previous { " from before its last restart" } else { "" };
    let of = container.map(|name| format!(", container {name}")).unwrap_or_default();
    format!(
        "the capture has no log of Pod {pod:?}{of}{}{before}; `kubetape show {} logs` lists those that it has",
        args.of_capture.selection.place(),
        args.source.display()
    )
}

fn list(logs: &[&LogFile]) -> String {
    let mut rows =
        vec![["NAMESPACE", "POD", "CONTAINER", "PREVIOUS", "BYTES", "FILE"].map(str::to_owned).to_vec()];
    rows.extend(logs.iter().map(|log| {
        let previous = if log.previous { "yes" } else { "" };
        let texts = [&log.namespace, &log.pod, &log.container, previous, &log.size.to_string(), &log.path];
        texts.map(str::to_owned).to_vec()
    }));
    aligned::columns(&rows)
}
