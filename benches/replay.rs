//! What a whole replay test costs, what one of its requests costs, and how much longer a real control plane
//! takes for the same scenario.
//!
//! `cargo bench --bench replay` for release, `cargo bench --bench replay --profile dev` for what `cargo test`
//! pays. With `KUBEBUILDER_ASSETS` the same scenario runs on envtest as well, in the same run.

#[path = "../tests/scenarios/mod.rs"]
mod scenarios;

use kubetape::{Options, tape::Tape};
use scenarios::{echo, echoes};
use std::{
    error::Error,
    fmt::Display,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc::channel,
    time::Duration,
};

const RUNS: usize = 100;
const LIVE: &str = "--live";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == LIVE) {
        return live();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/echo__lives.ktape");
    let requests = requests(&path)?;
    let (load, load_cpu) = measure(|| {
        let _ = Tape::load(&path);
    });
    let (whole, whole_cpu) = measure(|| {
        let _ = kubetape::try_run(options(&path), |world| echoes::life(world, echo::run));
    });
    let each = |whole: Duration, load| whole.saturating_sub(load) / requests;
    let both = |wall, cpu| format!("{wall:.2?} ({cpu:.2?} of processor time)");
    row("requests of one replay", requests)?;
    row("reading the tape", both(load, load_cpu))?;
    row("one whole replay test", both(whole, whole_cpu))?;
    row("cost of a request, without reading the tape", both(each(whole, load), each(whole_cpu, load_cpu)))?;
    row(
        "requests a second, reading the tape included",
        format!("{:.0}", f64::from(requests) / whole.as_secs_f64()),
    )?;
    if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
        return row("the same scenario on envtest", "not run: KUBEBUILDER_ASSETS is not set");
    }
    let envtest = on_envtest()?;
    row("the same scenario on envtest, its start left out", format!("{envtest:.2?}"))?;
    row("ratio", format!("{:.0}", envtest.as_secs_f64() / whole.as_secs_f64()))
}

fn options(tape: &Path) -> Options {
    let options = Options::new("replay::bench", env!("CARGO_MANIFEST_DIR")).crd::<echo::Echo>();
    options.tape(PathBuf::from(tape))
}

/// How many requests one replay serves, the scenario's included.
fn requests(path: &Path) -> Result<u32, Box<dyn Error>> {
    let (sender, count) = channel();
    kubetape::try_run(options(path), move |world| async move {
        echoes::life(world.clone(), echo::run).await;
        // The receiver waits below.
        let _ = sender.send(world.requests().len());
    })
    .map_err(|failure| failure.to_string())?;
    Ok(u32::try_from(count.recv()?)?)
}

/// The median time of one run, and the mean processor time, which other work on the machine does not lengthen.
fn measure(mut work: impl FnMut()) -> (Duration, Duration) {
    let before = processor();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = kubetape::entropy::instant();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[RUNS / 2], (processor() - before) / u32::try_from(RUNS).unwrap_or(1))
}

/// Processor time of this process, in the kernel's ticks of 10 ms; zero where there is no `/proc`.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// The scenario on a real control plane, in a process of its own: the environment chooses the ground.
fn on_envtest() -> Result<Duration, Box<dyn Error>> {
    let child = Command::new(std::env::current_exe()?)
        .arg(LIVE)
        .env("KUBETAPE_CLUSTER", "envtest")
        .env_remove("KUBETAPE_RECORD")
        .output()?;
    let text = String::from_utf8(child.stdout)?;
    let nanos = text.trim().parse().map_err(|_| String::from_utf8_lossy(&child.stderr).into_owned())?;
    Ok(Duration::from_nanos(nanos))
}

/// The second of two runs: the first one starts the control plane.
fn live() -> Result<(), Box<dyn Error>> {
    let mut took = Duration::ZERO;
    for _ in 0..2 {
        let start = kubetape::entropy::instant();
        kubetape::try_run(options(Path::new("")), |world| echoes::life(world, echo::run))
            .map_err(|failure| failure.to_string())?;
        took = start.elapsed();
    }
    writeln!(std::io::stdout(), "{}", took.as_nanos())?;
    Ok(())
}

fn row(what: &str, figure: impl Display) -> Result<(), Box<dyn Error>> {
    writeln!(std::io::stdout(), "{what:<50} {figure}")?;
    Ok(())
}
