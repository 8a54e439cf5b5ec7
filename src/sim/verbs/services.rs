use super::{Call, State};
use crate::{
    sim::refusal::{FieldError, invalid},
    wire::{Failure, Resource},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PORTS: std::ops::RangeInclusive<i64> = 30000..=32767;

/// Gives a service its addresses and node ports.
///
/// # Errors
/// 422 for an address or a port that is taken or out of range.
pub fn allocate(state: &mut State, call: &Call<'_>, service: &mut Value) -> Result<(), Failure> {
    if !service["spec"].is_object() {
        return Ok(());
    }
    let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let own = service["metadata"]["uid"].clone();
    let spec = &mut service["spec"];
    if spec["type"] == "ExternalName" {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            spec.as_object_mut().map(|spec| spec.remove(field));
        }
        return Ok(());
    }
    let (addresses, ports) = taken(state, &own);
    let refuse = |error: FieldError| Err(invalid(&call.kind, &name, &[error]));
    match spec["clusterIP"].as_str().unwrap_or_default().to_owned().as_str() {
        "" => spec["clusterIP"] = json!(free_address(state, &addresses)),
        "None" => {}
        wanted if addresses.contains(wanted) => {
            let why = format!("failed to allocate IP {wanted}: provided IP is already allocated");
            return refuse(FieldError::invalid("spec.clusterIPs", &json!([wanted]), &why));
        }
        _ => {}
    }
    if spec["clusterIPs"].is_null() {
        spec["clusterIPs"] = json!([spec["clusterIP"]]);
    }
    for (field, value) in [("ipFamilies", json!(["IPv4"])), ("ipFamilyPolicy", json!("SingleStack"))] {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    if !matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer")) {
        return Ok(());
    }
    let mut taken_ports = ports;
    for (at, port) in spec["ports"].as_array_mut().into_iter().flatten().enumerate() {
        let field = format!("spec.ports[{at}].nodePort");
        let wanted = port["nodePort"].as_i64().unwrap_or(0);
        if wanted == 0 {
            let number = free_port(state, &taken_ports);
            taken_ports.insert(number);
            port["nodePort"] = json!(number);
        } else if !PORTS.contains(&wanted) {
            let why = "provided port is not in the valid range. The range of valid ports is 30000-32767";
            return refuse(FieldError::invalid(field, &json!(wanted), why));
        } else if !taken_ports.insert(wanted) {
            return refuse(FieldError::invalid(field, &json!(wanted), "provided port is already allocated"));
        }
    }
    Ok(())
}

/// The addresses and ports of all other services.
fn taken(state: &State, own: &Value) -> (BTreeSet<String>, BTreeSet<i64>) {
    let resource = Resource::new("", "v1", "services");
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for (_, service) in state.store.live(&resource).filter(|(_, service)| service["metadata"]["uid"] != *own)
    {
        addresses.extend(service["spec"]["clusterIP"].as_str().map(str::to_owned));
        let list = service["spec"]["ports"].as_array().into_iter().flatten();
        ports.extend(list.filter_map(|port| port["nodePort"].as_i64()));
    }
    (addresses, ports)
}

fn free_address(state: &mut State, taken: &BTreeSet<String>) -> String {
    loop {
        let address = format!("10.0.0.{}", 2 + state.dice.roll() % 253);
        // A full range goes on in the next one rather than for ever.
        if !taken.contains(&address) {
            return address;
        }
        if taken.len() >= 250 {
            return format!("10.0.{}.{}", 1 + state.dice.roll() % 254, 1 + state.dice.roll() % 254);
        }
    }
}

fn free_port(state: &mut State, taken: &BTreeSet<i64>) -> i64 {
    let start = i64::try_from(state.dice.roll() % 2768).unwrap_or(0);
    let ports = (0..2768).map(|step| 30000 + (start + step) % 2768);
    ports.into_iter().find(|port| !taken.contains(port)).unwrap_or(*PORTS.start())
}
