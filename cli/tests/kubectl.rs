//! `kubetape show` beside `kubectl get`: the same bytes about the same cluster, ages aside.
#![allow(clippy::unwrap_used, reason = "the helpers of a test are tests too")]

mod assets;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kubectl");

/// Arguments of both commands; `ROWS` and `TEMPLATE` are files beside this one.
const ROWS: &[&str] = &[
    "pods -A",
    "pods -n shop",
    "po -n shop -o wide",
    "po -A -o wide --show-labels",
    "po -A -L app,example.com/tier,tier",
    "po -A -l app=web",
    "po -A -l app!=web,tier",
    "po -n shop --no-headers",
    "pod web-0 -n shop",
    "pod web-0 web-10 -n shop",
    "pod/web-0 deploy/web -n shop",
    "deploy,rs,sts,ds -n shop",
    "deploy,svc -A -o wide",
    "deploy,po -A --no-headers",
    "deployments.apps -A",
    "deploy.v1.apps -A",
    "svc -A -o wide",
    "cm -A",
    "secrets,sa -n shop",
    "jobs,cj,ing,netpol,pdb,hpa -n shop",
    "job,cronjob,ingress -n shop -o wide",
    "role,rolebinding -n shop -o wide",
    "quota,limits -n shop-a",
    "pv,pvc,sc -n shop",
    "pv,pvc,sc -n shop -o wide",
    "no",
    "no -o wide",
    "ns --show-labels",
    "crd",
    "events -A",
    "events -A -o wide",
    "all -n shop",
    "all -A",
    "gadgets -A",
    "gd -A -o wide",
    "gadget/first -n shop",
    "toys -A",
    "plains",
    "cm texts -n shop -o yaml",
    "cm texts -n shop -o json",
    "cm -A -o yaml -l app",
    "cm -A -o json -l app",
    "cm,svc,deploy -A -o yaml -l app",
    "po,deploy,gd,plains -A -o name",
    "po -n shop-a -l none=here -o json",
    "po -n shop-a -l none=here -o yaml",
    "po -n shop-a -l none=here -o name",
    "po -n shop-a -l none=here -o custom-columns=N:.metadata.name",
    "gd first -n shop -o yaml",
    "no,pv -o yaml",
    "po -A -o jsonpath={.items[*].metadata.name}",
    "po -A -o jsonpath={range .items[*]}{.metadata.name}{\"\\t\"}{.status.podIP}{\"\\n\"}{end}",
    "po -A -o jsonpath={.items[?(@.metadata.namespace==\"shop\")].metadata.labels.app}",
    "po -A -o jsonpath={.items[*].spec.containers[0].image}",
    "po -A -o jsonpath={.items[0]['metadata','status']['name','phase']}",
    "po -A -o jsonpath={.items[1:3].metadata.name}{.items[-1:].metadata.name}",
    "po web-0 -n shop -o jsonpath={.metadata.labels}{.spec.containers[*].name}{.nothing}",
    "gd first -n shop -o jsonpath={.spec}",
    "gd -A -o jsonpath={.items[*].spec.ratio}",
    "gd first -n shop -o jsonpath={.spec.nested.a\\.b}{.spec.nested['a.b']}{.spec.nested['a\\.b']}",
    "gd first -n shop -o jsonpath={.spec..value}",
    "gd -A -o jsonpath-file=TEMPLATE",
    "po -A -o custom-columns=NAME:.metadata.name,IP:.status.podIP,IMAGES:.spec.containers[*].image,LABELS:.metadata.labels",
    "po -A -o custom-columns=NAME:metadata.name,NODE:{.spec.nodeName} --no-headers",
    "gd -A -o custom-columns=N:.metadata.name,SPEC:.spec,SIZE:.spec.size,RATIO:.spec.ratio,LIST:.spec.list,EACH:.spec.items[*].name",
    "po,deploy -A -o custom-columns=KIND:.kind,NAME:.metadata.name",
    "po -A -o custom-columns-file=COLUMNS",
    "po -A --sort-by .metadata.name",
    "po -A --sort-by={.status.podIP}",
    "po -A --sort-by=.metadata.labels.tier -o name",
    "gd -A --sort-by .spec.size",
    "gd -A --sort-by .spec.size -o name",
    "cm -A --sort-by .metadata.namespace",
    "cm -A --sort-by .data.q",
    "cm,po -A --sort-by .metadata.name -o name",
    "po -A --sort-by .status.containerStatuses[0].restartCount -o wide",
];

