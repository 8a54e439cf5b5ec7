use super::{
    super::{Error, layout::unescape},
    Capture, source,
};
use std::{io, path::Path};

/// A log that came along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFile {
    /// Its path in the capture.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The namespace of its Pod.
    pub namespace: String,
    /// The Pod; empty where the path does not say it.
    pub pod: String,
    /// The container; empty where one file holds the logs of all.
    pub container: String,
    /// Whether it is of the container before the last restart.
    pub previous: bool,
    /// Whether it stands between marks in a file with others.
    pub among: bool,
    /// The log itself, where it came in a stream that cannot be read again.
    pub text: Option<String>,
}

/// How `kubectl cluster-info dump` begins and ends a log among others.
const START: &str = "==== START logs for container ";
const END: &str = "==== END logs for container ";

impl LogFile {
    /// What the path of a log says of it.
    pub(super) fn at(path: String, size: u64) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        let name = |part: &str| unescape(part).unwrap_or_else(|| part.to_owned());
        let (namespace, pod, container, file) = match parts.as_slice() {
            [.., "namespaces", namespace, "pods", pod, container, _, "logs", file] => {
                (name(namespace), name(pod), name(container), *file)
            }
            [.., "namespaces", namespace, "v1", "pod", pod, container, file] => {
                (name(namespace), name(pod), name(container), *file)
            }
            [.., namespace, pod, "logs.txt"] => {
                ((*namespace).to_owned(), (*pod).to_owned(), String::new(), "logs.txt")
            }
            _ => (String::new(), String::new(), String::new(), ""),
        };
        let previous = file.starts_with("previous");
        Self { path, size, namespace, pod, container, previous, ..Self::default() }
    }
}

impl Capture {
    /// Copies a log from the capture at `source`, which is where this one was read from.
    ///
    /// # Errors
    /// When it cannot be read there any more, or not be written.
    pub fn copy_log(&self, source: &Path, log: &LogFile, out: &mut dyn io::Write) -> Result<(), Error> {
        let text = match &log.text {
            None if !log.among => return source::copy(source, &log.path, out),
            Some(text) => text.clone(),
            None => {
                let mut bytes = Vec::new();
                source::copy(source, &log.path, &mut bytes)?;
                let (_, logs) = apart(&log.path, &String::from_utf8_lossy(&bytes));
                let same = logs.into_iter().find(|other| other.container == log.container);
                same.and_then(|log| log.text).unwrap_or_default()
            }
        };
        out.write_all(text.as_bytes()).map_err(|error| Error::Read { path: source.to_owned(), source: error })
    }
}

/// Whether a text has logs between marks in it.
pub(super) fn has_logs(text: &str) -> bool {
    text.starts_with(START) || text.contains(&format!("\n{START}"))
}

/// What stands around the logs in a text, and the logs. A log that nobody ended goes to the end of the text.
pub(super) fn apart(path: &str, text: &str) -> (String, Vec<LogFile>) {
    let (mut rest, mut logs, mut open): (String, Vec<LogFile>, Option<(String, String)>) = Default::default();
    let mut close = |(whose, log): (String, String)| {
        let (container, place) = whose.split_once(" of pod ").unwrap_or((&whose, ""));
        let (namespace, pod) = place.split_once('/').unwrap_or(("", place));
        logs.push(LogFile {
            path: path.to_owned(),
            size: log.len() as u64,
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous: false,
            among: true,
            text: Some(log),
        });
    };
    for line in text.split_inclusive('\n') {
        let mark = |words| line.trim_end().strip_prefix(words).and_then(|line| line.strip_suffix(" ===="));
        match (mark(START), mark(END), &mut open) {
            (Some(whose), _, None) => open = Some((whose.to_owned(), String::new())),
            (_, Some(whose), Some((own, _))) if whose == own => open.take().into_iter().for_each(&mut close),
            (_, _, Some((_, log))) => log.push_str(line),
            _ => rest.push_str(line),
        }
    }
    open.take().into_iter().for_each(&mut close);
    (rest, logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_all_writers_say_whose_log_it_is() {
        for (path, whose, previous) in [
            ("namespaces/shop/pods/web/main/main/logs/current.log", ["shop", "web", "main"], false),
            ("must/sha/namespaces/shop/pods/web/main/main/logs/previous.log", ["shop", "web", "main"], true),
            ("cap/namespaces/shop/v1/pod/web/main/previous.log", ["shop", "web", "main"], true),
            ("shop/web/logs.txt", ["shop", "web", ""], false),
            ("host.log", ["", "", ""], false),
        ] {
            let log = LogFile::at(path.to_owned(), 1);
            assert_eq!([log.namespace, log.pod, log.container], whose, "{path}");
            assert_eq!(log.previous, previous, "{path}");
        }
    }

    #[test]
    fn the_logs_of_containers_stand_between_marks() {
        let text = "{}\n==== START logs for container a of pod ns/p ====\n==== START logs for container x of pod n/p ====\n\
            ==== END logs for container a of pod ns/p ====\n{}\n\
            ==== START logs for container b of pod ns/p ====\ntwo";
        let (rest, logs) = apart("dump", text);
        let logs: Vec<_> =
            logs.iter().map(|log| (log.container.as_str(), log.text.as_deref().unwrap())).collect();
        let one = "==== START logs for container x of pod n/p ====\n";
        assert_eq!((rest.as_str(), logs.as_slice()), ("{}\n{}\n", &[("a", one), ("b", "two")][..]));
    }
}
