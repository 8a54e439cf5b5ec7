//! Runs the book informer in the namespace of the current kubeconfig context.
//!
//! ```text
//! kubectl apply -f examples/book/crd.yaml
//! cargo run --example book
//! kubectl apply -f examples/book/sample.yaml
//! ```
//!
//! `cargo run --example book -- generate-crd` prints the definition instead.
#![allow(clippy::print_stdout, reason = "generate-crd prints for a pipe")]

pub mod operator;

use kube::{Client, CustomResourceExt};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("generate-crd") {
        print!("{}", serde_saphyr::to_string(&operator::Book::crd())?);
        return Ok(());
    }
    tracing_subscriber::fmt().init();
    let client = Client::try_default().await?;
    tracing::info!(namespace = client.default_namespace(), "watching books");
    operator::run(client).await;
    Ok(())
}
