//! Changes after the lists: watches that end, break, lie and are refused, and what stands on the tape.

use crate::fake::{Capture, Fake, Reply, list, object};
use kubetape::{
    gather::{Options, Pattern, Progress, Why},
    tape::{Event, Tape},
    wire::Verb,
};
use serde_json::{Value, json};
use std::{fs, time::Duration};

const MAPS: &str = "/api/v1/configmaps";

/// A ConfigMap of one version.
fn map(name: &str, version: u64) -> Value {
    let mut map = object(name);
    map["metadata"]["resourceVersion"] = json!(version.to_string());
    map["kind"] = json!("ConfigMap");
    map
}

fn bookmark(version: u64) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"resourceVersion": version.to_string()}})
}

fn expired() -> Value {
    json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})
}

fn watching(seconds: u64) -> Options {
    Options { watch: Some(Duration::from_secs(seconds)), openapi: false, ..Options::default() }
}

/// ConfigMaps `a` and `b`, of version 5 in a list of version 7, and what comes then.
fn server(watch: impl Fn(&crate::fake::Ask) -> Reply + Send + Sync + 'static) -> Fake {
    Fake::maps(|_| Reply::json(&list(&[map("a", 5), map("b", 5)], ""))).watch(MAPS, watch)
}

fn tape(capture: &Capture) -> Tape {
    Tape::read(&capture.files["watch.ktape"][..]).unwrap()
}

/// What the tape says of ConfigMaps, a line each event.
fn told(tape: &Tape) -> Vec<String> {
    let mut ids = Vec::new();
    let mut lines = Vec::new();
    for event in &tape.events {
        let line = match &event.event {
            Event::Sent(sent) if sent.path.starts_with(MAPS) => {
                ids.push(sent.id.clone());
                let version = sent.path.split("resourceVersion=").nth(1).unwrap_or_default();
                format!("{} {version}", if sent.verb == Verb::Watch { "watch" } else { "list" })
            }
            Event::Answer(answer) if ids.contains(&answer.to) && answer.status != 200 => {
                answer.status.to_string()
            }
            Event::Frame { of, event, object } if ids.contains(of) => {
                let metadata = &object["metadata"];
                let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
                format!("{event} {} {}", text("name"), text("resourceVersion"))
            }
            Event::Closed { of, error } if ids.contains(of) => {
                format!("closed {}", error.as_deref().unwrap_or_default())
            }
            Event::Step { step, of } => format!("{step} {of}"),
            _ => continue,
        };
        lines.push(line.trim().to_owned());
    }
    lines
}

