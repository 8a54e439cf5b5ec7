//! Fills a cluster with objects of twenty kinds, for measuring and testing captures:
//! `cargo run --release --example fill_cluster -- 10000` into the cluster of `KUBECONFIG`.

#![expect(clippy::print_stderr, reason = "a program for people")]

mod fill;

use anyhow::Context;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let count: usize =
        std::env::args().nth(1).unwrap_or_else(|| "10000".into()).parse().context("how many?")?;
    let config = kube::Config::infer().await.context("set KUBECONFIG to the cluster to fill")?;
    fill::fill(config, count).await?;
    eprintln!("made {count} objects; each secret value begins with {}", fill::PLANTED);
    Ok(())
}
