//! Which objects are meant, in kubectl's flags.

use kubetape::gather::Pattern;

/// Which objects.
#[derive(clap::Args, Debug)]
pub(crate) struct Selection {
    /// Only in this namespace; may be given again, and may be a glob or /regex/
    #[arg(short, long, value_delimiter = ',')]
    pub(crate) namespace: Vec<Pattern>,
    /// In all namespaces, and cluster-scoped objects too; this is the default
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Only objects with these labels
    #[arg(short = 'l', long)]
    pub(crate) selector: Option<String>,
    /// Only objects with these fields, such as status.phase=Running
    #[arg(long)]
    pub(crate) field_selector: Option<String>,
}

impl Selection {
    /// The chosen namespaces behind what was looked for in them: ` in namespace shop`, or nothing.
    pub(crate) fn place(&self) -> String {
        let names: Vec<String> = self.namespace.iter().map(ToString::to_string).collect();
        if names.is_empty() { String::new() } else { format!(" in namespace {}", names.join(", ")) }
    }
}
