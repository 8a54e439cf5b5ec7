use super::*;
use std::fs;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn open(files: &[(&str, &str)]) -> Capture {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    Capture::open(folder.path()).unwrap()
}

fn names(capture: &Capture) -> Vec<String> {
    capture.objects.keys().map(ToString::to_string).collect()
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: ns}\n";

#[test]
fn each_layout_is_known_and_read() {
    let must = open(&[
        (
            "must/cluster-scoped-resources/core/nodes/one.yaml",
            "apiVersion: v1\nkind: Node\nmetadata: {name: one}\n",
        ),
        (
            "must/namespaces/n/core/pods.yaml",
            "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a, namespace: ns}\n",
        ),
        ("must/namespaces/n/pods/a/main/main/logs/current.log", "hello\n"),
    ]);
    assert_eq!((must.origin, names(&must)), (Origin::MustGather, vec!["node one".into(), "pod ns/a".into()]));
    assert_eq!(must.logs.len(), 1);
    let crust = open(&[
        ("cap/collected.timestamp", "2026"),
        ("cap/version.yaml", "gitVersion: v1.36.3\n"),
        ("cap/namespaces/n/v1/pod/a.yaml", POD),
        ("cap/namespaces/n/v1/pod/a.patch", "[]"),
    ]);
    assert_eq!((crust.origin, names(&crust)), (Origin::CrustGather, vec!["pod ns/a".into()]));
    assert!(crust.notes[0].contains("a.patch"), "{:?}", crust.notes);
    let dump = open(&[
        ("nodes.json", r#"{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"one"}}]}"#),
        (
            "n/pods.json",
            r#"{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"ns"}}]}"#,
        ),
        ("n/a/logs.txt", "hello\n"),
    ]);
    assert_eq!(
        (dump.origin, names(&dump)),
        (Origin::ClusterInfoDump, vec!["node one".into(), "pod ns/a".into()])
    );
    let plain = open(&[("all.yaml", &format!("{POD}---\n{}", POD.replace("name: a", "name: b")))]);
    assert_eq!(
        (plain.origin, names(&plain)),
        (Origin::Manifests, vec!["pod ns/a".into(), "pod ns/b".into()])
    );
    assert_eq!(plain.kinds.resolve("po"), plain.kinds.resolve("pods"));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_read() {
    let capture = open(&[("a.yaml", POD), ("b.yaml", "kind: ["), ("c.yaml", "kind: Pod\n"), ("d.exe", "MZ")]);
    assert_eq!(names(&capture), ["pod ns/a"]);
    let named = |path: &str| capture.notes.iter().any(|note| note.starts_with(path));
    assert!(named("b.yaml") && named("c.yaml"), "{:?}", capture.notes);
    assert_eq!(capture.passed_over, ["d.exe"]);
}

#[cfg(unix)]
#[test]
fn links_and_second_versions_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = POD.replace("metadata:", "spec: {}\nmetadata:");
    write(folder.path(), &[("a.yaml", POD), ("b.yaml", POD), ("c.yaml", &other)]);
    std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
    let capture = Capture::open(folder.path()).unwrap();
    assert_eq!(names(&capture), ["pod ns/a"]);
    let named = |words: &str| capture.notes.iter().any(|note| note.contains(words));
    assert!(named("c.yaml: pod ns/a is there twice") && named("link: not read"), "{:?}", capture.notes);
    assert_eq!(capture.notes.len(), 2);
}

#[test]
fn ages_count_from_the_capture_or_else_from_its_newest_object() {
    let made = |name: &str, time: &str| {
        format!("kind: A\nmetadata: {{name: {name}, creationTimestamp: \"{time}\"}}\n")
    };
    let files =
        [("a.yaml", made("a", "2026-01-02T00:00:00Z")), ("b.yaml", made("b", "2026-01-01T00:00:00Z"))];
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    assert_eq!(open(&files).time, "2026-01-02T00:00:00Z");
    files.push(("run.json", "{\"finished\":\"2026-02-01T00:00:00Z\"}"));
    assert_eq!(open(&files).time, "2026-02-01T00:00:00Z");
}

#[test]
fn a_capture_without_its_end_is_partial() {
    let begun =
        [("capture.json", "{\"kubetape\":\"capture\",\"format\":1}"), ("namespaces/n/core/pods/a.yaml", POD)];
    assert!(open(&begun).is_partial());
    let whole = [&begun[..], &[("manifest.json", "{\"format\":1}")]].concat();
    assert!(!open(&whole).is_partial());
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("manifest.json", "{\"format\":2}")]);
    let error = Capture::open(folder.path()).unwrap_err().to_string();
    fs::rename(folder.path().join("manifest.json"), folder.path().join("capture.json")).unwrap();
    assert!(
        matches!(Capture::open(folder.path()), Err(Error::Newer { format: 2, .. })),
        "a partial one as well"
    );
    assert!(error.contains("format 2") && error.contains("newer kubetape"), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Capture::open(empty.path()), Err(Error::Nothing { .. })));
    assert!(matches!(Capture::open(empty.path().join("x")), Err(Error::Read { .. })));
}

