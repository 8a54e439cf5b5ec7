use super::cell::{at, text};
use serde_json::{Value, json};

fn list<'a>(object: &'a Value, path: &str) -> impl Iterator<Item = &'a Value> {
    at(object, path).as_array().into_iter().flatten()
}

/// How a part of the control plane is.
fn component(path: &str, object: &Value) -> Value {
    let healthy = list(object, ".conditions").find(|condition| condition["type"] == "Healthy");
    let told = |key: &str| healthy.map_or("", |condition| text(condition, key));
    json!(match (path, told(".status")) {
        ("status", "True") => "Healthy",
        ("status", "False") => "Unhealthy",
        ("status", _) => "Unknown",
        ("message", _) => told(".message"),
        _ => told(".error"),
    })
}

/// How long a certificate is wanted for.
fn requested(object: &Value) -> Value {
    match object["spec"]["expirationSeconds"].as_i64() {
        Some(seconds) => json!(crate::wire::span(seconds)),
        None => json!("<none>"),
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

fn or_none(text: String) -> Value {
    json!(if text.is_empty() { "<none>".to_owned() } else { text })
}

/// The cells of services, nodes, volumes and what else stands around pods.
pub(super) fn cell(name: &str, path: &str, object: &Value) -> Value {
    match name {
        "external" => external(object),
        "ports" => or_none(service_ports(object)),
        "endpoints" => or_none(endpoints(object)),
        "slicePorts" => slice_ports(object),
        "sliceEndpoints" => {
            let all = list(object, ".endpoints").flat_map(|endpoint| list(endpoint, ".addresses"));
            or_unset(few(all.filter_map(|address| address.as_str().map(str::to_owned)).collect(), 3))
        }
        "hosts" => {
            let hosts = list(object, ".spec.rules").map(|rule| text(rule, ".host").to_owned());
            let hosts = joined(hosts.filter(|host| !host.is_empty()));
            json!(if hosts.is_empty() { "*".to_owned() } else { hosts })
        }
        "loadBalancer" => json!(addresses(object)),
        "ingressPorts" => {
            json!(if list(object, ".spec.tls").next().is_some() { "80, 443" } else { "80" })
        }
        "parameters" => or_none(text(object, ".spec.parameters.name").to_owned()),
        "parent" => {
            let parent = &object["spec"]["parentRef"];
            let parts = ["resource", "namespace", "name"].map(|key| text(parent, key).to_owned());
            json!(parts.join("/"))
        }
        "cidrs" => json!(joined(list(object, ".spec.cidrs").filter_map(|c| c.as_str().map(str::to_owned)))),
        "apiservice" => match &object["spec"]["service"] {
            Value::Null => json!("Local"),
            service => json!(format!("{}/{}", text(service, ".namespace"), text(service, ".name"))),
        },
        "available" => json!(condition(object, "Available").unwrap_or("Unknown")),
        "component" => component(path, object),
        "requested" => requested(object),
        "signing" => {
            let words = list(object, ".status.conditions").map(|c| text(c, ".type").to_owned());
            let words = joined(words);
            json!(if words.is_empty() { "Pending".to_owned() } else { words })
        }
        "modes" => json!(modes(object, path)),
        "claimPhase" => match object["metadata"].get("deletionTimestamp") {
            Some(_) => json!("Terminating"),
            None => json!(text(object, ".status.phase")),
        },
        "claim" => match &object["spec"]["claimRef"] {
            Value::Null => json!(""),
            claim => json!(format!("{}/{}", text(claim, ".namespace"), text(claim, ".name"))),
        },
        "lifecycle" => {
            let modes =
                list(object, ".spec.volumeLifecycleModes").filter_map(|m| m.as_str().map(str::to_owned));
            let modes = joined(modes);
            json!(if modes.is_empty() { "<unset>".to_owned() } else { modes })
        }
        _ => node(name, object),
    }
}

fn condition<'a>(object: &'a Value, wanted: &str) -> Option<&'a str> {
    list(object, ".status.conditions").find(|c| c["type"] == wanted).and_then(|c| c["status"].as_str())
}

