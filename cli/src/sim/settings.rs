use super::Args;
use anyhow::{Context, Result, bail};
use kubetape::sim::{CONTROLLERS, Options, PLUGINS};
use std::{collections::BTreeMap, path::Path};

pub(super) fn options(args: &Args) -> Result<Options> {
    let known = |name: &&String| !PLUGINS.contains(&name.as_str());
    if let Some(unknown) = args.disable_admission_plugins.iter().find(known) {
        bail!("there is no admission plugin {unknown:?}; those that run here are {}", PLUGINS.join(", "));
    }
    let mut options = Options {
        seed: args.seed,
        disabled_admission: args.disable_admission_plugins.clone(),
        ..Options::default()
    };
    if let Some(path) = &args.token_auth_file {
        options.tokens = tokens(path)?;
    }
    options.controllers = controllers(&args.controllers)?;
    Ok(options)
}

/// Those that are named, or all of them but those with a `-`.
fn controllers(asked: &[String]) -> Result<Vec<String>> {
    let bare = |name: &str| name.strip_prefix('-').unwrap_or(name).to_owned();
    let unknown =
        asked.iter().map(|name| bare(name)).find(|name| name != "*" && !CONTROLLERS.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        bail!("there is no controller {unknown:?}; those that run here are {}", CONTROLLERS.join(", "));
    }
    let named = |name: &str| asked.iter().any(|own| own == name);
    let runs = |name: &&str| (named("*") || named(name)) && !named(&format!("-{name}"));
    Ok(CONTROLLERS.into_iter().filter(runs).map(str::to_owned).collect())
}

/// The users of a token file, by token.
fn tokens(path: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("failed to read {}; name another file", path.display()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let user = |line: &str| {
        let mut columns = line.split(',').map(|column| column.trim().trim_matches('"').to_owned());
        let (token, user) = (columns.next()?, columns.next()?);
        (!token.is_empty() && !user.is_empty()).then_some((token, user))
    };
    let mut tokens = BTreeMap::new();
    for line in lines {
        let Some((token, user)) = user(line) else {
            bail!("{}: a line has no token and user; write token,user,uid", path.display());
        };
        tokens.insert(token, user);
    }
    if tokens.is_empty() {
        bail!("{} has no tokens, so nobody could come; write token,user,uid in it", path.display());
    }
    Ok(tokens)
}
