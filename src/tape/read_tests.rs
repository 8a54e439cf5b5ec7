use super::*;
use crate::tape::{SealOptions, Tape, seal::rich_tape, spell::compact};

/// The same tape as the recorder would have written it.
fn captured() -> String {
    let tape = rich_tape();
    let mut text = compact(&Record::Header(tape.header));
    for event in &tape.events {
        text += &compact(&Record::Event { n: event.n, at: event.at, event: event.event.clone() });
    }
    text + &compact(&Record::End { events: tape.events.len() as u64, end: tape.end, digest: None })
}

fn error(text: &str) -> Error {
    Reader::new(text.as_bytes()).find_map(Result::err).unwrap()
}

#[test]
fn a_tape_that_is_cut_anywhere_gives_its_whole_records_and_says_so() {
    let whole = rich_tape().events;
    for text in [captured(), rich_tape().to_sealed(&SealOptions::default())] {
        assert!(text.len() > 1000);
        let end = text.rfind("{\"end\"").unwrap();
        for cut in (0..text.len()).step_by(3).chain([text.len() - 1]) {
            let bytes = &text.as_bytes()[..cut];
            let records: Vec<_> = Reader::new(bytes).collect();
            let events = records.iter().filter(|r| matches!(r, Ok(Record::Event { .. }))).count() as u64;
            match records.last().unwrap() {
                Err(Error::Cut { events: counted, line }) => {
                    assert_eq!((*counted, *line <= text.lines().count()), (events, true));
                }
                Err(Error::NotATape) => assert!(cut < 11, "{cut}"),
                // Only the line feed after the end record may be missing.
                other => assert!(other.is_ok() && cut + 1 == text.len() && cut > end, "{cut}: {other:?}"),
            }
            if let Ok((tape, Some(_))) = Tape::prefix(Reader::new(bytes)) {
                assert_eq!(tape.events, whole[..tape.events.len()], "{cut}");
            }
        }
    }
}

#[test]
fn a_byte_that_is_changed_anywhere_is_an_error_or_a_fault_of_the_digest() {
    let text = rich_tape().to_sealed(&SealOptions::default());
    for at in (0..text.rfind("{\"end\"").unwrap()).step_by(5) {
        for byte in [b'x', b'\n'] {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] != byte {
                bytes[at] = byte;
                assert!(Tape::read(bytes.as_slice()).is_err(), "{at}");
            }
        }
    }
}

#[test]
fn errors_say_where_and_what_to_do_next() {
    let head = r#"{"kubetape":1,"kind":"header"}"#;
    let rows = [
        ("".to_owned(), "not a tape: the first line is no {\"kubetape\":…} record; name a .ktape file"),
        (
            r#"{"kubetape":2,"frames":"whatever"}"#.to_owned(),
            "the tape has format 2, this kubetape reads up to 1; update kubetape or record again with KUBETAPE_RECORD=all",
        ),
        (head.to_owned(), "the tape is cut off after line 1 (0 events); kubetape fmt keeps what is whole"),
        (
            format!("{head}\n{{\"n\":1,\n }}\n{{}}"),
            "line 2 is no JSON record; record again with KUBETAPE_RECORD=all",
        ),
        (
            format!("{head}\n<<<<<<< HEAD\n"),
            "line 2 is a merge conflict, and tapes cannot be merged by hand; record again with KUBETAPE_RECORD=all",
        ),
        (
            format!("{head}\n{{\"n\":1,\"at\":\"0s\",\"res\":\"r1\"}}\n{{\"end\":\"ok\",\"events\":1}}\n"),
            "the record at line 2 cannot be understood: a response has a status; record again with KUBETAPE_RECORD=all",
        ),
    ];
    for (text, message) in rows {
        assert_eq!(error(&text).to_string(), message, "{text}");
    }
}

#[test]
fn unknown_fields_are_ignored_and_records_may_be_laid_out_in_any_way() {
    let text = "{\"kubetape\":1,\"later\":{\"a\":[]}}\n{\"n\":1,\"at\":\"0s\",\"later\":1,\"step\":\n\t\"kill\"\n\n }\r\n{\"end\":\"ok\",\"events\":1}";
    let tape = Tape::read(text.as_bytes()).unwrap();
    assert_eq!(tape.events[0].event, crate::tape::Event::Step { step: "kill".to_owned(), of: String::new() });
}
