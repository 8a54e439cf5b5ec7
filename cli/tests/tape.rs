//! The commands on tapes, from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use insta::assert_snapshot;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tapes").join(name)
}

fn kubetape(args: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubetape")).args(args).current_dir(directory).output().unwrap()
}

/// Exit code, stdout and stderr as one text.
fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap();
    format!("exit {code}\n{}---\n{}", text(&output.stdout), text(&output.stderr))
}

/// A directory with both fixtures in it.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["v1-captured.ktape", "v1-sealed.ktape"] {
        fs::copy(fixture(name), directory.path().join(name)).unwrap();
    }
    directory
}

#[test]
fn show_prints_a_row_for_each_request() {
    let directory = directory();
    assert_snapshot!(told(&kubetape(&["show", "v1-sealed.ktape"], directory.path())));
    let args = ["show", "v1-captured.ktape", "--verb", "apply,patch", "--status", "4xx,201", "--bodies"];
    assert_snapshot!(told(&kubetape(&args, directory.path())));
    assert_snapshot!(told(&kubetape(
        &["show", "v1-sealed.ktape", "--range", "..16", "-o", "name"],
        directory.path()
    )));
    let json = kubetape(&["show", "v1-sealed.ktape", "--range", "10", "-o", "json"], directory.path());
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json[0]["status"], &json[0]["at"]), (&201.into(), &"0.11s".into()));
}

#[test]
fn a_captured_tape_and_its_sealed_form_are_equal() {
    let directory = directory();
    let output = kubetape(&["diff", "v1-captured.ktape", "v1-sealed.ktape"], directory.path());
    assert_eq!(told(&output), "exit 0\n---\n");
}

#[test]
fn diff_tells_what_differs_and_exits_with_1() {
    let directory = directory();
    let text = fs::read_to_string(fixture("v1-captured.ktape")).unwrap().replace("nginx:1.27", "nginx:1.28");
    let text =
        text.replace("\"status\":{\"ready\":1,", "\"status\":{\"ready\":2,").replace("kt-3f9a", "kt-0000");
    fs::write(directory.path().join("new.ktape"), text).unwrap();
    let args = ["diff", "v1-sealed.ktape", "new.ktape"];
    assert_snapshot!(told(&kubetape(&args, directory.path())));
    assert_snapshot!(told(&kubetape(
        &["diff", "v1-sealed.ktape", "new.ktape", "-o", "json"],
        directory.path()
    )));
    assert_eq!(
        told(&kubetape(&["diff", "v1-sealed.ktape", "new.ktape", "-q"], directory.path())),
        "exit 1\n---\n"
    );
}

#[test]
fn unreadable_tapes_exit_with_3_and_say_what_to_do() {
    let directory = directory();
    let path = directory.path();
    let sealed = fs::read_to_string(fixture("v1-sealed.ktape")).unwrap();
    fs::write(path.join("cut.ktape"), &sealed[..sealed.len() / 2]).unwrap();
    fs::write(path.join("newer.ktape"), "{\"kubetape\":9,\"kind\":\"header\"}\n").unwrap();
    fs::write(path.join("other.ktape"), "hello\n").unwrap();
    fs::write(path.join("changed.ktape"), sealed.replace("nginx:1.27", "nginx:1.28")).unwrap();
    let cases = ["cut.ktape", "newer.ktape", "other.ktape", "changed.ktape", "missing.ktape"];
    let texts = cases.map(|name| told(&kubetape(&["diff", name, "v1-sealed.ktape"], path)));
    assert_snapshot!(texts.join("\n"));
}

#[test]
fn show_shows_what_is_whole_of_a_tape_that_is_cut_off() {
    let directory = directory();
    let sealed = fs::read_to_string(fixture("v1-sealed.ktape")).unwrap();
    fs::write(directory.path().join("cut.ktape"), &sealed[..4000]).unwrap();
    assert_snapshot!(told(&kubetape(&["show", "cut.ktape"], directory.path())));
}

#[test]
fn fmt_seals_repairs_and_then_changes_nothing() {
    let directory = directory();
    let path = directory.path();
    let captured = fs::read_to_string(fixture("v1-captured.ktape")).unwrap();
    fs::write(path.join("cut.ktape"), &captured[..4000]).unwrap();
    assert_snapshot!(told(&kubetape(&["fmt", "--check"], path)));
    assert_snapshot!(told(&kubetape(&["fmt"], path)));
    assert_eq!(told(&kubetape(&["fmt", "--check"], path)), "exit 0\n---\n");
    let sealed = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(sealed("v1-captured.ktape"), fs::read_to_string(fixture("v1-sealed.ktape")).unwrap());
    assert!(sealed("cut.ktape").contains("{\"end\":\"cut off\""));
    kubetape(&["fmt", "--compact", "v1-sealed.ktape"], path);
    assert_eq!(sealed("v1-sealed.ktape").lines().count(), 35);
}

#[test]
fn lint_finds_and_fixes() {
    let directory = directory();
    let path = directory.path();
    let text = fs::read_to_string(fixture("v1-captured.ktape")).unwrap();
    fs::write(path.join("leak.ktape"), text.replace("$secret(db.password)", "aHVudGVyMi1odW50ZXIy")).unwrap();
    fs::write(path.join("merge.ktape"), text.replace("{\"n\":3,", "<<<<<<< HEAD\n{\"n\":3,")).unwrap();
    assert_snapshot!(told(&kubetape(&["lint"], path)));
    assert_snapshot!(told(&kubetape(&["lint", "--fix", "leak.ktape"], path)));
    assert!(!fs::read_to_string(path.join("leak.ktape")).unwrap().contains("aHVudGVyMi"));
    let json = kubetape(&["lint", "-o", "json", "merge.ktape"], path);
    assert_snapshot!(told(&json));
}

#[test]
fn wrong_usage_exits_with_2() {
    let directory = directory();
    assert_eq!(
        kubetape(&["show", "v1-sealed.ktape", "--range", "x"], directory.path()).status.code(),
        Some(2)
    );
    assert_eq!(kubetape(&["lint", "--max-age", "soon"], directory.path()).status.code(), Some(2));
}
