//! What a person reads when it does not work.

use std::time::Duration;

use kubetape::cluster::{self, Error, Options, Provider, Registry};

use crate::support::House;

fn start_error(options: &Options) -> Error {
    cluster::start(options).expect_err("this cannot start")
}

#[test]
fn a_missing_binary_names_itself_and_the_cure() {
    let house = House::new();
    let text = start_error(&Options::new(Provider::Envtest).assets(house.path("bin"))).to_string();
    let folder = house.path("bin").display().to_string();
    assert!(text.starts_with(&format!("etcd is not in {folder};")), "{text}");
    assert!(text.contains("just assets") && text.contains("export KUBEBUILDER_ASSETS="), "{text}");
}

#[test]
fn a_component_that_ends_by_itself_is_quoted() {
    let house = House::new();
    let lines = "#!/bin/sh\nfor n in $(seq 1 30); do echo line $n; done; exit 3\n";
    house.install("etcd", lines);
    house.install("kube-apiserver", "#!/bin/sh\n");
    let error = start_error(&Options::new(Provider::Envtest).assets(house.path("bin")));
    let text = error.to_string();
    assert!(matches!(error, Error::Ended { .. }), "{text}");
    assert!(text.starts_with("etcd ended by itself (exit status: 3)"), "{text}");
    assert!(text.contains("  | line 11\n") && text.ends_with("  | line 30"), "{text}");
    assert!(!text.contains("line 10\n"), "only the last lines: {text}");
}

#[test]
fn a_start_that_takes_too_long_says_what_it_waited_for() {
    let house = House::new();
    house.install("etcd", "#!/bin/sh\nexec sleep 60\n");
    house.install("kube-apiserver", "#!/bin/sh\n");
    let options = Options::new(Provider::Envtest).assets(house.path("bin"));
    let error = start_error(&options.wait(Duration::from_millis(200)));
    let text = error.to_string();
    assert!(matches!(error, Error::Timeout { .. }), "{text}");
    assert!(text.starts_with("an open port of etcd not reached within 200ms"), "{text}");
    assert!(text.contains("--wait"), "{text}");
}

#[test]
fn a_failing_kwokctl_is_quoted() {
    let house = House::new();
    let programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"];
    for program in programs.into_iter().chain(["kubectl"]) {
        house.install(program, "#!/bin/sh\n");
    }
    house.install("kwokctl", "#!/bin/sh\necho no room left; exit 1\n");
    let error = start_error(&Options::new(Provider::Kwok).assets(house.path("bin")));
    let text = error.to_string();
    assert!(matches!(error, Error::Command { .. }), "{text}");
    assert!(text.contains("kwokctl create cluster --runtime binary --name kubetape-"), "{text}");
    assert!(text.ends_with("  | no room left"), "{text}");
}

#[test]
fn a_name_that_would_leave_the_folder_is_refused() {
    for name in ["", "../x", "A", "a_b", "-a", &"a".repeat(41)] {
        let options = Options::new(Provider::Envtest).name(name);
        assert!(matches!(start_error(&options), Error::Name { .. }), "{name}");
        let house = House::new();
        let registry = Registry::at(house.path("cache"));
        assert!(matches!(registry.down(name), Err(Error::Name { .. })), "{name}");
    }
}

#[test]
fn an_unknown_provider_lists_the_known_ones() {
    let text = "eks".parse::<Provider>().unwrap_err().to_string();
    assert_eq!(text, "no provider \"eks\"; use envtest, kwok, kind or current");
    for provider in [Provider::Envtest, Provider::Kwok, Provider::Kind, Provider::Current] {
        assert_eq!(provider.to_string().parse::<Provider>().unwrap(), provider);
    }
}

#[test]
fn a_damaged_record_is_named() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    std::fs::create_dir(house.path("cache/odd")).unwrap();
    std::fs::write(house.path("cache/odd/cluster.json"), "{").unwrap();
    for error in [registry.find("odd").unwrap_err(), registry.list().unwrap_err()] {
        assert!(error.to_string().contains("cache/odd/cluster.json cannot be understood"), "{error}");
    }
}
