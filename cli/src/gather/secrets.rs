use crate::out;
use anyhow::Context;
use kubetape::scrub::SHORTEST;
use std::path::Path;

/// The values that are secret wherever they stand, with names for them: of environment variables, and of the
/// lines of a file. Values that are blank or short are refused with a warning.
pub(super) fn read(variables: &[String], file: Option<&Path>) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for variable in variables {
        let value = std::env::var(variable).with_context(|| {
            format!(
                "--secret {variable}: there is no such environment variable; export it, or use --secrets-file"
            )
        })?;
        found.push((value, variable.to_lowercase(), format!("--secret {variable}")));
    }
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).with_context(|| {
            format!("--secrets-file {} cannot be read; see its name and who may read it", file.display())
        })?;
        for (at, line) in text.lines().enumerate() {
            let place = format!("{}:{}", file.display(), at + 1);
            found.push((line.trim().to_owned(), format!("literal-{}", at + 1), place));
        }
    }
    Ok(found
        .into_iter()
        .filter_map(|(value, name, place)| long_enough(&value, &place).then_some((value, name)))
        .collect())
}

fn long_enough(value: &str, place: &str) -> bool {
    let enough = value.trim().len() >= SHORTEST;
    if !enough {
        let what = if value.trim().is_empty() {
            "is blank".to_owned()
        } else {
            format!("is shorter than {SHORTEST} bytes")
        };
        out::talk(&format!(" warning  {place} {what} and is not looked for; give the whole secret"));
    }
    enough
}