/// Rows that both refuse.
const REFUSED: &[&str] = &[
    "widgets -A",
    "po nobody -n shop",
    "gd -A -o jsonpath={.items[7]}",
    "gd -A -o jsonpath={.items[",
    "po -A -o custom-columns=NAME",
    "po -A -o custom-columns=",
    "po -A -l a=(",
    "po/web-0 deploy -n shop",
    "po deploy/web -n shop",
    "po -A -o nonsense",
];

struct Cluster {
    home: tempfile::TempDir,
    assets: PathBuf,
}

impl Cluster {
    fn up() -> Self {
        let assets = assets::folder();
        let cluster = Self { home: tempfile::tempdir().unwrap(), assets };
        good(cluster.kubetape(&["cluster", "up", "--bare"]));
        cluster
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.home.path();
        command.env("KUBETAPE_CACHE", home).env("KUBEBUILDER_ASSETS", &self.assets).env("HOME", home);
        command.env("KUBECONFIG", home.join("clusters/kubetape/kubeconfig")).current_dir(TESTS);
        command
    }

    fn kubetape(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_kubetape")).args(args).output().unwrap()
    }

    fn kubectl(&self, args: &[&str]) -> Output {
        self.command(self.assets.join("kubectl")).args(args).output().unwrap()
    }

    fn fill(&self) {
        good(self.kubectl(&["create", "-f", "definitions.yaml"]));
        good(self.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]));
        // Anchors of YAML hold for one document alone.
        let text = fs::read_to_string(format!("{TESTS}/objects.yaml")).unwrap();
        let objects = self.home.path().join("objects.yaml");
        fs::write(&objects, anchors(&text)).unwrap();
        good(self.kubectl(&["create", "-f", objects.to_str().unwrap()]));
        for line in fs::read_to_string(format!("{TESTS}/status.txt")).unwrap().lines().skip(1) {
            let parts: Vec<&str> = line.splitn(4, ' ').collect();
            let [kind, name, namespace, status] = parts.as_slice() else { panic!("{line}") };
            let patch = format!("{{\"status\":{status}}}");
            let mut args = vec!["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch];
            args.extend(if *namespace == "-" { vec![] } else { vec!["-n", namespace] });
            good(self.kubectl(&args));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kubetape(&["cluster", "down"]);
    }
}

/// Puts what an anchor stands for in the place of its mentions.
fn anchors(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, value) in [
        ("selector", "{matchLabels: {app: web}}"),
        ("pod", "{containers: [{name: main, image: \"nginx:1.27\"}, {name: side, image: sidecar}]}"),
    ] {
        text = text.replace(&format!("*{name}"), value).replace(&format!("&{name} "), "");
    }
    let start = text.find("template: &template\n").unwrap() + "template: &template\n".len();
    let template: Vec<&str> = text[start..].lines().take_while(|line| line.starts_with("    ")).collect();
    let json: serde_json::Value = serde_saphyr::from_str(&template.join("\n")).unwrap();
    text.replace("*template", &json.to_string()).replace(" &template", "").replace(" &workload", "")
}

fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A line of arguments apart; a space inside braces is none between arguments.
fn words(row: &str) -> Vec<String> {
    let (mut words, mut depth) = (vec![String::new()], 0);
    for letter in row.chars() {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        match letter {
            ' ' if depth <= 0 => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    words
}

/// Ages are other ones a moment later; they are as wide as before for the first hundred seconds.
fn ageless(text: &str) -> String {
    let is_age = |word: &str| {
        word.len() <= 4
            && word.strip_suffix('s').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find([' ', '\n', '(']).unwrap_or(rest.len());
            let word = &rest[..end];
            let spaces = rest[end..].len() - rest[end..].trim_start_matches(' ').len();
            if is_age(word) {
                out += &format!("{:<1$}", "AGE", (word.len() + spaces).max(3));
            } else {
                out += &rest[..end + spaces];
            }
            rest = &rest[end + spaces..];
            if let Some(mark) =
                rest.chars().next().filter(|mark| end == 0 && spaces == 0 || "\n(".contains(*mark))
            {
                out.push(mark);
                rest = &rest[mark.len_utf8()..];
            }
        }
    }
    out
}

/// What kubectl prints for each row, in a moment.
fn printed(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let print = |row: &&'static str| {
        let args = words(row);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        (*row, good(cluster.kubectl(&[&["get"], args.as_slice()].concat())))
    };
    ROWS.iter().map(print).collect()
}

