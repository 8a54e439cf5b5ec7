//! The user's own clusters: which context may be used, and a private copy of it.

use kube::config::{Kubeconfig, NamedContext};

use super::api::Session;
use super::site::{Site, write_private};
use super::{Error, Options};

/// Copies the wanted context, and nothing else, into the site's kubeconfig, and sees
/// whether its API server answers.
pub(super) fn raise(site: &mut Site, options: &Options) -> Result<(), Error> {
    let user = Kubeconfig::read().map_err(|error| Error::Kubeconfig(Box::new(error)))?;
    let chosen = choose(&user, options)?;
    let text = serde_json::to_string(&only(user, &chosen)?).expect("a kubeconfig is plain data");
    write_private(&site.record.kubeconfig, &text)?;
    Session::open(&site.record.kubeconfig, site.left())?.version().map(drop)
}

/// The named context, or the current one if it is on the allow-list.
fn choose(user: &Kubeconfig, options: &Options) -> Result<String, Error> {
    if let Some(named) = &options.context {
        return Ok(named.clone());
    }
    let current = user.current_context.clone().filter(|context| !context.is_empty());
    let current = current.ok_or_else(|| Error::NoContext { what: "no current context".to_owned() })?;
    if options.allowed.iter().any(|glob| matches(glob, &current)) {
        return Ok(current);
    }
    Err(Error::Refused { context: current, allowed: options.allowed.clone() })
}

/// A kubeconfig with one context, its cluster and its user.
fn only(mut user: Kubeconfig, context: &str) -> Result<Kubeconfig, Error> {
    user.contexts.retain(|named| named.name == context);
    let Some(NamedContext { context: Some(found), .. }) = user.contexts.first() else {
        return Err(Error::NoContext { what: format!("no context {context}") });
    };
    let found = found.clone();
    user.clusters.retain(|cluster| cluster.name == found.cluster);
    user.auth_infos.retain(|auth| Some(&auth.name) == found.user.as_ref());
    user.current_context = Some(context.to_owned());
    Ok(user)
}

/// Whether `text` matches a glob in which `*` stands for any text.
fn matches(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            let mut cuts = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            cuts.any(|at| matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Provider;
    use super::*;

    fn user(current: &str) -> Kubeconfig {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\n\
             contexts:\n- name: kind-a\n  context: {{cluster: a, user: ua}}\n\
             - name: prod\n  context: {{cluster: p, user: up}}\n\
             clusters:\n- name: a\n  cluster: {{server: 'https://a'}}\n\
             - name: p\n  cluster: {{server: 'https://p'}}\n\
             users:\n- name: ua\n  user: {{token: ta}}\n- name: up\n  user: {{token: tp}}\n"
        );
        Kubeconfig::from_yaml(&text).unwrap()
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("kind-*", "kind-a"));
        assert!(matches("kind-*", "kind-"));
        assert!(matches("*-test-*", "a-test-b"));
        assert!(!matches("kind-*", "mykind-a"));
        assert!(!matches("minikube", "minikube2"));
        assert!(!matches("*-test", "a-test-b"));
    }

    #[test]
    fn an_unnamed_context_must_be_allowed() {
        let options = Options::new(Provider::Current);
        assert_eq!(choose(&user("kind-a"), &options).unwrap(), "kind-a");
        let error = choose(&user("prod"), &options).unwrap_err();
        assert!(matches!(&error, Error::Refused { context, .. } if context == "prod"));
        let text = error.to_string();
        assert!(text.contains("kind-*, k3d-*, kwok-*, minikube, envtest"), "{text}");
        assert!(text.contains("--context prod"), "{text}");
    }

    #[test]
    fn naming_a_context_lifts_the_allow_list() {
        let options = Options::new(Provider::Current).context("prod");
        assert_eq!(choose(&user("kind-a"), &options).unwrap(), "prod");
    }

    #[test]
    fn only_what_the_context_needs_is_copied() {
        let copy = only(user("prod"), "kind-a").unwrap();
        let text = serde_json::to_string(&copy).unwrap();
        assert!(text.contains("https://a") && text.contains("\"ta\""), "{text}");
        assert!(!text.contains("https://p") && !text.contains("\"tp\""), "{text}");
        let error = only(user("prod"), "absent").unwrap_err().to_string();
        assert!(error.starts_with("no context absent in the kubeconfig"), "{error}");
    }
}
