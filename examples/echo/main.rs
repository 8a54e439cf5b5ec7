//! Runs the echo operator in the namespace of the current kubeconfig context.
//!
//! ```text
//! kubectl apply -f examples/echo/crd.yaml
//! cargo run --example echo
//! kubectl apply -f examples/echo/sample.yaml
//! ```
//!
//! `cargo run --example echo -- generate-crd` prints the definition instead.
#![allow(clippy::print_stdout, reason = "generate-crd prints for a pipe")]

pub mod operator;

use kube::{Client, CustomResourceExt};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("generate-crd") {
        print!("{}", serde_saphyr::to_string(&operator::Echo::crd())?);
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let client = Client::try_default().await?;
    tracing::info!(namespace = client.default_namespace(), "watching echoes");
    operator::run(client).await;
    Ok(())
}
