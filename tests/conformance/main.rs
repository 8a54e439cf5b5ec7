//! What a real kube-apiserver was recorded to answer, and what the simulated cluster answers.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod judge;
mod tamper;

use futures::FutureExt;
use judge::{
    chance::Chance,
    server::{Door, Ground, Kind, Server},
    transcripts::Transcript,
    vectors::{Outcome, Vectors},
};
use kubetape::sim::{CONTROLLERS, Options, Sim};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tower::ServiceExt;

/// When the schedule was recorded: the names of its jobs are those of the minutes.
const BASE: &str = "2026-11-21T22:03:35Z";

/// Simulated clusters in this process.
struct InProcess;

impl Ground for InProcess {
    fn fresh(&self, kind: Kind) -> futures::future::BoxFuture<'_, Result<Server, String>> {
        let token = |name: &str| (format!("{name}-token"), name.to_owned());
        let played = |name: &&&str| **name != "pod";
        let controllers = CONTROLLERS.iter().filter(played).map(|name| (*name).to_owned());
        let sim = Sim::new(Options {
            base: Some(BASE.parse().unwrap()),
            tokens: BTreeMap::from([token("admin"), token("u"), token("jane")]),
            disabled_admission: if kind.accounts { Vec::new() } else { vec!["ServiceAccount".to_owned()] },
            controllers: if kind.controllers { controllers.collect() } else { Vec::new() },
            ..Options::default()
        });
        let asked = sim.clone();
        let door: Door = Arc::new(move |request| {
            let sim = asked.clone();
            async move { Ok(sim.oneshot(request).await?) }.boxed()
        });
        let server = Server {
            door,
            began: tokio::time::Instant::now(),
            epoch: judge::volatile::seconds(BASE),
            admin: "admin-token".to_owned(),
            poor: Some("u-token".to_owned()),
            other: Some("jane-token".to_owned()),
            compact: Some(Arc::new(move || sim.compact())),
        };
        async { Ok(server) }.boxed()
    }
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/conformance")
}

/// What is expected to be different, with the reasons.
fn expected(part: &str) -> BTreeMap<String, String> {
    let list: Value =
        serde_json::from_str(&fs::read_to_string(recordings().join("expected.json")).unwrap()).unwrap();
    let groups = list[part].as_array().unwrap().iter();
    groups
        .flat_map(|group| {
            let reason = group["reason"].as_str().unwrap().to_owned();
            assert!(!reason.is_empty());
            let names =
                group["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
            names.map(|name| (name, reason.clone())).collect::<Vec<_>>()
        })
        .collect()
}

/// All that is different in the ones of `SHOW=NAME,NAME cargo test --test conformance`, listed or not.
fn shown(outcomes: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let wanted = std::env::var("SHOW").unwrap_or_default();
    let own = wanted.split(',').filter_map(|name| Some((name, outcomes.get(name)?)));
    let lines = own.flat_map(|(name, lines)| lines.iter().map(move |line| format!("{name}: {line}")));
    lines.map(|line| line.chars().take(1500).collect()).collect()
}

/// Says where the list and the truth differ, in both directions.
fn compare(part: &str, mut outcomes: BTreeMap<String, Vec<String>>) {
    let expected = expected(part);
    let mut wrong = shown(&outcomes);
    for name in expected.keys() {
        match outcomes.remove(name) {
            None => wrong.push(format!("{name}: listed in expected.json, but there is no such one")),
            Some(differences) if differences.is_empty() => {
                wrong.push(format!("{name}: passes now; take it out of expected.json"));
            }
            Some(_) => {}
        }
    }
    for (name, differences) in outcomes {
        let shown = differences.iter().take(8);
        wrong.extend(
            shown.map(|difference| format!("{name}: {}", difference.chars().take(1200).collect::<String>())),
        );
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn every_vector_is_answered_as_a_real_server_answers_it_but_the_listed_ones() {
    let vectors = Vectors::load(&recordings().join("vectors.jsonl")).unwrap();
    let mut outcomes = BTreeMap::new();
    for vector in &vectors.all {
        let differences = match vectors.run(vector, &InProcess).await {
            Outcome::Passed => Vec::new(),
            Outcome::Failed(differences) => differences,
            Outcome::Skipped(reason) => vec![reason],
        };
        outcomes.insert(vector["id"].as_str().unwrap().to_owned(), differences);
    }
    compare("vectors", outcomes);
}

#[tokio::test(start_paused = true)]
async fn every_transcript_plays_as_it_was_recorded_but_the_listed_ones() {
    let chance = Chance::load(&recordings().join("chance.json")).unwrap();
    let mut outcomes = BTreeMap::new();
    let mut files: Vec<PathBuf> =
        fs::read_dir(recordings().join("transcripts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let transcript = Transcript::load(&file).unwrap();
        let differences = transcript.play(&InProcess, &chance).await.unwrap_or_else(|reason| vec![reason]);
        outcomes.insert(transcript.name.clone(), differences);
    }
    compare("transcripts", outcomes);
}
