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
        Self { path, size, namespace, pod, container, previous }
    }
}

impl Capture {
    /// Copies a log from the capture at `source`, which is where this one was read from.
    ///
    /// # Errors
    /// When it cannot be read there any more, or not be written.
    pub fn copy_log(&self, source: &Path, log: &LogFile, out: &mut dyn io::Write) -> Result<(), Error> {
        source::copy(source, &log.path, out)
    }
}

/// The logs of one container in a file of `cluster-info dump`, in which each stands between two marks.
pub fn logs_of<'a>(text: &'a str, namespace: &str, pod: &str, container: &str) -> Option<&'a str> {
    let mark = format!("{container} of pod {namespace}/{pod} ====\n");
    let (_, rest) = text.split_once(&format!("{START}{mark}"))?;
    let end = rest.find(&format!("{END}{mark}")).or_else(|| rest.find(&format!("{END}{}", mark.trim_end())));
    Some(&rest[..end.unwrap_or(rest.len())])
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
        let text = "==== START logs for container a of pod ns/p ====\none\n\
            ==== END logs for container a of pod ns/p ====\n\
            ==== START logs for container b of pod ns/p ====\ntwo\n==== END logs for container b of pod ns/p ====";
        assert_eq!(logs_of(text, "ns", "p", "a"), Some("one\n"));
        assert_eq!(logs_of(text, "ns", "p", "b"), Some("two\n"));
        assert_eq!(logs_of(text, "ns", "p", "c"), None);
    }
}
