//! The admission plugins that a server has without any configuration.
//!
//! In go objects on their way to the store, out come the same objects, filled in or refused. Each plugin can
//! be turned off by the name that kube-apiserver gives it.

mod namespaces;

use super::verbs::{Call, State};
use crate::wire::Failure;
use serde_json::Value;

/// Looks at an object that is created, and fills it in.
///
/// # Errors
/// 403 and 404 of a plugin.
pub fn create(state: &mut State, call: &Call<'_>, object: &mut Value) -> Result<(), Failure> {
    if state.admits("NamespaceLifecycle") {
        namespaces::create(state, call, object)?;
    }
    Ok(())
}

/// Looks at an object that is created, once it is whole.
///
/// # Errors
/// 403 of a plugin.
pub fn validate_create(state: &mut State, call: &Call<'_>, object: &Value) -> Result<(), Failure> {
    let _ = (state, call, object);
    Ok(())
}

/// Looks at an object that is changed, and fills it in.
///
/// # Errors
/// 403 of a plugin.
pub fn update(state: &mut State, call: &Call<'_>, old: &Value, object: &mut Value) -> Result<(), Failure> {
    let _ = (state, call, old, object);
    Ok(())
}

/// Looks at an object that is changed, once it is whole.
///
/// # Errors
/// 403 of a plugin.
pub fn validate_update(
    state: &mut State,
    call: &Call<'_>,
    old: &Value,
    object: &Value,
) -> Result<(), Failure> {
    let _ = (state, call, old, object);
    Ok(())
}

/// Looks at an object that is deleted.
///
/// # Errors
/// 403 of a plugin.
pub fn delete(state: &State, call: &Call<'_>, name: &str, old: &Value) -> Result<(), Failure> {
    let _ = old;
    if state.admits("NamespaceLifecycle") {
        namespaces::delete(call, name)?;
    }
    Ok(())
}
