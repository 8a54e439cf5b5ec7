//! Operators that do the same as those of the scenarios in another way, and operators with one mistake each.
//!
//! The equivalents must be green on every tape, the mutants red on every tape that shows their mistake. Most
//! are a thin layer around the operator's client, so that one works for every operator.
#![allow(unreachable_pub, reason = "one binary uses all of it")]

mod equivalents;
mod layer;
mod mutants;

pub use equivalents::EQUIVALENTS;
pub use layer::{Layer, through};
pub use mutants::MUTANTS;

use crate::scenarios::{book, books, echo, echoes, myapp, myapps};
use kube::{
    Client,
    runtime::{controller, watcher},
};
use kubetape::{Options, World};
use std::{path::Path, time::Duration};

/// One way to run the operators of a scenario.
pub struct Variant {
    /// Its name in tables.
    pub name: &'static str,
    /// The scenarios that show it, by operator.
    pub shown_by: &'static [&'static str],
    /// What the text of a divergence has to name, one of them.
    pub names: &'static [&'static str],
    /// The layer of one incarnation of an operator.
    pub layer: fn() -> Layer,
    /// Other settings of the controller.
    pub setup: Setup,
}

/// Settings that a controller takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub concurrency: u16,
    pub streaming_lists: bool,
    pub requeue: Option<Duration>,
}

impl Setup {
    fn watch(self) -> watcher::Config {
        let config = watcher::Config::default();
        if self.streaming_lists { config.streaming_lists() } else { config }
    }

    fn queue(self) -> controller::Config {
        controller::Config::default().concurrency(self.concurrency)
    }
}

/// All scenarios, as `operator__scenario`.
pub const SCENARIOS: [&str; 6] = [
    "book__shelf",
    "book__shelf_bare",
    "echo__lives",
    "echo__lives_bare",
    "myapp__lives",
    "myapp__lives_bare",
];

/// The operator of a scenario.
pub fn operator(scenario: &str) -> &str {
    scenario.split("__").next().unwrap_or(scenario)
}

/// The unchanged operators.
pub const UNCHANGED: Variant =
    Variant { name: "unchanged", shown_by: &[], names: &[], layer: layer::none, setup: SAME };

/// The settings of the unchanged operators.
pub const SAME: Setup = Setup { concurrency: 0, streaming_lists: false, requeue: None };

/// Replays `tape` with this variant of the scenario's operator.
///
/// # Panics
/// As [`kubetape::run`].
pub fn replay(scenario: &str, tape: &Path, seed: u64, variant: &Variant) {
    let name = format!("trust::{scenario}");
    let options = Options::new(&name, env!("CARGO_MANIFEST_DIR")).tape(tape).seed(seed);
    let (layer, setup) = (variant.layer, variant.setup);
    kubetape::run(options, async move |world: World| match scenario_of(&name) {
        "book__shelf" | "book__shelf_bare" => books::shelf(world, move |c| run_book(c, layer, setup)).await,
        "echo__lives" => echoes::life(world, move |c| run_echo(c, layer, setup)).await,
        "echo__lives_bare" => echoes::life_bare(world, move |c| run_echo(c, layer, setup)).await,
        "myapp__lives" => myapps::life(world, move |c, id| run_myapp(c, id, layer, setup)).await,
        "myapp__lives_bare" => myapps::life_bare(world, move |c, id| run_myapp(c, id, layer, setup)).await,
        other => panic!("there is no scenario {other}"),
    });
}

fn scenario_of(name: &str) -> &str {
    name.trim_start_matches("trust::")
}

async fn run_book(client: Client, layer: fn() -> Layer, setup: Setup) {
    book::inform(through(client, layer()), setup.watch(), drop).await;
}

async fn run_echo(client: Client, layer: fn() -> Layer, setup: Setup) {
    let requeue = setup.requeue.unwrap_or(echo::REQUEUE);
    echo::run_with(through(client, layer()), setup.watch(), setup.queue(), requeue).await;
}

async fn run_myapp(client: Client, identity: String, layer: fn() -> Layer, setup: Setup) {
    let requeue = setup.requeue.unwrap_or(myapp::REQUEUE);
    let settings = myapp::Settings { watch: setup.watch(), queue: setup.queue(), requeue };
    myapp::run_with(through(client, layer()), identity, settings, std::future::pending()).await;
}
