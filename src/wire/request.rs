use super::{ObjectKey, Query, Resource};
use http::{HeaderMap, Method, Uri, header};
use std::fmt;

/// What a request asks for, in the words of RBAC; `apply` is told apart from `patch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Apply,
    Delete,
    DeleteCollection,
}

impl Verb {
    const ALL: [(Verb, &str); 9] = [
        (Verb::Get, "get"),
        (Verb::List, "list"),
        (Verb::Watch, "watch"),
        (Verb::Create, "create"),
        (Verb::Update, "update"),
        (Verb::Patch, "patch"),
        (Verb::Apply, "apply"),
        (Verb::Delete, "delete"),
        (Verb::DeleteCollection, "deletecollection"),
    ];

    /// The word as it stands on a tape.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(verb, _)| *verb == self).map_or("", |(_, word)| word)
    }

    /// The verb that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(verb, _)| *verb)
    }

    /// Whether it changes objects.
    pub fn is_write(self) -> bool {
        !matches!(self, Verb::Get | Verb::List | Verb::Watch)
    }

    /// The HTTP method that carries it.
    pub fn method(self) -> Method {
        match self {
            Verb::Get | Verb::List | Verb::Watch => Method::GET,
            Verb::Create => Method::POST,
            Verb::Update => Method::PUT,
            Verb::Patch | Verb::Apply => Method::PATCH,
            Verb::Delete | Verb::DeleteCollection => Method::DELETE,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A request, parsed once at the door. Inner rooms never look at a URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestInfo {
    /// What it asks for.
    pub verb: Verb,
    /// Whose objects; `None` for discovery, `/version`, `/healthz` and other paths without objects.
    pub resource: Option<Resource>,
    /// Namespace in the path.
    pub namespace: Option<String>,
    /// Name in the path; a `create` has none.
    pub name: Option<String>,
    /// `status`, `scale`, `eviction`, ….
    pub subresource: Option<String>,
    /// The path without the query.
    pub path: String,
    /// The decoded query.
    pub query: Query,
    /// Media type of the body, without parameters.
    pub content_type: Option<String>,
    /// Whether the answer is asked for as `PartialObjectMetadata` or `PartialObjectMetadataList`.
    pub metadata_only: bool,
}

impl RequestInfo {
    /// Reads a request's head.
    pub fn parse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let content_type =
            text(header::CONTENT_TYPE).map(|v| v.split(';').next().unwrap_or(v).trim().to_owned());
        let accept = text(header::ACCEPT).unwrap_or_default();
        let metadata_only = accept.contains("as=PartialObjectMetadata");
        Self::from_parts(method, uri.path(), uri.query().unwrap_or_default(), content_type, metadata_only)
    }

    /// The same from the pieces that a tape keeps.
    pub fn from_parts(
        method: &Method,
        path: &str,
        query: &str,
        content_type: Option<String>,
        metadata_only: bool,
    ) -> Self {
        let query = Query::parse(query);
        let place = Place::parse(path);
        let collection = place.resource.is_some() && place.name.is_none();
        let verb = match (method.as_str(), collection) {
            ("POST", _) => Verb::Create,
            ("PUT", _) => Verb::Update,
            ("PATCH", _)
                if content_type.as_deref().is_some_and(|t| t.starts_with("application/apply-patch")) =>
            {
                Verb::Apply
            }
            ("PATCH", _) => Verb::Patch,
            ("DELETE", true) => Verb::DeleteCollection,
            ("DELETE", false) => Verb::Delete,
            (_, _) if place.watched => Verb::Watch,
            (_, true) if query.is_true("watch") => Verb::Watch,
            (_, true) => Verb::List,
            _ => Verb::Get,
        };
        Self {
            verb,
            resource: place.resource,
            namespace: place.namespace,
            name: place.name,
            subresource: place.subresource,
            path: path.to_owned(),
            query,
            content_type,
            metadata_only,
        }
    }

    /// The object it names, if it names one.
    pub fn key(&self) -> Option<ObjectKey> {
        let (resource, name) = (self.resource.as_ref()?, self.name.as_ref()?);
        Some(ObjectKey::new(resource, self.namespace.as_deref(), name))
    }

    /// `deployments.apps default/web status`: what the request is about, for people.
    pub fn what(&self) -> String {
        let Some(resource) = &self.resource else { return self.path.clone() };
        let mut out = resource.to_string();
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => out += &format!(" {namespace}/{name}"),
            (None, Some(name)) => out += &format!(" {name}"),
            (Some(namespace), None) => out += &format!(" {namespace}/"),
            (None, None) => {}
        }
        if let Some(subresource) = &self.subresource {
            out += &format!(" {subresource}");
        }
        out
    }

    /// Path and query, as they would be sent.
    pub fn path_and_query(&self) -> String {
        let query = self.query.to_string();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

#[derive(Default)]
struct Place {
    resource: Option<Resource>,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
    /// The older way to ask for a watch: `/api/v1/watch/…`.
    watched: bool,
}

impl Place {
    fn parse(path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Self::default(),
        };
        let (watched, rest) = match rest {
            ["watch", inner @ ..] if !inner.is_empty() => (true, inner),
            other => (false, other),
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, inner @ ..] if is_inner(inner) => (Some(decoded(namespace)), inner),
            other => (None, other),
        };
        let Some(plural) = rest.first() else { return Self::default() };
        let resource =
            Resource { group: group.to_owned(), version: version.to_owned(), plural: (*plural).to_owned() };
        Self {
            resource: Some(resource),
            namespace,
            name: rest.get(1).map(|name| decoded(name)),
            subresource: (rest.len() > 2).then(|| rest[2..].join("/")),
            watched,
        }
    }
}