#[cfg(feature = "archive")]
#[test]
fn archives_are_read_as_far_as_they_are_whole() {
    use crate::gather::sink::Sink;
    let folder = tempfile::tempdir().unwrap();
    for ending in ["tar.zst", "tar.gz", "zip"] {
        let place = folder.path().join(format!("a.{ending}"));
        let mut sink = Sink::create(&place, false).unwrap();
        sink.put("capture.json", b"{}").unwrap();
        for n in 0..200 {
            let pod = POD.replace("name: a", &format!("name: a{n}"));
            sink.put(&format!("namespaces/n/core/pods/a{n}.yaml"), pod.as_bytes()).unwrap();
            sink.flush().unwrap();
        }
        sink.put("manifest.json", b"{\"format\":1}").unwrap();
        sink.finish().unwrap();
        let whole = Capture::open(&place).unwrap();
        assert_eq!((whole.objects.len(), whole.is_partial(), whole.notes.len()), (200, false, 0), "{ending}");
        let bytes = fs::read(&place).unwrap();
        let torn = folder.path().join(format!("torn.{ending}"));
        fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
        let part = Capture::open(&torn).unwrap();
        assert!((50..200).contains(&part.objects.len()), "{ending}: {}", part.objects.len());
        let torn_note = part.notes.iter().any(|note| note.contains("torn"));
        assert!(part.is_partial() && torn_note, "{ending}: {:?}", part.notes);
        for cut in (0..bytes.len()).step_by(bytes.len() / 17 + 1) {
            fs::write(&torn, &bytes[..cut]).unwrap();
            drop(Capture::open(&torn));
        }
    }
}

#[cfg(feature = "archive")]
#[test]
fn a_name_without_end_is_no_way_to_fill_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bomb.tar.gz");
    let packed =
        flate2::write::GzEncoder::new(fs::File::create(&place).unwrap(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(packed);
    let add = |tar: &mut tar::Builder<_>, kind: tar::EntryType, path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path, content).unwrap();
    };
    let long = format!("namespaces/ns/{}.yaml", "a".repeat(300));
    add(&mut tar, tar::EntryType::Regular, &long, POD.as_bytes());
    add(&mut tar, tar::EntryType::Regular, "b.yaml", POD.replace("name: a", "name: b").as_bytes());
    add(&mut tar, tar::EntryType::GNULongName, "x", &vec![b'a'; 8 << 20]);
    add(&mut tar, tar::EntryType::Regular, "c.yaml", POD.replace("name: a", "name: c").as_bytes());
    tar.into_inner().unwrap().finish().unwrap();
    let capture = Capture::open(&place).unwrap();
    assert_eq!(names(&capture), ["pod ns/a", "pod ns/b"]);
    assert!(capture.notes[0].contains("a name is longer than"), "{:?}", capture.notes);
}
