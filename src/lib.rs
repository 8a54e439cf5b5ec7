//! Record and replay testing for Kubernetes operators written with [kube](https://docs.rs/kube).
//!
//! A test is a *scenario*: an async function that starts operators in a [`World`], makes and changes objects, and
//! waits. It runs on a *tape*, a recording of a real control plane; where there is none, on a simulated cluster in the
//! process; or on a real control plane. The first two run in virtual time and without a network. On a tape the
//! operator must write what it wrote when it was recorded, or the test fails and says which field differs.
//!
//! ```no_run
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::{Api, Client, api::PostParams};
//! use kubetape::World;
//!
//! // The operator under test, as `main` runs it.
//! async fn run(client: Client) {
//!     let maps = Api::<ConfigMap>::default_namespaced(client);
//!     let mut map = ConfigMap::default();
//!     map.metadata.name = Some("made".into());
//!     let _ = maps.create(&PostParams::default(), &map).await;
//! }
//!
//! # #[allow(dead_code)] // The attribute makes a test of it.
//! #[kubetape::test]
//! async fn makes_a_config_map(world: World) {
//!     world.run(run);
//!     world.until("made", |map: Option<&ConfigMap>| map.is_some()).await;
//!     world.settle().await;
//! }
//! # fn main() {}
//! ```
//!
//! `cargo test` runs it on the simulated cluster. `KUBETAPE_CLUSTER=envtest KUBETAPE_RECORD=once cargo test` records
//! `tests/tapes/MODULE__makes_a_config_map.ktape`; from then on `cargo test` replays it. `cargo run --example quickstart`
//! shows a recording, a pass and a failure.
//!
//! # The floor plan
//!
//! Rooms name only those below them; `tests/layers.rs` holds them to it.
//!
//! | floor | room | what it is |
//! |---|---|---|
//! | 6 | `explore` | a scenario again and again, each time with one crash |
//! | 5 | `snapshot` | what a cluster holds and what an operator did, as text for insta |
//! | 4 | [`harness`] | where tests enter: scenarios, worlds, operators, the environment |
//! | 3 | [`sim`] | an API server in the process |
//! | 3 | [`gather`] | captures: what a whole cluster holds, as files; read, written, compared |
//! | 3 | [`tape`] | recordings: written, sealed, read, compared, linted, played |
//! | 2 | [`scrub`] | secrets and noise, out of what is written down |
//! | 2 | [`history`] | what a cluster said over time: versions, cursors, pages |
//! | 2 | [`runtime`] | the deterministic runtime: virtual time, one request at a time, seeds |
//! | 2 | [`cluster`] | starts, finds and ends a real control plane |
//! | 1 | [`wire`] | one exchange with an API server, as data |
//! | 1 | [`entropy`] | the only clock and the only dice |

pub mod cluster;
pub mod entropy;
#[cfg(feature = "insta")]
pub mod explore;
pub mod gather;
pub mod harness;
pub mod history;
pub mod runtime;
pub mod scrub;
#[cfg(feature = "serve")]
pub mod serve;
pub mod sim;
#[cfg(feature = "insta")]
pub mod snapshot;
pub mod tape;
pub mod wire;

pub use harness::{Failure, Ground, Operator, Options, Sim, Trace, World, run, try_run};
pub use kubetape_macros::test;
#[cfg(feature = "insta")]
pub use snapshot::{Objects, ObjectsOf};
pub use tape::{Level, Recorder, Tape};

/// The insta that the snapshot macros expand to, so that a test needs no dependency of its own on it.
#[cfg(feature = "insta")]
#[doc(hidden)]
pub use insta as __insta;
