use super::{History, Scope, log::Log};
use crate::wire::{Failure, ObjectKey};
use serde_json::Value;
use std::{collections::BTreeMap, ops::Bound, sync::Arc};

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The resourceVersion of the whole list, the same on every page.
    pub rv: u64,
    /// The objects.
    pub items: Vec<Arc<Value>>,
    /// Asks for the next page.
    pub next: Option<String>,
    /// How many objects follow.
    pub remaining: usize,
}

/// A page that cannot be given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The token is not one of ours.
    #[error("continue key is not valid: {0}")]
    Token(String),
    /// The revision of the first page is compacted.
    #[error("the provided continue parameter is too old to display a consistent list result")]
    Expired,
}

impl PageError {
    /// As the API server answers it.
    pub fn to_failure(&self) -> Failure {
        match self {
            Self::Token(_) => Failure::new(400, "BadRequest", self.to_string()),
            Self::Expired => Failure::expired(self.to_string()),
        }
    }
}

impl History {
    /// A list, or one page of it when `limit` is not 0. Pages show one revision, that of the first.
    ///
    /// # Errors
    /// When the continue token is malformed, or its revision is compacted.
    pub fn page(&self, scope: &Scope, limit: usize, token: Option<&str>) -> Result<Page, PageError> {
        let newest = self.revision(&scope.resource);
        let (rv, after) = match token {
            None => (newest, None),
            Some(token) => parse(token, scope).map(|(rv, key)| (rv, Some(key)))?,
        };
        let Slice { items, last, remaining } = self.slice(scope, rv, after.as_ref(), limit)?;
        let next = last.filter(|_| remaining > 0).map(|key| write(rv, &key));
        Ok(Page { rv, items, next, remaining })
    }

    /// The objects of a scope as they were at `rv`, from behind `after` on, at most `limit` when it is not 0.
    ///
    /// # Errors
    /// When the revision is compacted.
    pub fn slice(
        &self,
        scope: &Scope,
        rv: u64,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Slice, PageError> {
        let Some(log) = self.log(&scope.resource) else { return Ok(Slice::default()) };
        let first = ObjectKey::new(&scope.resource, scope.namespace.as_deref(), "");
        let start = after.map_or(Bound::Included(&first), Bound::Excluded);
        if rv >= log.newest {
            let live = log.live.range((start, Bound::Unbounded));
            return Ok(cut(scope, limit, live.map(|(key, current)| (key, &current.object))));
        }
        if rv < log.compacted {
            return Err(PageError::Expired);
        }
        let state = log.state_at(scope, rv);
        Ok(cut(scope, limit, state.range((start, Bound::Unbounded))))
    }
}

/// Part of a list.
#[derive(Debug, Default)]
pub struct Slice {
    /// The objects.
    pub items: Vec<Arc<Value>>,
    /// The key of the last one.
    pub last: Option<ObjectKey>,
    /// How many objects follow.
    pub remaining: usize,
}

fn cut<'a>(
    scope: &Scope,
    limit: usize,
    objects: impl Iterator<Item = (&'a ObjectKey, &'a Arc<Value>)>,
) -> Slice {
    let limit = if limit == 0 { usize::MAX } else { limit };
    // Keys are in order of namespaces: behind the last one of the scope there is nothing to find.
    let covered = objects.take_while(|(key, _)| scope.covers(key));
    let mut rest = covered.filter(|(_, object)| scope.selects(object));
    let mut slice = Slice::default();
    for (key, object) in rest.by_ref() {
        slice.items.push(object.clone());
        if slice.items.len() == limit {
            slice.last = Some(key.clone());
            break;
        }
    }
    slice.remaining = rest.count();
    slice
}

impl Log {
    fn state_at(&self, scope: &Scope, rv: u64) -> BTreeMap<ObjectKey, Arc<Value>> {
        let covered = self.live.iter().filter(|(key, _)| scope.covers(key));
        let mut state: BTreeMap<_, _> =
            covered.map(|(key, current)| (key.clone(), current.object.clone())).collect();
        let later: Vec<_> = self.between(rv, u64::MAX).filter(|((_, key), _)| scope.covers(key)).collect();
        for ((_, key), change) in later.into_iter().rev() {
            match &change.previous {
                Some(previous) => state.insert(key.clone(), previous.clone()),
                None => state.remove(key),
            };
        }
        state
    }
}

fn write(rv: u64, key: &ObjectKey) -> String {
    format!("{rv}:{}:{}", key.namespace.as_deref().unwrap_or_default(), key.name)
}

fn parse(token: &str, scope: &Scope) -> Result<(u64, ObjectKey), PageError> {
    let mut parts = token.splitn(3, ':');
    let rv = parts.next().and_then(|rv| rv.parse().ok());
    match (rv, parts.next(), parts.next()) {
        (Some(rv), Some(namespace), Some(name)) => {
            let namespace = (!namespace.is_empty()).then_some(namespace);
            Ok((rv, ObjectKey::new(&scope.resource, namespace, name)))
        }
        _ => Err(PageError::Token(token.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FieldSelector, LabelSelector, Resource};
    use serde_json::json;

    #[test]
    fn pages_show_the_revision_of_the_first() {
        let resource = Resource { group: String::new(), version: "v1".into(), plural: "pods".into() };
        let scope = Scope {
            resource: resource.clone(),
            namespace: None,
            labels: LabelSelector::default(),
            fields: FieldSelector::default(),
        };
        let key = |name: &str| ObjectKey::new(&resource, Some("a"), name);
        let mut history = History::default();
        for (rv, name) in [(1, "p"), (2, "q"), (3, "r")] {
            history.put(&key(name), rv, Arc::new(json!({"metadata": {"name": name}})));
        }
        let first = history.page(&scope, 2, None).unwrap();
        assert_eq!((first.items.len(), first.remaining, first.rv), (2, 1, 3));
        history.delete(&key("r"), 4, None);
        history.put(&key("s"), 5, Arc::new(json!({"metadata": {"name": "s"}})));
        let second = history.page(&scope, 2, first.next.as_deref()).unwrap();
        assert_eq!(second.items[0]["metadata"]["name"], "r");
        assert_eq!((second.items.len(), second.rv, second.next), (1, 3, None));
        history.compact(&resource, 5);
        assert!(matches!(history.page(&scope, 2, first.next.as_deref()), Err(PageError::Expired)));
        assert!(matches!(history.page(&scope, 2, Some("x")), Err(PageError::Token(_))));
    }
}
