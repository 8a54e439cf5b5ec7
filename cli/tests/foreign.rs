//! Captures that others wrote: each fixture is read whole, and what cannot be read is named.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use kubetape::gather::{Capture, Origin};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/captures/foreign").join(name)
}

/// The exit code, what was printed, and what was said, with a file as standard input.
fn show(source: &str, input: Option<&Path>, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.arg("show").arg(source).args(args);
    command.stdin(input.map_or_else(Stdio::null, |path| File::open(path).unwrap().into()));
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const ALL: [&str; 5] = [
    "node one",
    "pod shop/web-0",
    "customresourcedefinition.apiextensions.k8s.io gadgets.example.com",
    "deployment.apps shop/web",
    "gadget.example.com shop/first",
];

/// What a fixture is, which of the objects it does not hold and which others it holds, what the notes and the
/// files passed over begin with, and whose logs it has.
struct Row {
    name: &'static str,
    origin: Origin,
    without: &'static [&'static str],
    with: &'static [&'static str],
    notes: &'static [&'static str],
    passed_over: &'static [&'static str],
    logs: usize,
}

const MUST: &str = "registry-example-com-must-gather-sha256-0000";

fn rows() -> Vec<Row> {
    let row =
        |name, origin| Row { name, origin, without: &[], with: &[], notes: &[], passed_over: &[], logs: 0 };
    let (crd, gadget) = (&ALL[2..3], &["gadget.example.com shop/first", ALL[2]]);
    vec![
        Row {
            without: crd,
            notes: &["namespaces/shop/apps-v1/deployment/web.patch: changes of crust-gather are not read"],
            passed_over: &["app-versions.yaml", "event-filter.html"],
            logs: 2,
            ..row("crust-gather", Origin::CrustGather)
        },
        Row {
            with: &["namespace shop"],
            notes: &["registry-example-com-must-gather-sha256-0000/namespaces/shop/core/secrets.yaml: "],
            passed_over: &["event-filter.html", "gather.logs", "timestamp", "version"],
            logs: 3,
            ..row("must-gather", Origin::MustGather)
        },
        Row { without: gadget, logs: 1, ..row("cluster-info-dump", Origin::ClusterInfoDump) },
        Row { without: gadget, logs: 1, ..row("cluster-info-dump.txt", Origin::ClusterInfoDump) },
        Row {
            without: &ALL[..1],
            notes: &["broken.yaml: the document at line 1: ", "values.yaml: an object has no kind"],
            passed_over: &["README.md"],
            ..row("tree", Origin::Manifests)
        },
        Row { notes: &["stream.yaml: the document at line "], ..row("stream.yaml", Origin::Manifests) },
        row("list.yaml", Origin::Manifests),
        row("list.json", Origin::Manifests),
    ]
}

#[test]
fn every_layout_is_read_whole_and_what_cannot_be_read_is_named() {
    for row in rows() {
        let capture = Capture::open(fixture(row.name)).unwrap();
        assert_eq!(capture.origin, row.origin, "{}", row.name);
        let mut expected: Vec<&str> =
            ALL.iter().chain(row.with).copied().filter(|id| !row.without.contains(id)).collect();
        let mut found: Vec<String> = capture.objects.keys().map(ToString::to_string).collect();
        expected.sort_unstable();
        found.sort();
        assert_eq!(found, expected, "{}", row.name);
        let begins = |found: &[String], expected: &[&str]| {
            let name = |path: &str| path.trim_start_matches(MUST).trim_start_matches('/').to_owned();
            let mut found: Vec<String> = found.iter().map(|path| name(path)).collect();
            found.sort();
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, words)| found.starts_with(&name(words)))
        };
        assert!(begins(&capture.notes, row.notes), "{}: {:?}", row.name, capture.notes);
        assert!(begins(&capture.passed_over, row.passed_over), "{}: {:?}", row.name, capture.passed_over);
        assert_eq!(capture.logs.len(), row.logs, "{}: {:?}", row.name, capture.logs);
        let whose =
            capture.logs.iter().map(|log| [&log.namespace, &log.pod, &log.container].map(String::as_str));
        assert!(
            whose.into_iter().all(|log| log == ["shop", "web-0", "main"]),
            "{}: {:?}",
            row.name,
            capture.logs
        );
    }
}

#[test]
fn every_layout_is_shown_with_the_same_words() {
    let deployments = "NAMESPACE   NAME   READY   UP-TO-DATE   AVAILABLE   AGE\n\
        shop        web    1/1     1            1           ";
    let pods = "NAMESPACE   NAME    READY   STATUS    RESTARTS   AGE\nshop        web-0   1/1     Running   0          ";
    for row in rows() {
        let source = fixture(row.name);
        let source = source.to_str().unwrap();
        for (kind, text) in [("deploy", deployments), ("po", pods)] {
            let (code, printed, said) = show(source, None, &[kind]);
            assert!(code == Some(0) && printed.starts_with(text), "{} {kind}: {printed}{said}", row.name);
            assert_eq!(said.lines().count(), row.notes.len(), "{}: {said}", row.name);
        }
        if !row.without.contains(&"gadget.example.com shop/first") {
            let (code, printed, _) = show(source, None, &["gd", "-o", "name"]);
            assert_eq!((code, printed.as_str()), (Some(0), "gadget.example.com/first\n"), "{}", row.name);
        }
        if row.logs > 0 {
            let (code, printed, said) = show(source, None, &["logs/web-0", "-n", "shop"]);
            assert!(code == Some(0) && printed.contains("serving\n"), "{}: {printed}{said}", row.name);
            assert!(!printed.contains("===="), "{}: {printed}", row.name);
        }
        if row.logs > 1 {
            let (code, printed, _) = show(source, None, &["logs", "web-0", "-n", "shop", "--previous"]);
            assert!(code == Some(0) && printed.contains("out of memory"), "{}: {printed}", row.name);
        }
    }
}

#[test]
fn manifests_dumps_and_tapes_are_read_from_standard_input() {
    for name in ["stream.yaml", "list.yaml", "list.json", "cluster-info-dump.txt"] {
        let (code, printed, said) = show("-", Some(&fixture(name)), &["po", "-o", "name"]);
        assert_eq!((code, printed.as_str()), (Some(0), "pod/web-0\n"), "{name}: {said}");
    }
    let (code, printed, said) = show("-", Some(&fixture("stream.yaml")), &[]);
    assert!(
        code == Some(0) && printed.contains("not read: standard input: the document at line"),
        "{printed}{said}"
    );
    let (code, printed, _) = show("-", Some(&fixture("cluster-info-dump.txt")), &["logs/web-0"]);
    assert_eq!((code, printed.as_str()), (Some(0), "serving\n{\"level\":\"info\"}\n"));
    let tape = fixture("../../tapes/v1-sealed.ktape");
    let (code, printed, said) = show("-", Some(&tape), &["--verb", "create"]);
    assert!(code == Some(0) && !printed.is_empty(), "{said}");
    let (code, _, said) = show("-", Some(&tape), &["po"]);
    assert!(code == Some(2) && said.contains("use --verb and --actor"), "{said}");
}
