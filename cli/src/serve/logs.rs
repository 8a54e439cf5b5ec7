use super::{
    answer::{pod, respond},
    source::Source,
};
use crate::show::{Lines, log_of};
use http::{HeaderValue, header};
use kubetape::{
    gather::LogFile,
    wire::{Failure, RequestInfo, Response},
};
use std::{collections::BTreeSet, sync::Arc};

/// What logs that were captured without times cannot tell.
const TIMES: [&str; 3] = ["sinceSeconds", "sinceTime", "timestamps"];

/// The log of a container, as it was captured.
pub(super) async fn answer(source: Arc<Source>, info: RequestInfo) -> Result<Response, Failure> {
    // It reads files.
    let read = tokio::task::spawn_blocking(move || text(&source, &info).map(|text| (text, info)));
    let (text, info) = read.await.map_err(|error| {
        Failure::new(500, "InternalError", format!("the log could not be read: {error}"))
    })??;
    let mut response = respond("text/plain", text);
    if TIMES.iter().any(|option| info.query.get(option).is_some_and(|value| value != "false")) {
        let warning = "299 - \"logs are captured without times: all lines are shown, without timestamps\"";
        response.headers_mut().insert(header::WARNING, HeaderValue::from_static(warning));
    }
    Ok(response)
}

fn text(source: &Source, info: &RequestInfo) -> Result<Vec<u8>, Failure> {
    let name = info.name.as_deref().unwrap_or_default();
    let space = info.namespace.as_deref().unwrap_or_default();
    let own: Vec<&LogFile> =
        source.capture.logs.iter().filter(|log| log.pod == name && log.namespace == space).collect();
    let pod = pod(source, info);
    if pod.is_none() && own.is_empty() {
        return Err(Failure::not_found(&RequestInfo { subresource: None, ..info.clone() }));
    }
    let mut names: Vec<String> = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let list = pod.and_then(|pod| pod["spec"][list].as_array()).into_iter().flatten();
        names.extend(list.filter_map(|container| container["name"].as_str().map(str::to_owned)));
    }
    if names.is_empty() {
        let found: BTreeSet<String> = own.iter().map(|log| log.container.clone()).collect();
        names.extend(found.into_iter().filter(|name| !name.is_empty()));
    }
    let bad = |text: String| Failure::new(400, "BadRequest", text);
    let container = match (info.query.get("container").filter(|name| !name.is_empty()), names.as_slice()) {
        (Some(container), names) if names.is_empty() || names.iter().any(|name| name == container) => {
            Some(container.to_owned())
        }
        (Some(container), _) => {
            return Err(bad(format!("container {container} is not valid for pod {name}")));
        }
        (None, [only]) => Some(only.clone()),
        (None, []) => None,
        (None, names) => {
            return Err(bad(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                names.join(" ")
            )));
        }
    };
    let previous = info.query.is_true("previous");
    let shown = container.clone().unwrap_or_default();
    let log = log_of(&own, previous, container.as_ref()).ok_or_else(|| match previous {
        true => bad(format!("previous terminated container {shown:?} in pod {name:?} not found")),
        false => Failure::new(404, "NotFound", format!(
            "the capture has no log of container {shown:?} in pod {name:?}; capture it with `kubetape gather --logs all`"
        )),
    })?;
    let number = |key| info.query.get(key).and_then(|text| text.parse::<usize>().ok());
    let mut text = Vec::new();
    let mut lines = Lines::new(&mut text, String::new(), number("tailLines"));
    let fail =
        |why: String| Failure::new(500, "InternalError", format!("the log cannot be read any more: {why}"));
    source.capture.copy_log(&source.path, log, &mut lines).map_err(|error| fail(error.to_string()))?;
    lines.finish().map_err(|error| fail(error.to_string()))?;
    text.truncate(number("limitBytes").unwrap_or(usize::MAX));
    Ok(text)
}
