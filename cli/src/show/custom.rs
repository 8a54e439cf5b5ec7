use super::aligned;
use crate::exit::Usage;
use kubetape::wire::{JsonPath, go_print};
use serde_json::Value;

/// Columns that the caller chose.
pub(super) struct Columns(Vec<(String, JsonPath)>);

impl Columns {
    /// `NAME:.metadata.name,PHASE:.status.phase`
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let next = "write -o custom-columns=NAME:.metadata.name,PHASE:.status.phase";
        if text.is_empty() {
            return Err(Usage(format!("there are no columns after custom-columns=; {next}")).into());
        }
        let columns = text.split(',').map(|column| {
            let pair = column.split_once(':');
            let (head, path) = pair.ok_or_else(|| Usage(format!("{column:?} is no column; {next}")))?;
            Self::column(head, path)
        });
        Ok(Self(columns.collect::<Result<_, _>>()?))
    }

    /// A line of headers, and a line of paths.
    pub(super) fn file(text: &str) -> anyhow::Result<Self> {
        let next =
            "it has one line of headers, and one line with as many paths, all with spaces between them";
        let mut lines = text.lines();
        let (Some(heads), Some(paths)) = (lines.next(), lines.next()) else {
            return Err(Usage(format!("the file of custom columns has not two lines; {next}")).into());
        };
        let (heads, paths): (Vec<_>, Vec<_>) =
            (heads.split_whitespace().collect(), paths.split_whitespace().collect());
        if heads.len() != paths.len() {
            let counts = format!("{} headers and {} paths", heads.len(), paths.len());
            return Err(Usage(format!("the file of custom columns has {counts}; {next}")).into());
        }
        let columns = heads.iter().zip(paths).map(|(head, path)| Self::column(head, path));
        Ok(Self(columns.collect::<Result<_, _>>()?))
    }

    fn column(head: &str, path: &str) -> Result<(String, JsonPath), Usage> {
        let path = JsonPath::relaxed(path).map_err(|error| {
            Usage(format!("the column {head:?} has no JSONPath: {error}; write {head}:.metadata.name"))
        })?;
        Ok((head.to_owned(), path))
    }

    /// The objects, a row each; `<none>` for what is not there.
    pub(super) fn print(&self, objects: &[Value], headers: bool) -> anyhow::Result<String> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        if headers {
            rows.push(self.0.iter().map(|(head, _)| head.clone()).collect());
        }
        for object in objects {
            let cells = self.0.iter().map(|(head, path)| {
                let found = path.find(object).map_err(|error| {
                    Usage(format!("the column {head:?} does not fit all objects: {error}; choose another path, or fewer types"))
                })?;
                let texts: Vec<String> = found.iter().map(|value| go_print(value)).collect();
                Ok(if texts.is_empty() { "<none>".to_owned() } else { texts.join(",") })
            });
            rows.push(cells.collect::<Result<_, Usage>>()?);
        }
        Ok(aligned::columns(&rows))
    }
}
