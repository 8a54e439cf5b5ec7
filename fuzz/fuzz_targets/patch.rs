//! A document and a patch, JSON texts with a zero byte between: each kind of patch gives a document or an error, an
//! apply also of what an apply has left.
#![no_main]

use kubetape::sim::{
    merge::{Write, apply, json_patch, merge_patch, strategic_merge},
    schema::Definitions,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let mut part = || serde_json::from_slice::<Value>(parts.next()?).ok();
    let (Some(document), Some(patch)) = (part(), part()) else { return };
    let Some(schema) = Definitions::latest().kind("", "v1", "Pod") else { return };
    let _ = json_patch(document.clone(), &patch);
    let _ = merge_patch(document.clone(), &patch);
    let _ = strategic_merge(document.clone(), &patch, schema);
    let write = Write {
        manager: "fuzz",
        version: "v1",
        subresource: "",
        now: "2026-01-01T00:00:00Z",
        schema,
        discarded: &[],
        served: &[],
    };
    let Ok(first) = apply(Some(&document), &patch, &write, true) else { return };
    let _ = apply(Some(&first), &patch, &write, true);
});
