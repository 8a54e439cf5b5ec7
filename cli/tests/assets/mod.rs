//! Where the programs of a real control plane are.

use std::{path::PathBuf, process::Command};

/// `KUBEBUILDER_ASSETS`, or what `kwok/assets.sh` built.
pub(crate) fn folder() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../kwok/assets.sh");
    let named = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let output = Command::new(script).arg("--dir").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().into()
    })
}
