//! A session of kubectl on a real control plane and on a simulated one: the same texts, but for what differs each
//! time.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod assets;

use regex::Regex;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const SESSION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/session");

/// What is other each time, and what stands for it.
const VOLATILE: &[(&str, &str)] = &[
    ("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)", "TIME"),
    (r"\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b[WEI]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", "LOG "),
    (r#"(resourceVersion: "|Resource Version: +)\d+"?"#, "REVISION"),
    (r"\bweb-[0-9a-z]{8,10}(-[a-z0-9]{5})?\b", "web-HASH"),
    (r"kube-api-access-[a-z0-9]{5}", "kube-api-access-X"),
    (r"(\d+\.){3}\d+(:\d+)?", "ADDRESS"),
    (r"https?://[\w.:]+", "SERVER"),
    (r"\b(\d+(d|h|m|s|ms))+\b|<unknown>|<invalid>", "AGE"),
    (r"/tmp/\S+", "FILE"),
    (r"eyJ\S+", "TOKEN"),
    (r"[ \t]+", " "),
];

/// Directories and processes of both clusters, ended with the test.
struct Grounds {
    home: tempfile::TempDir,
    assets: PathBuf,
    sim: Option<Child>,
}

impl Grounds {
    fn up() -> Self {
        let assets = assets::folder();
        let mut grounds = Self { home: tempfile::tempdir().unwrap(), assets, sim: None };
        let up = grounds.kubetape(&["cluster", "up"]).output().unwrap();
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
        let mut sim = grounds.kubetape(&["sim", "--controllers", "*"]);
        let mut sim = sim.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(sim.stdout.take().unwrap()).lines();
        let config =
            lines.map_while(Result::ok).find_map(|line| Some(line.split_once("KUBECONFIG=")?.1.to_owned()));
        std::fs::copy(config.unwrap(), grounds.config("sim")).unwrap();
        std::fs::copy(grounds.home.path().join("clusters/kubetape/kubeconfig"), grounds.config("real"))
            .unwrap();
        grounds.sim = Some(sim);
        grounds
    }

    fn config(&self, name: &str) -> PathBuf {
        self.home.path().join(format!("{name}.kubeconfig"))
    }

    fn kubetape(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
        command.args(args).env("KUBETAPE_CACHE", self.home.path()).env("KUBEBUILDER_ASSETS", &self.assets);
        command
    }

    /// What a line prints on one of both, and its exit code.
    fn say(&self, line: &str, config: &Path) -> String {
        let path = format!("{}:{}", self.assets.display(), std::env::var("PATH").unwrap_or_default());
        let home = config.with_extension("home");
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(SESSION).stdin(Stdio::null());
        shell.env("KUBECONFIG", config).env("PATH", path).env("HOME", home).env("TERM", "dumb");
        let output = shell.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        format!("{}[{}]", calm(line, &text), output.status.code().unwrap_or(-1))
    }
}

impl Drop for Grounds {
    fn drop(&mut self) {
        if let Some(sim) = &mut self.sim {
            let _ = sim.kill();
            let _ = sim.wait();
        }
        let _ = self.kubetape(&["cluster", "down"]).output();
    }
}

/// A text without what is other each time, and without prose that is not simulated.
fn calm(line: &str, text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, stands) in VOLATILE {
        text = Regex::new(pattern).unwrap().replace_all(&text, *stands).into_owned();
    }
    let structure = Regex::new(r"^(GROUP|KIND|VERSION|FIELD|error)|<[\w\[\]]+>|enum:").unwrap();
    let told = text.lines().filter(|told| {
        let steps = told.starts_with("Waiting for deployment");
        let prose = line.contains("kubectl explain") && !structure.is_match(told);
        !steps && !prose && !told.contains("<empty>")
    });
    // Names that are hashes come in an order of their own.
    let mut told: Vec<&str> = told.collect();
    if line.starts_with("kubectl get") && told.iter().any(|told| told.contains("HASH")) {
        told.sort_unstable();
    }
    told.join("\n") + "\n"
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_session_of_kubectl_prints_the_same_on_a_simulated_cluster() {
    let grounds = Grounds::up();
    let (real, sim) = (grounds.config("real"), grounds.config("sim"));
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for line in std::fs::read_to_string(format!("{SESSION}/session.txt")).unwrap().lines() {
        // Such a line is run on both and not compared, for the reason behind it.
        let free = line.strip_prefix("! ").map(|line| line.split_once("  # ").unwrap().0);
        let command = free.unwrap_or(line);
        let (there, here) = std::thread::scope(|scope| {
            let there = scope.spawn(|| grounds.say(command, &real));
            let here = grounds.say(command, &sim);
            (there.join().unwrap(), here)
        });
        if free.is_none() {
            compared += 1;
        }
        if free.is_none() && there != here {
            wrong.push(format!("$ {command}\nreal: {there}\nsimulated: {here}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ\n{}", wrong.len(), wrong.join("\n\n"));
}
