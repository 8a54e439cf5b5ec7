use super::*;
use crate::scrub::{serve, stand_in};
use http::Method;
use serde_json::json;

const PASSWORD: &str = "S3cr3t-Passw0rd!";

fn info(method: &str, path: &str, content_type: Option<&str>) -> RequestInfo {
    let method: Method = method.parse().unwrap();
    RequestInfo::from_parts(&method, path, "", content_type.map(str::to_owned), false)
}

fn scrub(scrubber: &mut Scrubber, info: &RequestInfo, mut value: Value) -> Value {
    scrubber.open("r", info);
    scrubber.json("r", &mut value);
    scrubber.close("r");
    value
}

fn assert_gone(text: &str) {
    let once = STANDARD.encode(PASSWORD);
    for form in [PASSWORD, &once, &STANDARD.encode(&once)] {
        assert!(!text.contains(form), "{form} in {text}");
    }
}

#[test]
fn secrets_are_redacted_in_every_kind_of_body() {
    let once = STANDARD.encode(PASSWORD);
    let path = "/api/v1/namespaces/a/secrets/db";
    let merge = Some("application/merge-patch+json");
    let object = json!({"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": once}});
    let applied = object.to_string();
    let rows = [
        (info("GET", path, None), object.clone()),
        (
            info("GET", "/api/v1/secrets", None),
            json!({"kind": "SecretList", "items": [{"metadata": {"name": "db"}, "data": {"password": once}}]}),
        ),
        (info("GET", "/api/v1/x", None), json!({"kind": "List", "items": [object]})),
        (info("PATCH", path, merge), json!({"data": {"password": once, "gone": null}})),
        (info("PATCH", path, merge), json!({"stringData": {"password": PASSWORD}})),
        (
            info("PATCH", path, Some("application/apply-patch+yaml")),
            json!({"stringData": {"password": PASSWORD}}),
        ),
        (
            info("PATCH", path, Some("application/json-patch+json")),
            json!([
                {"op": "replace", "path": "/data/password", "value": once},
                {"op": "test", "path": "/data", "value": {"password": once}},
                {"op": "add", "path": "", "value": {"stringData": {"password": PASSWORD}}},
                {"op": "add", "path": "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration", "value": applied},
            ]),
        ),
        (
            info("GET", "/api/v1/configmaps", None),
            json!({"metadata": {"annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": applied, "other": applied}}}),
        ),
    ];
    for (info, value) in rows {
        let clean = scrub(&mut Scrubber::new(), &info, value.clone()).to_string();
        assert_gone(&clean);
        assert!(clean.contains("$secret(db.password)"), "{value} became {clean}");
    }
}

#[test]
fn a_known_value_is_found_again_in_other_bodies() {
    let mut scrubber = Scrubber::new();
    let once = STANDARD.encode(PASSWORD);
    let other = info("GET", "/apis/example.com/v1/webs", None);
    let secret =
        json!({"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": once, "user": "d2Vi"}});
    scrub(&mut scrubber, &info("GET", "/api/v1/namespaces/a/secrets/db", None), secret);
    let clean = scrub(
        &mut scrubber,
        &other,
        json!({
            "metadata": {"name": "web"},
            "url": format!("postgres://u:{PASSWORD}@db"), "once": once, "twice": STANDARD.encode(&once),
            "wrapped": STANDARD.encode(format!("user:{PASSWORD}")), "key": {PASSWORD: 1},
        }),
    );
    assert_gone(&clean.to_string());
    assert_eq!(clean["metadata"]["name"], "web");
    assert_eq!(clean["url"], "postgres://u:$secret(db.password)@db");
    assert_eq!(clean["once"], "$secret.b64(db.password)");
    assert_eq!(clean["twice"], "$secret.b64.b64(db.password)");
    assert_eq!(clean["wrapped"], "$secret.b64(web.wrapped)");
}

#[test]
fn a_stand_in_that_an_operator_copies_becomes_its_symbol_again() {
    let mut scrubber = Scrubber::new();
    let path = info("PUT", "/api/v1/namespaces/a/secrets/copy", None);
    let taped =
        json!({"kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "$secret(db.password)"}});
    let mut served = taped.clone();
    serve(&mut served);
    assert_ne!(served, taped);
    let mut copy = served.clone();
    copy["metadata"]["name"] = json!("copy");
    assert_eq!(scrub(&mut scrubber, &path, copy)["data"], taped["data"]);
    let url = json!({"url": format!("x {}", stand_in("$secret(db.password)"))});
    assert_eq!(scrub(&mut scrubber, &path, url)["url"], "x $secret(db.password)");
}

#[test]
fn tokens_and_kubeconfigs_in_any_text_are_redacted() {
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl";
    let mut scrubber = Scrubber::new();
    let config = format!("clusters: []\nusers:\n- user:\n    token: {PASSWORD}\n");
    let map = json!({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"k": config, "j": jwt}});
    let clean = scrub(&mut scrubber, &info("GET", "/api/v1/configmaps", None), map);
    assert_eq!(clean["data"]["k"], "clusters: []\nusers:\n- user:\n    token: $secret(c.k)\n");
    assert_eq!(clean["data"]["j"], "$secret(c.j)");
    let token =
        json!({"kind": "TokenRequest", "metadata": {"name": "sa"}, "status": {"token": "opaque-token"}});
    let clean =
        scrub(&mut scrubber, &info("POST", "/api/v1/namespaces/a/serviceaccounts/sa/token", None), token);
    assert_eq!(clean["status"]["token"], "$secret(sa.token)");
}

#[test]
fn a_value_that_could_be_a_name_does_not_break_names() {
    let mut scrubber = Scrubber::new();
    let user = json!({"kind": "Secret", "metadata": {"name": "db"}, "stringData": {"user": "postgres"}});
    scrub(&mut scrubber, &info("GET", "/api/v1/namespaces/a/secrets/db", None), user);
    let object = json!({"metadata": {"name": "postgres", "labels": {"app": "postgres"}}, "user": "postgres"});
    let clean = scrub(&mut scrubber, &info("GET", "/api/v1/pods", None), object.clone());
    assert_eq!(clean["metadata"], object["metadata"]);
    assert_eq!(clean["user"], "$secret(db.user)");
}

#[test]
fn a_literal_is_found_in_every_form_and_a_short_one_is_refused() {
    let mut scrubber = Scrubber::new();
    assert!(scrubber.literal("correct-horse", "door"));
    assert!(!scrubber.literal("abc", "short") && !scrubber.literal("          ", "blank"));
    for (text, clean) in [
        ("say correct-horse now", "say $secret(door) now"),
        ("Y29ycmVjdC1ob3JzZQ==", "$secret.b64(door)"),
        ("abc and blank", "abc and blank"),
    ] {
        let mut scrubbed = text.to_owned();
        scrubber.text(&mut scrubbed);
        assert_eq!(scrubbed, clean);
    }
}
