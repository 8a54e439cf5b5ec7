use super::*;
use serde_json::json;

const LIST: &str = r#" {"kind":"List", "metadata":{"resourceVersion":"7","continue":"a]}\""},
  "items" : [ {"a":"}]\\"} , {"b":[1,2,{"c":null}]},"text", 12,-1.5e3 ,true,null, {} ],"odd\n":[1,{"items":[2]}],"n":3 }
"#;

fn cut(text: &str, step: usize) -> Result<Vec<Piece>, CutError> {
    let (mut cutter, mut out) = (ItemCutter::new(1000), Vec::new());
    for chunk in text.as_bytes().chunks(step) {
        cutter.push(chunk, &mut out)?;
    }
    cutter.finish().map(|()| out)
}

#[test]
fn items_are_cut_however_the_chunks_fall() {
    let whole: Value = serde_json::from_str(LIST).unwrap();
    let expected = cut(LIST, LIST.len()).unwrap();
    let items: Vec<Value> = expected
        .iter()
        .filter_map(|piece| match piece {
            Piece::Item(bytes) => Some(serde_json::from_slice(bytes).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(json!(items), whole["items"]);
    assert!(expected.contains(&Piece::Field("metadata".into(), whole["metadata"].clone())));
    assert!(expected.contains(&Piece::Field("odd\n".into(), whole["odd\n"].clone())));
    assert!(expected.contains(&Piece::Field("n".into(), json!(3))));
    for step in 1..40 {
        assert_eq!(cut(LIST, step).as_ref(), Ok(&expected), "in chunks of {step}");
    }
}

#[test]
fn every_shorter_text_is_cut_off() {
    let end = LIST.trim_end().len();
    for length in 0..end {
        assert_eq!(cut(&LIST[..length], 7), Err(CutError::CutOff { at: length as u64 }));
    }
}

#[test]
fn what_is_no_list_is_garbled() {
    for text in [
        "<html>",
        "[]",
        r#"{"items":[}]}"#,
        r#"{"items":[1 2]}"#,
        r#"{"items":[,]}"#,
        r#"{"a" 1}"#,
        r#"{} x"#,
        r#"{"a":1,}"#,
    ] {
        assert!(matches!(cut(text, 3), Err(CutError::Garbled { .. })), "{text}");
    }
    assert_eq!(cut(r#"{"a":[1}}"#, 3), Err(CutError::Field { key: "a".into() }));
    assert_eq!(cut(r#"{"items":null}"#, 3), Ok(vec![Piece::Field("items".into(), Value::Null)]));
}

#[test]
fn an_item_over_the_limit_is_passed_over_with_its_head() {
    let large = format!(r#"{{"metadata":{{"name":"big"}},"data":"{}"}}"#, "x".repeat(20_000));
    let text = format!(r#"{{"items":[{{"a":1}},{large},{{"b":2}}]}}"#);
    for step in [1, 100, 5000, 100_000] {
        let pieces = cut(&text, step).unwrap();
        let [Piece::Item(_), Piece::TooLarge { head, bytes }, Piece::Item(last)] = &pieces[..] else {
            panic!("{pieces:?}")
        };
        assert_eq!(*bytes, large.len() as u64, "in chunks of {step}");
        assert_eq!(head.as_slice(), &large.as_bytes()[..HEAD]);
        assert_eq!(last, br#"{"b":2}"#);
    }
}