/// Why changes are missing, and what the server said.
fn missing(capture: &Capture) -> Vec<(String, Why, String)> {
    let watch = capture.manifest.watch.as_ref().unwrap();
    watch.missing.iter().map(|missing| (missing.what.clone(), missing.why, missing.message.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_ends_goes_on_where_it_was() {
    let capture = server(|ask| match (ask.number, ask.version()) {
        (0, "7") => Reply::frames(&[("ADDED", map("c", 8)), ("BOOKMARK", bookmark(12))]),
        (1, "12") => Reply::frames(&[("MODIFIED", map("a", 13)), ("DELETED", map("b", 14))]).and_breaks(),
        (2, "14") => Reply::frames(&[("ADDED", map("b", 15))]).and_stays(),
        other => panic!("{other:?}"),
    });
    let capture = capture.capture(&watching(60)).await;
    let tape = tape(&capture);
    assert_eq!(
        told(&tape),
        [
            "watch 7",
            "ADDED c 8",
            "closed",
            "watch 12",
            "MODIFIED a 13",
            "DELETED b 14",
            "closed ServiceError: connection reset",
            "watch 14",
            "ADDED b 15",
            "closed dropped by the client"
        ]
    );
    assert_eq!((tape.end.as_str(), tape.header.kubernetes.as_str()), ("ok", "v1.36.3"));
    let written = capture.json("manifest.json");
    let watch = &written["watch"];
    assert_eq!((&watch["changes"], &watch["gaps"], &watch["missing"]), (&json!(4), &json!(0), &json!([])));
    assert_eq!(written["asked"]["watch"], "60s");
    assert!(watch["from"].as_str().unwrap() <= watch["until"].as_str().unwrap(), "{watch}");
    assert_eq!(
        (capture.names(), capture.manifest.warnings),
        (vec!["a", "b"], 0),
        "the lists stay as they were"
    );
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_version_is_made_good_by_a_list_and_the_gap_is_told() {
    for in_a_frame in [true, false] {
        let server = Fake::maps(|ask| match ask.number {
            0 => Reply::json(&list(&[map("same", 1), map("newer", 2), map("lost", 3), map("again", 4)], "")),
            1 => Reply::text("not yet").status(503),
            _ => {
                let mut again = map("again", 24);
                again["metadata"]["uid"] = json!("another");
                let mut list = list(&[map("same", 1), map("newer", 22), again, map("new", 25)], "");
                list["metadata"]["resourceVersion"] = json!("30");
                Reply::json(&list)
            }
        });
        let server = server.watch(MAPS, move |ask| match (ask.number, in_a_frame) {
            (0, true) => Reply::frames(&[("ERROR", expired())]),
            (0, false) => Reply::json(&expired()).status(410),
            _ => {
                assert_eq!(ask.version(), "30");
                Reply::frames(&[("MODIFIED", map("new", 31))]).and_stays()
            }
        });
        let capture = server.capture(&watching(60)).await;
        let refused: &[&str] = if in_a_frame { &["watch 7", "ERROR", "closed"] } else { &["watch 7", "410"] };
        let rest = [
            "gap configmaps after 7",
            "list",
            "MODIFIED newer 22",
            "DELETED again 4",
            "ADDED again 24",
            "ADDED new 25",
            "DELETED lost 3",
            "closed",
            "watch 30",
            "MODIFIED new 31",
            "closed dropped by the client",
        ];
        assert_eq!(told(&tape(&capture)), [refused, &rest].concat());
        let watch = capture.manifest.watch.as_ref().unwrap();
        assert_eq!((watch.changes, watch.gaps, capture.manifest.warnings), (6, 1, 1));
        let message = "those from 7 to 30 were not seen; the state was read again";
        assert_eq!(missing(&capture), [("changes of configmaps".into(), Why::Gone, message.into())]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_that_comes_again_is_told_once() {
    let capture = server(|ask| match ask.number {
        // The second ends inside of a frame, and the server begins anew each time.
        0 => Reply::frames(&[("ADDED", map("a", 5)), ("MODIFIED", map("a", 8))]),
        1 => Reply::text("{\"type\":\"MODIFIED\",\"object\":{"),
        _ => Reply::frames(&[("MODIFIED", map("a", 8)), ("MODIFIED", map("a", 9))]).and_stays(),
    });
    let capture = capture.capture(&watching(60)).await;
    let frames: Vec<_> = told(&tape(&capture))
        .into_iter()
        .filter(|line| line.starts_with("MODIFIED") || line.starts_with("ADDED"))
        .collect();
    assert_eq!(frames, ["MODIFIED a 8", "MODIFIED a 9"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_watches_at_once_is_not_asked_in_a_hurry() {
    let error = || json!({"kind": "Status", "code": 500, "message": "etcd is ill"});
    let replies: [fn(Value) -> Reply; 4] = [
        |_| Reply::text(""),
        |_| Reply::frames(&[("ADDED", map("a", 5))]),
        |error| Reply::frames(&[("ERROR", error)]),
        |_| Reply::text("<html>\n"),
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let capture = server(move |_| reply(error())).capture(&watching(300)).await;
        let asked = capture.asked.of("/api/v1/configmaps?watch");
        assert!((10..30).contains(&asked), "{at}: {asked} times in five minutes");
        assert_eq!(capture.manifest.watch.as_ref().unwrap().changes, 0);
        let ill = missing(&capture);
        assert_eq!(ill.len(), usize::from(at > 1), "{ill:?}");
        let words = ["etcd is ill", "not JSON"];
        assert!(at < 2 || ill[0].2.contains(words[at - 2]), "{ill:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_at_the_end_is_named_and_one_that_came_back_is_not() {
    for comes_back in [true, false] {
        let server = server(move |ask| match ask.number {
            0 => Reply::frames(&[("ADDED", map("c", 8))]).and_breaks(),
            1..8 => Reply::text("down").status(503),
            _ if comes_back => Reply::frames(&[("ADDED", map("d", 9))]).and_stays(),
            _ => Reply::text("down").status(503),
        });
        let capture = server.capture(&watching(600)).await;
        let told = told(&tape(&capture));
        assert_eq!(told[..3], ["watch 7", "ADDED c 8", "closed ServiceError: connection reset"]);
        let message = "those after 8 are not known: 503 Service Unavailable: down";
        let expected = ("changes of configmaps".to_owned(), Why::Unavailable, message.to_owned());
        match comes_back {
            true => {
                assert_eq!((told[3..5].join(", "), missing(&capture)), ("watch 8, ADDED d 9".into(), vec![]))
            }
            false => assert_eq!((told.len(), missing(&capture)), (3, vec![expected])),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_watched_is_named_and_the_rest_is_watched() {
    let server = server(|_| Reply::refusal(403, "configmaps is forbidden: cannot watch"))
        .on("/api/v1/secrets", |_| Reply::refusal(403, "secrets is forbidden: cannot list"))
        .watch("/api/v1/pods", |_| Reply::frames(&[("ADDED", map("p", 8))]).and_stays());
    let capture = server.capture(&watching(60)).await;
    assert_eq!(capture.asked.of("/api/v1/configmaps?watch"), 1);
    let forbidden = |what: &str, message: &str| (what.to_owned(), Why::Forbidden, message.to_owned());
    assert_eq!(
        missing(&capture),
        [
            forbidden("changes of secrets", "secrets is forbidden: cannot list"),
            forbidden("changes of configmaps", "configmaps is forbidden: cannot watch")
        ]
    );
    assert_eq!(capture.manifest.watch.as_ref().unwrap().changes, 1);
    assert_eq!(capture.manifest.warnings, 3, "of them one list");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_too_large_is_passed_over() {
    let server = server(|ask| match ask.number {
        0 => {
            let mut huge = map("a", 8);
            huge["data"]["a"] = json!("x".repeat(100_000));
            Reply::frames(&[("MODIFIED", huge)]).and_stays()
        }
        _ => Reply::frames(&[("ADDED", map("c", 9))]).and_stays(),
    });
    let capture = server.capture(&Options { largest: 50_000, ..watching(60) }).await;
    let told = told(&tape(&capture));
    assert!(told.contains(&"ADDED c 9".to_owned()), "{told:?}");
    assert_eq!(missing(&capture)[0].1, Why::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn filters_hold_for_changes_as_well() {
    let server = server(|_| {
        let mut elsewhere = map("c", 8);
        elsewhere["metadata"]["namespace"] = json!("elsewhere");
        Reply::frames(&[("ADDED", map("c-x", 7)), ("ADDED", elsewhere), ("ADDED", map("c", 9))]).and_stays()
    });
    let pattern = |text: &str| vec![text.parse::<Pattern>().unwrap()];
    let mut options = watching(60);
    (options.exclude_namespaces, options.names.exclude) = (pattern("else*"), pattern("*-x"));
    let capture = server.capture(&options).await;
    assert_eq!(told(&tape(&capture)), ["watch 7", "ADDED c 9", "closed dropped by the client"]);
}

/// A Secret is made after its value was seen in a ConfigMap.
fn leaky() -> Fake {
    let plain = "planted-late-Pa55word";
    let mut early = map("early", 8);
    early["data"] = json!({"url": format!("postgres://user:{plain}@db")});
    early["metadata"]["managedFields"] = json!([{"manager": "kubectl"}]);
    let mut old = map("old", 9);
    old["data"] = json!({"url": "it is planted-early-Pa55word"});
    let secret = |name: &str, version: u64, value: &str| {
        let mut secret = map(name, version);
        secret["kind"] = json!("Secret");
        secret["data"] =
            json!({"password": base64::Engine::encode(&base64::prelude::BASE64_STANDARD, value)});
        secret
    };
    let (first, late) = (secret("db", 4, "planted-early-Pa55word"), secret("late", 10, plain));
    server(move |_| Reply::frames(&[("ADDED", early.clone()), ("ADDED", old.clone())]).and_stays())
        .json("/api/v1/secrets", list(&[first], ""))
        .watch("/api/v1/secrets", move |_| {
            let late = Reply::frames(&[("ADDED", late.clone())]).and_stays();
            late.after(Duration::from_secs(1))
        })
}

#[tokio::test(start_paused = true)]
async fn no_change_holds_a_secret_not_even_one_that_is_learnt_later() {
    let capture = leaky().capture(&watching(60)).await;
    let text = String::from_utf8(capture.files["watch.ktape"].clone()).unwrap();
    assert!(!text.contains("planted-"), "{text}");
    for symbol in [
        "postgres://user:$secret(late.password)@db",
        "it is $secret(db.password)",
        "\"password\":\"$secret(late.password)\"",
    ] {
        assert!(text.contains(symbol), "{symbol} is missing in {text}");
    }
    let symbol = String::from_utf8(capture.files["namespaces/shop/core/secrets/db.yaml"].clone()).unwrap();
    assert!(symbol.contains("$secret(db.password)"), "the same symbol: {symbol}");
    assert!(!text.contains("managedFields"), "{text}");
    let maps = told(&tape(&capture));
    assert_eq!(maps[1..3], ["ADDED early 8", "ADDED old 9"], "in their order");
    let kept =
        leaky().capture(&Options { managed_fields: true, include_secrets: true, ..watching(60) }).await;
    let text = String::from_utf8(kept.files["watch.ktape"].clone()).unwrap();
    assert!(
        text.contains("managedFields") && text.contains("$secret(late.password)"),
        "a tape has none: {text}"
    );
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn an_archive_holds_the_tape_and_nothing_is_left_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    leaky().into(&watching(60), &place, false).await.0.unwrap();
    let mode = fs::metadata(place.join("watch.ktape")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let events = |bytes: &[u8]| told(&Tape::read(bytes).unwrap());
    let plain = events(&fs::read(place.join("watch.ktape")).unwrap());
    assert_eq!(plain.len(), 4);
    #[cfg(feature = "archive")]
    for ending in ["tar.zst", "tar.gz", "zip"] {
        let place = folder.path().join(format!("capture.{ending}"));
        leaky().into(&watching(60), &place, false).await.0.unwrap();
        let packed = crate::secrets::unpacked(&place);
        assert_eq!(events(&packed["watch.ktape"]), plain, "{ending}");
        fs::remove_file(place).unwrap();
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["capture"]);
}

#[tokio::test]
async fn a_capture_that_is_stopped_while_it_watches_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let progress = Progress::new();
    let stop = progress.clone();
    let server = server(|_| Reply::frames(&[("ADDED", map("c", 8))]).and_stays());
    let options = Options { watch: Some(Duration::MAX), ..watching(0) };
    let gathering = server.watched(&options, &place, false, &progress);
    let stopping = async {
        while stop.counts().changes == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        stop.stop();
    };
    let (gathered, ()) =
        tokio::time::timeout(Duration::from_secs(20), futures::future::join(gathering, stopping))
            .await
            .unwrap();
    let manifest = gathered.0.unwrap();
    assert_eq!((manifest.watch.unwrap().changes, manifest.warnings), (1, 0));
    assert_eq!(manifest.asked["watch"], "until stopped");
    assert_eq!(Tape::load(place.join("watch.ktape")).unwrap().end, "ok");
    assert!(place.join("manifest.json").is_file());
}

#[tokio::test]
async fn a_capture_that_is_stopped_before_it_watches_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let progress = Progress::new();
    progress.stop();
    let options = watching(60);
    let done = Fake::new().watched(&options, &place, false, &progress);
    let manifest = tokio::time::timeout(Duration::from_secs(20), done).await.unwrap().0.unwrap();
    let watch = manifest.watch.unwrap();
    let missing: Vec<_> = watch.missing.iter().map(|missing| (missing.what.as_str(), missing.why)).collect();
    assert_eq!(missing, [("changes", Why::Stopped)]);
    assert!(Tape::load(place.join("watch.ktape")).unwrap().events.is_empty());
}
