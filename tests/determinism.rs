//! The same tape, the same requests: in one process, in threads side by side, in processes of their own.
#![allow(clippy::unwrap_used, reason = "what a test needs is there")]

mod scenarios;

use kubetape::{Options, World};
use scenarios::{echo, echoes, myapp, myapps};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
};

/// Makes a child of this test print the requests of its replays instead of starting children.
const CHILD: &str = "KUBETAPE_TEST_DETERMINISM_CHILD";

#[derive(Clone, Copy, Debug)]
enum Case {
    Echo,
    Concurrent,
    Streaming,
    MyApp,
}

impl Case {
    const ALL: [Case; 4] = [Case::Echo, Case::Concurrent, Case::Streaming, Case::MyApp];

    /// The requests of one replay, as text.
    fn replay(self) -> String {
        let (name, tape) = match self {
            Case::MyApp => ("determinism::myapp", "myapp__lives_bare.ktape"),
            _ => ("determinism::echo", "echo__lives_bare.ktape"),
        };
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings").join(tape);
        let (give, take) = mpsc::channel();
        kubetape::run(
            Options::new(name, env!("CARGO_MANIFEST_DIR")).tape(path),
            async move |world: World| {
                self.play(world.clone()).await;
                give.send(world.requests().join("\n")).unwrap();
            },
        );
        take.recv().unwrap()
    }

    async fn play(self, world: World) {
        match self {
            Case::Echo => echoes::life_bare(world, echo::run).await,
            Case::Concurrent => echoes::life_bare(world, echoes::concurrent).await,
            Case::Streaming => echoes::life_bare(world, echoes::streaming).await,
            Case::MyApp => myapps::life_bare(world, myapp::run_as).await,
        }
    }
}

fn distinct(logs: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    logs.into_iter().collect()
}

#[test]
fn fifty_replays_in_one_process_are_the_same() {
    for case in Case::ALL {
        let runs = if matches!(case, Case::Echo) { 50 } else { 3 };
        let logs = distinct((0..runs).map(|_| case.replay()));
        assert_eq!(logs.len(), 1, "{case:?}");
        assert!(logs.first().unwrap().lines().count() > 20, "{logs:?}");
    }
}

#[test]
fn eight_replays_side_by_side_are_the_same() {
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| Case::Echo.replay())).collect();
    let mut logs = distinct(threads.into_iter().map(|thread| thread.join().unwrap()));
    logs.insert(Case::Echo.replay());
    assert_eq!(logs.len(), 1, "{logs:#?}");
}

#[test]
fn replays_in_twenty_processes_are_the_same() {
    if let Some(path) = std::env::var_os(CHILD) {
        let number: usize = path.to_string_lossy().rsplit('/').next().unwrap().parse().unwrap();
        std::fs::write(path, Case::ALL[number % 4].replay()).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = |number: usize| folder.path().join(number.to_string());
    for first in (0..20).step_by(2) {
        let children = [first, first + 1].map(|number| child(&log(number)));
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    }
    for (index, case) in Case::ALL.into_iter().enumerate() {
        let numbers = (0..20).filter(|number| number % 4 == index);
        let mut logs = distinct(numbers.map(|number| std::fs::read_to_string(log(number)).unwrap()));
        logs.insert(case.replay());
        assert_eq!(logs.len(), 1, "{case:?}: {logs:#?}");
    }
}

fn child(log: &std::path::Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["replays_in_twenty_processes_are_the_same", "--exact", "--nocapture"])
        .env(CHILD, log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
