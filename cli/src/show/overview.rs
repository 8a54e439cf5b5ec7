use super::aligned;
use kubetape::gather::Capture;

/// What a capture holds, a line each kind.
pub(super) fn text(capture: &Capture) -> String {
    let mut text = format!("written by {}", capture.origin);
    if let Some(version) = capture.manifest["kubernetes"].as_str() {
        text += &format!(" from Kubernetes {version}");
    }
    if !capture.time.is_empty() {
        text += &format!(" at {}", capture.time);
    }
    text += "\n\n";
    let mut rows = vec![vec!["KIND".to_owned(), "GROUP".to_owned(), "OBJECTS".to_owned()]];
    let mut counts = std::collections::BTreeMap::new();
    for id in capture.objects.keys() {
        *counts.entry((id.group.as_str(), id.kind.as_str())).or_insert(0) += 1;
    }
    rows.extend(counts.iter().map(|((group, kind), count)| {
        vec![(*kind).to_owned(), if group.is_empty() { "core" } else { group }.to_owned(), count.to_string()]
    }));
    text += &aligned::columns(&rows);
    if !capture.logs.is_empty() {
        text += &format!("\n{} logs\n", capture.logs.len());
    }
    if let Some(changes) = capture.manifest["watch"]["changes"].as_u64() {
        text += &format!("\n{changes} changes, see watch.ktape\n");
    }
    let missing = capture.manifest["warnings"].as_u64().unwrap_or_default();
    if missing > 0 {
        text += &format!("\n{missing} missing, see manifest.json\n");
    }
    for note in &capture.notes {
        text += &format!("not read: {note}\n");
    }
    if let Some(first) = capture.passed_over.first() {
        text += &format!(
            "\n{} files hold no objects and were passed over, {first} among them\n",
            capture.passed_over.len()
        );
    }
    text
}
