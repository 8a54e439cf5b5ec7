//! One walk through the namespace of the current kubeconfig context, without a controller.
//!
//! ```text
//! cargo run --example one_off
//! ```
//!
//! `cargo run --example one_off -- generate-crd` prints the definition that it installs.
#![allow(clippy::print_stdout, reason = "this program is its output")]

pub mod tour;

use kube::{Client, CustomResourceExt};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("generate-crd") {
        print!("{}", serde_saphyr::to_string(&tour::objects::Announcement::crd())?);
        return Ok(());
    }
    let report = tour::run(Client::try_default().await?).await?;
    println!("{report}");
    Ok(())
}
