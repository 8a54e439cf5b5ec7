use super::{Args, aligned};
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
    for pod in pods {
        let log = choose(capture, args, &logs, pod)?;
        let copied = capture.copy_log(&args.source, log, &mut io::stdout().lock());
        // As `show x | head` wants it.
        let away = |error: &Error| matches!(error, Error::Read { source, .. } if source.kind() == io::ErrorKind::BrokenPipe);
        copied.or_else(|error| if away(&error) { Ok(()) } else { Err(error) })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The log of a Pod that is meant.
fn choose<'a>(
    capture: &Capture,
    args: &Args,
    logs: &[&'a LogFile],
    pod: &str,
) -> anyhow::Result<&'a LogFile> {
    let filters = &args.of_capture;
    let of_pod: Vec<&LogFile> = logs.iter().copied().filter(|log| log.pod == pod).collect();
    let spaces: BTreeSet<&str> = of_pod.iter().map(|log| log.namespace.as_str()).collect();
    if spaces.len() > 1 {
        let names: Vec<&str> = spaces.into_iter().collect();
        let text = format!(
            "there are Pods {pod:?} in the namespaces {}; choose one with -n {}",
            names.join(", "),
            names[0]
        );
        return Err(Usage(text).into());
    }
    let Some(first) = of_pod.first() else { bail!(nothing(args, pod, None)) };
    let names = containers(capture, &first.namespace, pod, &of_pod);
    let container = match (&filters.container, names.as_slice()) {
        (Some(container), _) => Some(container.clone()),
        (None, [only]) => Some(only.clone()),
        (None, []) => None,
        (None, [first, ..]) => {
            out::talk(&format!("Defaulted container {first:?} out of: {}", names.join(", ")));
            Some(first.clone())
        }
    };
    let is_meant = |log: &&LogFile| {
        log.previous == filters.previous
            && (log.container.is_empty() || Some(&log.container) == container.as_ref())
    };
    // must-gather keeps the same log twice, got in two ways of which one mostly fails.
    match of_pod.iter().copied().filter(is_meant).max_by_key(|log| log.size) {
        Some(log) => Ok(log),
        None => bail!(nothing(args, pod, container.as_deref())),
    }
}

/// The containers of a Pod, the one that is meant first: the annotated one, else the order of the Pod.
fn containers(capture: &Capture, namespace: &str, pod: &str, logs: &[&LogFile]) -> Vec<String> {
    let found = capture.objects.iter().find(|(id, _)| {
        id.group.is_empty() && id.kind == "Pod" && id.namespace == namespace && id.name == pod
    });
    let mut names: Vec<String> = Vec::new();
    if let Some((_, object)) = found {
        let annotated = &object["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"];
        names.extend(annotated.as_str().map(str::to_owned));
        for list in ["containers", "initContainers", "ephemeralContainers"] {
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
