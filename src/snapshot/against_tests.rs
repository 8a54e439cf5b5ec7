use super::*;
use serde_json::json;

#[test]
fn a_symbol_matches_any_secret_and_the_text_around_it_must_be_the_same() {
    for (pattern, text, same) in [
        ("$secret(db.password)", "aHVudGVyMg==", true),
        ("postgres://u:$secret(db.password)@db", "postgres://u:hunter2@db", true),
        ("postgres://u:$secret(db.password)@db", "postgres://u:hunter2@other", false),
        ("$secret(a) and $secret(b)", "x and y", true),
        ("$secret(a) and $secret(b)", "x or y", false),
        ("$5 and $secret(b)", "$5 and y", true),
        ("no symbol", "no symbol", false),
    ] {
        assert_eq!(matches(pattern, text), same, "{pattern} {text}");
    }
}

#[test]
fn a_generation_is_told_by_how_far_it_is_behind() {
    let object = |generation: i64, seen: i64| json!({"kind": "Echo", "metadata": {"generation": generation}, "status": {"observedGeneration": seen}});
    let settled = as_captures_have_them(vec![object(7, 7), object(7, 5)]);
    let seen: Vec<&Value> = settled.iter().map(|object| &object["status"]["observedGeneration"]).collect();
    assert_eq!(seen, [&json!("$generation"), &json!("$generation-2")]);
}
