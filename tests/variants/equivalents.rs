use super::{
    SAME, Setup, Variant,
    layer::{Call, Layer, layer, none},
};
use kube::Client;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

const ALL: &[&str] = &["book", "echo", "myapp"];

/// Operators that do the same in another way.
pub const EQUIVALENTS: [Variant; 6] = [
    equivalent("an extra GET of child and object", extra_reads, SAME),
    equivalent("reads in another order", other_order, SAME),
    equivalent("four passes at a time", none, Setup { concurrency: 4, ..SAME }),
    equivalent("streaming lists", none, Setup { streaming_lists: true, ..SAME }),
    equivalent("a requeue after 5 s", none, Setup { requeue: Some(Duration::from_secs(5)), ..SAME }),
    equivalent("a requeue after 17 s", none, Setup { requeue: Some(Duration::from_secs(17)), ..SAME }),
];

const fn equivalent(name: &'static str, layer: fn() -> Layer, setup: Setup) -> Variant {
    Variant { name, shown_by: ALL, names: &[], layer, setup }
}

/// Reads the child, and the object that owns it, before every apply; the informer reads a book now and then.
fn extra_reads() -> Layer {
    layer(|client, call| async move {
        if call.applies("deployments") {
            read(&client, &call.path).await;
            read(&client, &owner(&call)).await;
        } else if call.looks_at_all("books") {
            read(&client, &format!("{}/moby-dick", call.path)).await;
        }
        call.send(&client).await
    })
}

/// Looks at the children first and at the objects after, and reads after a write what others read before.
fn other_order() -> Layer {
    let (first, _) = watch::channel(false);
    let first = Arc::new(first);
    layer(move |client, call| {
        let first = first.clone();
        async move {
            let objects = call.looks_at_all("echoes") || call.looks_at_all("myapps");
            if objects {
                let mut seen = first.subscribe();
                // The sender lives as long as this layer.
                let _ = seen.wait_for(|seen| *seen).await;
            }
            let children = call.looks_at_all("deployments");
            let apply = call.applies("deployments").then(|| (owner(&call), call.path.clone()));
            let answer = call.send(&client).await;
            if children {
                first.send_replace(true);
            }
            if let Some((owner, child)) = apply {
                read(&client, &owner).await;
                read(&client, &child).await;
            }
            answer
        }
    })
}

async fn read(client: &Client, path: &str) {
    // Whatever it says: nothing is done with it.
    let _ = Call::get(path).ask(client).await;
}

/// The path of the object that a Deployment is applied for.
fn owner(call: &Call) -> String {
    let place = call.path.trim_start_matches("/apis/apps/v1/").replace("/deployments/", " ");
    let (namespace, name) = place.split_once(' ').unwrap_or_default();
    let kind = call.body.pointer("/metadata/ownerReferences/0/kind").and_then(serde_json::Value::as_str);
    match kind {
        Some("MyApp") => format!("/apis/mycompany.com/v1/{namespace}/myapps/{name}"),
        _ => format!("/apis/example.com/v1/{namespace}/echoes/{name}"),
    }
}
