use super::{
    Error, FORMAT_VERSION, LogReport, Manifest, Missing, Options, Progress,
    api::{Api, Why},
    collect::Collector,
    discover::{Discovered, discover, openapi},
    manifest::Run,
    options::{Wanted, wanted},
    sink::Sink,
};
use crate::entropy;
use kube::Client;
use serde_json::json;
use std::{collections::BTreeSet, path::Path};

/// Captures a cluster into `destination`: a directory, or a `.tar.zst`, `.tar.gz` or `.zip` file.
///
/// It only reads. What cannot be read is named in the manifest, and the capture goes on. Until it is whole it
/// stands beside `destination` under a name with `partial` in it.
///
/// # Errors
/// When a selector cannot be understood, the server cannot be reached at all, something stands at
/// `destination` (with `force` a capture is replaced, and nothing else is), or the disk is full.
pub async fn gather(
    client: Client,
    server: &str,
    options: &Options,
    destination: &Path,
    force: bool,
    progress: &Progress,
) -> Result<Manifest, Error> {
    options.check()?;
    let mut run = Run { started: entropy::now().to_string(), server: server.to_owned(), ..Run::default() };
    let api = Api::new(client, options.silence);
    progress.now("discovery");
    let found = discover(&api).await?;
    let mut kinds = wanted(options, &found.kinds)?;
    let mut other = found.missing.clone();
    let namespaces = namespaces(&api, options, &found, &mut other).await;
    kinds.iter_mut().for_each(|kind| kind.ask(options, namespaces.as_deref()));
    progress.begin(kinds.len());
    let mut sink = Sink::create(destination, force)?;
    let mut collector = Collector::new(api.clone(), options, &mut sink, progress);
    for (value, name) in &options.literals {
        collector.literal(value, name);
    }
    collector.document(
        "capture.json",
        json!({"kubetape": "capture", "format": FORMAT_VERSION}).to_string().as_bytes(),
    )?;
    collector.document(".gitignore", b"run.json\n")?;
    let groups: BTreeSet<String> = kinds.iter().map(document_key).collect();
    let reports = collector.kinds(kinds).await?;
    let logs = match options.logs {
        super::Logs::None => LogReport::default(),
        _ => collector.logs().await?,
    };
    progress.now("openapi");
    let (documents, missing) = openapi(&api, |key| groups.contains(key)).await;
    other.extend(missing);
    for (path, bytes) in found.files.iter().chain(&documents) {
        collector.document(path, bytes)?;
    }
    run.finished = entropy::now().to_string();
    run.retries = api.retries();
    run.resource_versions = std::mem::take(&mut collector.versions);
    let text = serde_json::to_string_pretty(&run).expect("plain data") + "\n";
    collector.document("run.json", text.as_bytes())?;
    let mut manifest = Manifest {
        kubetape: "capture",
        format: FORMAT_VERSION,
        tool: format!("kubetape {}", env!("CARGO_PKG_VERSION")),
        kubernetes: found.version,
        asked: options.asked(),
        kinds: reports,
        logs,
        other,
        warnings: 0,
    };
    manifest.close();
    collector.manifest(&manifest)?;
    sink.finish()?;
    progress.now("");
    Ok(manifest)
}

/// The key of a kind's document in the index of OpenAPI.
fn document_key(wanted: &Wanted) -> String {
    let root = if wanted.kind.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", wanted.kind.api_version())
}

/// The namespaces to be asked one by one; `None` when all of them are asked at once.
async fn namespaces(
    api: &Api,
    options: &Options,
    found: &Discovered,
    other: &mut Vec<Missing>,
) -> Option<Vec<String>> {
    if options.namespaces.is_empty() {
        return None;
    }
    let exact: Option<BTreeSet<String>> =
        options.namespaces.iter().map(|pattern| pattern.exact().map(str::to_owned)).collect();
    if let Some(exact) = exact {
        return Some(exact.into_iter().collect());
    }
    let kind = found.kinds.resolve("namespaces").into_iter().next()?;
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
    match api.bytes(&kind.path(None), accept, 64 << 20).await {
        Ok(bytes) => {
            let list: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let names = list["items"].as_array().into_iter().flatten();
            let names = names.filter_map(|item| item["metadata"]["name"].as_str());
            let hit = |name: &&str| options.namespaces.iter().any(|pattern| pattern.matches(name));
            Some(names.filter(hit).map(str::to_owned).collect())
        }
        Err(refusal) => {
            // Without the names everything is asked for, and what does not match is left out here.
            other.push(Missing::new("the list of namespaces", Why::Refused, refusal.message));
            None
        }
    }
}
