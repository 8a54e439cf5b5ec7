//! `kubetape show` and `diff` on captures, from outside.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
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

/// A folder with files, for `show`.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

const WEB: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}, \
    annotations: {kubectl.kubernetes.io/default-container: main}, creationTimestamp: '2026-01-01T00:00:00Z'}\n\
    spec: {initContainers: [{name: init}], containers: [{name: side}, {name: main, image: nginx}]}\n\
    status: {phase: Running}\n";

#[test]
fn columns_order_and_labels_are_chosen_as_with_kubectl() {
    let capture = fixture("captures/operators");
    let show = |args: &[&str]| {
        let (code, printed, said) = kubetape(&[&["show", capture.to_str().unwrap()], args].concat());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{args:?}");
        printed
    };
    let columns = "custom-columns=NAME:.metadata.name,SIZE:.spec.replicas,NONE:.spec.none";
    assert_eq!(
        show(&["deploy", "-o", columns, "--sort-by", "{.metadata.name}"]),
        "NAME    SIZE   NONE\nhello   2      <none>\nshop    2      <none>\n"
    );
    assert_eq!(show(&["deploy", "--no-headers", "-o", "custom-columns=N:metadata.name"]), "hello\nshop\n");
    assert_eq!(
        show(&["deploy", "hello", "-L", "app,example.com/none", "--show-labels"]),
        "NAMESPACE   NAME    READY   UP-TO-DATE   AVAILABLE   AGE   APP     NONE   LABELS\n\
         operators   hello   2/2     2            2           0s    hello          app=hello\n"
    );
}

#[test]
fn logs_of_every_layout_are_printed() {
    let ours = "namespaces/shop/pods/web";
    let files = [
        ("namespaces/shop/core/pods/web.yaml", WEB),
        (&format!("{ours}/main/main/logs/current.log"), "now\n"),
        (&format!("{ours}/main/main/logs/previous.log"), "before\n"),
        (&format!("{ours}/side/side/logs/current.log"), "aside\n"),
        ("namespaces/mall/pods/web/main/main/logs/current.log", "elsewhere\n"),
    ];
    let folder = folder(&files);
    let place = folder.path().to_str().unwrap();
    let show = |args: &[&str]| kubetape(&[&["show", place], args].concat());
    let several = "Defaulted container \"main\" out of: main, side, init\n";
    assert_eq!(show(&["logs/web", "-n", "shop"]), (Some(0), "now\n".into(), several.into()));
    assert_eq!(show(&["logs/web", "-n", "shop", "-c", "side"]), (Some(0), "aside\n".into(), String::new()));
    let before = show(&["logs", "web", "-n", "shop", "-c", "main", "--previous"]);
    assert_eq!(before, (Some(0), "before\n".into(), String::new()));
    let all = |args: &[&str]| show(&[&["logs/web", "-n", "shop", "--all-containers"], args].concat());
    assert_eq!(all(&[]), (Some(0), "aside\nnow\n".into(), String::new()), "in the order of the Pod");
    let marked = "[pod/web/side] aside\n[pod/web/main] now\n";
    assert_eq!(all(&["--prefix", "--tail", "1"]), (Some(0), marked.into(), String::new()));
    assert_eq!(all(&["--previous", "--tail=0"]), (Some(0), String::new(), String::new()));
    assert_eq!(all(&["-c", "main"]).0, Some(2), "one container is not all");
    let (code, listed, _) = show(&["logs"]);
    assert!(
        code == Some(0)
            && listed.lines().count() == 5
            && listed.contains("shop        web   main        yes"),
        "{listed}"
    );
    for (args, exit, words) in [
        (&["logs/web"][..], 2, "in the namespaces mall, shop; choose one with -n mall"),
        (&["logs/db", "-n", "shop"], 1, "no log of Pod \"db\" in namespace shop"),
        (&["logs/web", "-n", "mall", "-p"], 1, "from before its last restart; `kubetape show"),
        (&["logs/web", "-n", "shop", "-c", "init"], 1, "no log of Pod \"web\", container init"),
    ] {
        let (code, printed, said) = show(args);
        assert!(
            code == Some(exit) && printed.is_empty() && said.contains(words),
            "{args:?}: {code:?} {said}"
        );
    }
}