/// A segment of a path without its escapes.
fn decoded(segment: &str) -> String {
    if segment.contains('%') {
        super::query::decode(&segment.replace('+', "%2B"))
    } else {
        segment.to_owned()
    }
}

/// `/namespaces/a/status` and `/namespaces/a/finalize` are subresources of the namespace itself.
fn is_inner(rest: &[&str]) -> bool {
    !matches!(rest, [] | ["status"] | ["finalize"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(method: &str, uri: &str) -> RequestInfo {
        let uri: Uri = uri.parse().unwrap();
        RequestInfo::parse(&method.parse().unwrap(), &uri, &HeaderMap::new())
    }

    #[test]
    fn a_path_of_any_length_is_read() {
        let path = format!("/api/v1{}", "/watch".repeat(9000));
        assert_eq!(info("GET", &path).resource.map(|resource| resource.plural).as_deref(), Some("watch"));
    }

    #[test]
    fn reads_every_kind_of_path() {
        let rows = [
            ("GET", "/api/v1/namespaces/a/pods?&limit=500", "list", "pods a/"),
            ("GET", "/api/v1/namespaces/a/pods?&watch=true", "watch", "pods a/"),
            ("GET", "/apis/apps/v1/deployments", "list", "deployments.apps"),
            ("GET", "/api/v1/namespaces/a", "get", "namespaces a"),
            ("PUT", "/api/v1/namespaces/a/finalize", "update", "namespaces a finalize"),
            ("GET", "/api/v1/namespaces/a/pods/p/log", "get", "pods a/p log"),
            ("POST", "/apis/example.com/v1/namespaces/a/echoes?", "create", "echoes.example.com a/"),
            (
                "DELETE",
                "/apis/example.com/v1/namespaces/a/echoes?",
                "deletecollection",
                "echoes.example.com a/",
            ),
            ("DELETE", "/api/v1/nodes/n", "delete", "nodes n"),
            ("GET", "/version", "get", "/version"),
            ("GET", "/api/v1/watch/namespaces/a/pods/p", "watch", "pods a/p"),
            ("GET", "/apis/apps/v1", "get", "/apis/apps/v1"),
        ];
        for (method, uri, verb, what) in rows {
            let info = info(method, uri);
            assert_eq!((info.verb.as_str(), info.what().as_str()), (verb, what), "{uri}");
        }
    }

    #[test]
    fn apply_is_known_by_its_content_type() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/apply-patch+yaml".parse().unwrap());
        let uri = "/apis/apps/v1/namespaces/a/deployments/web?&force=true&fieldManager=m".parse().unwrap();
        let info = RequestInfo::parse(&Method::PATCH, &uri, &headers);
        assert_eq!(info.verb, Verb::Apply);
        assert_eq!(info.query.get("fieldManager"), Some("m"));
        assert_eq!(info.key().unwrap().to_string(), "deployments.apps a/web");
    }
}
