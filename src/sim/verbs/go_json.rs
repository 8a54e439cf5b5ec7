//! What Go's parser says of a text that is no JSON.

/// Where a scanner is inside of an object or an array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Key,
    Value,
    Element,
}

/// A text with a place to read on from.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

/// The first thing that is wrong, in the words of Go; nothing when it is JSON.
pub fn error(text: &[u8]) -> Option<String> {
    let mut scanner = Scanner { text, at: 0 };
    match scanner.whole() {
        Ok(()) => None,
        Err(Wrong::End) => Some("unexpected end of JSON input".to_owned()),
        Err(Wrong::Letter(letter, context)) => {
            Some(format!("invalid character {} {context}", quoted(letter)))
        }
    }
}

enum Wrong {
    End,
    Letter(u8, String),
}

/// A byte as Go quotes it.
fn quoted(letter: u8) -> String {
    match letter {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => r"'\\'".to_owned(),
        b'\n' => r"'\n'".to_owned(),
        b'\r' => r"'\r'".to_owned(),
        b'\t' => r"'\t'".to_owned(),
        0..32 | 127 => format!("'\\x{letter:02x}'"),
        _ => format!("'{}'", char::from(letter)),
    }
}

const VALUE: &str = "looking for beginning of value";

impl Scanner<'_> {
    fn next(&mut self) -> Result<u8, Wrong> {
        let letter = self.text.get(self.at).copied().ok_or(Wrong::End)?;
        self.at += 1;
        Ok(letter)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|letter| matches!(letter, b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn solid(&mut self) -> Result<u8, Wrong> {
        self.blank();
        self.next()
    }

    fn whole(&mut self) -> Result<(), Wrong> {
        let mut open: Vec<Place> = Vec::new();
        self.begin(&mut open, false)?;
        // A value is over: what may follow depends on what it stands in.
        while let Some(place) = open.last().copied() {
            let letter = self.solid()?;
            match (place, letter) {
                (Place::Key, b':') => {
                    open.pop();
                    open.push(Place::Value);
                    self.begin(&mut open, false)?;
                }
                (Place::Key, _) => return wrong(letter, "after object key"),
                (Place::Value, b',') => {
                    open.pop();
                    open.push(Place::Key);
                    let letter = self.solid()?;
                    self.key(letter)?;
                }
                (Place::Value, b'}') | (Place::Element, b']') => {
                    open.pop();
                }
                (Place::Value, _) => return wrong(letter, "after object key:value pair"),
                (Place::Element, b',') => self.begin(&mut open, false)?,
                (Place::Element, _) => return wrong(letter, "after array element"),
            }
        }
        self.blank();
        match self.peek() {
            Some(letter) => wrong(letter, "after top-level value"),
            None => Ok(()),
        }
    }

    fn key(&mut self, letter: u8) -> Result<(), Wrong> {
        if letter == b'"' {
            self.string()
        } else {
            wrong(letter, "looking for beginning of object key string")
        }
    }

    /// Reads into a value until one is over, or until an object waits behind a key.
    fn begin(&mut self, open: &mut Vec<Place>, mut first: bool) -> Result<(), Wrong> {
        loop {
            let letter = self.solid()?;
            match letter {
                b'{' => {
                    let letter = self.solid()?;
                    if letter == b'}' {
                        return Ok(());
                    }
                    open.push(Place::Key);
                    return self.key(letter);
                }
                b'[' => {
                    open.push(Place::Element);
                    first = true;
                }
                b']' if first => {
                    open.pop();
                    return Ok(());
                }
                _ => return self.scalar(letter),
            }
        }
    }

    fn scalar(&mut self, letter: u8) -> Result<(), Wrong> {
        match letter {
            b'"' => self.string(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(letter),
            _ => wrong(letter, VALUE),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Wrong> {
        for expected in word.bytes().skip(1) {
            let letter = self.next()?;
            if letter != expected {
                return wrong(letter, &format!("in literal {word} (expecting '{}')", char::from(expected)));
            }
        }
        Ok(())
    }

    fn digits(&mut self, context: &str) -> Result<(), Wrong> {
        let letter = self.next()?;
        if !letter.is_ascii_digit() {
            return wrong(letter, context);
        }
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), Wrong> {
        let zero = match first {
            b'-' if self.peek() == Some(b'0') => {
                self.at += 1;
                true
            }
            b'-' => {
                self.digits("in numeric literal")?;
                true
            }
            digit => digit == b'0',
        };
        while !zero && self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if self.peek().is_some_and(|letter| letter.eq_ignore_ascii_case(&b'e')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Wrong> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let letter = self.next()?;
                            if !letter.is_ascii_hexdigit() {
                                return wrong(letter, "in \\u hexadecimal character escape");
                            }
                        }
                    }
                    letter => return wrong(letter, "in string escape code"),
                },
                letter @ 0..32 => return wrong(letter, "in string literal"),
                _ => {}
            }
        }
    }
}

fn wrong<T>(letter: u8, context: &str) -> Result<T, Wrong> {
    Err(Wrong::Letter(letter, context.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::error;

    #[test]
    fn the_words_are_those_of_go() {
        for (text, wanted) in [
            ("", "unexpected end of JSON input"),
            ("{\"a\":", "unexpected end of JSON input"),
            ("{bad", "invalid character 'b' looking for beginning of object key string"),
            ("bad", "invalid character 'b' looking for beginning of value"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 2}", "invalid character '2' after object key:value pair"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("trie", "invalid character 'i' in literal true (expecting 'u')"),
            ("\"a\\x\"", "invalid character 'x' in string escape code"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("01", "invalid character '1' after top-level value"),
            ("'a'", "invalid character '\\'' looking for beginning of value"),
        ] {
            assert_eq!(error(text.as_bytes()).as_deref(), Some(wanted), "{text}");
        }
        for text in ["{}", "[]", "[[], {}, -0.5e+3, null]", " {\"a\": [true, \"\\u00e4\"]} ", "0"] {
            assert_eq!(error(text.as_bytes()), None, "{text}");
        }
    }
}
