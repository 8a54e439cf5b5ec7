//! `kubetape show` and `diff` on captures, from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(path)
}

/// The exit code, what was printed, and what was said.
fn kubetape(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubetape")).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_capture_is_printed_as_kubectl_prints_the_cluster() {
    let capture = fixture("captures/operators");
    let show = |args: &[&str]| {
        let (code, printed, said) = kubetape(&[&["show", capture.to_str().unwrap()], args].concat());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{args:?}");
        printed
    };
    let deployments = "NAME    READY   UP-TO-DATE   AVAILABLE   AGE\n\
        hello   2/2     2            2           0s\nshop    2/2     2            2           0s\n";
    assert_eq!(show(&["deploy", "-n", "operators"]), deployments);
    assert_eq!(
        show(&["echo,books", "-n", "operators", "-o", "name"]),
        "echo.example.com/hello\nbook.example.technosophos.com/moby-dick\n"
    );
    assert_eq!(show(&["deploy/hello", "-o", "jsonpath={.spec.replicas}"]), "2");
    assert!(show(&[]).contains("Deployment                 apps                       2\n"));
}

#[test]
fn captures_are_compared_and_nothing_else_is_taken_for_a_difference() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, uid: &str, n: u8| {
        let path = folder.path().join(name);
        let text = format!("kind: Pod\napiVersion: v1\nmetadata: {{name: a, uid: {uid}, generation: {n}}}\n");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (a, b, again) = (file("a.yaml", "u1", 1), file("b.yaml", "u1", 2), file("c.yaml", "u2", 1));
    assert_eq!(kubetape(&["diff", &a, &b]), (Some(0), String::new(), String::new()));
    assert_eq!(kubetape(&["diff", &a, &b, "--all-fields"]).0, Some(1));
    let (code, printed, _) = kubetape(&["diff", &a, &again]);
    assert_eq!((code, printed.as_str()), (Some(1), " ~ pod a\n     metadata.uid  u1 → u2\n"));
    let tape = fixture("tapes/v1-sealed.ktape");
    let (code, printed, said) = kubetape(&["diff", tape.to_str().unwrap(), &a]);
    assert_eq!((code, printed.as_str()), (Some(2), ""), "{said}");
    let (code, _, said) = kubetape(&["diff", &a, "absent"]);
    assert!(
        code == Some(3) && said.contains("absent cannot be read; see its name with ls"),
        "{code:?} {said}"
    );
}
