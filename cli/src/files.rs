//! Which tapes are meant.

use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files among `paths`, and every `.ktape` file below the directories among them, in order.
pub(crate) fn tapes(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            below(path, &mut found)?;
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn below(directory: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let read = || format!("cannot read directory {}", directory.display());
    let mut entries =
        fs::read_dir(directory).with_context(read)?.collect::<Result<Vec<_>, _>>().with_context(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let kind = entry.file_type().with_context(read)?;
        if kind.is_dir() && !hidden && entry.file_name() != "target" {
            below(&path, found)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "ktape") {
            found.push(path);
        }
    }
    Ok(())
}