#[test]
fn a_definition_gives_columns_and_names_where_no_server_gave_them() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: oxen.farm.io}\n\
        spec:\n  group: farm.io\n  scope: Namespaced\n  names: {plural: oxen, singular: ox, kind: Ox, shortNames: [o]}\n\
        \x20 versions:\n  - name: v1\n    additionalPrinterColumns:\n    - {name: Weight, type: integer, jsonPath: .spec.weight}\n\
        \x20   - {name: Fed, type: date, jsonPath: .status.fed}\n    - {name: Stable, type: string, jsonPath: .spec.stable, priority: 1}\n";
    let ox = "apiVersion: farm.io/v1\nkind: Ox\nmetadata: {name: a, namespace: farm, creationTimestamp: '2026-01-01T00:10:00Z'}\n\
        spec: {weight: 700, stable: north}\nstatus: {fed: '2026-01-01T00:07:00Z'}\n";
    let folder = folder(&[("definition.yaml", definition), ("ox.yaml", ox), ("web.yaml", WEB)]);
    let place = folder.path().to_str().unwrap();
    let show = |args: &[&str]| kubetape(&[&["show", place], args].concat()).1;
    assert_eq!(show(&["o", "-n", "farm"]), "NAME   WEIGHT   FED\na      700      3m\n");
    let wide = show(&["ox.farm.io", "-n", "farm", "-o", "wide"]);
    assert_eq!(wide, "NAME   WEIGHT   FED   STABLE\na      700      3m    north\n");
    let pods = "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE\nshop        web    0/2     Running   0          10m\n";
    assert_eq!(show(&["po"]), pods);
    assert_eq!(show(&["cm"]), "", "a kind that every cluster has is known");
}

