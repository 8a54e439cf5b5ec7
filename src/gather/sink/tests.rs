use super::*;
use std::fs;

fn write(sink: &mut Sink) {
    sink.put("capture.json", b"{}").unwrap();
    sink.put("namespaces/a/core/pods/x.yaml", b"kind: Pod\n").unwrap();
    sink.flush().unwrap();
}

#[test]
fn a_directory_is_partial_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("deep/shop");
    let mut sink = Sink::create(&place, false).unwrap();
    write(&mut sink);
    assert!(folder.path().join("deep/shop.partial/capture.json").is_file() && !place.exists());
    sink.finish().unwrap();
    assert_eq!(fs::read_to_string(place.join("namespaces/a/core/pods/x.yaml")).unwrap(), "kind: Pod\n");
    let left: Vec<_> = fs::read_dir(folder.path().join("deep")).unwrap().collect();
    assert_eq!(left.len(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| fs::metadata(place.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("namespaces/a"), mode("capture.json")), (0o700, 0o600));
    }
}

#[test]
fn only_a_capture_is_replaced_and_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("shop");
    let mut sink = Sink::create(&place, false).unwrap();
    write(&mut sink);
    sink.finish().unwrap();
    assert!(matches!(Sink::create(&place, false), Err(Error::Exists { .. })));
    let mut sink = Sink::create(&place, true).unwrap();
    sink.put("capture.json", b"{\"new\":1}").unwrap();
    sink.finish().unwrap();
    assert_eq!(fs::read_to_string(place.join("capture.json")).unwrap(), "{\"new\":1}");
    assert!(!place.join("namespaces").exists());
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let mut sink = Sink::create(&other, false).unwrap();
    write(&mut sink);
    sink.finish().unwrap();
    assert!(other.join("capture.json").is_file(), "an empty directory is filled where it stands");
    fs::remove_dir_all(&other).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.txt"), "years of work").unwrap();
    assert!(matches!(Sink::create(&other, true), Err(Error::NotOurs { .. })));
}

#[cfg(feature = "archive")]
#[test]
fn archives_of_equal_content_are_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["tar.zst", "tar.gz", "zip"] {
        let places = ["a", "b"].map(|name| folder.path().join(format!("{name}.{ending}")));
        for place in &places {
            let mut sink = Sink::create(place, false).unwrap();
            write(&mut sink);
            sink.finish().unwrap();
        }
        let [a, b] = places.map(|place| fs::read(place).unwrap());
        assert!(a == b && a.len() > 100, "{ending}");
    }
}

#[cfg(feature = "archive")]
#[test]
fn a_zip_of_many_entries_is_read_back() {
    use std::io::Read;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("many.zip");
    let mut sink = Sink::create(&place, false).unwrap();
    let content = |n: usize| format!("{n} ").repeat(if n == 7 { 100_000 } else { n % 5 });
    // More than the old fields of the format can count.
    const COUNT: usize = 66_000;
    (0..COUNT).for_each(|n| sink.put(&format!("größe/{n}.yaml"), content(n).as_bytes()).unwrap());
    let noise: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    sink.put("noise", &noise).unwrap();
    sink.finish().unwrap();
    let mut archive = zip::ZipArchive::new(fs::File::open(&place).unwrap()).unwrap();
    assert_eq!(archive.len(), COUNT + 1);
    let mut read = |name: &str| {
        let mut entry = archive.by_name(name).unwrap();
        let mut bytes = Vec::new();
        // A wrong checksum is an error.
        entry.read_to_end(&mut bytes).unwrap();
        (bytes, entry.unix_mode().unwrap() & 0o777)
    };
    for n in [0, 7, 1234, COUNT - 1] {
        assert_eq!(read(&format!("größe/{n}.yaml")), (content(n).into_bytes(), 0o600), "{n}");
    }
    assert_eq!(read("noise").0, noise);
}
