use super::{
    Error, FORMAT_VERSION, KindReport, LogReport, Logs, Manifest, Missing, Options, Progress, WatchReport,
    api::{Api, Refusal, Why},
    collect::Collector,
    discover::{Discovered, discover, openapi},
    manifest::Run,
    options::{Wanted, wanted},
    related::{Family, family},
    sink::{self, Sink},
    watch,
};
use crate::{entropy, wire::escaped};
use kube::Client;
use serde_json::json;
use std::{collections::BTreeSet, path::Path, time::Duration};

const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json";
/// The largest answer about one namespace.
const NAMESPACE: usize = 1 << 20;

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
    // Told before the server is asked, and seen again before anything is written.
    sink::check(destination, force)?;
    let started = entropy::now().to_string();
    let api = Api::new(client, options.silence);
    progress.now("discovery");
    let found = discover(&api).await?;
    let plan = plan(&api, options, found).await?;
    progress.begin(plan.kinds.len());
    let mut sink = Sink::create(destination, force)?;
    let mut collector = Collector::new(api.clone(), options, &mut sink, progress);
    let mut manifest = collect(&mut collector, plan).await?;
    let run = Run {
        started,
        finished: entropy::now().to_string(),
        server: server.to_owned(),
        resource_versions: std::mem::take(&mut collector.versions),
        retries: api.retries(),
    };
    let text = serde_json::to_string_pretty(&run).expect("plain data") + "\n";
    collector.document("run.json", text.as_bytes())?;
    manifest.close();
    collector.manifest(&manifest)?;
    sink.finish()?;
    progress.now("");
    Ok(manifest)
}

/// What is to be read.
struct Plan {
    found: Discovered,
    kinds: Vec<Wanted>,
    /// Those that are asked one by one.
    namespaces: Option<Vec<String>>,
    family: Option<Family>,
    missing: Vec<Missing>,
}

async fn plan(api: &Api, options: &Options, mut found: Discovered) -> Result<Plan, Error> {
    let mut missing = std::mem::take(&mut found.missing);
    let Some(root) = &options.owned_by else {
        let mut kinds = wanted(options, &found.kinds)?;
        let namespaces = namespaces(api, options, &found, &mut missing).await;
        kinds.iter_mut().for_each(|kind| kind.ask(options, namespaces.as_deref()));
        return Ok(Plan { found, kinds, namespaces, family: None, missing });
    };
    // The family may live anywhere.
    let kinds = wanted(&Options { namespaces: Vec::new(), ..options.clone() }, &found.kinds)?;
    let mut family = family(api, options, &kinds, root).await?;
    missing.append(&mut family.missing);
    Ok(Plan { found, kinds, namespaces: None, family: Some(family), missing })
}

async fn collect(collector: &mut Collector<'_>, plan: Plan) -> Result<Manifest, Error> {
    let options = collector.options;
    let mut other = plan.missing;
    for (value, name) in &options.literals {
        if !collector.scrubber.literal(value, name) {
            let message = "the value is blank or too short to be looked for";
            other.push(Missing::new(format!("the secret {name}"), Why::Refused, message));
        }
    }
    let mark = json!({"kubetape": "capture", "format": FORMAT_VERSION}).to_string() + "\n";
    collector.document("capture.json", mark.as_bytes())?;
    collector.document(".gitignore", b"run.json\n")?;
    let kinds = match plan.family {
        Some(family) => collector.family(&plan.kinds, family.members)?,
        None => {
            collector.lookout.begin(&plan.kinds, plan.namespaces.as_deref());
            collector.kinds(plan.kinds).await?
        }
    };
    let logs = match options.logs {
        Logs::None => LogReport::default(),
        _ => collector.logs().await?,
    };
    let mut documents = Vec::new();
    if options.openapi && collector.progress.is_stopped() {
        other.push(Missing::stopped("openapi"));
    } else if options.openapi {
        collector.progress.now("openapi");
        let used: BTreeSet<String> = kinds.iter().filter(|kind| kind.objects > 0).map(document_key).collect();
        let (found, missing) = openapi(&collector.api, |key| used.contains(key)).await;
        documents = found;
        other.extend(missing);
    }
    for (path, bytes) in plan.found.files.iter().chain(&documents) {
        collector.document(path, bytes)?;
    }
    let watch = match options.watch {
        Some(time) => Some(changes(collector, &plan.found.version, time).await?),
        None => None,
    };
    Ok(Manifest {
        kubetape: "capture",
        format: FORMAT_VERSION,
        tool: format!("kubetape {}", env!("CARGO_PKG_VERSION")),
        kubernetes: plan.found.version,
        asked: options.asked(),
        kinds,
        logs,
        watch,
        other,
        warnings: 0,
    })
}

/// Records what changes after the lists.
async fn changes(
    collector: &mut Collector<'_>,
    kubernetes: &str,
    time: Duration,
) -> Result<WatchReport, Error> {
    collector.progress.now("changes");
    let place = collector.sink.grow()?;
    let report = watch::record(collector, kubernetes, &place, time).await?;
    collector.sink.grown(&place)?;
    Ok(report)
}

/// The key of a kind's document in the index of OpenAPI.
fn document_key(kind: &KindReport) -> String {
    if kind.group.is_empty() {
        format!("api/{}", kind.version)
    } else {
        format!("apis/{}/{}", kind.group, kind.version)
    }
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
    let kind = found.kinds.resolve("namespaces").into_iter().next();
    if let Some(exact) = exact {
        for name in &exact {
            let path = kind.map(|kind| format!("{}/{}", kind.path(None), escaped(name)));
            // Who may not look at it may still read what is in it.
            if let Some(path) = path
                && let Err(Refusal { why: Why::Gone, message, .. }) =
                    api.bytes(&path, METADATA, NAMESPACE).await
            {
                other.push(Missing::new(format!("the namespace {name}"), Why::Gone, message));
            }
        }
        return Some(exact.into_iter().collect());
    }
    let kind = kind?;
    let accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
    match api.bytes(&kind.path(None), accept, 64 << 20).await {
        Ok(bytes) => {
            let list: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let names = list["items"].as_array().into_iter().flatten();
            let names = names.filter_map(|item| item["metadata"]["name"].as_str());
            let names: Vec<&str> = names.collect();
            for pattern in &options.namespaces {
                if !names.iter().any(|name| pattern.matches(name)) {
                    let what = format!("the namespaces {pattern}");
                    other.push(Missing::new(what, Why::Gone, "no namespace has such a name"));
                }
            }
            let hit = |name: &&str| options.namespaces.iter().any(|pattern| pattern.matches(name));
            Some(names.into_iter().filter(hit).map(str::to_owned).collect())
        }
        Err(refusal) => {
            // Without the names everything is asked for, and what does not match is left out here.
            other.push(Missing::new("the list of namespaces", Why::Refused, refusal.message));
            None
        }
    }
}
