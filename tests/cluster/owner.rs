//! A process that owns a cluster and is killed, panics, or stops it. Nothing may be left.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use kubetape::cluster::{self, Options, Provider};

use crate::support::{House, eventually, mode};

/// The part of the other process; in a normal run it has no role and passes.
#[test]
fn play() {
    let Ok(role) = std::env::var("KUBETAPE_TEST_ROLE") else {
        return;
    };
    let house = PathBuf::from(std::env::var_os("KUBETAPE_TEST_HOUSE").unwrap());
    if role == "kind" {
        return crate::stand_in::play(&house);
    }
    let (provider, end) = role.split_once(' ').unwrap();
    let provider: Provider = provider.parse().unwrap();
    let cluster = cluster::start(&Options::new(provider).full()).unwrap();
    assert!(cluster.folder().starts_with(house.join("tmp")));
    assert_eq!(mode(cluster.kubeconfig()), 0o600);
    assert_eq!(mode(cluster.folder()), 0o700);
    let part = house.join("report.part");
    fs::write(&part, cluster.version().unwrap()).unwrap();
    fs::rename(part, house.join("report")).unwrap();
    match end {
        "stops" => cluster.stop(),
        "panics" => panic!("as it was told"),
        // Until it is killed.
        _ => drop(std::io::stdin().lines().next()),
    }
}

fn start_and_sigkill(role: &str) {
    let house = House::new();
    let mut owner = house.owner(role).spawn().unwrap();
    assert!(house.await_report(&mut owner).starts_with("v1."));
    // kube-apiserver, etcd, controllers, scheduler, kwok, and the watchdog.
    assert!(house.processes().len() >= 6, "{:?}", house.processes());
    kill(&mut owner);
    house.expect_nothing_left();
}

fn kill(owner: &mut Child) {
    owner.kill().unwrap();
    owner.wait().unwrap();
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn sigkill_leaves_nothing_of_envtest() {
    start_and_sigkill("envtest waits");
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn sigkill_leaves_nothing_of_kwok() {
    start_and_sigkill("kwok waits");
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn sigkill_in_the_middle_of_a_start_leaves_nothing() {
    for (role, first) in [("envtest waits", "kube-apiserver"), ("kwok waits", "pki")] {
        let house = House::new();
        let mut owner = house.owner(role).spawn().unwrap();
        eventually("half a cluster", || house.processes().iter().any(|line| line.contains(first)));
        assert!(!house.path("report").exists());
        kill(&mut owner);
        house.expect_nothing_left();
    }
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_panic_leaves_nothing() {
    let house = House::new();
    let output = house.owner("envtest panics").output().unwrap();
    assert!(!output.status.success());
    assert!(house.path("report").exists());
    // Not even for a moment: unwinding waits for the end.
    assert_eq!(house.processes(), Vec::<String>::new());
    house.expect_nothing_left();
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_stop_leaves_nothing() {
    for role in ["envtest stops", "kwok stops"] {
        let house = House::new();
        let output = house.owner(role).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(house.processes(), Vec::<String>::new());
        house.expect_nothing_left();
    }
}
