use super::call::Strictness;
use crate::{
    sim::{
        refusal::{FieldError, bad_request, invalid_options},
        schema::go_kind,
    },
    wire::{Failure, Query},
};
use http::{HeaderMap, header};
use serde_json::{Value, json};

/// The options that writes share.
#[derive(Debug)]
pub struct WriteOptions {
    /// Who writes.
    pub manager: String,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// What happens to unknown fields.
    pub strictness: Strictness,
}

impl WriteOptions {
    /// Reads and checks the options of a write; `kind` is `CreateOptions` and the like.
    ///
    /// # Errors
    /// 422 naming each option that is wrong.
    pub fn read(query: &Query, headers: &HeaderMap, kind: &str, apply: bool) -> Result<Self, Failure> {
        let mut errors = dry_run_errors(query.all("dryRun"));
        let manager = query.get("fieldManager").unwrap_or_default();
        if kind == "PatchOptions" {
            if apply && manager.is_empty() {
                errors.push(FieldError::required("fieldManager", "is required for apply patch"));
            }
            if !apply && query.is_true("force") {
                errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
            }
        }
        errors.extend(manager_errors(manager));
        let strictness = match query.get("fieldValidation") {
            None | Some("" | "Warn") => Strictness::Warn,
            Some("Ignore") => Strictness::Ignore,
            Some("Strict") => Strictness::Strict,
            Some(other) => {
                let supported = ["", "Ignore", "Strict", "Warn"];
                errors.push(FieldError::unsupported("fieldValidation", &json!(other), &supported));
                Strictness::Warn
            }
        };
        if !errors.is_empty() {
            return Err(invalid_options(kind, &errors));
        }
        let manager = if manager.is_empty() { agent(headers) } else { manager.to_owned() };
        Ok(Self { manager, dry_run: query.get("dryRun").is_some(), strictness })
    }
}

/// The program in front of the `/` of the user agent.
fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut name: String =
        agent.split('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
    while name.len() > 128 {
        name.pop();
    }
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// What is wrong with the values of `dryRun`.
pub fn dry_run_errors<'a>(values: impl Iterator<Item = &'a str>) -> Vec<FieldError> {
    let values: Vec<&str> = values.collect();
    if values.iter().all(|value| *value == "All") {
        return Vec::new();
    }
    vec![FieldError::unsupported("dryRun", &json!(values), &["All"])]
}

fn manager_errors(manager: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if manager.len() > 128 {
        errors.push(FieldError::too_long("fieldManager", 128));
    }
    for (at, letter) in manager.chars().enumerate() {
        if letter.is_control() {
            let detail = format!("invalid character U+{:04X} (at position {at})", letter as u32);
            errors.push(FieldError::invalid("fieldManager", &json!(manager), &detail));
            break;
        }
    }
    errors
}

/// The options of a delete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeleteOptions {
    /// Seconds that a pod gets.
    pub grace: Option<i64>,
    /// `Orphan`, `Foreground` or `Background`.
    pub policy: Option<String>,
    /// The older word for the policy.
    pub orphan: Option<bool>,
    /// The uid that the object must have.
    pub uid: Option<String>,
    /// The resourceVersion that the object must have.
    pub version: Option<String>,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads the options from the body, or from the query when there is no body.
    ///
    /// # Errors
    /// 400 for what cannot be read, 422 for what makes no sense.
    pub fn read(query: &Query, body: Option<&Value>) -> Result<Self, Failure> {
        let (options, dry) = match body {
            Some(body) => Self::of_body(body)?,
            None => Self::of_query(query)?,
        };
        let mut errors = dry_run_errors(dry.iter().map(String::as_str));
        if let Some(policy) = &options.policy {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            if options.orphan.is_some() {
                let detail = "orphanDependents and deletionPropagation cannot be both set";
                errors.push(FieldError::invalid("propagationPolicy", &json!(policy), detail));
            } else if !known.contains(&policy.as_str()) {
                errors.push(FieldError::unsupported("propagationPolicy", &json!(policy), &known));
            }
        }
        if !errors.is_empty() {
            return Err(invalid_options("DeleteOptions", &errors));
        }
        Ok(Self { dry_run: !dry.is_empty(), ..options })
    }

    fn of_body(body: &Value) -> Result<(Self, Vec<String>), Failure> {
        let wrong = |field: &str, what: &str| {
            bad_request(format!("json: cannot unmarshal {what} into Go struct field DeleteOptions.{field}"))
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let fields = [
            (
                "propagationPolicy",
                &body["propagationPolicy"],
                Value::is_string as fn(&Value) -> bool,
                "string",
            ),
            ("orphanDependents", &body["orphanDependents"], Value::is_boolean, "bool"),
            ("preconditions.uid", &body["preconditions"]["uid"], Value::is_string, "string"),
            (
                "preconditions.resourceVersion",
                &body["preconditions"]["resourceVersion"],
                Value::is_string,
                "string",
            ),
            ("dryRun", &body["dryRun"], |value| texts(value), "[]string"),
        ];
        if let Some((field, value, _, of)) =
            fields.iter().find(|(_, value, fits, _)| !value.is_null() && !fits(value))
        {
            return Err(wrong(&format!("{field} of type {of}"), go_kind(value)));
        }
        let grace = match &body["gracePeriodSeconds"] {
            Value::Null => None,
            value => Some(value.as_i64().ok_or_else(|| {
                wrong("gracePeriodSeconds of type int64", if value.is_string() { "string" } else { "number" })
            })?),
        };
        let dry = body["dryRun"].as_array().into_iter().flatten().filter_map(text).collect();
        let options = Self {
            grace,
            policy: text(&body["propagationPolicy"]),
            orphan: body["orphanDependents"].as_bool(),
            uid: text(&body["preconditions"]["uid"]),
            version: text(&body["preconditions"]["resourceVersion"]),
            dry_run: false,
        };
        Ok((options, dry))
    }

    fn of_query(query: &Query) -> Result<(Self, Vec<String>), Failure> {
        let grace = match query.get("gracePeriodSeconds") {
            None | Some("") => None,
            Some(text) => Some(integer(text)?),
        };
        let options = Self {
            grace,
            policy: query.get("propagationPolicy").map(str::to_owned),
            orphan: query.get("orphanDependents").map(|_| query.is_true("orphanDependents")),
            ..Self::default()
        };
        Ok((options, query.all("dryRun").map(str::to_owned).collect()))
    }
}

fn texts(value: &Value) -> bool {
    value.as_array().is_some_and(|list| list.iter().all(Value::is_string))
}

/// An integer of a query.
///
/// # Errors
/// 400 in the words of the server's parser.
pub fn integer(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
}
