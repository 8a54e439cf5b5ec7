use super::Put;
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// A directory.
pub(super) struct Tree {
    root: PathBuf,
    made: BTreeSet<PathBuf>,
}

impl Tree {
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        let mut tree = Self { root: root.to_owned(), made: BTreeSet::new() };
        tree.folder(root)?;
        Ok(tree)
    }

    fn folder(&mut self, path: &Path) -> io::Result<()> {
        if self.made.contains(path) {
            return Ok(());
        }
        private(&mut fs::DirBuilder::new()).recursive(true).create(path)?;
        for folder in path.ancestors().take_while(|folder| folder.starts_with(&self.root)) {
            self.made.insert(folder.to_owned());
        }
        Ok(())
    }
}

impl Put for Tree {
    fn put(&mut self, path: &str, _: u64, mut content: &mut dyn Read) -> io::Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        io::copy(&mut content, &mut new_file(&path)?)?;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// A new file that only its owner reads.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn private(builder: &mut fs::DirBuilder) -> &mut fs::DirBuilder {
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(builder, 0o700);
    builder
}