/// Each is one line, which ends with what to do next.
#[test]
fn what_cannot_be_understood_or_read_is_one_line_with_the_next_step() {
    let good = folder(&[("web.yaml", WEB)]);
    let empty = folder(&[("README.md", "nothing")]);
    let capture = good.path().to_str().unwrap();
    for (args, exit, words) in [
        (&[capture, "widgets"][..], 2, "knows no kind \"widgets\"; `kubetape show"),
        (&[capture, "po", "db"], 1, "has no pods \"db\"; `kubetape show"),
        (&[capture, "po", "web", "-n", "mall"], 1, "has no pods \"web\" in namespace mall; `kubetape show"),
        (&[capture, "po/web", "po"], 2, "write it so too, or give TYPE first"),
        (&[capture, "po", "po/web"], 2, "write names alone behind a type, or TYPE/NAME everywhere"),
        (&[capture, "po", "-l", "a in (b"], 2, "write it as for kubectl, for example app=web,tier!=db"),
        (&[capture, "po", "--field-selector", "status.phase"], 2, "for example status.phase=Running"),
        (
            &[capture, "po", "-o", "jsonpath={.items[}"],
            2,
            "write it as for kubectl, for example -o 'jsonpath=",
        ),
        (&[capture, "po", "-o", "jsonpath={.items[9]}"], 2, "the index 9 lies outside a list of 1; write it"),
        (&[capture, "po", "-o", "jsonpath="], 2, "there is no JSONPath after jsonpath=; write it"),
        (&[capture, "po", "-o", "jsonpath-file=absent"], 2, "absent cannot be read: "),
        (&[capture, "po", "-o", "custom-columns=NAME"], 2, "write -o custom-columns=NAME:.metadata.name"),
        (&[capture, "po", "-o", "custom-columns=A:{.a"], 2, "write A:.metadata.name"),
        (&[capture, "po", "--sort-by", "{.a"], 2, "write --sort-by .metadata.name"),
        (&[capture, "po", "--sort-by", ".none"], 2, "look at one with -o yaml for its fields"),
        (&[empty.path().to_str().unwrap()], 3, "a capture is made with `kubetape gather`"),
        (&["absent.yaml"], 3, "see its name with ls, and who may read it"),
    ] {
        let (code, printed, said) = kubetape(&[&["show"], args].concat());
        let one = said.lines().count() == 1 && said.starts_with("error: ");
        assert!(
            code == Some(exit) && one && printed.is_empty() && said.contains(words),
            "{args:?}: {code:?} {said}"
        );
    }
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

#[test]
fn one_of_two_captures_may_come_on_standard_input() {
    let folder = folder(&[("web.yaml", WEB)]);
    let place = folder.path().to_str().unwrap();
    let diff = |args: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubetape"))
            .arg("diff")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who refuses it at once does not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let changed = WEB.replace("nginx", "httpd");
    assert_eq!(diff(&[place, "-"], WEB), (Some(0), String::new(), String::new()));
    let image = "spec.containers[name=main].image";
    let (code, told, _) = diff(&[place, "-"], &changed);
    assert!(code == Some(1) && told.contains(&format!("{image}  nginx → httpd")), "{told}");
    let (code, told, _) = diff(&["-", place], &changed);
    assert!(code == Some(1) && told.contains(&format!("{image}  httpd → nginx")), "{told}");
    let tape = fixture("tapes/echo-bare.ktape");
    let text = fs::read_to_string(&tape).unwrap();
    assert_eq!(diff(&["-", tape.to_str().unwrap(), "-q"], &text).0, Some(0));
    let (code, _, said) = diff(&["-", "-"], "");
    assert!(code == Some(2) && said.contains("can be one of the two"), "{said}");
}

#[test]
fn a_comparison_can_be_of_some_objects_alone() {
    let object = |kind: &str, space: &str, name: &str, app: &str, n: u8| {
        format!(
            "---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {space}, labels: {{app: {app}}}}}\nn: {n}\n"
        )
    };
    let old = [
        object("Pod", "a", "x", "web", 1),
        object("Pod", "b", "x", "db", 1),
        object("Service", "a", "x", "web", 1),
    ];
    let new = [
        object("Pod", "a", "x", "web", 2),
        object("Pod", "b", "x", "web", 2),
        object("ConfigMap", "a", "m", "web", 1),
    ];
    let folder = folder(&[("old.yaml", &old.concat()), ("new.yaml", &new.concat())]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let diff = |args: &[&str]| kubetape(&[&["diff", &path("old.yaml"), &path("new.yaml")], args].concat());
    let [pod_a, pod_b] =
        [" ~ pod a/x\n     n  1 → 2\n", " ~ pod b/x\n     metadata.labels.app  db → web\n     n  1 → 2\n"];
    let [service, map] = [" - service a/x\n", " + configmap a/m\n"];
    for (args, code, parts) in [
        (&["-A"][..], 1, &[pod_a, pod_b, service, map][..]),
        (&["-n", "b"], 1, &[pod_b]),
        (&["po,cm", "-n", "a"], 1, &[pod_a, map]),
        (&["pod", "x", "-n", "b"], 1, &[pod_b]),
        (&["cm/m", "svc/x"], 1, &[service, map]),
        (&["-l", "app=db"], 1, &[pod_b]),
        (&["po", "--field-selector", "metadata.namespace=a"], 1, &[pod_a]),
        (&["secrets"], 0, &[]),
        (&["-n", "none"], 0, &[]),
    ] {
        assert_eq!(diff(args), (Some(code), parts.concat(), String::new()), "{args:?}");
    }
    assert_eq!(diff(&["po", "-q"]), (Some(1), String::new(), String::new()));
    let tape = fixture("tapes/v1-sealed.ktape").to_str().unwrap().to_owned();
    let of_tapes = kubetape(&["diff", &tape, &tape, "-n", "a"]);
    for ((code, printed, said), exit, words) in [
        (diff(&["widgets"]), 2, "neither capture knows a kind \"widgets\"; `kubetape show"),
        (diff(&["po/z"]), 1, "neither capture has a pod \"z\"; `kubetape show"),
        (diff(&["-l", "a=("]), 2, "write it as for kubectl"),
        (of_tapes, 2, "compare the tapes whole"),
    ] {
        assert!(code == Some(exit) && printed.is_empty() && said.contains(words), "{code:?} {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_torn_archive_is_shown_as_far_as_it_is_whole_or_refused() {
    let files: Vec<(String, String)> = (0..300)
        .map(|n| (format!("pods/{n}.yaml"), WEB.replace("name: web", &format!("name: web-{n}"))))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let folder = folder(&files);
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let packed = Command::new("tar").current_dir(folder.path()).args(["czf", "whole.tgz", "pods"]).status();
    assert!(packed.unwrap().success());
    let bytes = fs::read(place("whole.tgz")).unwrap();
    fs::write(place("torn.tgz"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(place("stump.tgz"), &bytes[..30]).unwrap();
    let pods = |name: &str| kubetape(&["show", &place(name), "po", "-o", "name"]);
    assert_eq!(pods("whole.tgz").1.lines().count(), 300);
    let (code, printed, said) = pods("torn.tgz");
    assert!(code == Some(0) && (1..300).contains(&printed.lines().count()), "{printed}");
    // The file that the tear goes through has a line of its own.
    assert!(said.lines().all(|line| line.starts_with(" not read ")), "{said}");
    assert!(said.lines().count() <= 2 && said.ends_with("copy it again for the rest\n"), "{said}");
    let (code, printed, said) = pods("stump.tgz");
    assert!(code == Some(3) && printed.is_empty() && said.lines().count() == 1, "{code:?} {said}");
    assert!(said.ends_with("copy it again, or capture anew with `kubetape gather`\n"), "{said}");
    fs::write(place("bad.yaml"), "kind: [").unwrap();
    let (code, _, said) = kubetape(&["show", &place("bad.yaml")]);
    assert!(
        code == Some(3) && said.contains("holds nothing that can be read: bad.yaml: "),
        "{code:?} {said}"
    );
}
