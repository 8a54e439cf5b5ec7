use std::{cmp::Ordering, fmt};

/// A resource type: group, version and plural, as they stand in a request path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// API group, empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// Plural name, such as `deployments`.
    pub plural: String,
}

impl Resource {
    /// A resource type; the core group is empty.
    pub fn new(group: impl Into<String>, version: impl Into<String>, plural: impl Into<String>) -> Self {
        Self { group: group.into(), version: version.into(), plural: plural.into() }
    }

    /// The path prefix of this group and version: `/api/v1` or `/apis/GROUP/VERSION`.
    pub fn prefix(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }

    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// `deployments.apps`, or `pods` in the core group, as kubectl writes it.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// The whole key of one object. Versions of a group share their objects, so the version is no part of it. Keys have
/// the order in which a server lists: that of their paths, where `shop-a/` comes before `shop/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    /// API group, empty for the core group.
    pub group: String,
    /// Plural name.
    pub plural: String,
    /// Namespace, `None` for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of `name` among the objects of `resource`.
    pub fn new(resource: &Resource, namespace: Option<&str>, name: &str) -> Self {
        Self {
            group: resource.group.clone(),
            plural: resource.plural.clone(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &Self) -> Ordering {
        fn segment(namespace: &str) -> impl Iterator<Item = u8> + '_ {
            namespace.bytes().chain([b'/'])
        }
        let namespaces = match (&self.namespace, &other.namespace) {
            (Some(a), Some(b)) if a == b => Ordering::Equal,
            (Some(a), Some(b)) => segment(a).cmp(segment(b)),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        let types = (&self.group, &self.plural).cmp(&(&other.group, &other.plural));
        types.then(namespaces).then_with(|| self.name.cmp(&other.name))
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `deployments.apps default/web`; without the namespace for cluster-scoped objects.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_the_paths_of_a_server() {
        let pods = Resource::new("", "v1", "pods");
        let key = |namespace, name| ObjectKey::new(&pods, namespace, name);
        let keys = [
            key(None, "z"),
            key(Some("shop-a"), "b"),
            key(Some("shop"), "a"),
            key(Some("shop"), "a-b"),
            key(Some("shop0"), "a"),
            ObjectKey::new(&Resource::new("apps", "v1", "deployments"), None, "a"),
        ];
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
