//! The example operators as far as they can be tested without any server at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::jiff::Timestamp;
use kube::client::Body;
use kube::runtime::controller::Action;
use kube::runtime::watcher;
use kube::{Client, CustomResourceExt};
use serde_json::json;

#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/book/operator.rs"]
pub mod book;
#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/echo/operator.rs"]
pub mod echo;
#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/myapp/operator.rs"]
pub mod myapp;
#[allow(dead_code, reason = "an operator is more than one test needs")]
#[path = "../examples/one_off/tour.rs"]
pub mod tour;

use book::{Book, BookEvent, BookSpec, Shelf};
use echo::{Echo, EchoSpec};
use myapp::{MyApp, MyAppSpec, status};
use tour::objects::Announcement;

#[test]
fn committed_definitions_are_the_generated_ones() {
    let pairs = [
        ("book", Book::crd(), include_str!("../examples/book/crd.yaml")),
        ("echo", Echo::crd(), include_str!("../examples/echo/crd.yaml")),
        ("myapp", MyApp::crd(), include_str!("../examples/myapp/crd.yaml")),
        ("one_off", Announcement::crd(), include_str!("../examples/one_off/crd.yaml")),
    ];
    for (name, definition, committed) in pairs {
        let generated = serde_saphyr::to_string(&definition).expect("a definition is plain data");
        assert!(
            generated == committed,
            "stale: cargo run --example {name} -- generate-crd > examples/{name}/crd.yaml\n{}",
            similar::TextDiff::from_lines(committed, &generated).unified_diff()
        );
        let read: CustomResourceDefinition = serde_saphyr::from_str(committed).expect("it is YAML");
        assert_eq!(read, definition, "the YAML of {name} says something else");
    }
}

/// A client of a server that is not there, and the number of requests that it was sent.
fn nowhere() -> (Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let service = tower::service_fn(move |_: http::Request<Body>| {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Err::<http::Response<Body>, _>(std::io::Error::other("nobody is there")) }
    });
    (Client::new(service, "default"), count)
}

