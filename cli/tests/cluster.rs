//! `kubetape cluster` from outside: what is data, what is talk, and the exit codes.
#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

const PROD: &str = "apiVersion: v1\nkind: Config\ncurrent-context: gke_prod\n\
    contexts:\n- {name: gke_prod, context: {cluster: prod, user: prod}}\n\
    clusters:\n- {name: prod, cluster: {server: 'http://127.0.0.1:1'}}\n\
    users:\n- {name: prod, user: {token: secret}}\n";

fn kubetape(home: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.arg("cluster").args(args).env("KUBETAPE_CACHE", home.path().join("cache"));
    command.env("HOME", home.path()).env_remove("KUBECONFIG").env_remove("KUBETAPE_CONTEXT");
    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        // The cache is another one here, so the usual one must be named.
        command.env("KUBEBUILDER_ASSETS", assets());
    }
    command.output().unwrap()
}

fn assets() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../kwok/assets.sh");
    let output = Command::new(script).arg("--dir").output().unwrap();
    stdout(&output).trim().to_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".kube")).unwrap();
    fs::write(home.path().join(".kube/config"), PROD).unwrap();
    home
}

#[test]
fn a_context_that_is_not_allowed_is_refused_with_six() {
    let home = home();
    let output = kubetape(&home, &["up", "--provider", "current"]);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(stdout(&output), "");
    let text = stderr(&output);
    assert!(text.contains("error: refusing to use context gke_prod\n"), "{text}");
    assert!(text.contains("KUBETAPE_CONTEXT=gke_prod or --context gke_prod"), "{text}");
}

#[test]
fn a_named_context_that_does_not_answer_is_five() {
    let home = home();
    let output = kubetape(&home, &["up", "--provider", "current", "--context", "gke_prod"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    assert_eq!(stdout(&kubetape(&home, &["list", "-o", "json"])), "[]\n");
    assert_eq!(fs::read_to_string(home.path().join(".kube/config")).unwrap(), PROD);
}

#[test]
fn usage_errors_are_two() {
    for args in [&["up", "--provider", "eks"][..], &["up", "--wait", "soon"], &["down", "--name", "A"]] {
        assert_eq!(kubetape(&home(), args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn missing_clusters_are_listed_and_ended_without_error() {
    let home = home();
    let listed = kubetape(&home, &["list"]);
    assert_eq!((listed.status.code(), &*stdout(&listed)), (Some(0), ""));
    assert_eq!(stdout(&kubetape(&home, &["list", "-o", "json"])), "[]\n");
    let down = kubetape(&home, &["down", "--name", "nobody"]);
    assert_eq!((down.status.code(), &*stderr(&down)), (Some(0), " no cluster nobody\n"));
}

#[test]
fn missing_binaries_are_five_and_say_what_to_do() {
    let home = home();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.args(["cluster", "up"]).env("HOME", home.path()).env_remove("KUBEBUILDER_ASSETS");
    let output = command.env("KUBETAPE_CACHE", home.path().join("cache")).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let text = stderr(&output);
    assert!(text.contains("build them with `just assets`"), "{text}");
    assert!(!home.path().join("cache/clusters/kubetape").exists());
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_cluster_outlives_the_command_that_started_it() {
    let home = home();
    let up = kubetape(&home, &["up", "--bare"]);
    assert!(up.status.success(), "{}", stderr(&up));
    let kubeconfig = home.path().join("cache/clusters/kubetape/kubeconfig");
    assert_eq!(stdout(&up), format!("export KUBECONFIG={}\n", kubeconfig.display()));

    let again = kubetape(&home, &["up", "--bare"]);
    assert_eq!(again.status.code(), Some(6));
    assert!(stderr(&again).contains(stdout(&up).trim_end()), "{}", stderr(&again));

    let list = stdout(&kubetape(&home, &["list"]));
    assert!(list.starts_with("NAME      PROVIDER  STATUS   KUBECONFIG\nkubetape  envtest   running  "));

    let down = kubetape(&home, &["down"]);
    assert_eq!((down.status.code(), &*stderr(&down)), (Some(0), " ended kubetape\n"));
    assert_eq!(stdout(&kubetape(&home, &["list", "-o", "json"])), "[]\n");
    assert_eq!(fs::read_to_string(home.path().join(".kube/config")).unwrap(), PROD);
}
