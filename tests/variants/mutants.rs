use super::{
    SAME, Variant,
    layer::{Call, Layer, layer, made_up, not_found},
};
use crate::scenarios::echo;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

const ECHO: &[&str] = &["echo"];
const MYAPP: &[&str] = &["myapp"];
const BOTH: &[&str] = &["echo", "myapp"];
const ALL: &[&str] = &["book", "echo", "myapp"];
const APPLY: &str = "application/apply-patch+yaml";

/// Operators with one mistake each.
pub const MUTANTS: [Variant; 12] = [
    mutant("the finalizer too late", ECHO, &["too early", "first comes patch echoes"], finalizer_too_late),
    mutant("the finalizer never removed", ECHO, &["patch echoes.example.com"], finalizer_never_removed),
    mutant("a wrong owner uid", BOTH, &["ownerReferences[0].uid", "uid"], wrong_owner),
    mutant("a dropped label", BOTH, &["metadata.labels"], dropped_label),
    mutant("one replica too many", BOTH, &["spec.replicas"], replicas_plus_one),
    mutant("another field manager", BOTH, &["(fieldManager)"], other_manager),
    mutant("a missing write", BOTH, &["delete deployments.apps", "apply services"], missing_write),
    mutant("an extra write", ALL, &["configmaps"], extra_write),
    mutant("a wrong patch type", BOTH, &["(patch type)", "(verb)"], wrong_patch_type),
    mutant("no status", BOTH, &["status"], no_status),
    mutant("the child not made again", BOTH, &["apply deployments.apps"], child_not_made_again),
    mutant("a stale resourceVersion", MYAPP, &["metadata.resourceVersion"], stale_version),
];

const fn mutant(
    name: &'static str,
    shown_by: &'static [&'static str],
    names: &'static [&'static str],
    layer: fn() -> Layer,
) -> Variant {
    Variant { name, shown_by, names, layer, setup: SAME }
}

/// A layer that changes requests on their way.
fn change(act: fn(&mut Call)) -> Layer {
    layer(move |client, mut call| {
        act(&mut call);
        async move { call.send(&client).await }
    })
}

fn adds_finalizer(call: &Call) -> bool {
    is_finalizer_patch(call, "add")
}

fn is_finalizer_patch(call: &Call, op: &str) -> bool {
    let operations = call.body.as_array().map(Vec::as_slice).unwrap_or_default();
    let text =
        |operation: &Value, key| operation.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    operations.iter().any(|o| text(o, "op") == op && text(o, "path").starts_with("/metadata/finalizers"))
}

fn finalizer_too_late() -> Layer {
    layer(|client, call| async move {
        if adds_finalizer(&call) {
            let (_, object) = Call::get(&call.path).ask(&client).await?;
            if let Ok(object) = serde_json::from_value::<echo::Echo>(object) {
                let child = json!(echo::deployment(&object));
                let path =
                    call.path.replace("example.com/v1", "apps/v1").replace("/echoes/", "/deployments/");
                let query = format!("&force=true&fieldManager={}", echo::MANAGER);
                Call::write(Method::PATCH, path, &query, APPLY, child).send(&client).await?;
            }
        }
        call.send(&client).await
    })
}

fn finalizer_never_removed() -> Layer {
    layer(|client, call| async move {
        let removes = is_finalizer_patch(&call, "remove");
        if removes { Call::get(&call.path).send(&client).await } else { call.send(&client).await }
    })
}

fn wrong_owner() -> Layer {
    change(|call| {
        if let Some(uid) = call.body.pointer_mut("/metadata/ownerReferences/0/uid") {
            *uid = json!("00000000-0000-4000-8000-000000000000");
        }
    })
}

fn dropped_label() -> Layer {
    change(|call| {
        if call.applies("deployments")
            && let Some(Value::Object(metadata)) = call.body.get_mut("metadata")
        {
            metadata.remove("labels");
        }
    })
}

fn replicas_plus_one() -> Layer {
    change(|call| {
        if call.applies("deployments") {
            let replicas = call.body["spec"]["replicas"].as_i64().unwrap_or(1);
            call.body["spec"]["replicas"] = json!(replicas + 1);
        }
    })
}

fn other_manager() -> Layer {
    change(|call| {
        if call.applies("deployments") {
            call.query = call.query.replace("-operator", "-operations");
        }
    })
}

/// Echo leaves its Deployment to others, `MyApp` has no Service.
fn missing_write() -> Layer {
    layer(|client, call| async move {
        if call.method == Method::DELETE && call.is_object_of("deployments") {
            return not_found();
        }
        if call.applies("services") {
            return made_up(StatusCode::OK, &call.body);
        }
        call.send(&client).await
    })
}

fn extra_write() -> Layer {
    let done = Arc::new(Mutex::new(false));
    layer(move |client, call| {
        let due = call.applies("deployments") || call.looks_at_all("books");
        let first = due && !std::mem::replace(&mut *lock(&done), true);
        async move {
            if first {
                let namespace = call.path.split('/').nth(5).unwrap_or_default();
                let path = format!("/api/v1/namespaces/{namespace}/configmaps");
                let body = json!({"metadata": {"name": "extra"}, "data": {"a": "b"}});
                Call::write(Method::POST, path, "", "application/json", body).send(&client).await?;
            }
            call.send(&client).await
        }
    })
}

fn wrong_patch_type() -> Layer {
    change(|call| {
        if call.applies("deployments") {
            call.set_media("application/merge-patch+json");
            call.query = call.query.replace("&force=true", "").replace("force=true&", "");
        }
    })
}

fn no_status() -> Layer {
    layer(|client, call| async move {
        match call.path.strip_suffix("/status") {
            Some(object) if call.writes_status() => Call::get(object).send(&client).await,
            _ => call.send(&client).await,
        }
    })
}

/// Applies only what it has not applied before: what others change or delete stays so.
fn child_not_made_again() -> Layer {
    let applied: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    layer(move |client, call| {
        let known = call.applies("deployments")
            && lock(&applied)
                .insert(call.path.clone(), call.body.clone())
                .is_some_and(|last| last == call.body);
        async move {
            if !known {
                return call.send(&client).await;
            }
            match Call::get(&call.path).ask(&client).await? {
                (StatusCode::OK, child) => made_up(StatusCode::OK, &child),
                _ => made_up(StatusCode::OK, &call.body),
            }
        }
    })
}

/// Sends the resourceVersion that it saw first, for ever.
fn stale_version() -> Layer {
    let first: Arc<Mutex<Option<Value>>> = Arc::default();
    layer(move |client, mut call| {
        if call.method == Method::PUT
            && let Some(version) = call.body.pointer_mut("/metadata/resourceVersion")
        {
            *version = lock(&first).get_or_insert_with(|| version.clone()).clone();
        }
        async move { call.send(&client).await }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
