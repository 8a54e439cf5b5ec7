//! Where a capture goes, what is understood, and how it ends.

use crate::fake::{Fake, Reply, files, list, objects};
use futures::{StreamExt, stream};
use kubetape::gather::{Error, Options, Pattern, Progress, Why};
use std::{fs, time::Duration};

#[tokio::test]
async fn a_destination_that_exists_is_only_replaced_by_force_and_only_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let options = Options::default();
    let old = Fake::maps(|_| Reply::json(&list(&objects(0..2), "")));
    old.into(&options, &place, false).await.0.unwrap();
    let before = files(&place);
    let (again, _) = Fake::new().into(&options, &place, false).await;
    let error = again.unwrap_err();
    assert!(
        matches!(error, Error::Exists { .. }) && error.to_string().ends_with("--force to replace it"),
        "{error}"
    );
    assert_eq!(files(&place), before);
    Fake::new().into(&options, &place, true).await.0.unwrap();
    assert!(!place.join("namespaces/shop/core/configmaps").exists() && place.join("manifest.json").is_file());

    let thesis = folder.path().join("thesis");
    fs::create_dir(&thesis).unwrap();
    fs::write(thesis.join("chapter.txt"), "years of work").unwrap();
    let (refused, _) = Fake::new().into(&options, &thesis, true).await;
    assert!(matches!(refused, Err(Error::NotOurs { .. })));
    assert_eq!(files(&thesis).len(), 1);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[tokio::test]
async fn a_destination_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let place = folder.path().join("file/capture");
    let error = Fake::new().into(&Options::default(), &place, false).await.0.unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_understood_is_told_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let labels = Options { labels: Some("app in (a".into()), ..Options::default() };
    let fields = Options { fields: Some("status.phase".into()), ..Options::default() };
    for options in [labels, fields] {
        let (refused, asked) = Fake::new().into(&options, &place, false).await;
        let error = refused.unwrap_err().to_string();
        assert!(asked.is_empty() && error.contains("write it as for kubectl"), "{error}");
    }
    let error = "/web(/".parse::<Pattern>().unwrap_err().to_string();
    assert!(error.starts_with("\"/web(/\" is no pattern: "), "{error}");
    let unknown = Options { types: vec!["widgets".into()], ..Options::default() };
    let error = Fake::new().into(&unknown, &place, false).await.0.unwrap_err().to_string();
    assert_eq!(error, "the server has no kind \"widgets\"; `kubectl api-resources` lists those that it has");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_sensible_of_itself_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let page = |_: &crate::fake::Ask| Reply::text("<html>a login page</html>");
    let down = |_: &crate::fake::Ask| Reply::refusal(503, "down");
    let servers = [
        Fake::new().on("/api", page).on("/apis", page).on("/version", page),
        Fake::new().on("/version", down),
    ];
    for server in servers {
        let error = server.into(&Options::default(), &place, false).await.0.unwrap_err();
        assert!(matches!(error, Error::Discovery { .. }), "{error:?}");
        assert!(error.to_string().ends_with("see whether `kubectl version` reaches it"), "{error}");
    }
    assert!(!place.exists());
}

#[tokio::test]
async fn two_captures_of_the_same_state_differ_in_nothing_but_the_run() {
    let server = |slow: bool| {
        let pause = move |first: bool| Duration::from_millis(if first == slow { 40 } else { 0 });
        let late = move |pause: Duration, text: String| {
            let wait = stream::once(async move {
                tokio::time::sleep(pause).await;
                Ok(text.into())
            });
            Reply::stream(wait.boxed())
        };
        Fake::maps(move |_| late(pause(true), list(&objects(0..20), "").to_string()))
            .on("/api/v1/pods", move |_| late(pause(false), list(&objects(20..30), "").to_string()))
    };
    let (a, b) =
        (server(true).capture(&Options::default()).await, server(false).capture(&Options::default()).await);
    let different: Vec<_> =
        a.files.iter().filter(|(path, bytes)| b.files.get(*path) != Some(*bytes)).collect();
    let different: Vec<_> = different.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!((different, a.files.len()), (vec!["run.json"], b.files.len()));
    assert_eq!(a.files.keys().filter(|path| path.ends_with(".yaml")).count(), 30);
}

#[tokio::test]
async fn a_capture_that_is_stopped_is_whole_and_names_what_is_missing() {
    let progress = Progress::new();
    let stop = progress.clone();
    let server = Fake::maps(move |ask| {
        let n: usize = ask.token().map_or(0, |token| token.parse().unwrap());
        if n == 20 {
            stop.stop();
        }
        Reply::json(&list(&objects(n..n + 1), &(n + 1).to_string()))
    });
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("capture");
    let options = Options::default();
    let done = server.watched(&options, &place, false, &progress);
    let (manifest, _) = tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
    let manifest = manifest.unwrap();
    let maps = manifest.kinds.iter().find(|kind| kind.plural == "configmaps").unwrap();
    assert_eq!(maps.missing.iter().map(|missing| missing.why).collect::<Vec<_>>(), [Why::Stopped]);
    assert!(maps.objects > 3, "{}", maps.objects);
    let pods = manifest.kinds.iter().find(|kind| kind.plural == "pods").unwrap();
    assert_eq!((pods.objects, pods.missing[0].why), (0, Why::Stopped));
    let files = files(&place);
    let written = files.keys().filter(|path| path.contains("/configmaps/")).count() as u64;
    assert_eq!(written, maps.objects);
    assert!(files.contains_key("manifest.json"));
}
