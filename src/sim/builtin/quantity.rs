use crate::wire::Quantity;
use serde_json::{Value, json};

/// Writes the amounts of resource lists as a server keeps them; gives the first that is none.
///
/// # Errors
/// The text that is no amount.
pub fn canonical_quantities(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if ["limits", "requests", "capacity", "allocatable", "hard", "used", "overhead"]
                    .contains(&key.as_str())
                    && member.is_object()
                {
                    canonical_list(member)?;
                } else {
                    canonical_quantities(member)?;
                }
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(canonical_quantities)?,
        _ => {}
    }
    Ok(())
}

fn canonical_list(list: &mut Value) -> Result<(), String> {
    for (_, amount) in list.as_object_mut().into_iter().flatten() {
        let text = match amount {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        *amount = json!(Quantity::as_resource(&text).ok_or(text)?);
    }
    Ok(())
}

/// The quality of service of a pod.
pub fn qos(spec: &Value) -> &'static str {
    let all: Vec<&Value> = ["initContainers", "containers"]
        .iter()
        .flat_map(|list| spec[*list].as_array().into_iter().flatten())
        .map(|container| &container["resources"])
        .collect();
    let amounts = |resources: &Value, field: &str| {
        ["cpu", "memory"]
            .map(|name| resources[field][name].as_str().and_then(Quantity::parse).filter(|q| !q.is_zero()))
    };
    let said = |resources: &&Value| {
        amounts(resources, "limits").iter().chain(&amounts(resources, "requests")).any(Option::is_some)
    };
    let full = |resources: &&Value| {
        let limits = amounts(resources, "limits");
        limits.iter().all(Option::is_some) && amounts(resources, "requests") == limits
    };
    match () {
        () if !all.iter().any(said) => "BestEffort",
        () if all.iter().all(full) => "Guaranteed",
        () => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_a_server_keeps_them() {
        let mut pod = json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "1000m", "memory": 1024, "x": "1E3"}}}]}});
        canonical_quantities(&mut pod).unwrap();
        let limits = &pod["spec"]["containers"][0]["resources"]["limits"];
        assert_eq!(*limits, json!({"cpu": "1", "memory": "1024", "x": "1E3"}));
        assert_eq!(canonical_quantities(&mut json!({"hard": {"cpu": "1x"}})), Err("1x".to_owned()));
    }

    #[test]
    fn limits_and_requests_are_compared_by_what_they_are() {
        let spec = |request: &str| {
            let limits = json!({"cpu": "1", "memory": "1Gi"});
            let requests = json!({"cpu": "1000m", "memory": request});
            json!({"containers": [{"resources": {"limits": limits, "requests": requests}}]})
        };
        assert_eq!(qos(&spec("1073741824")), "Guaranteed");
        assert_eq!(qos(&spec("1G")), "Burstable");
    }
}
