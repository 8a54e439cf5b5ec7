use super::*;
use crate::{
    scrub::Scrubber,
    tape::{Tape, TapeEvent},
};
use std::{
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

const PATH: &str = "KUBETAPE_TEST_KILLED_TAPE";

/// Does nothing but in the process that the test below starts.
#[test]
fn writes_until_it_is_killed() {
    let Some(path) = env::var_os(PATH) else { return };
    let mut writer = Writer::create(path, &Header { version: 1, ..Header::default() }).unwrap();
    let mut scrubber = Scrubber::new();
    loop {
        let event = Event::Step { step: "x".repeat(300), of: "ü".to_owned() };
        let n = writer.append(Offset::default(), scrubber.clean(event)).unwrap();
        writeln!(std::io::stdout(), "event {n}").unwrap();
    }
}

#[test]
fn a_process_that_is_killed_loses_at_most_the_record_it_was_writing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.ktape");
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "tape::write::tests::writes_until_it_is_killed"])
        .env(PATH, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = lines.map(Result::unwrap).filter(|line| line.starts_with("event ")).take(500);
    let said: u64 = said.last().unwrap().trim_start_matches("event ").parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (tape, error) = Tape::salvage(&path).unwrap();
    assert!(matches!(error, Some(Error::Cut { events, .. }) if events == tape.events.len() as u64));
    assert!(tape.events.len() as u64 >= said, "{} of {said}", tape.events.len());
    assert!(tape.events.iter().enumerate().all(|(at, TapeEvent { n, .. })| *n == at as u64 + 1));
}
