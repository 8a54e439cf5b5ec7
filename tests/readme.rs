//! The README keeps its word: its Rust is the Rust below, which runs, and what it names is there.

#[allow(dead_code, unreachable_pub, reason = "an operator is more than the README needs")]
#[path = "../examples/echo/operator.rs"]
mod echo;

mod first {
    use super::echo::{self, Echo, EchoSpec};
    use kubetape::World;

    #[kubetape::test(crd(Echo))]
    async fn becomes_ready(world: World) {
        world.run(echo::run);
        world.create(Echo::new("hello", EchoSpec { replicas: 2 })).await;
        let is_ready = |echo: Option<&Echo>| echo.is_some_and(|e| e.status.as_ref().is_some_and(|s| s.ready));
        world.until("hello", is_ready).await;
        world.settle().await;

        world.delete::<Echo>("hello").await;
        world.gone::<Echo>("hello").await;
    }
}

mod without_macro {
    use super::echo::{self, Echo};
    use kubetape::Options;

    #[test]
    fn it_runs_where_there_is_no_tape() {
        let options = Options::new("readme::without_macro", env!("CARGO_MANIFEST_DIR")).crd::<Echo>();
        let result = kubetape::try_run(options, |world| async move {
            world.run(echo::run);
            world.settle().await;
        });
        assert!(result.is_ok(), "{result:?}");
    }
}

mod simulated {
    use super::echo::{self, Echo, EchoSpec};
    use k8s_openapi::api::apps::v1::Deployment;
    use kubetape::World;

    #[kubetape::test(crd(Echo), crash_everywhere)]
    async fn survives(world: World) {
        world.run(echo::run);
        world.create(Echo::new("hello", EchoSpec { replicas: 2 })).await;
        world.until("hello", |d: Option<&Deployment>| d.is_some()).await;
        world.settle().await;
    }

    #[kubetape::test(crd(Echo), on(sim))]
    async fn makes_one_deployment(world: World) {
        let before = world.sim().now();
        world.run(echo::run);
        world.create(Echo::new("hello", EchoSpec { replicas: 2 })).await;
        world.settle().await;
        assert_eq!(world.sim().requests().by("echo").of::<Deployment>().verb("apply").answered(201), 1);
        assert!(world.sim().since(&before).added.iter().any(|(name, _)| name.starts_with("Deployment.apps")));
    }
}

const README: &str = include_str!("../README.md");
const HERE: &str = include_str!("readme.rs");

/// Between a test and its own child process.
const INTERNAL: &str = "KUBETAPE_CHECK_LOG";

/// The fenced blocks of a language, without their indentation.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let parts = README.split(&fence).skip(1);
    parts.map(|part| flat(part.split("```").next().unwrap_or_default())).collect()
}

fn flat(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn its_rust_is_run_here() {
    let rust = blocks("rust");
    assert!(!rust.is_empty());
    for block in rust {
        assert!(flat(HERE).contains(&block), "this block of the README is not in tests/readme.rs:\n{block}");
    }
}

#[test]
fn the_files_and_recipes_that_it_names_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links.filter(|link| !link.starts_with("http")) {
        assert!(root.join(link).exists(), "the README links to {link}, which is not there");
    }
    let justfile = std::fs::read_to_string(root.join("justfile")).unwrap();
    for recipe in README.split("just ").skip(1).filter_map(|rest| rest.split([' ', '`', '\n']).next()) {
        let is_there = justfile.lines().any(|line| line.split([' ', ':']).next() == Some(recipe));
        assert!(is_there, "the README names `just {recipe}`, which is no recipe");
    }
    for example in README.split("--example ").skip(1).filter_map(|rest| rest.split(['`', '\n']).next()) {
        assert!(root.join("examples").join(example).join("main.rs").exists(), "no example {example}");
    }
}

#[test]
fn its_table_has_every_variable() {
    let sources = ["src/harness/mode.rs", "src/cluster/folders.rs"];
    for source in sources {
        let text =
            std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(source)).unwrap();
        for part in text
            .split('"')
            .filter(|part| part.starts_with("KUBE") && !part.contains(' ') && *part != INTERNAL)
        {
            assert!(
                README.contains(&format!("| `{part}` |")),
                "the README does not tell of {part} ({source})"
            );
        }
    }
}