fn few(mut all: Vec<String>, most: usize) -> String {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    let shown = all.join(",");
    if more > 0 { format!("{shown} + {more} more...") } else { shown }
}

fn or_unset(text: String) -> Value {
    json!(if text.is_empty() { "<unset>".to_owned() } else { text })
}

fn addresses(object: &Value) -> String {
    joined(list(object, ".status.loadBalancer.ingress").map(|ingress| match text(ingress, ".ip") {
        "" => text(ingress, ".hostname").to_owned(),
        ip => ip.to_owned(),
    }))
}

fn external(service: &Value) -> Value {
    let ips = joined(list(service, ".spec.externalIPs").filter_map(|ip| ip.as_str().map(str::to_owned)));
    match text(service, ".spec.type") {
        "ExternalName" => json!(text(service, ".spec.externalName")),
        "LoadBalancer" => {
            let own = addresses(service);
            let all = joined([own, ips].into_iter().filter(|part| !part.is_empty()));
            json!(if all.is_empty() { "<pending>".to_owned() } else { all })
        }
        _ => or_none(ips),
    }
}

fn service_ports(service: &Value) -> String {
    joined(list(service, ".spec.ports").map(|port| {
        let (number, protocol) = (port["port"].as_i64().unwrap_or(0), text(port, ".protocol"));
        match port["nodePort"].as_i64().filter(|node| *node > 0) {
            Some(node) => format!("{number}:{node}/{protocol}"),
            None => format!("{number}/{protocol}"),
        }
    }))
}

fn endpoints(object: &Value) -> String {
    let all = list(object, ".subsets").flat_map(|subset| {
        list(subset, ".addresses").flat_map(move |address| {
            list(subset, ".ports")
                .map(move |port| format!("{}:{}", text(address, ".ip"), port["port"].as_i64().unwrap_or(0)))
        })
    });
    few(all.collect(), 3)
}

fn slice_ports(slice: &Value) -> Value {
    let ports = list(slice, ".ports").map(|port| match port["port"].as_i64() {
        Some(number) => number.to_string(),
        None => "*".to_owned(),
    });
    or_unset(few(ports.collect(), 3))
}

fn modes(object: &Value, which: &str) -> String {
    joined(list(&object[which], ".accessModes").map(|mode| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO".to_owned(),
        Some("ReadOnlyMany") => "ROX".to_owned(),
        Some("ReadWriteMany") => "RWX".to_owned(),
        Some("ReadWriteOncePod") => "RWOP".to_owned(),
        other => other.unwrap_or_default().to_owned(),
    }))
}

fn node(name: &str, node: &Value) -> Value {
    let address = |wanted: &str| {
        let found = list(node, ".status.addresses").find(|address| address["type"] == wanted);
        or_none(found.map(|address| text(address, ".address").to_owned()).unwrap_or_default())
    };
    match name {
        "internalIP" => address("InternalIP"),
        "externalIP" => address("ExternalIP"),
        "kernel" => {
            let info = &node["status"]["nodeInfo"];
            match (text(info, ".kernelVersion"), text(info, ".architecture")) {
                ("", _) => json!("<unknown>"),
                (kernel, "") => json!(kernel),
                (kernel, architecture) => json!(format!("{kernel} ({architecture})")),
            }
        }
        "roles" => {
            let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
            let roles = labels.filter_map(|(key, value)| match key.as_str() {
                "kubernetes.io/role" => value.as_str().map(str::to_owned),
                key => key.strip_prefix("node-role.kubernetes.io/").map(str::to_owned),
            });
            or_none(joined(roles.filter(|role| !role.is_empty())))
        }
        _ => {
            let ready = match condition(node, "Ready") {
                Some("True") => "Ready",
                Some(_) => "NotReady",
                None => "Unknown",
            };
            let closed = node["spec"]["unschedulable"] == true;
            json!(if closed { format!("{ready},SchedulingDisabled") } else { ready.to_owned() })
        }
    }
}
