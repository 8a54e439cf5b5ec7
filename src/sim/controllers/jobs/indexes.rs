use serde_json::Value;
use std::collections::BTreeSet;

/// Where the number of an indexed pod stands.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// The number of an indexed pod.
pub(super) fn of(pod: &Value) -> Option<i64> {
    pod["metadata"]["annotations"][INDEX].as_str()?.parse().ok()
}

/// Reads numbers such as `1,3-5`, as far as they are below a bound.
pub(super) fn read(text: &str, bound: i64) -> BTreeSet<i64> {
    let part = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
        Some(first.max(0)..=last.min(bound - 1))
    };
    text.split(',').filter_map(part).flatten().collect()
}

/// Writes numbers, those in a row as `3-5`.
pub(super) fn write(numbers: &BTreeSet<i64>) -> String {
    let mut rows: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match rows.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => rows.push((*number, *number)),
        }
    }
    let row = |(first, last): &(i64, i64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    };
    rows.iter().map(row).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_written_by_their_ends() {
        for text in ["", "0", "1,3-5,9", "0,1", "2-4"] {
            assert_eq!(write(&read(text, 100)), text);
        }
        assert_eq!(write(&read("1-99", 4)), "1-3");
    }
}
