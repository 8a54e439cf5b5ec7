use std::{path::PathBuf, str::FromStr};

/// Forms of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Table,
    Wide,
    Json,
    Yaml,
    Name,
    JsonPath(String),
    JsonPathFile(PathBuf),
    Columns(String),
    ColumnsFile(PathBuf),
}

impl Output {
    /// Whether it prints rows as `kubectl get` does without `-o`.
    pub(super) fn is_table(&self) -> bool {
        matches!(self, Output::Table | Output::Wide)
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, rest) = text.split_once('=').map_or((text, None), |(form, rest)| (form, Some(rest)));
        Ok(match (form, rest) {
            ("table", None) => Output::Table,
            ("wide", None) => Output::Wide,
            ("json", None) => Output::Json,
            ("yaml", None) => Output::Yaml,
            ("name", None) => Output::Name,
            ("jsonpath", Some(template)) => Output::JsonPath(template.to_owned()),
            ("jsonpath-file", Some(file)) => Output::JsonPathFile(file.into()),
            ("custom-columns", Some(columns)) => Output::Columns(columns.to_owned()),
            ("custom-columns-file", Some(file)) => Output::ColumnsFile(file.into()),
            _ => {
                return Err(format!(
                    "{text:?} is no form of output; use table, wide, json, yaml, name, jsonpath=TEMPLATE, \
                     jsonpath-file=FILE, custom-columns=HEADER:PATH,… or custom-columns-file=FILE"
                ));
            }
        })
    }
}
