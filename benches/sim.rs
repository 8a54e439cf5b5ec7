//! What the simulated cluster costs: a request of each kind at the service, bytes in to bytes out, with few objects
//! and with many; watchers; memory; a start; a whole operator test; an idle hour.
//!
//! All times are processor time, which other work on the machine does not lengthen; only the comparison with a real
//! server is in wall time. `cargo bench --bench sim`; `--profile dev` for what `cargo test` pays. With `KUBEBUILDER_ASSETS` the requests are
//! also sent to a real etcd and kube-apiserver over HTTP, in the same run.

#[path = "../tests/scenarios/mod.rs"]
mod scenarios;

#[path = "sim/real.rs"]
mod real;

use http_body_util::BodyExt;
use kubetape::{
    Options,
    sim::{self, Sim},
    wire::Request,
};
use scenarios::{echo, echoes};
use std::{error::Error, fmt::Display, hint::black_box, io::Write, time::Duration};
use tower::ServiceExt;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == "--whole") {
        row("one whole operator test (echo, from creation to deletion)", per_run(|| whole(true)))?;
        return row("an hour of an idle operator", per_run(|| whole(false)));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    row("start of an empty server", format!("{:.2?}", median(101, || drop(black_box(server())))))?;
    for objects in [100, 10_000, 100_000] {
        runtime.block_on(requests(objects))?;
    }
    runtime.block_on(watchers())?;
    row("one whole operator test (echo, from creation to deletion)", per_run(|| whole(true)))?;
    row("an hour of an idle operator", per_run(|| whole(false)))?;
    match std::env::var_os("KUBEBUILDER_ASSETS") {
        Some(_) => real::requests(),
        None => row("the same requests on a real API server", "not run: KUBEBUILDER_ASSETS is not set"),
    }
}

fn server() -> Sim {
    Sim::new(sim::Options { controllers: Vec::new(), ..sim::Options::default() })
}

/// A ConfigMap of one kilobyte.
fn map(name: &str, value: usize) -> String {
    let filler = "x".repeat(760);
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","labels":{{"app":"bench"}}}},"data":{{"value":"{value}","filler":"{filler}"}}}}"#
    )
}

/// One exchange: the bytes of the request in, the bytes of the answer out.
async fn ask(sim: &Sim, method: &str, path: &str, media: &str, body: String) -> usize {
    let request = http::Request::builder().method(method).uri(path).header("content-type", media);
    let request: Request = request.body(body.into_bytes().into()).expect("a request that is well-formed");
    let Ok(response) = sim.clone().oneshot(request).await;
    assert!(response.status().is_success(), "{method} {path}: {}", response.status());
    response.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or_default()
}

async fn requests(objects: usize) -> Result<(), Box<dyn Error>> {
    let before = resident();
    let sim = server();
    let mut held = 0;
    for number in 0..objects {
        held += ask(&sim, "POST", MAPS, JSON, map(&format!("o-{number:06}"), 0)).await;
    }
    let memory = resident().saturating_sub(before);
    if objects >= 10_000 {
        row(
            &format!("memory for {objects} objects, for each byte of their JSON"),
            format!("{:.1}", memory as f64 / held as f64),
        )?;
    }
    let rounds = 5_000;
    let name = |number: usize| format!("{MAPS}/o-{:06}", (number * 7919) % objects);
    let report = async |what: &str, work: &dyn Fn(usize) -> (String, String, &'static str, String)| {
        let start = processor();
        for number in 0..rounds {
            let (method, path, media, body) = work(number);
            black_box(ask(&sim, &method, &path, media, body).await);
        }
        let each = (processor() - start) / rounds as u32;
        row(
            &format!("{what} with {objects} objects"),
            format!("{each:.2?} = {:.0} a second", 1.0 / each.as_secs_f64()),
        )
    };
    report("get", &|n| ("GET".into(), name(n), JSON, String::new())).await?;
    report("merge patch", &|n| {
        ("PATCH".into(), name(n), MERGE, format!(r#"{{"data":{{"value":"{}"}}}}"#, n + 1))
    })
    .await?;
    report("update", &|n| {
        let body = map(&format!("o-{:06}", (n * 7919) % objects), n + 7);
        ("PUT".into(), name(n), JSON, body)
    })
    .await?;
    report("apply", &|n| {
        let path = format!("{MAPS}/s-{:02}?fieldManager=bench", n % 50);
        ("PATCH".into(), path, APPLY, map(&format!("s-{:02}", n % 50), n))
    })
    .await?;
    report("create", &|n| ("POST".into(), MAPS.into(), JSON, map(&format!("c-{n:06}"), n))).await?;
    report("delete", &|n| ("DELETE".into(), format!("{MAPS}/c-{n:06}"), JSON, String::new())).await?;
    let start = processor();
    let bytes = ask(&sim, "GET", MAPS, JSON, String::new()).await;
    let took = processor() - start;
    row(
        &format!("list of all {objects} objects"),
        format!("{took:.2?}, {:.0} MB a second", bytes as f64 / 1e6 / took.as_secs_f64()),
    )
}

/// A thousand watchers of one kind hear of each change.
async fn watchers() -> Result<(), Box<dyn Error>> {
    let sim = server();
    ask(&sim, "POST", MAPS, JSON, map("watched", 0)).await;
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let uri = format!("{MAPS}?watch=true&resourceVersion={}", sim.revision());
        let request: Request =
            http::Request::builder().uri(uri).body(Vec::new().into()).expect("a request that is well-formed");
        let Ok(response) = sim.clone().oneshot(request).await;
        streams.push(response.into_body());
    }
    let changes = 100;
    let start = processor();
    for change in 1..=changes {
        let body = format!(r#"{{"data":{{"value":"{change}"}}}}"#);
        ask(&sim, "PATCH", &format!("{MAPS}/watched"), MERGE, body).await;
        for stream in &mut streams {
            black_box(stream.frame().await);
        }
    }
    let each = (processor() - start) / (changes * 1_000);
    row("an event to one of a thousand watchers", format!("{each:.2?}"))
}

/// The echo operator from creation to deletion, or an hour of it with nothing to do.
fn whole(lives: bool) {
    let options = Options::new("sim::bench", env!("CARGO_MANIFEST_DIR")).crd::<echo::Echo>().on_sim();
    let done = kubetape::try_run(options, move |world| async move {
        if lives {
            echoes::life(world, echo::run).await;
            return;
        }
        world.run(echo::run);
        world.create(echo::Echo::new("hello", echo::EchoSpec { replicas: 2 })).await;
        world.until("hello", echoes::ready(2)).await;
        world.advance(Duration::from_secs(3600)).await;
    });
    assert!(done.is_ok(), "{done:?}");
}

/// The mean of many runs, on threads that are gone afterwards: by the kernel's ticks of 10 ms.
fn per_run(work: impl Fn()) -> String {
    const RUNS: u32 = 50;
    let before = ticks();
    (0..RUNS).for_each(|_| work());
    format!("{:.2?}", (ticks() - before) / RUNS)
}

fn ticks() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn median(runs: usize, mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = processor();
            work();
            processor() - start
        })
        .collect();
    times.sort();
    times[runs / 2]
}

/// Processor time of all threads of this process so far.
fn processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum::<u64>())
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

pub(crate) fn row(what: &str, value: impl Display) -> Result<(), Box<dyn Error>> {
    Ok(writeln!(std::io::stdout(), "{what:<60} {value}")?)
}
