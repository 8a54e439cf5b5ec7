//! The judge itself, shown red: a server that changes one answer is found out.

use super::judge::{
    chance::Chance,
    server::{Door, Ground, Kind, Server},
    transcripts::Transcript,
    vectors::{Outcome, Vectors},
};
use super::{InProcess, recordings};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use http_body_util::BodyExt;
use kubetape::wire::{Body, Response};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What is done to one answer.
#[derive(Clone, Copy)]
enum Change {
    Nothing,
    Status,
    /// A value of the body, chosen by a number, is changed, left out or added to.
    Body(usize),
    Frame,
}

/// A ground whose answer of a given number is changed.
struct Tampering {
    number: usize,
    change: Change,
    asked: Arc<AtomicUsize>,
}

impl Tampering {
    fn new(number: usize, change: Change) -> Self {
        Self { number, change, asked: Arc::default() }
    }
}

impl Ground for Tampering {
    fn fresh(&self, kind: Kind) -> BoxFuture<'_, Result<Server, String>> {
        async move {
            let mut server = InProcess.fresh(kind).await?;
            let (door, asked, number, change) = (server.door, self.asked.clone(), self.number, self.change);
            let tampered: Door = Arc::new(move |request| {
                let (door, asked) = (door.clone(), asked.clone());
                async move {
                    let watch = request.uri().to_string().contains("watch=true");
                    let response = door(request).await?;
                    let own = asked.fetch_add(1, Ordering::Relaxed) == number;
                    match change {
                        Change::Frame if watch => Ok(renamed(response)),
                        Change::Status | Change::Body(_) if own => Ok(changed(response, change).await),
                        _ => Ok(response),
                    }
                }
                .boxed()
            });
            server.door = tampered;
            Ok(server)
        }
        .boxed()
    }
}

fn renamed(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let chunks = body.into_data_stream().map(|chunk| {
        let text = String::from_utf8_lossy(&chunk?).replace("\"MODIFIED\"", "\"ADDED\"");
        Ok(text.into())
    });
    Response::from_parts(parts, Body::stream(chunks))
}

async fn changed(response: Response, change: Change) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Change::Body(spot) = change {
        let bytes = body.collect().await.unwrap().to_bytes();
        let Ok(mut tree) = serde_json::from_slice::<Value>(&bytes) else {
            return Response::from_parts(parts, Body::full("changed"));
        };
        let spots = count(&tree);
        mutate(&mut tree, spot % spots, spot);
        return Response::from_parts(parts, Body::full(tree.to_string()));
    }
    parts.status = http::StatusCode::IM_A_TEAPOT;
    Response::from_parts(parts, body)
}

/// How many values a tree has.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the value of a number, in one of three ways.
fn mutate(tree: &mut Value, spot: usize, how: usize) {
    if spot == 0 {
        match tree {
            Value::Object(map) if how.is_multiple_of(2) => drop(map.insert("zzz".to_owned(), json!(1))),
            Value::Array(items) if how.is_multiple_of(2) => items.push(json!("zzz")),
            Value::String(text) => text.push('x'),
            Value::Bool(value) => *value = !*value,
            Value::Number(number) => *tree = json!(number.as_f64().unwrap_or(0.0) + 1.0),
            Value::Null => *tree = json!({}),
            _ => *tree = Value::Null,
        }
        return;
    }
    let children: Vec<&mut Value> = match tree {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    let mut left = spot - 1;
    for child in children {
        let size = count(child);
        if left < size {
            return mutate(child, left, how);
        }
        left -= size;
    }
}

fn transcript(name: &str) -> Transcript {
    Transcript::load(&recordings().join(format!("transcripts/{name}.jsonl"))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_in_any_answer_of_a_transcript_is_seen() {
    let chance = Chance::default();
    for name in ["ssa-two-managers", "generate-name-locks", "finalizer-lifecycle"] {
        let transcript = transcript(name);
        let untouched = Tampering::new(0, Change::Nothing);
        assert_eq!(transcript.play(&untouched, &chance).await.unwrap(), [""; 0], "{name}");
        let asked = untouched.asked.load(Ordering::Relaxed);
        for number in 0..asked.min(24) {
            // Only requests of the transcript are judged, not those of the player in between.
            let change = Change::Body(number * 31 + 7);
            let ground = Tampering::new(number, change);
            let found = transcript.play(&ground, &chance).await.unwrap();
            let late = ground.asked.load(Ordering::Relaxed) > asked;
            assert!(!found.is_empty() || late, "{name}: a change in answer {number} was not seen");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_changed_frame_of_a_watch_is_seen() {
    let (transcript, chance) = (transcript("finalizer-lifecycle"), Chance::default());
    let found = transcript.play(&Tampering::new(0, Change::Frame), &chance).await.unwrap();
    assert!(found.iter().any(|line| line.contains("WATCH") && line.contains("frame.type")), "{found:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_status_fails_a_vector() {
    let vectors = Vectors::load(&recordings().join("vectors.jsonl")).unwrap();
    for vector in vectors.all.iter().step_by(13).filter(|vector| vector["expect"].get("status").is_some()) {
        let untouched = Tampering::new(0, Change::Nothing);
        if !matches!(vectors.run(vector, &untouched).await, Outcome::Passed) {
            continue;
        }
        let last = untouched.asked.load(Ordering::Relaxed) - 1;
        let outcome = vectors.run(vector, &Tampering::new(last, Change::Status)).await;
        let repeated = vector["expect"]["eventually"] == true;
        assert!(matches!(outcome, Outcome::Failed(_)) || repeated, "{}: {outcome:?}", vector["id"]);
    }
}
