use super::{Options, calls::Calls, mode::Check};
use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How much of a request is shown.
const SHOWN: usize = 150;

/// Leaves the requests of a run for the process that asked for them.
pub(super) fn leave(check: &Check, calls: &Calls) -> Option<String> {
    let Check::Child(path) = check else { return None };
    let text = calls.lines().join("\n");
    let threads = std::fs::write(threads_file(path), calls.threads().to_string());
    let written = threads.and_then(|()| std::fs::write(path, text));
    written.err().map(|error| format!("failed to write {}: {error}", path.display()))
}

/// Runs the test again in a process of its own, and says how the two runs differ, if they do.
pub(super) fn again(check: &Check, options: &Options, tape: &str, calls: &Calls) -> Option<String> {
    if *check != Check::Determinism {
        return None;
    }
    let test = test_name(options);
    match in_a_child(&test) {
        Ok((theirs, count)) => {
            difference(&test, tape, &calls.lines(), &theirs).map(|text| text + &threads(count))
        }
        Err(error) => Some(format!(
            "KUBETAPE_CHECK=determinism could not run {test:?} a second time: {error}\n\
             a scenario that is checked has to be the test of this name, and run on the test's own thread"
        )),
    }
}

/// The name that libtest knows the test by: that of its thread, else the module path without the crate.
fn test_name(options: &Options) -> String {
    let thread = std::thread::current();
    match thread.name().filter(|name| *name != "main") {
        Some(name) => name.to_owned(),
        None => options.name.split_once("::").map_or(options.name.as_str(), |(_, rest)| rest).to_owned(),
    }
}

/// What is known of threads that run beside the runtime.
fn threads(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!(
            "\nthreads          {count} started by the operator or the scenario; what they do has no order: use \
             tokio::task::spawn_blocking"
        ),
    }
}

fn threads_file(log: &Path) -> PathBuf {
    log.with_extension("threads")
}

/// What a child asked for, and how many threads it had beside the runtime.
fn in_a_child(test: &str) -> io::Result<(Vec<String>, u64)> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("requests");
    Command::new(std::env::current_exe()?)
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env("KUBETAPE_CHECK", "child")
        .env("_KUBETAPE_CHECK_LOG", &log)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let threads = std::fs::read_to_string(threads_file(&log)).ok().and_then(|text| text.parse().ok());
    Ok((read(&log)?, threads.unwrap_or_default()))
}

fn read(log: &Path) -> io::Result<Vec<String>> {
    Ok(std::fs::read_to_string(log)?.lines().map(str::to_owned).collect())
}

/// The text about the first line that differs.
fn difference(test: &str, tape: &str, here: &[String], child: &[String]) -> Option<String> {
    let longest = here.len().max(child.len());
    let first = (0..longest).find(|line| here.get(*line) != child.get(*line))?;
    let (ours, theirs) = (here.get(first).map(String::as_str), child.get(first).map(String::as_str));
    let from = ours.zip(theirs).map_or(0, |(a, b)| common(a, b));
    let mut out = String::from(
        "\nTwo runs of this test differ: the one in this process, and one in a child of it.\n\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(out, "test    {test}\ntape    {tape}");
    let _ = writeln!(
        out,
        "at      request {} of {} here, of {} in the child\n",
        first + 1,
        here.len(),
        child.len()
    );
    for line in &here[first.saturating_sub(3)..first] {
        let _ = writeln!(out, "  both   {}", window(line, 0));
    }
    for (side, line) in [("▸ here ", ours), ("▸ child", theirs)] {
        let _ = writeln!(out, "{side}  {}", line.map_or("(had ended)".to_owned(), |line| window(line, from)));
    }
    out += "\nlikely causes: the operator read the clock, went through a HashMap in its order, drew from rand, used\n\
            `tokio::select!` without `biased`, or sent a process id, an environment variable or a thread's result\n";
    let _ = write!(out, "\nsee it again   KUBETAPE_CHECK=determinism cargo test {test}");
    Some(out)
}

/// How many characters two lines begin with together.
fn common(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count()
}

/// The head of a line, and what stands around `at` where that is further on.
fn window(line: &str, at: usize) -> String {
    let chars: Vec<char> = line.chars().collect();
    let cut = |range: &[char]| range.iter().collect::<String>();
    if chars.len() <= SHOWN {
        return line.to_owned();
    }
    if at + 40 <= SHOWN {
        return cut(&chars[..SHOWN]) + "…";
    }
    let end = (at + 60).min(chars.len());
    let dots = if end < chars.len() { "…" } else { "" };
    format!("{}… …{}{dots}", cut(&chars[..50]), cut(&chars[at - 40..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_told_with_what_came_before() {
        let lines = |last: &str| ["a", "b", "c", "d", last].map(str::to_owned).to_vec();
        assert_eq!(difference("t", "tape", &lines("e"), &lines("e")), None);
        let text = difference("t", "tape", &lines("e"), &lines("f")).unwrap();
        assert!(text.contains("request 5 of 5 here, of 5 in the child"), "{text}");
        assert!(text.contains("both   d\n▸ here   e\n▸ child  f"), "{text}");
        let text = difference("t", "tape", &lines("e"), &lines("e")[..4]).unwrap();
        assert!(text.contains("▸ child  (had ended)"), "{text}");
    }

    #[test]
    fn a_long_line_is_shown_around_its_difference() {
        let line = format!("{}X{}", "a".repeat(400), "b".repeat(400));
        let shown = window(&line, 400);
        assert!(shown.contains("aX") && shown.chars().count() < 160, "{shown}");
    }
}
