//! Where binaries and state lie. The only file of this room that reads the environment.

use std::path::{Path, PathBuf};

use super::Error;

/// `$KUBETAPE_CACHE`, else `$XDG_CACHE_HOME/kubetape`, else `~/.cache/kubetape`, as
/// `kwok/assets.sh` has it.
pub(super) fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(cache) = set("KUBETAPE_CACHE") {
        return PathBuf::from(cache);
    }
    let base = set("XDG_CACHE_HOME").map(PathBuf::from);
    base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("kubetape")
}

/// A folder of control-plane binaries that exists.
#[derive(Clone, Debug)]
pub(super) struct Assets(PathBuf);

impl Assets {
    /// `wanted`, else `$KUBEBUILDER_ASSETS`, else the newest in the cache.
    pub(super) fn locate(wanted: Option<&Path>) -> Result<Self, Error> {
        let set = std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty());
        if let Some(folder) = wanted.map(Path::to_owned).or(set.map(PathBuf::from)) {
            // Components run with another working directory.
            return std::path::absolute(&folder).map(Self).map_err(Error::files("find", folder));
        }
        let looked = cache().join("assets");
        newest(&looked).map(Self).ok_or(Error::NoAssets { looked })
    }

    /// The path of one binary.
    pub(super) fn binary(&self, program: &str) -> Result<PathBuf, Error> {
        let path = self.0.join(program);
        if path.is_file() {
            return Ok(path);
        }
        Err(Error::Missing { program: program.to_owned(), folder: self.0.clone() })
    }
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("kubernetes-"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .max()
        .map(|(_, path)| path)
}

/// Whether `program`, a bare name or a path, can be found to be run.
pub(super) fn on_path(program: &Path, help: &'static str) -> Result<PathBuf, Error> {
    let missing = || Error::NotOnPath { program: program.display().to_string(), help };
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned()).ok_or_else(missing);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_binary_names_it_and_the_cure() {
        let empty = tempfile::tempdir().unwrap();
        let assets = Assets::locate(Some(empty.path())).unwrap();
        let text = assets.binary("kube-scheduler").unwrap_err().to_string();
        assert!(text.starts_with("kube-scheduler is not in "), "{text}");
        assert!(text.contains("just assets"), "{text}");
    }

    #[test]
    fn only_folders_named_for_kubernetes_are_taken_from_the_cache() {
        let cache = tempfile::tempdir().unwrap();
        std::fs::create_dir(cache.path().join("something-else")).unwrap();
        assert_eq!(newest(cache.path()), None);
        let right = cache.path().join("kubernetes-1.36.3-etcd-3-kwok-0");
        std::fs::create_dir(&right).unwrap();
        assert_eq!(newest(cache.path()), Some(right));
    }
}
