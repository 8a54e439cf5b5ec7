use std::path::Path;

/// What a capture is written to, or read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A directory.
    Directory,
    /// `.tar.zst`
    TarZst,
    /// `.tar.gz` or `.tgz`
    TarGz,
    /// `.zip`
    Zip,
}

/// Endings of file names.
const ENDINGS: [(&str, Format); 5] = [
    (".tar.zst", Format::TarZst),
    (".tzst", Format::TarZst),
    (".tar.gz", Format::TarGz),
    (".tgz", Format::TarGz),
    (".zip", Format::Zip),
];

impl Format {
    /// The format that a path's ending names; without one it is a directory.
    pub fn of(path: &Path) -> Self {
        ending(path).map_or(Self::Directory, |(_, format)| format)
    }
}

fn ending(path: &Path) -> Option<(&'static str, Format)> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    ENDINGS.into_iter().find(|(ending, _)| name.ends_with(ending))
}

/// The name of a capture that is not whole yet, or never became so: `shop.partial.tar.zst`.
pub(super) fn partial_name(path: &Path, number: u32) -> std::path::PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let length = ending(path).map_or(0, |(ending, _)| ending.len());
    let (stem, ending) = name.split_at(name.len() - length);
    let mark = if number < 2 { ".partial".to_owned() } else { format!(".partial-{number}") };
    path.with_file_name(format!("{stem}{mark}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_what_is_written() {
        let of = |path: &str| Format::of(Path::new(path));
        assert_eq!(of("a/shop.tar.zst"), Format::TarZst);
        assert_eq!(of("shop.TGZ"), Format::TarGz);
        assert_eq!(of("shop.zip"), Format::Zip);
        assert_eq!(
            (of("shop"), of("shop.d/"), of("shop.zst")),
            (Format::Directory, Format::Directory, Format::Directory)
        );
        let partial = |path: &str, n| partial_name(Path::new(path), n).display().to_string();
        assert_eq!(partial("a/shop.tar.zst", 1), "a/shop.partial.tar.zst");
        assert_eq!(partial("a/shop", 2), "a/shop.partial-2");
    }
}
