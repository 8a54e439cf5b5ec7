//! Lists that never end, break off, lie, or are too large.

use crate::fake::{Fake, Reply, hasty, list, object, objects, text};
use bytes::Bytes;
use futures::{StreamExt, stream};
use kubetape::gather::{Options, Why};
use serde_json::json;
use std::{io, time::Duration};

/// What is missing of the ConfigMaps, and why.
fn why(capture: &crate::fake::Capture) -> Vec<Why> {
    capture.maps().missing.iter().map(|missing| missing.why).collect()
}

#[tokio::test]
async fn pages_without_an_end_are_read_for_as_long_as_the_timeout() {
    let capture = Fake::maps(|ask| {
        let n: usize = ask.token().map_or(0, |token| token.parse().unwrap());
        Reply::json(&list(&objects(n..n + 1), &(n + 1).to_string()))
    });
    let capture = capture.capture(&hasty(300)).await;
    assert_eq!(why(&capture), [Why::Timeout]);
    assert!(capture.maps().objects > 3 && capture.names().len() as u64 == capture.maps().objects);
    capture.expect_the_rest();
}

#[tokio::test]
async fn a_page_without_an_end_is_read_for_as_long_as_the_timeout() {
    let capture = Fake::maps(|_| {
        let items = stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let comma = if n == 0 { r#"{"kind":"List","items":["# } else { "," };
            Some((io::Result::Ok(Bytes::from(format!("{comma}{}", object(&format!("o-{n}"))))), n + 1))
        });
        Reply::stream(items)
    });
    let capture = capture.capture(&hasty(300)).await;
    assert_eq!(why(&capture), [Why::Timeout]);
    assert!(capture.maps().objects > 3, "what came before is kept");
    capture.expect_the_rest();
}

#[tokio::test]
async fn the_same_token_again_ends_the_list() {
    let capture = Fake::maps(|ask| {
        let from = if ask.token().is_some() { 2 * ask.number } else { 0 };
        Reply::json(&list(&objects(from..from + 2), "again"))
    });
    let capture = capture.capture(&Options::default()).await;
    assert_eq!((why(&capture), capture.asked.of("/api/v1/configmaps")), (vec![Why::Garbled], 2));
    assert_eq!(capture.names(), ["o-0", "o-1", "o-2", "o-3"]);
    capture.expect_the_rest();
}

