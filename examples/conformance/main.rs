//! Asks a server over HTTP what a real kube-apiserver was recorded to answer, and says where it differs.
//!
//! ```text
//! cargo build -p kubetape-cli && cargo run --example conformance -- vectors
//! cargo run --example conformance -- transcripts --server https://127.0.0.1:6443 --token secret FILE…
//! ```
//!
//! Without `--server` each vector and transcript gets a `kubetape sim` of its own. Another server is emptied of
//! what was made on it, so it is one for tests. `--only a,b` picks some.
#![allow(clippy::print_stdout, reason = "this program is its output")]
#![allow(dead_code, reason = "the judge is the test's, which uses all of it")]

#[path = "../../tests/conformance/judge/mod.rs"]
mod judge;
mod remote;
mod spawned;

use anyhow::{Context, Result, bail};
use judge::{
    chance::Chance,
    server::Ground,
    transcripts::Transcript,
    vectors::{Outcome, Vectors},
};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What is asked for.
#[derive(Default)]
struct Args {
    what: String,
    server: Option<String>,
    controllers: Option<String>,
    token: String,
    kubetape: Option<PathBuf>,
    only: Vec<String>,
    files: Vec<PathBuf>,
}

impl Args {
    fn parse() -> Result<Self> {
        let mut words = std::env::args().skip(1);
        let mut args = Self { what: words.next().unwrap_or_default(), ..Self::default() };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--server" => args.server = Some(value()?),
                "--controllers-server" => args.controllers = Some(value()?),
                "--token" => args.token = value()?,
                "--kubetape" => args.kubetape = Some(value()?.into()),
                "--only" => args.only = value()?.split(',').map(str::to_owned).collect(),
                _ if word.starts_with('-') => bail!("there is no option {word}"),
                _ => args.files.push(word.into()),
            }
        }
        Ok(args)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn ground(&self) -> Result<Box<dyn Ground>> {
        if self.server.is_some() || self.controllers.is_some() {
            let (plain, controllers) = (self.server.as_deref(), self.controllers.as_deref());
            return Ok(Box::new(remote::Remote::new(plain, controllers, &self.token)?));
        }
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debug/kubetape");
        Ok(Box::new(spawned::Spawned::new(self.kubetape.clone().unwrap_or_else(own))?))
    }
}

/// How many of each.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    fn take(&mut self, name: &str, outcome: Outcome) {
        match outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(differences) => {
                self.failed += 1;
                for difference in differences {
                    println!("FAIL {name}: {}", difference.chars().take(2000).collect::<String>());
                }
            }
            Outcome::Skipped(reason) => {
                self.skipped += 1;
                println!("SKIP {name}: {reason}");
            }
        }
    }
}

fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/conformance")
}

async fn vectors(args: &Args, ground: &dyn Ground, tally: &mut Tally) -> Result<()> {
    let own = [recordings().join("vectors.jsonl")];
    for file in if args.files.is_empty() { &own } else { args.files.as_slice() } {
        let vectors = Vectors::load(file).map_err(anyhow::Error::msg)?;
        for vector in &vectors.all {
            let name = vector["id"].as_str().unwrap_or_default();
            if args.wants(name) {
                tally.take(name, vectors.run(vector, ground).await);
            }
        }
    }
    Ok(())
}

async fn transcripts(args: &Args, ground: &dyn Ground, tally: &mut Tally) -> Result<()> {
    let chance = Chance::load(&recordings().join("chance.json")).map_err(anyhow::Error::msg)?;
    let mut files = args.files.clone();
    if files.is_empty() {
        let entries = std::fs::read_dir(recordings().join("transcripts"))?;
        files = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
    }
    for file in files {
        let transcript = Transcript::load(&file).map_err(anyhow::Error::msg)?;
        if !args.wants(&transcript.name) {
            continue;
        }
        let outcome = match transcript.play(ground, &chance).await {
            Ok(differences) if differences.is_empty() => Outcome::Passed,
            Ok(differences) => Outcome::Failed(differences),
            Err(reason) => Outcome::Skipped(reason),
        };
        tally.take(&transcript.name, outcome);
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let args = Args::parse()?;
    let (ground, mut tally) = (args.ground()?, Tally::default());
    match args.what.as_str() {
        "vectors" => vectors(&args, ground.as_ref(), &mut tally).await?,
        "transcripts" => transcripts(&args, ground.as_ref(), &mut tally).await?,
        other => bail!("there is no {other:?}; say vectors or transcripts"),
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
