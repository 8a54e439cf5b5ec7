//! The floor plan of the library, held by a test: imports point down, and a few rules of the house.
//!
//! It reads text, so a path that a macro makes escapes it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// A room of `src/` and the rooms that it may name, all of them from rows above its own. A room may always
/// name itself. Rooms that are not built yet have their row already.
const MAY: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("entropy", &[]),
    ("scrub", &["wire"]),
    ("history", &["wire"]),
    ("runtime", &["wire", "entropy"]),
    ("fault", &["wire", "entropy"]),
    ("cluster", &["wire"]),
    ("serve", &["wire"]),
    ("sim", &["wire", "entropy", "history"]),
    ("tape", &["wire", "entropy", "scrub", "history"]),
    ("gather", &["wire", "entropy", "scrub", "tape"]),
    (
        "harness",
        &[
            "wire", "entropy", "scrub", "history", "runtime", "fault", "cluster", "serve", "sim", "tape",
            "gather",
        ],
    ),
    ("snapshot", &["wire", "entropy", "scrub", "tape", "gather", "harness"]),
    ("report", &["wire", "entropy", "tape"]),
    ("explore", &["wire", "entropy", "fault", "sim", "tape", "gather", "harness", "snapshot"]),
];

/// Lines that a file may have before its tests.
const LINES: usize = 400;

#[test]
fn imports_point_down() {
    let source = root().join("src");
    let wrong = check_all(&source, |file, text| wrong_imports(&relative(&source, file), text));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_table_has_no_loops() {
    for (index, (room, may)) in MAY.iter().enumerate() {
        for named in *may {
            let above = MAY[..index].iter().any(|(other, _)| other == named);
            assert!(above, "the row of `{room}` names `{named}`, which does not stand above it");
        }
    }
    let users: Vec<_> =
        MAY.iter().filter(|(_, may)| may.contains(&"runtime")).map(|(room, _)| *room).collect();
    assert_eq!(users, ["harness"], "the deterministic runtime has one user");
}

#[test]
fn files_keep_to_the_house_rules() {
    let root = root();
    let mut wrong = Vec::new();
    for folder in ["src", "cli", "macros", "tests", "examples"] {
        wrong.extend(check_all(&root.join(folder), |file, text| {
            let name = relative(&root, file);
            [too_long(&name, text), undocumented_door(&name, text), vague_name(&name)]
                .into_iter()
                .flatten()
                .chain(untested_examples(&name, text))
                .collect()
        }));
    }
    for page in files(&root.join("docs"), "md").into_iter().chain([root.join("README.md")]) {
        let text = fs::read_to_string(&page).expect("a page is text");
        wrong.extend(untested_examples(&relative(&root, &page), &text));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn relative(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).display().to_string()
}

fn check_all(folder: &Path, check: impl Fn(&Path, &str) -> Vec<String>) -> Vec<String> {
    let read = |file: &PathBuf| fs::read_to_string(file).expect("a source file is text");
    files(folder, "rs").iter().flat_map(|file| check(file, &read(file))).collect()
}

/// The files below a folder that is there, in order; built things are not looked at.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

/// What a file of `src/` names and may not.
fn wrong_imports(file: &str, text: &str) -> Vec<String> {
    let module = module_of(file);
    let Some(here) = module.first() else { return Vec::new() };
    let Some((_, may)) = MAY.iter().find(|(room, _)| room == here) else {
        return vec![format!("src/{file}: the room `{here}` has no row in tests/layers.rs")];
    };
    let mut wrong = Vec::new();
    for path in named(&module, text) {
        let Some(there) = path.first() else { continue };
        let there = doors().get(there).unwrap_or(there);
        if there == here || may.contains(&there.as_str()) {
            continue;
        }
        wrong.push(match MAY.iter().any(|(room, _)| room == there) {
            true => format!("src/{file}: `{here}` may not name `{there}` (only {may:?})"),
            false => format!("src/{file}: `{there}` is no room; name the room that it comes from"),
        });
    }
    wrong
}

/// The names that `lib.rs` hands out, and the rooms that they come from: `World` is of `harness`.
fn doors() -> &'static BTreeMap<String, String> {
    static DOORS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        let text = fs::read_to_string(root().join("src/lib.rs")).expect("the root of the library");
        let uses = text.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
        let mut paths = Vec::new();
        for tree in uses {
            leaves(&[], &dense(tree), &mut paths);
        }
        let door = |path: Vec<String>| Some((path.last()?.clone(), path.first()?.clone()));
        paths.into_iter().filter(|path| path.len() > 1).filter_map(door).collect()
    });
    &DOORS
}

