use crate::wire::Failure;
use serde_json::{Value, json};

/// Why a patch or an apply is refused, in the server's words.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// 400: the patch has not the form of its type.
    #[error("{0}")]
    BadRequest(String),
    /// 413: more operations than a JSON Patch may have.
    #[error("Request entity too large: The allowed maximum operations in a JSON patch is 10000, got {0}")]
    TooManyOperations(usize),
    /// 422 without a word of what failed: an operation that does not fit the object.
    #[error("the server rejected our request due to an error in our request")]
    DoesNotFit,
    /// 500 with the text alone: whatever the server did not foresee.
    #[error("{0}")]
    Unforeseen(String),
    /// 409: fields that other managers own.
    #[error("{}", conflict_text(.0))]
    Conflicts(Vec<Conflict>),
}

/// One field that an apply would take from its owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The owner as the server writes it: `"m" using v1`.
    pub manager: String,
    /// The path as the server writes it: `.spec.containers[name="x"].image`.
    pub path: String,
}

impl Error {
    /// The refusal as the server sends it.
    pub fn to_failure(&self) -> Failure {
        let (code, reason) = match self {
            Self::BadRequest(_) => (400, "BadRequest"),
            Self::TooManyOperations(_) => (413, "RequestEntityTooLarge"),
            Self::DoesNotFit => (422, "Invalid"),
            Self::Unforeseen(_) => (500, ""),
            Self::Conflicts(_) => (409, "Conflict"),
        };
        let details = match self {
            Self::DoesNotFit => json!({}),
            Self::Conflicts(conflicts) => json!({ "causes": causes(conflicts) }),
            _ => Value::Null,
        };
        Failure { details, ..Failure::new(code, reason, self.to_string()) }
    }
}

fn causes(conflicts: &[Conflict]) -> Vec<Value> {
    let cause = |conflict: &Conflict| {
        json!({
            "reason": "FieldManagerConflict",
            "message": format!("conflict with {}", conflict.manager),
            "field": conflict.path,
        })
    };
    conflicts.iter().map(cause).collect()
}

/// One block for each manager; conflicts come sorted.
fn conflict_text(conflicts: &[Conflict]) -> String {
    if let [Conflict { manager, path }] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {manager}: {path}");
    }
    let mut text = format!("Apply failed with {} conflicts: ", conflicts.len());
    let mut managers: Vec<_> = conflicts.iter().map(|conflict| &conflict.manager).collect();
    managers.dedup();
    let blocks = managers.into_iter().map(|manager| {
        let own = conflicts.iter().filter(|conflict| conflict.manager == *manager);
        own.fold(format!("conflicts with {manager}:"), |block, conflict| block + "\n- " + &conflict.path)
    });
    text += &blocks.collect::<Vec<_>>().join("\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(manager: &str, path: &str) -> Conflict {
        Conflict { manager: manager.into(), path: path.into() }
    }

    #[test]
    fn one_conflict_stands_in_one_line() {
        let failure = Error::Conflicts(vec![conflict("\"m\" using v1", ".data.k")]).to_failure();
        assert_eq!(failure.message, "Apply failed with 1 conflict: conflict with \"m\" using v1: .data.k");
        assert_eq!(failure.details["causes"][0]["message"], "conflict with \"m\" using v1");
        assert_eq!((failure.code, failure.reason.as_str()), (409, "Conflict"));
    }

    #[test]
    fn several_conflicts_stand_in_a_block_for_each_manager() {
        let conflicts = vec![conflict("\"a\"", ".x"), conflict("\"a\"", ".y"), conflict("\"b\"", ".z")];
        assert_eq!(
            Error::Conflicts(conflicts).to_string(),
            "Apply failed with 3 conflicts: conflicts with \"a\":\n- .x\n- .y\nconflicts with \"b\":\n- .z"
        );
    }
}
