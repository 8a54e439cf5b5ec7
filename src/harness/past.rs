use super::{
    calls::{Call, Calls, Entry, Seen},
    trace::{body, what},
};
use crate::{
    entropy::Offset,
    tape::{DRIVER, Divergence, DivergenceKind},
};

/// How many events are shown before the one that diverged.
const BEFORE: usize = 6;

/// The last things that the operators did and saw, up to the request that diverged; the scenario's own reads
/// say nothing.
pub(super) fn before(out: &mut String, calls: &Calls, divergence: &Divergence, home: &str) {
    let entries = calls.entries();
    let it = entries.iter().rposition(|entry| is_it(entry, divergence));
    let entries = &entries[..it.map_or(entries.len(), |it| it + 1)];
    let mut lines: Vec<String> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let line = match entry {
            Entry::Frame(seen) if seen.actor != DRIVER => frame(seen),
            Entry::Call(call) if call.actor != DRIVER || call.info.verb.is_write() => {
                sent(call, it == Some(index), home)
            }
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

/// The request that diverged, as its log has it: a create with the name in its body.
pub(super) fn came(calls: &Calls, divergence: &Divergence, home: &str) -> Option<String> {
    let entries = calls.entries();
    let it = entries.iter().rev().find(|entry| is_it(entry, divergence))?;
    let Entry::Call(call) = it else { return None };
    Some(format!("{} {}", call.info.verb, what(&call.info, &body(call), home)))
}

/// One that diverged was never answered; a last status was, for another could have followed.
fn is_it(entry: &Entry, divergence: &Divergence) -> bool {
    let Entry::Call(call) = entry else { return false };
    (call.status == 0 || divergence.kind == DivergenceKind::LastStatus)
        && call.actor == divergence.actor
        && format!("{} {}", call.info.verb, call.info.what()) == divergence.came
}

fn frame(seen: &Seen) -> String {
    let at = Offset(seen.at).short();
    format!("  {at:>8}  {:<12} ▸ watch {} {}\n", seen.actor, seen.event, seen.what)
}

fn sent(call: &Call, is_it: bool, home: &str) -> String {
    let mark = if is_it { "▸" } else { " " };
    let end = match call.status {
        0 if is_it => "diverged".to_owned(),
        0 => "not answered".to_owned(),
        status => status.to_string(),
    };
    let (at, what) = (Offset(call.at).short(), what(&call.info, &body(call), home));
    format!("{mark} {at:>8}  {:<12} {:<7} {what:<44} {end}\n", call.actor, call.info.verb)
}
