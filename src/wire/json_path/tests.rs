use super::*;
use serde_json::json;

fn list() -> Value {
    json!({"items": [
        {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "spec": {"n": 1, "ports": [80, 443, 8080]},
         "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Init", "status": "False"}]}},
        {"metadata": {"name": "b"}, "spec": {"n": 2, "ports": [], "text": "x < y"}, "status": null}]})
}

#[test]
fn templates_are_filled_as_kubectl_fills_them() {
    for (template, text) in [
        ("{.items[*].metadata.name}", "a b"),
        ("{.items..name}", "a b"),
        (r#"{range .items[*]}{.metadata.name}={.status.phase}{"\n"}{end}x"#, "a=\nb=\nx"),
        (r#"{range .items[*]}{.metadata.name}{range .spec.ports[*]} {@}{end};{end}"#, "a 80 443 8080;b;"),
        (r#"{range .none[*]}{.a}{range .b}{.c}{end}{end}after"#, "after"),
        (r"{.items[0].metadata.labels.app\.io/x}", "1"),
        (r"{.items[0].metadata.labels['app\.io/x']}", "1"),
        (r#"{.items[0].status.conditions[?(@.type=="Ready")].status}"#, "True"),
        (r"{.items[0].status.conditions[?(@.type!='Ready')].status}", "False"),
        ("{.items[?(@.spec.n>1)].metadata.name}", "b"),
        ("{.items[?(@.spec.text)].metadata.name}", "b"),
        ("{.items[?(@.spec.n==1)].spec.ports[0:2]}", "80 443"),
        ("{.items[0].spec.ports[-1:]} {.items[0].spec.ports[-1]}", "8080 8080"),
        ("{.items[0].spec.ports[0,2]}", "80 8080"),
        ("{.items[0].spec.ports[::2]}", "80 8080"),
        ("{.items[0]['metadata','spec'].name}", "a"),
        ("{.items[1].spec.ports[*]}", ""),
        ("{.items[1].spec}", r#"{"n":2,"ports":[],"text":"x \u003c y"}"#),
        ("{.items[0].spec.*}", "1 [80,443,8080]"),
        ("{range}x{end}", "x"),
        ("{$.items[1].metadata.name} {@.items[1].metadata.name}", "b b"),
        ("{.items[1].status}{.items[1].status.phase}", "null"),
        ("plain {\"}\"} {.nothing.here}", "plain } "),
    ] {
        let filled = JsonPath::parse(template).and_then(|path| path.fill(&list()));
        assert_eq!(filled.as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn a_template_that_cannot_be_read_or_does_not_fit_is_an_error() {
    for (template, words) in [
        ("{.a", "a brace is not closed"),
        ("{.a}{end}", "without {range}"),
        ("{.a[}", "a bracket is not closed"),
        ("{.a[x]}", "[x] is no index"),
        ("{.a[0:1:0]}", "is no index"),
        ("{.a[?(@.b}", "a filter is not closed"),
        ("{.a[?(@.b=2)]}", "\"=\" compares nothing"),
        ("{items[1].metadata.name}", "unrecognized identifier items"),
        ("{range items}x{end}", "unrecognized identifier items"),
        ("{.items[0].metadata.name foo-bar}", "unrecognized identifier foo-bar"),
        ("{.items[?(@.metadata.name==foo)]}", "unrecognized identifier foo"),
        ("{.a#}{#}", "stands where a path has none"),
        ("{.items[2]}", "the index 2 lies outside a list of 2"),
        ("{.items[0].metadata[0]}", "an object is no list"),
        ("{.items[?(@.metadata.name==1)]}", "cannot be compared"),
    ] {
        let filled = JsonPath::parse(template).and_then(|path| path.fill(&list()));
        let error = filled.expect_err(template).to_string();
        assert!(error.contains(words), "{template}: {error}");
    }
}

#[test]
fn a_relaxed_path_does_without_braces_and_dot() {
    let object = json!({"a": {"b": [1.5, {"x": null, "k": "v"}]}});
    for text in [".a.b", "a.b", "{.a.b}", "{a.b}"] {
        let path = JsonPath::relaxed(text).unwrap();
        let found = path.find(&object).unwrap();
        assert_eq!(found.iter().map(|value| go_print(value)).collect::<Vec<_>>(), ["[1.5 map[k:v x:<nil>]]"]);
    }
    for bad in ["", "{}", "{.a}{.b}", "x{.a}"] {
        assert!(JsonPath::relaxed(bad).is_err(), "{bad}");
    }
}

#[test]
fn floats_are_printed_as_go_prints_them() {
    for (float, text) in [
        (1.0, "1"),
        (0.25, "0.25"),
        (1e21, "1e+21"),
        (100000.0, "100000"),
        (1234567.5, "1.2345675e+06"),
        (0.00001, "1e-05"),
    ] {
        assert_eq!(go_print(&json!(float)), text);
    }
}