/// `tape/replay/core.rs` is the module `tape::replay::core`, `tape/mod.rs` is `tape`, `lib.rs` is the root.
fn module_of(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Every path that starts with `crate::` or `super::`, as seen from the root. `$crate::` is a macro's, for
/// its user.
fn named(module: &[String], text: &str) -> Vec<Vec<String>> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    let text = code.fold(String::new(), |text, line| text + line + "\n");
    // From its tests on, a file is one module deeper.
    let opens = |at: usize| text[at + 1..].lines().next().is_some_and(|line| line.ends_with('{'));
    let tests = text.match_indices("\nmod ").find(|(at, _)| opens(*at)).map_or(text.len(), |(at, _)| at);
    let mut found = Vec::new();
    for keyword in ["crate::", "super::"] {
        for (at, _) in text.match_indices(keyword) {
            let before = text[..at].chars().next_back().unwrap_or(' ');
            // A `super::` after another one belongs to the path that the first one starts.
            if before.is_alphanumeric() || "_$:".contains(before) {
                continue;
            }
            let base = match keyword {
                "crate::" => 0,
                _ => module.len() - usize::from(at < tests),
            };
            leaves(&module[..base], &dense(&text[at + keyword.len()..]), &mut found);
        }
    }
    found
}

/// The start of a text without the blanks that do not part two words.
fn dense(text: &str) -> String {
    let text: String = text.chars().take(2000).collect();
    let words = text.split_whitespace();
    words.fold(String::new(), |text, word| {
        let apart = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let blank = if apart(text.chars().next_back()) && apart(word.chars().next()) { " " } else { "" };
        text + blank + word
    })
}

/// The leaves of a use-tree, `a::{b, c::{d}}`; returns how much of the text it took.
fn leaves(base: &[String], tree: &str, found: &mut Vec<Vec<String>>) -> usize {
    let (mut path, mut at) = (base.to_vec(), 0);
    loop {
        if tree[at..].starts_with('{') {
            at += 1;
            while at < tree.len() && !tree[at..].starts_with('}') {
                at += leaves(&path, &tree[at..], found);
                at += usize::from(tree[at..].starts_with(','));
            }
            return (at + 1).min(tree.len());
        }
        let word = tree[at..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tree.len() - at);
        match &tree[at..at + word] {
            "super" => drop(path.pop()),
            "self" | "" => {}
            name => path.push(name.to_owned()),
        }
        at += word;
        if !tree[at..].starts_with("::") {
            found.push(path);
            // `* as name` and whatever ends a path elsewhere: on to the next part of a list.
            return at + tree[at..].find([',', '}']).unwrap_or(tree.len() - at);
        }
        at += 2;
    }
}

fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    (lines > LINES).then(|| format!("{file}: {lines} lines before its tests, {LINES} are allowed"))
}

fn undocumented_door(file: &str, text: &str) -> Option<String> {
    let door = file.ends_with("/mod.rs") && !text.starts_with("//!");
    door.then(|| format!("{file}: a mod.rs starts with `//!` and says what comes in and what goes out"))
}

fn vague_name(file: &str) -> Option<String> {
    let vague = ["util", "utils", "helper", "helpers", "common", "misc"];
    let word = file.split(['/', '.']).find(|part| vague.contains(part))?;
    Some(format!("{file}: `{word}` says nothing; name it for its noun"))
}

