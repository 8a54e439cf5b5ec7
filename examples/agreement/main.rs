//! How far the grounds agree, as `docs/agreement.md` has it: `just agreement` runs the scenarios and calls this.
//!
//! In go the folder that `.ci/agreement` filled, a folder of tapes and a log of the tests for each ground; out comes
//! the page.
#![allow(clippy::print_stdout, reason = "it prints what it makes")]

use kubetape::tape::{self, Class, Entry, Tape, classify};
use std::{collections::BTreeMap, error::Error, fmt::Write as _, fs, path::Path};

const GROUNDS: [&str; 3] = ["sim", "envtest", "kwok"];

const HEAD: &str = "# How far the grounds agree

The scenarios of the three operators run on the committed tape, on the simulated cluster, on envtest and on kwok. Each
run but that on the tape is recorded, and its recording compared with the committed one, which was made on envtest:
the effective writes for every object, and the last status (rule 12 of [replay](replay.md)). The end states are those
that `tests/snapshots.rs` asserts, the same file for every ground. Made by `just agreement`; do not edit.

A scenario that ends in `_bare` runs without controllers; on a real control plane that is always envtest.
";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name the folder that .ci/agreement filled")?;
    print!("{}", page(Path::new(&folder))?);
    Ok(())
}

fn page(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut out = HEAD.to_owned();
    let mut differences = String::new();
    out += "\n## Effective writes\n\n| scenario | tape | sim | envtest | kwok |\n|---|---|---|---|---|\n";
    for name in scenarios(&folder.join("sim"))? {
        let committed = Tape::load(Path::new("recordings").join(format!("{name}.ktape")))?;
        write!(out, "| {name} | {} |", effective(&committed))?;
        for ground in GROUNDS {
            let path = folder.join(ground).join(format!("{name}.ktape"));
            let cell = match Tape::load(&path) {
                Ok(tape) => compared(&committed, &tape, &name, ground, &mut differences)?,
                Err(_) => "not recorded".to_owned(),
            };
            write!(out, " {cell} |")?;
        }
        out += "\n";
    }
    out += "\n## End states\n\n| test | tape | sim | envtest | kwok |\n|---|---|---|---|---|\n";
    let logs: Vec<BTreeMap<String, bool>> = ["tape", "sim", "envtest", "kwok"]
        .iter()
        .map(|ground| passed(&folder.join(format!("{ground}.log"))))
        .collect();
    let tests: std::collections::BTreeSet<&String> = logs.iter().flat_map(BTreeMap::keys).collect();
    for test in tests {
        write!(out, "| {test} |")?;
        for log in &logs {
            let word = match log.get(test) {
                Some(true) => "as asserted",
                Some(false) => "**otherwise**",
                None => "not run",
            };
            write!(out, " {word} |")?;
        }
        out += "\n";
    }
    out += "\n## Differences\n\n";
    out += if differences.is_empty() { "None.\n" } else { &differences };
    Ok(out)
}

fn scenarios(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".ktape").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn effective(tape: &Tape) -> usize {
    classify(tape).iter().filter(|write| write.class == Class::Effective).count()
}

/// A cell of the table; what differs goes to the list below it.
fn compared(
    committed: &Tape,
    tape: &Tape,
    name: &str,
    ground: &str,
    out: &mut String,
) -> Result<String, Box<dyn Error>> {
    let difference = tape::diff(committed, tape);
    let count = effective(tape);
    if difference.is_empty() {
        return Ok(format!("{count}, equal"));
    }
    for entry in &difference.entries {
        let text = match entry {
            Entry::Added { what, .. } => format!("`{what}` is there alone"),
            Entry::Removed { what } => format!("`{what}` is missing"),
            Entry::Changed { what, changes } => {
                let fields: Vec<String> = changes.iter().map(ToString::to_string).collect();
                format!("`{what}`: {}", fields.join("; "))
            }
            other => format!("{other:?}"),
        };
        writeln!(out, "- {name} on {ground}: {text}")?;
    }
    Ok(format!("{count}, **{} differ**", difference.entries.len()))
}

/// The tests in a log of `cargo test`, and whether they passed.
fn passed(log: &Path) -> BTreeMap<String, bool> {
    let text = fs::read_to_string(log).unwrap_or_default();
    let tests = text.lines().filter_map(|line| line.strip_prefix("test ")?.split_once(" ... "));
    tests
        .filter(|(_, word)| *word == "ok" || *word == "FAILED")
        .map(|(name, word)| (name.to_owned(), word == "ok"))
        .collect()
}
