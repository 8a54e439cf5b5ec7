//! Which cluster is meant, in kubectl's words.

use anyhow::{Context, anyhow};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use std::path::PathBuf;

/// A cluster that cannot be reached.
#[derive(Debug)]
pub(crate) struct Unreachable;

impl std::fmt::Display for Unreachable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no cluster to read from")
    }
}

/// Which cluster.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct Cluster {
    /// The kubeconfig file [default: $KUBECONFIG, ~/.kube/config, or the cluster that this runs in]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it [default: its current one]
    #[arg(long)]
    context: Option<String>,
}

/// A client for the cluster, and its address. Requests are not tried again by themselves.
///
/// # Errors
/// When the kubeconfig cannot be read or does not have the context.
pub(crate) async fn client(cluster: &Cluster) -> anyhow::Result<(Client, String)> {
    let mut config = config(cluster).await.context(Unreachable)?;
    config.default_retry = false;
    config.read_timeout = None;
    let server = config.cluster_url.to_string();
    let client = Client::try_from(config)
        .map_err(|error| anyhow!("{error}; see the certificates and the user in the kubeconfig"))
        .context(Unreachable)?;
    Ok((client, server))
}

async fn config(cluster: &Cluster) -> anyhow::Result<Config> {
    let options = KubeConfigOptions { context: cluster.context.clone(), ..KubeConfigOptions::default() };
    let found = match &cluster.kubeconfig {
        Some(file) => {
            let read = Kubeconfig::read_from(file).map_err(|error| {
                anyhow!("{} cannot be read as a kubeconfig: {error}; see its name with ls", file.display())
            })?;
            Config::from_custom_kubeconfig(read, &options).await
        }
        None if cluster.context.is_none() => {
            return Config::infer()
                .await
                .map_err(|error| anyhow!("{error}; export KUBECONFIG=FILE, or give --kubeconfig FILE"));
        }
        None => Config::from_kubeconfig(&options).await,
    };
    found.map_err(|error| anyhow!("{error}; `kubectl config get-contexts` lists the contexts"))
}
