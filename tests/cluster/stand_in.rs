//! kind and kubectl, played by scripts that write down how they were called.

use std::fs;
use std::path::Path;

use kubetape::cluster::{self, Options, Provider, Registry};

use crate::support::{House, mode};

const KIND: &str = r#"#!/bin/sh
echo "kind $*" >> "$KUBETAPE_TEST_HOUSE/calls"
what=$1
kubeconfig=
while [ $# -gt 0 ]; do
  case $1 in
    --kubeconfig) kubeconfig=$2 ;;
    --config) cp "$2" "$KUBETAPE_TEST_HOUSE/config" ;;
  esac
  shift
done
if [ "$what" = create ]; then
  [ -z "$KIND_FAILS" ] || { echo "ERROR: no container engine"; exit 1; }
  echo '{}' > "$kubeconfig"
fi
"#;

const KUBECTL: &str = "#!/bin/sh\necho \"kubectl $*\" >> \"$KUBETAPE_TEST_HOUSE/calls\"\n";

/// The part of the other process, whose `PATH` starts with the stand-ins.
pub(crate) fn play(house: &Path) {
    let options = Options::new(Provider::Kind).name("ours").nodes(2);
    if std::env::var_os("KIND_FAILS").is_some() {
        let error = cluster::start(&options).unwrap_err();
        return fs::write(house.join("error"), error.to_string()).unwrap();
    }
    let mut cluster = cluster::start(&options).unwrap();
    assert_eq!(mode(cluster.kubeconfig()), 0o600);
    cluster.load_image("operator:dev").unwrap();
    let error = cluster.restart_apiserver().unwrap_err().to_string();
    assert!(error.starts_with("a cluster of provider kind cannot restart its API server"), "{error}");
    cluster.stop();

    let registry = Registry::default();
    drop(registry.up(&options).unwrap());
    assert!(matches!(registry.list().unwrap()[..], [ref entry] if !entry.running));
    assert!(registry.down("ours").unwrap());
}

/// What the stand-ins wrote, with the changing folder and waiting times replaced.
fn calls(house: &House) -> Vec<String> {
    let text = fs::read_to_string(house.path("calls")).unwrap();
    let is_time = |word: &str| {
        let digits = word.trim_start_matches("--timeout=").strip_suffix('s');
        digits.is_some_and(|digits| digits.parse::<u64>().is_ok())
    };
    let simple = |word: &str| match word.rsplit_once('/') {
        Some((_, file)) => format!("DIR/{file}"),
        None if is_time(word) => "TIME".to_owned(),
        None => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(simple).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect()
}

#[test]
fn kind_is_called_as_its_documentation_says() {
    let house = House::new();
    house.install("kind", KIND);
    house.install("kubectl", KUBECTL);
    let output = house.owner("kind").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let create =
        "kind create cluster --name ours --kubeconfig DIR/kubeconfig --config DIR/kind.yaml --wait TIME";
    let wait = "kubectl --kubeconfig DIR/kubeconfig wait --for=condition=Ready node --all TIME";
    let load = "kind load docker-image operator:dev --name ours";
    let delete = "kind delete cluster --name ours --kubeconfig DIR/kubeconfig";
    assert_eq!(calls(&house), [create, wait, load, delete, create, wait, delete]);
    let config = fs::read_to_string(house.path("config")).unwrap();
    let tail = "nodes:\n- role: control-plane\n- role: worker\n- role: worker\n";
    assert!(config.ends_with(tail), "{config}");
    house.expect_nothing_left();
}

#[test]
fn a_kind_that_fails_is_quoted_and_still_deleted() {
    let house = House::new();
    house.install("kind", KIND);
    house.install("kubectl", KUBECTL);
    let output = house.owner("kind").env("KIND_FAILS", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let error = fs::read_to_string(house.path("error")).unwrap();
    assert!(error.contains("kind create cluster --name ours"), "{error}");
    assert!(error.ends_with("  | ERROR: no container engine"), "{error}");
    assert!(calls(&house).last().unwrap().starts_with("kind delete cluster --name ours"));
    house.expect_nothing_left();
}

#[test]
fn a_missing_kind_says_what_to_do() {
    let house = House::new();
    let output = house.owner("kind").env("KIND_FAILS", "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let error = fs::read_to_string(house.path("error")).unwrap();
    assert!(error.starts_with("kind is not on PATH; install it from https://kind.sigs.k8s.io"), "{error}");
    house.expect_nothing_left();
}
