use super::{
    Logs, Options,
    api::{Api, Refusal},
};
use crate::wire::{Query, escaped};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

/// Lists of containers in a pod, and of their states.
const LISTS: [(&str, &str); 3] = [
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
];

/// One log of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) container: String,
    pub(super) previous: bool,
}

/// The logs that a pod should have: of containers that have begun, and of those before them.
pub(super) fn of_pod(pod: &Value, which: Logs) -> Vec<Log> {
    let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default().to_owned();
    let mut logs = Vec::new();
    for (containers, statuses) in LISTS {
        for container in pod["spec"][containers].as_array().into_iter().flatten() {
            let all = pod["status"][statuses].as_array();
            let status = all.and_then(|all| all.iter().find(|status| status["name"] == container["name"]));
            let Some((status, name)) = status.zip(container["name"].as_str()) else { continue };
            let log = |previous| Log {
                namespace: text("namespace"),
                pod: text("name"),
                container: name.to_owned(),
                previous,
            };
            let begun = ["running", "terminated"].iter().any(|state| !status["state"][state].is_null());
            let before = !status["lastState"]["terminated"].is_null();
            logs.extend((begun || before).then(|| log(false)));
            logs.extend((before && which == Logs::All).then(|| log(true)));
        }
    }
    if which == Logs::None { Vec::new() } else { logs }
}

/// Reads a log piece by piece; a part that is an error is the last one.
pub(super) async fn read(api: &Api, log: &Log, query: &Query, to: &Sender<Result<Bytes, Refusal>>) {
    let (namespace, pod) = (escaped(&log.namespace), escaped(&log.pod));
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}");
    let response = match api.open(&path, "text/plain, */*").await {
        Ok(response) => response,
        Err(refusal) => return drop(to.send(Err(refusal)).await),
    };
    let mut chunks = std::pin::pin!(api.chunks(response.into_body()));
    while let Some(chunk) = chunks.next().await {
        if to.send(chunk).await.is_err() {
            return;
        }
    }
}

/// The query that brings a log.
pub(super) fn query(log: &Log, options: &Options) -> Query {
    let previous = log.previous.then(|| ("previous", "true".to_owned()));
    let tail = options.tail.map(|lines| ("tailLines", lines.to_string()));
    let since = options.since.map(|time| ("sinceSeconds", time.as_secs().max(1).to_string()));
    [("container", log.container.clone())].into_iter().chain(previous).chain(tail).chain(since).collect()
}

/// Where the letters end of which all bytes are there.
pub(super) fn whole_letters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    let begun = (tail..bytes.len()).rev().find(|at| bytes[*at] >= 0xC0);
    begun.filter(|at| std::str::from_utf8(&bytes[*at..]).is_err()).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn logs_are_those_of_containers_that_have_begun() {
        let begun = json!({"running": {}});
        let pod = json!({"metadata": {"name": "web", "namespace": "shop"},
            "spec": {"initContainers": [{"name": "side"}], "containers": [{"name": "main"}, {"name": "late"}],
                "ephemeralContainers": [{"name": "debug"}]},
            "status": {"initContainerStatuses": [{"name": "side", "state": begun}],
                "containerStatuses": [{"name": "late", "state": {"waiting": {}}},
                    {"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {}}}],
                "ephemeralContainerStatuses": [{"name": "debug", "state": {"terminated": {}}}]}});
        let names = |which| -> Vec<_> {
            of_pod(&pod, which).into_iter().map(|log| (log.container, log.previous)).collect()
        };
        let own =
            |list: &[(&str, bool)]| -> Vec<_> { list.iter().map(|(n, p)| ((*n).to_owned(), *p)).collect() };
        assert_eq!(names(Logs::Current), own(&[("side", false), ("main", false), ("debug", false)]));
        assert_eq!(
            names(Logs::All),
            own(&[("side", false), ("main", false), ("main", true), ("debug", false)])
        );
        assert!(names(Logs::None).is_empty());
    }
}
