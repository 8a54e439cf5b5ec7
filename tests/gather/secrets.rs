//! Secrets that stand everywhere, and in no file.

use crate::fake::{Fake, Reply, files, list};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::stream;
use kubetape::gather::{Logs, Options};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, path::Path};

/// The values of Secrets, and one that only the user knows of.
const PLANTED: [&str; 3] =
    ["planted-Pa55-quite-long", "planted \"quoted\" \\ and / more", "planted-literal-9000"];

/// A value in all the forms in which it stands in the cluster.
fn forms(plain: &str) -> Vec<String> {
    let once = STANDARD.encode(plain);
    let quoted = json!(plain).to_string();
    let twice_quoted = json!(json!({"password": plain}).to_string()).to_string();
    vec![
        STANDARD.encode(&once),
        once,
        quoted[1..quoted.len() - 1].to_owned(),
        twice_quoted[1..twice_quoted.len() - 1].to_owned(),
        plain.to_owned(),
    ]
}

fn meta(name: &str) -> Value {
    json!({"name": name, "namespace": "shop"})
}

fn maps() -> Vec<Value> {
    let planted = PLANTED.iter().enumerate().map(|(n, plain)| {
        let inner =
            json!({"url": format!("postgres://user:{plain}@db"), "deep": {"list": [plain]}}).to_string();
        let mut metadata = meta(&format!("map-{n}"));
        metadata["annotations"] = json!({"note": format!("it is {plain}"),
            "kubectl.kubernetes.io/last-applied-configuration": inner});
        let forms = forms(plain);
        json!({"metadata": metadata, "data": {"forms": forms.join("\n"), "plain": plain, "json": inner,
            "nested": json!({"json": inner}).to_string(), "once": forms[1], "twice": forms[0]}})
    });
    planted.collect()
}

/// Lines with secrets, in chunks that end inside them, and one line of a megabyte.
fn log() -> Vec<u8> {
    let mut text = String::new();
    for plain in PLANTED {
        text += &format!("connecting with {plain} now\n{{\"password\":{}}}\n", json!(plain));
    }
    let mut long = String::new();
    while long.len() < 1 << 20 {
        long += &format!("filling é {} filling ", PLANTED[0]);
    }
    (text + &long + "\nthe end\n").into_bytes()
}

fn server() -> Fake {
    let encoded = |plain: &str| STANDARD.encode(plain);
    let secrets = [
        json!({"metadata": meta("db"), "data": {"password": encoded(PLANTED[0])}}),
        json!({"metadata": meta("odd"), "data": {"password": encoded(PLANTED[1])}}),
    ];
    let container = json!({"name": "main", "env": [{"name": "PASSWORD", "value": PLANTED[0]}]});
    let pod = json!({"metadata": meta("web"), "spec": {"containers": [container]},
        "status": {"message": format!("cannot log in with {}", PLANTED[0]),
            "containerStatuses": [{"name": "main", "state": {"running": {}}}]}});
    let table = json!({"kind": "Table", "metadata": {}, "columnDefinitions": [{"name": "Name"}, {"name": "Note"}],
        "rows": [{"cells": ["web", format!("uses {}", PLANTED[0])], "object": pod}]});
    let openapi = json!({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=1"}}});
    Fake::new()
        .json("/api/v1/secrets", list(&secrets, ""))
        .json("/api/v1/configmaps", list(&maps(), ""))
        .json("/api/v1/pods", table)
        .json("/openapi/v3", openapi)
        .on("/openapi/v3/api/v1", |_| Reply::refusal(403, &format!("no entry with {}", PLANTED[0])))
        .on("/api/v1/namespaces/shop/pods/web/log", |_| {
            let chunks: Vec<_> =
                log().chunks(997).map(|chunk| io::Result::Ok(Bytes::from(chunk.to_vec()))).collect();
            Reply::stream(stream::iter(chunks))
        })
}

fn options() -> Options {
    Options {
        logs: Logs::All,
        literals: vec![(PLANTED[2].to_owned(), "literal".to_owned())],
        ..Options::default()
    }
}

/// Where planted values stand.
fn leaks(files: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        for form in PLANTED.iter().flat_map(|plain| forms(plain)) {
            if text.contains(&form) {
                found.push(format!("{path}: {form}"));
            }
        }
    }
    found
}

#[cfg(feature = "archive")]
pub(crate) fn unpacked(place: &Path) -> BTreeMap<String, Vec<u8>> {
    use std::io::Read;
    let file = || std::fs::File::open(place).unwrap();
    let name = place.to_str().unwrap();
    if name.ends_with(".zip") {
        let mut archive = zip::ZipArchive::new(file()).unwrap();
        let read = |n| {
            let mut entry = archive.by_index(n).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert_eq!((entry.unix_mode().unwrap() & 0o777, entry.size()), (0o600, bytes.len() as u64));
            (entry.name().to_owned(), bytes)
        };
        return (0..zip::ZipArchive::new(file()).unwrap().len()).map(read).collect();
    }
    let reader: Box<dyn Read> = match name.ends_with(".gz") {
        true => Box::new(flate2::read::GzDecoder::new(file())),
        false => Box::new(zstd::Decoder::new(file()).unwrap()),
    };
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(reader).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        assert!(found.insert(path, bytes).is_none(), "a file comes twice");
    }
    found
}

