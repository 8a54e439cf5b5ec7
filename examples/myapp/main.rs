//! Runs the myapp operator in the namespace of the current kubeconfig context, or of its Pod.
//!
//! ```text
//! kubectl apply -f examples/myapp/crd.yaml
//! cargo run --example myapp
//! kubectl apply -f examples/myapp/sample.yaml
//! ```
//!
//! `cargo run --example myapp -- generate-crd` prints the definition instead.
#![allow(clippy::print_stdout, reason = "generate-crd prints for a pipe")]

pub mod operator;

use kube::{Client, CustomResourceExt};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("generate-crd") {
        print!("{}", serde_saphyr::to_string(&operator::MyApp::crd())?);
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let client = Client::try_default().await?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tracing::info!(namespace = client.default_namespace(), "waiting for the lease");
    operator::run_until(client, operator::identity(), stop).await;
    Ok(())
}
