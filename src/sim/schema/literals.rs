/// Where the literal texts of a rule stand.
pub(super) fn of(rule: &str) -> Vec<std::ops::Range<usize>> {
    let (bytes, mut at, mut found) = (rule.as_bytes(), 0, Vec::new());
    while at < bytes.len() {
        let quote = bytes[at];
        if !matches!(quote, b'"' | b'\'') {
            at += 1;
            continue;
        }
        let raw = at > 0 && matches!(bytes[at - 1], b'r' | b'R');
        let long = bytes[at..].starts_with(&[quote; 3]);
        let (start, width) = (at, if long { 3 } else { 1 });
        at += width;
        while at < bytes.len() && !bytes[at..].starts_with(&[quote; 3][..width]) {
            at += if bytes[at] == b'\\' && !raw { 2 } else { 1 };
        }
        at = (at + width).min(bytes.len());
        found.push(start..at);
    }
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_stands_in_quotes_is_a_text_whatever_its_quotes_are() {
        let rule = "self.a == 'it\\'s self.b' && r'\\' + \"self.c\" != '''self.'d''' && self.e";
        let texts: Vec<&str> = super::of(rule).into_iter().map(|range| &rule[range]).collect();
        assert_eq!(texts, ["'it\\'s self.b'", "'\\'", "\"self.c\"", "'''self.'d'''"]);
    }
}
