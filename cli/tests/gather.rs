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

/// Something that ends with the test.
#[cfg(unix)]
struct Ends(std::process::Child);

#[cfg(unix)]
impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A simulated cluster, and a home whose kubeconfig names it.
#[cfg(unix)]
fn cluster() -> (Ends, TempDir, String) {
    use std::io::{BufRead, BufReader};
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    let mut cluster = Ends(command.arg("sim").stderr(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(cluster.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    let home = home();
    let config = NOBODY.replace("127.0.0.1:1", &address);
    fs::write(home.path().join(".kube/config"), config).unwrap();
    (cluster, home, address)
}

#[cfg(unix)]
fn make_config_map(address: &str, name: &str) {
    use std::io::{Read, Write};
    let body = format!(r#"{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"{name}"}}}}"#);
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: sim\r\nconnection: close";
    write!(stream, "{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "other processes live in real time")]
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("no {what} in time");
}

#[cfg(unix)]
#[test]
fn changes_are_recorded_until_an_interrupt_and_shown_as_a_tape() {
    use std::process::Stdio;
    let (_cluster, home, address) = cluster();
    let (place, log) = (home.path().join("out"), home.path().join("log"));
    let tape = home.path().join("out.partial/watch.ktape");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.args(["gather", "out", "--watch", "--progress", "json", "--exclude-kind", "leases"]);
    command.current_dir(home.path()).env("HOME", home.path()).env_remove("KUBECONFIG");
    let log_file = fs::File::create(&log).unwrap();
    let mut gather = Ends(command.stdout(Stdio::null()).stderr(log_file).spawn().unwrap());
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    eventually("watch", || text(&tape).contains("/api/v1/configmaps?watch"));
    make_config_map(&address, "made-while-watching");
    eventually("change on disk", || text(&tape).contains("made-while-watching"));
    let interrupt = Command::new("kill").args(["-INT", &gather.0.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let status = gather.0.wait().unwrap();
    let said = text(&log);
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains(", 1 changes") && said.contains("\"changes\":1"), "{said}");
    assert!(place.join("manifest.json").is_file() && !tape.exists());

    let run = |args: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_kubetape")).args(args).current_dir(home.path()).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let shown = run(&["show", "out/watch.ktape"]);
    assert!(shown.contains("ADDED") && shown.contains("made-while-watching"), "{shown}");
    let found = run(&["lint", "out/watch.ktape"]);
    let codes: Vec<_> = found.lines().filter(|line| line.contains(": K")).collect();
    assert!(codes.iter().all(|line| line.contains("K004 not sealed")), "{found}");
    run(&["fmt", "out/watch.ktape"]);
    assert_eq!(run(&["lint", "out/watch.ktape"]), "");
    let overview = run(&["show", "out"]);
    assert!(overview.contains("1 changes, see"), "{overview}");
}

#[cfg(unix)]
#[test]
fn a_watch_ends_with_its_time_and_asks_for_the_right_to_watch() {
    let (_cluster, home, _) = cluster();
    let args = ["out.tar.zst", "configmaps", "--watch", "1s"];
    let output = gather(home.path(), &args);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(", 0 changes"), "{text}");
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    for more in [&["--watch", "1s"][..], &[]] {
        let rbac = gather(home.path(), &[&["--print-rbac", "configmaps"], more].concat());
        let text = String::from_utf8(rbac.stdout).unwrap();
        assert!(text.contains("  - list\n"), "{text}");
        assert_eq!(text.contains("  - watch\n"), !more.is_empty(), "{text}");
    }
    refused(&["--watch", "out.tar.zst"], 2, &["write 30s, 2m or 1h30m, or the destination before --watch"]);
    refused(&["out", "--watch", "--owned-by", "deploy/web"], 2, &["--owned-by"]);
}
