//! `kubetape gather` from outside: exit codes, and errors that say what to do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// A cluster at a port where nobody listens.
const NOBODY: &str = "apiVersion: v1\nkind: Config\ncurrent-context: shop\n\
    contexts:\n- {name: shop, context: {cluster: shop, user: me}}\n\
    clusters:\n- {name: shop, cluster: {server: 'http://127.0.0.1:1'}}\n\
    users:\n- {name: me, user: {token: t}}\n";

fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".kube")).unwrap();
    fs::write(home.path().join(".kube/config"), NOBODY).unwrap();
    home
}

fn gather(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.arg("gather").args(args).current_dir(home).env("HOME", home).env("PLANTED", "long-enough-value");
    command.env("SHORT", "abc").env("BLANK", "  ").env_remove("ABSENT").env_remove("KUBECONFIG");
    command.env_remove("KUBERNETES_SERVICE_HOST").output().unwrap()
}

/// Runs it, and gives the error, which must be one line with these words and leave nothing behind.
fn refused(args: &[&str], code: i32, words: &[&str]) -> String {
    let home = home();
    let output = gather(home.path(), args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{args:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{args:?}: {word:?} is missing in {text}");
    }
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".kube"], "{args:?}");
    text
}

/// The error of a command that was understood: one line.
fn error(args: &[&str], code: i32, words: &[&str]) {
    let text = refused(args, code, words);
    let errors = text.lines().filter(|line| !line.starts_with(" warning"));
    assert_eq!(errors.count(), 1, "{text}");
}

#[test]
fn a_kubeconfig_that_is_not_there_or_cannot_be_read_is_five() {
    error(
        &["out", "--kubeconfig", "absent"],
        5,
        &["absent cannot be read as a kubeconfig", "see its name with ls"],
    );
    error(&["out", "--kubeconfig", ".kube"], 5, &[".kube cannot be read as a kubeconfig"]);
    let home = home();
    fs::write(home.path().join("garbage"), "\t{]").unwrap();
    let output = gather(home.path(), &["out", "--kubeconfig", "garbage"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert!(text.contains("garbage cannot be read as a kubeconfig"), "{text}");
    fs::remove_file(home.path().join(".kube/config")).unwrap();
    let output = gather(home.path(), &["out"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(5) && text.contains("export KUBECONFIG=FILE"), "{text}");
}

#[test]
fn an_unknown_context_is_five() {
    error(&["out", "--context", "stage"], 5, &["stage", "`kubectl config get-contexts` lists the contexts"]);
}

#[test]
fn a_server_that_is_not_there_is_five() {
    error(&["out"], 5, &["could not be asked", "refused", "see whether `kubectl version` reaches it"]);
}

#[test]
fn a_destination_that_exists_is_six_and_stays_and_the_server_is_not_asked() {
    let home = home();
    fs::create_dir(home.path().join("out")).unwrap();
    fs::write(home.path().join("out/thesis"), "years").unwrap();
    fs::write(home.path().join("out.tar.zst"), "former").unwrap();
    for (args, words) in [
        (&["out"][..], "--force to replace it"),
        (&["out.tar.zst"], "--force to replace it"),
        (&["out", "--force"], "is no capture; give another destination"),
    ] {
        let output = gather(home.path(), args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(6) && text.contains(words), "{args:?}: {text}");
    }
    assert_eq!(fs::read_to_string(home.path().join("out.tar.zst")).unwrap(), "former");
    assert_eq!(fs::read_to_string(home.path().join("out/thesis")).unwrap(), "years");
}

#[test]
fn what_cannot_be_understood_is_two() {
    refused(&["out", "--include-name", "/web(/"], 2, &["is no pattern", "write a glob such as web-*"]);
    error(&["out", "-l", "app in (a"], 2, &["label selector", "write it as for kubectl"]);
    error(&["out", "--field-selector", "status.phase"], 2, &["field selector", "write it as for kubectl"]);
    refused(&["out", "--timeout", "soon"], 2, &["write 30s, 2m or 1h30m"]);
    refused(&["out", "--concurrency", "0"], 2, &["--concurrency"]);
}

#[test]
fn secrets_that_are_not_there_or_short_are_told() {
    error(&["out", "--secret", "ABSENT"], 1, &["--secret ABSENT", "export it, or use --secrets-file"]);
    error(&["out", "--secrets-file", "absent"], 1, &["absent cannot be read", "who may read it"]);
    let short = refused(
        &["out", "--secret", "SHORT", "--secret", "BLANK", "--secret", "PLANTED"],
        5,
        &["--secret SHORT is shorter than 8 bytes", "--secret BLANK is blank", "give the whole secret"],
    );
    assert!(!short.contains("PLANTED") && !short.contains("abc"), "{short}");
}