async fn captured(place: &Path, options: &Options) -> BTreeMap<String, Vec<u8>> {
    server().into(options, place, false).await.0.unwrap();
    #[cfg(feature = "archive")]
    if place.is_file() {
        return unpacked(place);
    }
    files(place)
}

#[tokio::test]
async fn no_file_of_a_capture_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let plain = captured(&folder.path().join("plain"), &options()).await;
    assert_eq!(leaks(&plain), Vec::<String>::new());
    let text = |path: &str| String::from_utf8(plain[path].clone()).unwrap();
    let symbol = "$secret(db.password)";
    for (path, hidden) in [
        ("namespaces/shop/core/configmaps/map-0.yaml", "postgres://user:"),
        ("namespaces/shop/core/pods/web.yaml", "cannot log in with "),
        ("namespaces/shop/pods/web/main/main/logs/current.log", "connecting with "),
        ("tables/core/pods.jsonl", "uses "),
        ("manifest.json", "no entry with "),
    ] {
        assert!(text(path).contains(&format!("{hidden}{symbol}")), "{path}:\n{}", text(path));
    }
    assert!(text("namespaces/shop/core/configmaps/map-2.yaml").contains("$secret(literal"));
    let log = text("namespaces/shop/pods/web/main/main/logs/current.log");
    let expected = String::from_utf8(self::log()).unwrap();
    let fillings = |text: &str| text.matches(" filling é ").count();
    assert_eq!(fillings(&log), fillings(&expected), "nothing but secrets is lost");
    assert!(log.ends_with("\nthe end\n") && !log.contains('\u{fffd}'));
    #[cfg(feature = "archive")]
    for ending in ["tar.zst", "tar.gz", "zip"] {
        let mut packed = captured(&folder.path().join(format!("packed.{ending}")), &options()).await;
        packed.insert("run.json".into(), plain["run.json"].clone());
        assert!(packed == plain, "{ending} holds the same files as the directory");
    }
}

#[tokio::test]
async fn secrets_are_kept_on_demand_and_the_manifest_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let kept = captured(&folder.path().join("kept"), &Options { include_secrets: true, ..options() }).await;
    let leaks = leaks(&kept);
    for place in ["configmaps/map-1.yaml", "secrets/db.yaml", "current.log", "pods.jsonl", "manifest.json"] {
        assert!(
            leaks.iter().any(|leak| leak.contains(place)),
            "{place} is no place for a secret, and proves nothing"
        );
    }
    let manifest: Value = serde_json::from_slice(&kept["manifest.json"]).unwrap();
    assert_eq!(manifest["asked"]["secrets"], "included");
}
