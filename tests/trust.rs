//! Whether a replay can be trusted: operators that do the same are green, mistakes are red.
//!
//! The tapes are several recordings of each scenario on real API servers, some of them with every core of the
//! machine busy, so that no two have the same order of events. `docs/trust.md` says what this proves.

mod scenarios;
mod variants;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Once,
};
use variants::{EQUIVALENTS, MUTANTS, SCENARIOS, UNCHANGED, Variant, operator, replay};

/// Its name keeps the panics of replays, which are what is asked for, out of the output.
const THREAD: &str = "a replay";

/// The text of what went wrong, if anything did.
fn outcome(scenario: &str, tape: &Path, seed: u64, variant: &'static Variant) -> Result<(), String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() != Some(THREAD) {
                loud(info);
            }
        }));
    });
    let (scenario, tape) = (scenario.to_owned(), tape.to_owned());
    let run = move || catch_unwind(AssertUnwindSafe(|| replay(&scenario, &tape, seed, variant)));
    let thread =
        std::thread::Builder::new().name(THREAD.to_owned()).spawn(run).expect("a thread can be made");
    thread.join().expect("its panics are caught").map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    })
}

/// All tapes of a scenario below `folder`: `SCENARIO/NN.ktape` or `NN/SCENARIO.ktape`.
fn tapes(folder: &Path, scenario: &str) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let own = entries(&folder.join(scenario)).into_iter();
    let others = entries(folder).into_iter().map(|sub| sub.join(format!("{scenario}.ktape")));
    let mut found: Vec<PathBuf> = own
        .chain(others)
        .filter(|path| path.extension().is_some_and(|e| e == "ktape") && path.is_file())
        .collect();
    found.sort();
    found
}

fn shows(variant: &Variant, scenario: &str) -> bool {
    variant.shown_by.contains(&operator(scenario))
}

/// The red text names the field or the write.
fn names_it(variant: &Variant, text: &str) -> bool {
    text.contains("tape diverged") && variant.names.iter().any(|name| text.contains(name))
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings/trust")
}

/// Everything that is not as it has to be, a paragraph each.
fn problems(scenario: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let tapes = tapes(&committed(), scenario);
    assert!(tapes.len() >= 3, "three recordings of {scenario} belong to recordings/trust; found {tapes:?}");
    for tape in &tapes {
        let mut note =
            |what: String, text: &str| problems.push(format!("{}: {what}\n{text}", tape.display()));
        let same = std::iter::repeat_n(&UNCHANGED, 3).chain(EQUIVALENTS.iter());
        for (seed, variant) in same.enumerate() {
            if let Err(text) = outcome(scenario, tape, seed as u64 + 1, variant) {
                note(format!("{} is red", variant.name), &text);
            }
        }
        for variant in MUTANTS.iter().filter(|variant| shows(variant, scenario)) {
            match outcome(scenario, tape, 1, variant) {
                Ok(()) => note(format!("{} is green", variant.name), ""),
                Err(text) if !names_it(variant, &text) => {
                    note(format!("{} is red without naming {:?}", variant.name, variant.names), &text);
                }
                Err(_) => {}
            }
        }
    }
    problems
}

fn holds_for(scenario: &str) {
    let problems = problems(scenario);
    assert!(problems.is_empty(), "{} problems\n\n{}", problems.len(), problems.join("\n\n"));
}

#[test]
fn book_can_be_trusted() {
    holds_for("book__shelf");
    holds_for("book__shelf_bare");
}

#[test]
fn echo_can_be_trusted() {
    holds_for("echo__lives");
}

#[test]
fn echo_without_controllers_can_be_trusted() {
    holds_for("echo__lives_bare");
}

#[test]
fn myapp_can_be_trusted() {
    holds_for("myapp__lives");
}

#[test]
fn myapp_without_controllers_can_be_trusted() {
    holds_for("myapp__lives_bare");
}

#[test]
fn mistakes_read_well() {
    for variant in &MUTANTS {
        let scenario = if shows(variant, "echo__lives") { "echo__lives" } else { "myapp__lives" };
        let tape = &tapes(&committed(), scenario)[0];
        let text = outcome(scenario, tape, 1, variant).expect_err(variant.name);
        insta::assert_snapshot!(variant.name.replace(' ', "_"), text);
    }
}

/// Green and red runs of one row.
#[derive(Default)]
struct Count {
    green: usize,
    red: usize,
    wrong: Vec<String>,
}

impl Count {
    fn take(&mut self, what: &str, outcome: &Result<(), String>, right: bool) {
        match outcome {
            Ok(()) => self.green += 1,
            Err(_) => self.red += 1,
        }
        if !right {
            let text = outcome.as_ref().err().map_or("", String::as_str);
            self.wrong.push(format!("{what}\n{text}"));
        }
    }
}

#[test]
#[ignore = "needs recordings: just trust"]
fn all_recordings_can_be_trusted() {
    let folder =
        PathBuf::from(std::env::var_os("KUBETAPE_TRUST").expect("KUBETAPE_TRUST names their folder"));
    let seeds: u64 = std::env::var("KUBETAPE_TRUST_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let only = std::env::var("KUBETAPE_TRUST_ONLY").unwrap_or_default();
    let mut table = String::from(
        "| scenario | recordings | operator | green | red | wrong |\n|---|---|---|---|---|---|\n",
    );
    let mut wrong = Vec::new();
    for scenario in SCENARIOS.into_iter().filter(|scenario| scenario.contains(&only)) {
        let tapes = tapes(&folder, scenario);
        let mut rows: BTreeMap<(u8, &str), Count> = BTreeMap::new();
        for tape in &tapes {
            let at = |what: &str| format!("{}: {what}", tape.display());
            for seed in 1..=seeds {
                let result = outcome(scenario, tape, seed, &UNCHANGED);
                rows.entry((0, UNCHANGED.name)).or_default().take(&at("unchanged"), &result, result.is_ok());
            }
            for variant in &EQUIVALENTS {
                let result = outcome(scenario, tape, 1, variant);
                rows.entry((1, variant.name)).or_default().take(&at(variant.name), &result, result.is_ok());
            }
            for variant in MUTANTS.iter().filter(|variant| shows(variant, scenario)) {
                let result = outcome(scenario, tape, 1, variant);
                let right = result.as_ref().is_err_and(|text| names_it(variant, text));
                rows.entry((2, variant.name)).or_default().take(&at(variant.name), &result, right);
            }
        }
        for ((_, name), count) in rows {
            let Count { green, red, wrong: bad } = count;
            let _ = writeln!(
                table,
                "| {scenario} | {} | {name} | {green} | {red} | {} |",
                tapes.len(),
                bad.len()
            );
            wrong.extend(bad);
        }
    }
    let text = format!("{table}\n{} wrong\n\n{}", wrong.len(), wrong.join("\n\n"));
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("trust.md");
    std::fs::write(&target, &text).expect("the target folder can be written");
    assert!(wrong.is_empty(), "{table}\n{} wrong, all of them in {}", wrong.len(), target.display());
}