/// Fails with all rows that `kubetape show` prints otherwise.
fn same(cluster: &Cluster, capture: &Path, rows: &[(&str, String)], what: &str) {
    let mut wrong = Vec::new();
    for (row, real) in rows {
        let args = words(row);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ours = cluster.kubetape(&[&["show", capture.to_str().unwrap()], args.as_slice()].concat());
        let said = String::from_utf8_lossy(&ours.stderr).into_owned();
        let ours = String::from_utf8(ours.stdout).unwrap();
        if ageless(real) != ageless(&ours) {
            wrong.push(format!("{row}\nkubectl:\n{real}\nkubetape:\n{ours}{said}"));
        }
    }
    assert!(wrong.is_empty(), "{what}: {} of {}\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}

/// What is asked of a served capture beside `kubectl get`.
const ASKED: &[&str] = &[
    "describe deploy web -n shop",
    "describe node",
    "describe gd first -n shop",
    "api-resources",
    "api-versions",
    "explain deploy.spec.strategy",
    "explain gadget.spec",
    "version",
    "get po -A --chunk-size=3",
    "rollout history deploy web -n shop",
    "auth can-i list pods",
];

/// kubectl says of a served capture what it said of the cluster.
fn served(cluster: &Cluster, capture: &Path, rows: &[(&str, String)]) {
    let mut serve = cluster.command(env!("CARGO_BIN_EXE_kubetape"));
    let mut serve = serve.args(["serve", capture.to_str().unwrap()]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let kubeconfig = line.trim().strip_prefix("export KUBECONFIG=").unwrap();
    let kubectl = |args: &[&str]| {
        let mut command = cluster.command(cluster.assets.join("kubectl"));
        let output = command.env("KUBECONFIG", kubeconfig).args(args).output().unwrap();
        let (out, said) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        (out, said)
    };
    let mut wrong = Vec::new();
    let mut compare = |row: &str, real: &str, (ours, said): (String, String)| {
        if ageless(real) != ageless(&ours) {
            wrong.push(format!("{row}\nthe cluster:\n{real}\nserved:\n{ours}{said}"));
        }
    };
    for (row, real) in rows {
        let args = words(row);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        compare(row, real, kubectl(&[&["get"], args.as_slice()].concat()));
    }
    for row in ASKED {
        let args: Vec<&str> = row.split(' ').collect();
        compare(row, &good(cluster.kubectl(&args)), kubectl(&args));
    }
    let changed = kubectl(&["delete", "deploy", "web", "-n", "shop"]);
    serve.kill().unwrap();
    serve.wait().unwrap();
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(changed.1.contains("can only be read"), "{changed:?}");
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_capture_is_printed_byte_for_byte_as_kubectl_prints_the_cluster() {
    let cluster = Cluster::up();
    cluster.fill();
    let capture = cluster.home.path().join("capture");
    good(cluster.kubetape(&["gather", capture.to_str().unwrap(), "--quiet"]));
    let rows = printed(&cluster);
    same(&cluster, &capture, &rows, "with the server's tables");
    served(&cluster, &capture, &rows);
    for row in REFUSED {
        let args = words(row);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let real = cluster.kubectl(&[&["get"], args.as_slice()].concat());
        let ours = cluster.kubetape(&[&["show", capture.to_str().unwrap()], args.as_slice()].concat());
        assert!(!real.status.success() && !ours.status.success(), "{row}: {real:?} {ours:?}");
    }
    fs::remove_dir_all(capture.join("tables")).unwrap();
    same(&cluster, &capture, &rows, "with columns of our own");
    fs::remove_dir_all(capture.join("discovery")).unwrap();
    same(&cluster, &capture, &rows, "with names of our own");
}
