use super::states::{State, difference, state};
use crate::harness::{Crash, Disturbed, Mode, Options, Outcome, World, Written, disturbed};
use std::{fmt::Write as _, future::Future};

/// Runs a scenario on the simulated cluster as it is, and then again once for every write of its operators that
/// changed something: the operator is killed right after that write, before it hears the answer, and started
/// again. Every run has to come to the same end as the undisturbed one, within ten minutes of virtual time.
///
/// `#[kubetape::test(crash_everywhere)]` calls this. Events and Leases are not writes that count, and are not
/// compared; nor are uids, times, generated names and generations. `KUBETAPE_CRASH=3` runs the third crash alone.
///
/// # Panics
/// When a run ends otherwise, or its scenario fails: with the write after which the operator was killed, the
/// difference, and the line that repeats that run. With the undisturbed scenario's own failure.
#[track_caller]
pub fn crash_everywhere<S, Fut>(options: Options, scenario: S)
where
    S: FnOnce(World) -> Fut + Clone + Send + 'static,
    Fut: Future + 'static,
    Fut::Output: Outcome,
{
    let mode = Mode::from_env().unwrap_or_else(|error| panic!("{error}"));
    let options = options.in_environment(&mode);
    let namespace = options.namespace();
    let calm = disturbed(&options, Crash::never(), scenario.clone());
    if let Some(failure) = calm.failure {
        failure.raise();
    }
    let reference = state(&calm.objects, &namespace);
    let chosen = |number: &usize| mode.crash.is_none_or(|only| only == *number);
    let mut found = Vec::new();
    for number in (1..=calm.writes.len()).filter(chosen) {
        let (expected, space) = (reference.clone(), namespace.clone());
        let crash = Crash::after(number, move |objects| state(objects, &space) == expected);
        let run = disturbed(&options, crash, scenario.clone());
        let what = judge(&reference, &namespace, &run);
        found.extend(what.map(|what| Finding { number, write: run.writes.get(number - 1).cloned(), what }));
    }
    assert!(found.is_empty(), "{}", text(&options, calm.writes.len(), &found));
}

/// A crash after which a run ended otherwise.
struct Finding {
    number: usize,
    write: Option<Written>,
    what: String,
}

/// What is wrong with the end of a run, if anything is.
fn judge(reference: &State, namespace: &str, run: &Disturbed) -> Option<String> {
    if let Some(failure) = &run.failure {
        let text = failure.to_string();
        let lines = text.lines().map(|line| format!("  {line}\n"));
        return Some(format!("the scenario failed:\n\n{}", lines.collect::<String>()));
    }
    let difference = difference(reference, &state(&run.objects, namespace));
    (!difference.is_empty())
        .then(|| format!("the cluster ended otherwise than without a crash:\n\n{difference}"))
}

fn text(options: &Options, writes: usize, found: &[Finding]) -> String {
    let (count, first) = (found.len(), &found[0]);
    let test = options.scenario();
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\nA crash right after a write is not survived: {count} of {writes} writes.\n");
    let _ = writeln!(out, "test    {test}");
    let _ = writeln!(out, "crash   after {}\n", place(first, writes));
    let _ = writeln!(out, "{}", first.what);
    for other in &found[1..] {
        let _ = writeln!(out, "also    after {}", place(other, writes));
    }
    let name = options.test_name();
    let _ = write!(out, "this run alone   KUBETAPE_CRASH={} cargo test {name}", first.number);
    out.replace(&format!(" {}/", options.namespace()), " ")
}

fn place(finding: &Finding, writes: usize) -> String {
    let write = finding.write.as_ref().map_or_else(|| "(it never came)".to_owned(), Written::to_string);
    format!("write {} of {writes}: {write}", finding.number)
}