#[tokio::test]
async fn an_echo_without_a_namespace_is_the_users_error_and_sends_nothing() {
    let (client, requests) = nowhere();
    let context = Arc::new(echo::Context { client, requeue: echo::REQUEUE });
    let echo = Arc::new(Echo::new("lost", EchoSpec { replicas: 1 }));
    let error = echo::reconcile(echo.clone(), context.clone()).await.expect_err("there is no namespace");
    assert!(matches!(error, echo::Error::UserInput { .. }), "{error:?}");
    assert!(error.to_string().contains(r#"the Echo "lost" cannot be served"#), "{error}");
    assert_eq!(requests.load(Ordering::Relaxed), 0);
    assert_eq!(echo::error_policy(echo, &error, context), Action::requeue(echo::REQUEUE));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_step_that_needed_it() {
    let (client, requests) = nowhere();
    let context = Arc::new(echo::Context { client, requeue: echo::REQUEUE });
    let mut echo = Echo::new("hello", EchoSpec { replicas: 1 });
    echo.metadata.namespace = Some("default".to_owned());
    let error = echo::reconcile(Arc::new(echo), context).await.expect_err("there is no server");
    assert!(error.to_string().starts_with("failed to add finalizer"), "{error}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

fn deployment(generation: i64, observed: i64, total: i32, updated: i32, ready: i32) -> Deployment {
    serde_json::from_value(json!({
        "metadata": { "name": "hello", "generation": generation },
        "status": { "observedGeneration": observed, "replicas": total, "updatedReplicas": updated,
                    "readyReplicas": ready, "availableReplicas": ready },
    }))
    .expect("it is a Deployment")
}

#[test]
fn an_echo_is_ready_only_when_the_latest_deployment_is() {
    let echo = Echo::new("hello", EchoSpec { replicas: 2 });
    let ready = |deployment| echo::status(&echo, &deployment).ready;
    assert!(ready(deployment(2, 2, 2, 2, 2)));
    assert!(!ready(deployment(2, 1, 2, 2, 2)), "the counts are from before the last change");
    assert!(!ready(deployment(2, 2, 3, 1, 2)), "one of the two is of the old shape");
    assert!(!ready(deployment(2, 2, 2, 2, 1)));
    assert!(!ready(Deployment::default()));
}

fn whale(version: &str, title: &str) -> Book {
    let mut book = Book::new("moby-dick", BookSpec { title: title.to_owned(), authors: None });
    book.metadata.resource_version = Some(version.to_owned());
    book
}

fn lines(shelf: &mut Shelf, events: Vec<watcher::Event<Book>>) -> Vec<String> {
    let observed = events.into_iter().flat_map(|event| shelf.observe(Ok(event)));
    observed.map(|event| event.to_string()).collect()
}

#[test]
fn a_book_is_added_modified_and_deleted() {
    use watcher::Event::{Apply, Delete, Init, InitDone};
    let events = vec![
        Init,
        InitDone,
        Apply(whale("1", "Moby Dick")),
        Apply(whale("1", "Moby Dick")),
        Apply(whale("2", "The Whale")),
        Delete(whale("3", "The Whale")),
    ];
    let expected = [
        "Added a book moby-dick with title 'Moby Dick'",
        "Modified a book moby-dick with title 'The Whale'",
        "Deleted a book moby-dick with title 'The Whale'",
    ];
    assert_eq!(lines(&mut Shelf::default(), events), expected);
}

#[test]
fn a_new_list_tells_only_what_was_missed() {
    use watcher::Event::{Init, InitApply, InitDone};
    let mut shelf = Shelf::default();
    let list = |version| vec![Init, InitApply(whale(version, "Moby Dick")), InitDone];
    assert_eq!(lines(&mut shelf, list("1")), ["Added a book moby-dick with title 'Moby Dick'"]);
    assert!(lines(&mut shelf, list("1")).is_empty(), "nothing has changed");
    assert_eq!(lines(&mut shelf, list("2")), ["Modified a book moby-dick with title 'Moby Dick'"]);
    let broken = vec![Init, InitApply(whale("9", "Moby Dick")), Init, InitDone];
    assert_eq!(lines(&mut shelf, broken), ["Deleted a book moby-dick with title 'Moby Dick'"]);
}

#[test]
fn a_watch_that_fails_is_an_event_too() {
    let events = Shelf::default().observe(Err(watcher::Error::NoResourceVersion));
    assert!(matches!(&events[..], [BookEvent::Error { message }] if message.contains("resourceVersion")));
}

fn app(spec: &str, replicas: i32) -> MyApp {
    let mut app = MyApp::new("shop", MyAppSpec { spec: spec.to_owned(), replicas });
    app.metadata.generation = Some(1);
    app
}

#[test]
fn the_rules_of_an_app_hold_without_a_server() {
    assert!(app("small", 0).validate_cel().is_ok());
    assert!(app("small", 10).validate_cel_update(&app("small", 0)).is_ok());
    for replicas in [-1, 11] {
        let errors = app("small", replicas).validate_cel().expect_err("out of bounds");
        assert!(errors.to_string().contains("replicas must be between 0 and 10"), "{errors}");
    }
    let errors = app("big", 1).validate_cel_update(&app("small", 1)).expect_err("immutable");
    assert!(errors.to_string().contains("spec is immutable"), "{errors}");
    let mut misnamed = app("small", 1);
    misnamed.metadata.name = Some("a.b".to_owned());
    assert!(misnamed.validate_cel().is_err());
}

#[test]
fn a_transition_time_moves_with_its_condition_only() {
    let at = |second| Timestamp::from_second(second).expect("it is near 1970");
    let app = app("small", 2);
    let first = status::observe(&app, None, &deployment(1, 1, 2, 2, 1), at(1));
    assert!(!first.is_ready);
    assert_eq!(first.conditions[0].message, "1 of 2 replicas are available");
    let same = status::observe(&app, Some(&first), &deployment(1, 1, 2, 2, 0), at(2));
    assert_eq!(same.conditions[0].last_transition_time, first.conditions[0].last_transition_time);
    let ready = status::observe(&app, Some(&same), &deployment(1, 1, 2, 2, 2), at(3));
    assert!(ready.is_ready);
    assert_eq!(ready.conditions[0].last_transition_time.0, at(3));
    assert_eq!(ready.conditions[0].observed_generation, Some(1));
    let again = status::observe(&app, Some(&ready), &deployment(1, 1, 2, 2, 2), at(4));
    assert_eq!(again, ready, "an unchanged status is not written");
}

#[test]
fn people_are_told_of_transitions_only() {
    let app = app("small", 2);
    let now = Timestamp::UNIX_EPOCH;
    let waiting = status::observe(&app, None, &deployment(1, 0, 0, 0, 0), now);
    let ready = status::observe(&app, None, &deployment(1, 1, 2, 2, 2), now);
    let reasons = |before, after| -> Vec<String> {
        status::events(&app, before, after).into_iter().map(|event| event.reason).collect()
    };
    assert_eq!(reasons(None, &waiting), ["Created"]);
    assert_eq!(reasons(None, &ready), ["Created", "Ready"]);
    assert_eq!(reasons(Some(&waiting), &ready), ["Ready"]);
    assert_eq!(reasons(Some(&ready), &waiting), ["NotReady"]);
    assert!(reasons(Some(&ready), &ready).is_empty());
}