/// Code fences that nobody compiles.
fn untested_examples(file: &str, text: &str) -> Vec<String> {
    let fence = |line: &str| {
        let line = line.trim_start().trim_start_matches(['/', '!']).trim_start();
        let info = line.strip_prefix("```")?;
        info.split(',').any(|word| word.trim() == "ignore").then_some(())
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| fence(line).is_some());
    numbered
        .map(|(number, _)| {
            format!("{file}:{}: an example runs or is `no_run`, it is not ignored", number + 1)
        })
        .collect()
}

/// Each check, shown red by something planted.
mod checks {
    use super::*;

    #[test]
    fn an_arrow_upwards_is_seen_in_every_spelling() {
        for text in [
            "use crate::harness::World;",
            "use crate::{wire::Body, harness::World};",
            "use crate::{wire::{Body, Request}, harness as up};",
            "use super::super::harness;",
            "use super::{super::harness::World, symbol};",
            "fn f() { crate::harness::run() }",
            "pub(in crate::harness) fn f() {}",
        ] {
            let wrong = wrong_imports("tape/load.rs", text);
            let deeper =
                wrong_imports("tape/seal/file.rs", &text.replace("super::super", "super::super::super"));
            assert!(wrong.len() == 1 || deeper.len() == 1, "{text}: {wrong:?} {deeper:?}");
            let all = [wrong, deeper].concat();
            assert!(all[0].contains("`tape` may not name `harness`"), "{all:?}");
        }
    }

    #[test]
    fn arrows_downwards_and_within_are_no_findings() {
        for text in [
            "use crate::{wire::Body, entropy::Offset, tape::{Tape, write}};",
            "use super::{Error, seal::{self, Sealed}};",
            "// use crate::harness::World;",
            "macro_rules! m { () => { $crate::harness::World } }",
            "use crate::wire;\n\nmod tests {\n    use super::super::Tape;\n    use super::*;\n}",
        ] {
            assert_eq!(wrong_imports("tape/load.rs", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_two_wings_do_not_know_each_other() {
        assert_eq!(wrong_imports("sim/mod.rs", "use crate::tape::Tape;").len(), 1);
        assert_eq!(wrong_imports("tape/mod.rs", "use crate::sim::Sim;").len(), 1);
        assert_eq!(wrong_imports("tape/mod.rs", "use crate::runtime::Clock;").len(), 1);
        assert_eq!(wrong_imports("history/log.rs", "use crate::entropy::Offset;").len(), 1);
    }

    #[test]
    fn a_new_room_and_a_name_of_the_root_are_findings() {
        assert!(wrong_imports("attic/mod.rs", "")[0].contains("`attic` has no row"));
        assert!(wrong_imports("harness/run.rs", "use crate::Mystery;")[0].contains("`Mystery` is no room"));
        assert_eq!(wrong_imports("harness/run.rs", "use crate::Tape;"), [""; 0]);
        assert!(wrong_imports("tape/load.rs", "use crate::World;")[0].contains("may not name `harness`"));
    }

    #[test]
    fn a_long_file_is_a_finding_but_its_tests_are_not_counted() {
        let long = "x\n".repeat(LINES + 1);
        assert!(too_long("a.rs", &long).is_some());
        let tested = "x\n".repeat(LINES) + "#[cfg(test)]\nmod tests {\n" + &long;
        assert_eq!(too_long("a.rs", &tested), None);
    }

    #[test]
    fn doors_names_and_examples_are_looked_at() {
        assert!(undocumented_door("src/a/mod.rs", "mod b;").is_some());
        assert_eq!(undocumented_door("src/a/mod.rs", "//! A room.\nmod b;"), None);
        assert!(vague_name("src/tape/helpers.rs").is_some() && vague_name("tests/common/mod.rs").is_some());
        assert_eq!(vague_name("src/tape/load.rs"), None);
        let skipped = format!("/// ```{}", "ignore");
        assert_eq!(untested_examples("a.rs", &skipped).len(), 1);
        assert_eq!(untested_examples("a.md", &skipped.replace("```", "```rust,")).len(), 1);
        assert_eq!(untested_examples("a.rs", "/// ```no_run"), [""; 0]);
    }
}
