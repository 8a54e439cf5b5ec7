//! The same client on a real API server and on the simulated one.

use super::{row, server};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use kubetape::cluster::{self, Provider};
use serde_json::json;
use std::{error::Error, time::Duration};
use tower::{BoxError, ServiceBuilder};

const ROUNDS: u32 = 300;

/// Starts etcd and kube-apiserver, and asks both servers the same.
pub(crate) fn requests() -> Result<(), Box<dyn Error>> {
    let plane = cluster::start(&cluster::Options::new(Provider::Envtest))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let real = Client::try_from(plane.config().await?)?;
        let simulated = ServiceBuilder::new().map_err(BoxError::from).service(server());
        let simulated = Client::new(simulated, "default");
        let (theirs, ours) = (measure(&real).await?, measure(&simulated).await?);
        for ((what, theirs), (_, ours)) in theirs.into_iter().zip(ours) {
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
            row(
                &format!("{what} by kube's client: real, simulated, ratio"),
                format!("{theirs:.2?} {ours:.2?} {ratio:.0}"),
            )?;
        }
        Ok(())
    })
}

/// The mean time of each request.
async fn measure(client: &Client) -> kube::Result<Vec<(&'static str, Duration)>> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let data = Some([("filler".to_owned(), "x".repeat(760))].into());
    let mut map = ConfigMap { data, ..ConfigMap::default() };
    let mut times = Vec::new();
    let start = kubetape::entropy::instant();
    for number in 0..ROUNDS {
        map.metadata.name = Some(format!("bench-{number}"));
        api.create(&PostParams::default(), &map).await?;
    }
    times.push(("create", start.elapsed() / ROUNDS));
    let start = kubetape::entropy::instant();
    for number in 0..ROUNDS {
        api.get(&format!("bench-{number}")).await?;
    }
    times.push(("get", start.elapsed() / ROUNDS));
    let start = kubetape::entropy::instant();
    for number in 0..ROUNDS {
        let patch = json!({"data": {"value": number.to_string()}});
        api.patch(&format!("bench-{number}"), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    }
    times.push(("merge patch", start.elapsed() / ROUNDS));
    let start = kubetape::entropy::instant();
    for number in 0..ROUNDS {
        let patch = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"own": number.to_string()}});
        let params = PatchParams::apply("bench");
        api.patch(&format!("bench-{number}"), &params, &Patch::Apply(&patch)).await?;
    }
    times.push(("apply", start.elapsed() / ROUNDS));
    Ok(times)
}
