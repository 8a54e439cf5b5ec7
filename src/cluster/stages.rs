//! The Stages that kwok plays: the built-in ones of `kwok/stages`, or the user's files.

use std::path::PathBuf;

use super::Error;

const BUILT_IN: [&str; 5] = [
    include_str!("../../kwok/stages/node-initialize.yaml"),
    include_str!("../../kwok/stages/node-heartbeat.yaml"),
    include_str!("../../kwok/stages/pod-ready.yaml"),
    include_str!("../../kwok/stages/pod-complete.yaml"),
    include_str!("../../kwok/stages/pod-delete.yaml"),
];

/// One stream of YAML documents out of `files`, or the built-in ones if there are none.
pub(super) fn read(files: &[PathBuf]) -> Result<String, Error> {
    if files.is_empty() {
        return Ok(BUILT_IN.join("---\n"));
    }
    let read = |file: &PathBuf| std::fs::read_to_string(file).map_err(Error::files("read", file));
    let texts: Vec<String> = files.iter().map(read).collect::<Result<_, _>>()?;
    Ok(texts.join("\n---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_stage_is_one_document_of_kind_stage() {
        for text in BUILT_IN {
            let stage: serde_json::Value = serde_saphyr::from_str(text).unwrap();
            assert_eq!(stage["kind"], "Stage", "{text}");
        }
    }

    #[test]
    fn every_stage_beside_the_built_in_ones_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kwok/stages");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), BUILT_IN.len());
    }
}
