use super::Args;
use crate::{out, show};
use anyhow::{Result, bail};
use http::{HeaderValue, header};
use kube::Client;
use kubetape::{gather::Capture, harness::fill, sim::Sim};
use std::path::PathBuf;
use tower::{ServiceBuilder, util::MapRequestLayer};

/// Puts into the cluster what the options name.
pub(super) async fn put(sim: &Sim, token: &str, args: &Args) -> Result<()> {
    let client = client(sim, token)?;
    if let Some(path) = &args.from {
        let capture = Capture::open(path)?;
        if capture.is_partial() {
            out::talk(&format!(" partial  {} was cut off before it was whole", path.display()));
        }
        // A capture misses what its manifest says; what is in it is loaded.
        capture.notes.iter().for_each(|note| out::talk(&format!(" not read {note}")));
        let count = fill(&client, &capture, None).await?;
        out::talk(&format!(" loaded   {} objects of {}", count, path.display()));
    }
    if args.filename.is_empty() {
        return Ok(());
    }
    let is_input = |path: &&PathBuf| path.as_os_str() == "-";
    let input = args.filename.iter().any(|path| is_input(&path)).then(show::input).transpose()?;
    let paths: Vec<PathBuf> = args.filename.iter().filter(|path| !is_input(path)).cloned().collect();
    let capture = Capture::open_all(&paths, input.as_deref())?;
    if let Some(note) = capture.notes.first() {
        bail!("{note}; mend the manifest, or take it out of what -f names");
    }
    fill(&client, &capture, None).await?;
    Ok(())
}

/// A client in this process, which the server knows where it asks who comes.
fn client(sim: &Sim, token: &str) -> Result<Client> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    let named = MapRequestLayer::new(move |mut request: kubetape::wire::Request| {
        request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
        request
    });
    let service = ServiceBuilder::new().map_err(tower::BoxError::from).layer(named).service(sim.clone());
    Ok(Client::new(service, "default"))
}
