use super::{
    calls::{Call, Calls, Entry, Seen},
    trace::{body, what},
};
use crate::{
    entropy::Offset,
    tape::{DRIVER, Divergence},
};

/// How many events are shown before the one that diverged.
const BEFORE: usize = 6;

/// The last things that the operators did and saw, up to the request that diverged; the scenario's own reads
/// say nothing.
pub(super) fn before(out: &mut String, calls: &Calls, divergence: &Divergence, home: &str) {
    let entries = calls.entries();
    let is_it = |call: &Call| {
        let came = format!("{} {}", call.info.verb, call.info.what());
        call.status == 0 && call.actor == divergence.actor && came == divergence.came
    };
    let end = entries.iter().rposition(|entry| matches!(entry, Entry::Call(call) if is_it(call)));
    let entries = &entries[..end.map_or(entries.len(), |end| end + 1)];
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        let line = match entry {
            Entry::Frame(seen) if seen.actor != DRIVER => frame(seen),
            Entry::Call(call) if call.actor != DRIVER || call.info.verb.is_write() => sent(call, is_it(call), home),
            _ => continue,
        };
        // Two streams of one type say everything twice.
        if lines.last() != Some(&line) {
            lines.push(line);
        }
    }
    if !lines.is_empty() {
        out.push_str("\nbefore this\n");
        out.push_str(&lines[lines.len().saturating_sub(BEFORE)..].concat());
    }
}

fn frame(seen: &Seen) -> String {
    let at = Offset(seen.at).short();
    format!("  {at:>8}  {:<12} ▸ watch {} {}\n", seen.actor, seen.event, seen.what)
}

fn sent(call: &Call, is_it: bool, home: &str) -> String {
    let (mark, end) = match call.status {
        0 if is_it => ("▸", "diverged".to_owned()),
        0 => (" ", "not answered".to_owned()),
        status => (" ", status.to_string()),
    };
    let (at, what) = (Offset(call.at).short(), what(&call.info, &body(call), home));
    format!("{mark} {at:>8}  {:<12} {:<7} {what:<44} {end}\n", call.actor, call.info.verb)
}
