//! Clusters that outlive their process: up, list, find, down.

use kubetape::cluster::{Error, Options, Provider, Registry};

use crate::support::{House, assets, eventually, timed};

#[test]
#[ignore = "needs a cluster: just e2e"]
fn an_envtest_goes_up_is_found_and_goes_down() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    let options = Options::new(Provider::Envtest).name("here").full().assets(assets());
    let cluster = registry.up(&options).unwrap();
    drop(cluster);

    let entries = registry.list().unwrap();
    assert_eq!(entries.len(), 1);
    assert!(entries[0].running, "dropping it must not end it");
    assert_eq!(entries[0].name, "here");

    let text = registry.up(&options).unwrap_err().to_string();
    assert!(text.contains("already running; use it with `export KUBECONFIG="), "{text}");

    let mut found = registry.find("here").unwrap().unwrap();
    timed("restart of the API server", || found.restart_apiserver()).unwrap();
    assert!(found.version().unwrap().starts_with("v1."));
    drop(found);
    assert!(registry.list().unwrap()[0].running);

    assert!(timed("envtest, down", || registry.down("here")).unwrap());
    assert_eq!(house.processes(), Vec::<String>::new());
    assert!(registry.list().unwrap().is_empty());
    assert!(registry.find("here").unwrap().is_none());
    assert!(!registry.down("here").unwrap(), "ending a missing cluster is no error");
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_kwok_cluster_goes_up_and_down() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    let options = Options::new(Provider::Kwok).name("there").nodes(1).assets(assets());
    registry.up(&options).unwrap().stop();
    assert!(registry.list().unwrap()[0].running, "stop leaves an attached cluster running");
    assert!(registry.down("there").unwrap());
    eventually("the end of all processes", || house.processes().is_empty());
    assert!(registry.list().unwrap().is_empty());
}

#[test]
#[ignore = "needs a cluster: just e2e"]
fn a_dead_cluster_is_replaced() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    let options = Options::new(Provider::Envtest).name("dead").assets(assets());
    let first = registry.up(&options).unwrap();
    let state = std::fs::read_to_string(first.folder().join("cluster.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    for component in state["components"].as_array().unwrap() {
        let pid = component["pid"].to_string();
        assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    }
    eventually("a dead cluster", || !registry.list().unwrap()[0].running);
    drop(registry.up(&options).unwrap());
    assert!(registry.list().unwrap()[0].running);
    registry.down("dead").unwrap();
}

#[test]
fn a_half_made_cluster_is_not_taken_over_but_can_be_cleared() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    std::fs::create_dir(house.path("cache/half")).unwrap();
    let options = Options::new(Provider::Envtest).name("half").assets(house.path("bin"));
    let error = registry.up(&options).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }), "{error}");
    assert!(registry.down("half").unwrap());
    assert!(!house.path("cache/half").exists());
}

#[test]
fn a_start_that_fails_leaves_no_folder() {
    let house = House::new();
    let registry = Registry::at(house.path("cache"));
    let options = Options::new(Provider::Envtest).assets(house.path("bin"));
    let error = registry.up(&options).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(!house.path("cache/kubetape").exists());
}
