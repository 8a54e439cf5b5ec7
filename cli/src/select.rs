//! Which objects are meant, in kubectl's flags.

use crate::exit::Usage;
use kubetape::{
    gather::{Id, Pattern},
    wire::{FieldSelector, LabelSelector},
};
use serde_json::Value;

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
    /// Whether an object is one that is meant.
    pub(crate) fn filter(&self) -> Result<impl Fn(&Id, &Value) -> bool + '_, Usage> {
        let next = "write it as for kubectl, for example";
        let labels = self.selector.as_deref().map(|text| {
            LabelSelector::parse(text).map_err(|why| {
                Usage(format!(
                    "the label selector {text:?} cannot be understood: {why}; {next} app=web,tier!=db"
                ))
            })
        });
        let fields = self.field_selector.as_deref().map(|text| {
            FieldSelector::parse(text).map_err(|why| {
                Usage(format!(
                    "the field selector {text:?} cannot be understood: {why}; {next} status.phase=Running"
                ))
            })
        });
        let (labels, fields) = (labels.transpose()?, fields.transpose()?);
        Ok(move |id: &Id, object: &Value| {
            let spaces = &self.namespace;
            let space = spaces.is_empty()
                || id.namespace.is_empty()
                || spaces.iter().any(|pattern| pattern.matches(&id.namespace));
            space
                && labels.as_ref().is_none_or(|labels| labels.matches(object))
                && fields.as_ref().is_none_or(|fields| fields.matches(object))
        })
    }

    /// Whether nothing is left out.
    pub(crate) fn is_all(&self) -> bool {
        self.namespace.is_empty() && self.selector.is_none() && self.field_selector.is_none()
    }

    /// The chosen namespaces behind what was looked for in them: ` in namespace shop`, or nothing.
    pub(crate) fn place(&self) -> String {
        let names: Vec<String> = self.namespace.iter().map(ToString::to_string).collect();
        if names.is_empty() { String::new() } else { format!(" in namespace {}", names.join(", ")) }
    }
}

/// The types that were typed, each with a name if one is given: `deploy,po`, `pod web other` or `pod/web deploy/web`.
pub(crate) fn words(types: &[String]) -> Result<Vec<(&str, Option<&str>)>, Usage> {
    let Some((first, rest)) = types.split_first() else { return Ok(Vec::new()) };
    if first.contains('/') {
        let named = types.iter().map(|word| match word.split_once('/') {
            Some((word, name)) => Ok((word, Some(name))),
            None => Err(Usage(format!(
                "{word:?} stands among names of the form TYPE/NAME; write it so too, or give TYPE first and then \
                 names alone"
            ))),
        });
        return named.collect();
    }
    if let Some(name) = rest.iter().find(|name| name.contains('/')) {
        let next = "write names alone behind a type, or TYPE/NAME everywhere";
        return Err(Usage(format!("{name:?} follows a type; {next}")));
    }
    let of = |word| {
        let all = rest.is_empty().then_some((word, None));
        all.into_iter().chain(rest.iter().map(move |name| (word, Some(name.as_str()))))
    };
    Ok(first.split(',').flat_map(of).collect())
}
