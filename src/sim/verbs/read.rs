use super::{
    Call, State,
    options::integer,
    reply::{List, Reply},
    select,
};
use crate::{
    history::Scope,
    sim::refusal::{FieldError, bad_request, invalid_options, not_found},
    wire::{Failure, ObjectKey},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// One object.
///
/// # Errors
/// 404 when there is none, 504 when the wanted revision lies ahead.
pub fn get(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    if let Some(rv) = call.info.query.get("resourceVersion").filter(|rv| !rv.is_empty()) {
        let rv = rv.parse::<u64>().map_err(|_| Failure::new(500, "", unparsable(rv)))?;
        ahead(state, rv)?;
    }
    let current = state.store.get(&call.key_of(call.name()));
    let current = current.ok_or_else(|| not_found(&call.kind, call.name()))?;
    Ok(Reply::Object(200, super::convert::shown(&call.kind, &current.object)))
}

pub(super) fn unparsable(rv: &str) -> String {
    format!("resourceVersion: Invalid value: {rv:?}: strconv.ParseUint: parsing {rv:?}: invalid syntax")
}

/// 504 when a revision lies ahead; a server waits three seconds for it.
pub fn ahead(state: &State, rv: u64) -> Result<(), Failure> {
    let now = state.store.revision();
    if rv <= now {
        return Ok(());
    }
    let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
    let message = format!("Timeout: Too large resource version: {rv}, current: {now}");
    let details = json!({"causes": [cause], "retryAfterSeconds": 1});
    Err(Failure { details, ..Failure::new(504, "Timeout", message) })
}

/// What a list asks for, checked.
struct Wanted {
    at: u64,
    after: Option<ObjectKey>,
    limit: usize,
}

/// A list, or a page of it.
///
/// # Errors
/// 400 and 422 for options that make no sense, 410 for a page or revision that is gone.
pub fn list(state: &State, call: &Call<'_>) -> Result<Reply, Failure> {
    let scope = select::scope(call)?;
    let wanted = wanted(state, call, &scope)?;
    let slice = match state.store.slice(&scope, wanted.at, wanted.after.as_ref(), wanted.limit) {
        Ok(slice) => slice,
        Err(_) => return Err(expired(&scope, wanted.after.as_ref())),
    };
    let at = wanted.at;
    let next = slice.last.filter(|_| slice.remaining > 0).map(|last| token(&scope, at, &last));
    let everything = select::selects_everything(&scope);
    let items = slice.items.iter().map(|item| super::convert::shown(&call.kind, item)).collect();
    let remaining = (everything && next.is_some()).then_some(slice.remaining);
    Ok(Reply::List(List { items, rv: at.to_string(), next, remaining }))
}

fn wanted(state: &State, call: &Call<'_>, scope: &Scope) -> Result<Wanted, Failure> {
    let query = &call.info.query;
    let text = |key| query.get(key).unwrap_or_default();
    let limit = match text("limit") {
        "" => 0,
        limit => usize::try_from(integer(limit)?).unwrap_or(0),
    };
    if !text("timeoutSeconds").is_empty() {
        integer(text("timeoutSeconds"))?;
    }
    let (rv, how, token) = (text("resourceVersion"), text("resourceVersionMatch"), text("continue"));
    let errors = list_errors(rv, how, token, query.get("sendInitialEvents").is_some());
    if !errors.is_empty() {
        return Err(invalid_options("ListOptions", &errors));
    }
    let newest = state.store.revision();
    if !token.is_empty() {
        if !rv.is_empty() && rv != "0" {
            return Err(bad_request("specifying resource version is not allowed when using continue"));
        }
        let (at, after) = read_token(token, scope)?;
        return Ok(Wanted { at: at.unwrap_or(newest), after: Some(after), limit });
    }
    let number = match rv {
        "" => None,
        rv => Some(
            rv.parse::<u64>()
                .map_err(|_| bad_request(format!("invalid resource version: {}", unparsable(rv))))?,
        ),
    };
    if let Some(rv) = number {
        ahead(state, rv)?;
    }
    let (at, limit) = match (number, how) {
        (Some(0), _) => (newest, 0),
        (Some(rv), "Exact") => (rv, limit),
        (Some(rv), "") if limit > 0 => (rv, limit),
        _ => (newest, limit),
    };
    Ok(Wanted { at, after: None, limit })
}

fn list_errors(rv: &str, how: &str, token: &str, initial: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let field = "resourceVersionMatch";
    let refused = || {
        let why = "sendInitialEvents is forbidden for list";
        FieldError::forbidden("sendInitialEvents", why)
    };
    if how.is_empty() {
        return initial.then(refused).into_iter().collect();
    }
    if rv.is_empty() {
        let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
        errors.push(FieldError::forbidden(field, why));
    }
    if !token.is_empty() {
        let why = "resourceVersionMatch is forbidden when continue is provided";
        errors.push(FieldError::forbidden(field, why));
    }
    if how != "Exact" && how != "NotOlderThan" {
        errors.push(FieldError::unsupported(field, &json!(how), &["Exact", "NotOlderThan", ""]));
    }
    if how == "Exact" && rv == "0" {
        let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
        errors.push(FieldError::forbidden(field, why));
    }
    errors.extend(initial.then(refused));
    errors
}

/// The token that asks for what follows `last`.
fn token(scope: &Scope, rv: u64, last: &ObjectKey) -> String {
    encode(scope, rv.try_into().unwrap_or(-1), last)
}

fn encode(scope: &Scope, rv: i64, last: &ObjectKey) -> String {
    let start = match (&scope.namespace, &last.namespace) {
        (None, Some(namespace)) => format!("{namespace}/{}\0", last.name),
        _ => format!("{}\0", last.name),
    };
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": rv, "start": start}).to_string())
}

/// The revision and the last key of a token; no revision means the newest.
fn read_token(token: &str, scope: &Scope) -> Result<(Option<u64>, ObjectKey), Failure> {
    let wrong = |why: &str| bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD
        .decode(token.trim_end_matches('='))
        .or_else(|_| STANDARD_NO_PAD.decode(token.trim_end_matches('=')))
        .map_err(|_| wrong(&illegal(token)))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| {
        let first = bytes.first().copied().map_or(' ', char::from);
        wrong(&format!("invalid character '{first}' looking for beginning of value"))
    })?;
    if value["v"] != "meta.k8s.io/v1" {
        return Err(wrong("server does not recognize this encoded version"));
    }
    if value["rv"].as_i64().unwrap_or(0) == 0 {
        return Err(wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"));
    }
    let start = value["start"].as_str().filter(|start| !start.is_empty());
    let start = start.ok_or_else(|| wrong("encoded start key empty (version meta.k8s.io/v1)"))?;
    let path = start.trim_start_matches('/').trim_end_matches('\0');
    let (namespace, name) = match (&scope.namespace, path.split_once('/')) {
        (None, Some((namespace, name))) => (Some(namespace), name),
        _ => (scope.namespace.as_deref(), path),
    };
    let rv = value["rv"].as_i64().and_then(|rv| u64::try_from(rv).ok());
    Ok((rv.filter(|rv| *rv > 0), ObjectKey::new(&scope.resource, namespace, name)))
}

fn illegal(token: &str) -> String {
    let at = token.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    format!("illegal base64 data at input byte {}", at.unwrap_or(token.len()))
}

/// 410: what is left of the list can be had at the newest revision.
fn expired(scope: &Scope, after: Option<&ObjectKey>) -> Failure {
    let Some(after) = after else {
        return Failure::expired("The resourceVersion for the provided list is too old.");
    };
    let message = "The provided continue parameter is too old to display a consistent list result. You can \
                   start a new list without the continue parameter, or use the continue token in this \
                   response to retrieve the remainder of the results. Continuing with the provided token \
                   results in an inconsistent list - objects that were created, modified, or deleted between \
                   the time the first chunk was returned and now may show up in the list.";
    Failure { metadata: json!({ "continue": encode(scope, -1, after) }), ..Failure::expired(message) }
}