#[tokio::test]
async fn what_is_no_list_is_named_and_not_asked_again() {
    let bodies =
        ["<html><body>Sign in</body></html>", "[]", "{\"items\":[}", "{\"items\":7}", "{}", "\u{0}\u{1}"];
    for body in bodies {
        let capture = Fake::maps(move |_| Reply::text(body)).capture(&Options::default()).await;
        assert_eq!(why(&capture), [Why::Garbled], "{body}");
        assert_eq!(capture.asked.of("/api/v1/configmaps"), 1, "{body}");
        capture.expect_the_rest();
    }
    let empty = Fake::maps(|_| Reply::text("{\"items\":null}")).capture(&Options::default()).await;
    assert!(empty.maps().missing.is_empty(), "Go writes an empty list so");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_is_read_again_and_nothing_comes_twice() {
    for broken in [true, false] {
        let capture = Fake::maps(move |ask| {
            let text = text(&list(&objects(0..5), ""));
            match ask.number {
                0 | 1 => {
                    let end = text.find("o-2").unwrap() + 10 * ask.number;
                    let reply = Reply::text(&text[..end]);
                    if broken { reply.and_breaks() } else { reply }
                }
                _ => Reply::text(text),
            }
        });
        let capture = capture.capture(&Options::default()).await;
        assert_eq!(capture.names(), ["o-0", "o-1", "o-2", "o-3", "o-4"]);
        let maps = capture.maps();
        assert_eq!((maps.objects, maps.consistent, maps.missing.len()), (5, true, 0));
        assert_eq!(capture.json("run.json")["retries"], 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_page_that_is_another_one_the_second_time_loses_nothing() {
    let capture = Fake::maps(|ask| {
        if ask.number == 0 {
            let text = text(&list(&objects(0..4), ""));
            return Reply::text(&text[..text.find("o-3").unwrap()]).and_breaks();
        }
        // Meanwhile the first one is gone.
        let mut newer = list(&objects(1..5), "");
        newer["metadata"]["resourceVersion"] = json!("9");
        Reply::json(&newer)
    });
    let capture = capture.capture(&Options::default()).await;
    assert_eq!(capture.names(), ["o-0", "o-1", "o-2", "o-3", "o-4"]);
    assert_eq!((capture.maps().objects, capture.maps().consistent), (5, false));
}

#[tokio::test]
async fn an_object_that_comes_twice_is_written_once() {
    let capture = Fake::maps(|_| Reply::json(&list(&[object("a"), object("b"), object("a")], "")));
    let capture = capture.capture(&Options::default()).await;
    assert_eq!((capture.names(), capture.maps().objects), (vec!["a", "b"], 2));
    capture.expect_the_rest();
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_when_it_says_so() {
    let begin = tokio::time::Instant::now();
    let capture = Fake::maps(|ask| match ask.number {
        0 => Reply::refusal(429, "too many requests").retry_after("7"),
        1 => Reply::text("upstream connect error").status(503),
        _ => Reply::json(&list(&objects(0..1), "")),
    });
    let capture = capture.capture(&Options::default()).await;
    assert_eq!((capture.names(), capture.manifest.warnings), (vec!["o-0"], 0));
    assert_eq!(capture.json("run.json")["retries"], 2);
    let took = begin.elapsed();
    assert!(took >= Duration::from_secs(7) && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_busy_is_given_up() {
    for code in [429, 503] {
        let begin = tokio::time::Instant::now();
        let reply = move |_: &crate::fake::Ask| Reply::refusal(code, "come back later").retry_after("86400");
        let capture = Fake::maps(reply).capture(&Options::default()).await;
        assert_eq!(why(&capture), [Why::Unavailable]);
        assert_eq!(capture.maps().missing[0].message, "come back later");
        assert_eq!(capture.asked.of("/api/v1/configmaps"), 5);
        assert!(begin.elapsed() < Duration::from_secs(200), "{:?}", begin.elapsed());
        capture.expect_the_rest();
    }
}

#[tokio::test]
async fn a_forbidden_kind_is_named() {
    let capture = Fake::maps(|_| Reply::refusal(403, "configmaps is forbidden: User \"me\""));
    let capture = capture.capture(&Options::default()).await;
    assert_eq!((why(&capture), capture.asked.of("/api/v1/configmaps")), (vec![Why::Forbidden], 1));
    assert_eq!(capture.maps().missing[0].message, "configmaps is forbidden: User \"me\"");
    capture.expect_the_rest();
}

#[tokio::test]
async fn a_forgotten_version_goes_on_in_the_newer_one() {
    let offering = |offer: bool| {
        Fake::maps(move |ask| match ask.token() {
            None => Reply::json(&list(&objects(0..2), "old")),
            Some("new") => Reply::json(&list(&objects(2..3), "")),
            Some(_) => {
                let metadata = if offer { json!({"continue": "new"}) } else { json!({}) };
                let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "metadata": metadata,
                    "message": "The provided continue parameter is too old"});
                Reply::json(&status).status(410)
            }
        })
    };
    let capture = offering(true).capture(&Options::default()).await;
    assert_eq!((capture.names(), capture.manifest.warnings), (vec!["o-0", "o-1", "o-2"], 0));
    let manifest = capture.json("manifest.json");
    let consistent = |plural: &str| {
        let kinds = manifest["kinds"].as_array().unwrap();
        kinds.iter().find(|kind| kind["plural"] == plural).unwrap()["consistent"].clone()
    };
    assert_eq!((consistent("configmaps"), consistent("pods")), (json!(false), json!(true)));
    let capture = offering(false).capture(&Options::default()).await;
    assert_eq!((capture.names(), why(&capture)), (vec!["o-0", "o-1"], vec![Why::Gone]));
}

/// The most memory that this process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_object_of_a_gigabyte_is_named_and_never_held() {
    static FILLING: [u8; 1 << 20] = [b'x'; 1 << 20];
    let capture = Fake::maps(|_| {
        let begin = r#"{"items":[{"metadata":{"name":"huge","namespace":"shop"},"data":{"a":""#;
        let end = format!(r#""}}}},{}]}}"#, object("small"));
        let middle = stream::iter(0..1024).map(|_| Ok(Bytes::from_static(&FILLING)));
        let begin = stream::iter([io::Result::Ok(Bytes::from_static(begin.as_bytes()))]);
        Reply::stream(begin.chain(middle).chain(stream::iter([Ok(end.into())])))
    });
    let before = peak();
    let capture = capture.capture(&Options { largest: 4 << 20, ..Options::default() }).await;
    let grown = peak() - before;
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
    let missing = &capture.maps().missing;
    assert_eq!((missing[0].why, missing[0].what.as_str()), (Why::TooLarge, "configmaps/shop/huge"));
    assert!(missing[0].message.starts_with("10737418"), "{}", missing[0].message);
    assert_eq!(capture.names(), ["small"]);
    capture.expect_the_rest();
}

#[tokio::test]
async fn items_without_a_name_are_named_as_such() {
    let items = [json!({"spec": {"a": 1}}), object("a"), json!(7), json!({"metadata": {"name": ""}})];
    let capture = Fake::maps(move |_| Reply::json(&list(&items, ""))).capture(&Options::default()).await;
    assert_eq!((capture.names(), why(&capture)), (vec!["a"], vec![Why::Garbled; 3]));
    capture.expect_the_rest();
}

#[tokio::test]
async fn a_stale_group_is_named_in_the_manifest() {
    let groups = json!({"kind": "APIGroupDiscoveryList", "items": [
        {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]}]});
    let capture = Fake::new().json("/apis", groups).capture(&Options::default()).await;
    let other: Vec<_> = capture.manifest.other.iter().map(|m| (m.what.as_str(), m.why)).collect();
    assert_eq!(other, [("discovery metrics.k8s.io/v1beta1", Why::Unavailable)]);
    assert_eq!(capture.manifest.warnings, 1);
    capture.expect_the_rest();
}

#[tokio::test(start_paused = true)]
async fn a_server_with_legacy_discovery_is_captured_as_well() {
    let resource =
        |name: &str, kind: &str| json!({"name": name, "kind": kind, "namespaced": true, "verbs": ["list"]});
    let core = json!({"groupVersion": "v1", "resources": [resource("configmaps", "ConfigMap"), resource("pods", "Pod"),
        resource("pods/status", "Pod")]});
    let shop = json!({"groupVersion": "shop.io/v2", "resources": [resource("carts", "Cart")]});
    let group = |name: &str, version: &str| {
        json!({"name": name, "versions": [{"groupVersion": format!("{name}/v1")}, {"groupVersion": format!("{name}/v2")}],
            "preferredVersion": {"groupVersion": format!("{name}/{version}")}})
    };
    let broken = json!({"name": "broken.io", "versions": [{"groupVersion": "broken.io/v1"}]});
    let capture = Fake::maps(|_| Reply::json(&list(&objects(0..1), "")))
        .json("/api", json!({"kind": "APIVersions", "versions": ["v1"]}))
        .json("/apis", json!({"kind": "APIGroupList", "groups": [group("shop.io", "v2"), broken]}))
        .json("/api/v1", core)
        .json(
            "/apis/shop.io/v1",
            json!({"groupVersion": "shop.io/v1", "resources": [resource("carts", "Cart")]}),
        )
        .json("/apis/shop.io/v2", shop)
        .on("/apis/broken.io/v1", |_| Reply::refusal(503, "the service behind it is not there"))
        .json("/apis/shop.io/v2/carts", list(&[object("cart")], ""));
    let capture = capture.capture(&Options::default()).await;
    assert_eq!(capture.names(), ["o-0"]);
    assert!(capture.files.contains_key("namespaces/shop/shop.io/carts/cart.yaml"), "the preferred version");
    for file in ["api.json", "apis.json", "api/v1.json", "apis/shop.io/v2.json"] {
        assert!(capture.files.contains_key(&format!("discovery/legacy/{file}")), "{file}");
    }
    let other: Vec<_> = capture.manifest.other.iter().map(|m| m.what.as_str()).collect();
    assert_eq!(other, ["discovery apis/broken.io/v1"]);
}
