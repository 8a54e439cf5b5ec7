use super::decode::PROTOBUF;
use crate::wire::Failure;
use http::{HeaderMap, header};

/// How an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The media type.
    pub media: Media,
    /// What the answer is turned into.
    pub transform: Transform,
    /// Whether it is indented.
    pub pretty: bool,
}

/// A media type that the server writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
    /// `application/vnd.kubernetes.protobuf`.
    Protobuf,
}

/// What an answer is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Nothing.
    None,
    /// A `Table`, as kubectl prints it.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
    /// `PartialObjectMetadataList`.
    MetadataList,
}

/// What the routes of built-in types say to a media type that they do not write.
const ROUTER: &str = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
    application/vnd.kubernetes.protobuf, application/json;stream=watch, \
    application/vnd.kubernetes.protobuf;stream=watch";

impl Form {
    /// The form that a request asks for; `router` for routes that look at media types first.
    ///
    /// # Errors
    /// 406 when the server writes none of those that are asked for.
    pub fn of(headers: &HeaderMap, pretty: Option<&str>, router: bool) -> Result<Self, Failure> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let agent = text(header::USER_AGENT);
        let browser = ["curl", "Wget", "Mozilla/5.0"].iter().any(|known| agent.starts_with(known));
        let pretty = match pretty {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            _ => browser,
        };
        let accept = text(header::ACCEPT);
        if accept.trim().is_empty() {
            return Ok(Self { media: Media::Json, transform: Transform::None, pretty });
        }
        let mut clauses: Vec<(u32, &str)> =
            accept.split(',').map(|clause| (1000 - quality(clause), clause.trim())).collect();
        clauses.sort_by_key(|(rank, _)| *rank);
        let found = clauses.iter().find_map(|(_, clause)| read(clause, router));
        let (media, transform, asked) = found.ok_or_else(|| refuse(&clauses, router))?;
        Ok(Self { media, transform, pretty: pretty || asked })
    }
}

fn refuse(clauses: &[(u32, &str)], router: bool) -> Failure {
    let known = clauses.iter().any(|(_, clause)| media(clause).is_some());
    if router && !known {
        return Failure { details: serde_json::json!({}), ..Failure::new(406, "NotAcceptable", ROUTER) };
    }
    let message = "only the following media types are accepted: application/json, application/yaml, \
                   application/vnd.kubernetes.protobuf";
    Failure::new(406, "NotAcceptable", message)
}

/// 406 for a watch in YAML.
pub fn no_watch_in_yaml() -> Failure {
    let message = "only the following media types are accepted: application/json;stream=watch, \
                   application/vnd.kubernetes.protobuf;stream=watch";
    Failure::new(406, "NotAcceptable", message)
}

fn quality(clause: &str) -> u32 {
    let quality = clause.split(';').find_map(|part| part.trim().strip_prefix("q="));
    let quality = quality.and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0).clamp(0.0, 1.0);
    (quality * 1000.0) as u32
}

fn media(clause: &str) -> Option<Media> {
    match clause.split(';').next().unwrap_or_default().trim() {
        "*/*" | "application/*" | "application/json" => Some(Media::Json),
        "application/yaml" => Some(Media::Yaml),
        PROTOBUF => Some(Media::Protobuf),
        _ => None,
    }
}

fn read(clause: &str, router: bool) -> Option<(Media, Transform, bool)> {
    let media = media(clause).filter(|media| router || *media != Media::Protobuf)?;
    let parameter = |wanted: &str| {
        let pairs = clause.split(';').skip(1).filter_map(|part| part.trim().split_once('='));
        pairs.into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| value)
    };
    let meta = parameter("g").unwrap_or("meta.k8s.io") == "meta.k8s.io"
        && matches!(parameter("v"), None | Some("v1" | "v1beta1"));
    let transform = match parameter("as") {
        None => Transform::None,
        Some("Table") if meta => Transform::Table,
        Some("PartialObjectMetadata") if meta => Transform::Metadata,
        Some("PartialObjectMetadataList") if meta => Transform::MetadataList,
        Some(_) => return None,
    };
    // Tables and metadata alone are answered in JSON, which these clients take too.
    if media == Media::Protobuf && transform != Transform::None {
        return None;
    }
    Some((media, transform, parameter("pretty") == Some("1")))
}

/// 406 for metadata of one object where a list is answered, or the other way round.
pub fn wrong_shape(asked: Transform, kind: &str) -> Failure {
    let (asked, answered) = match asked {
        Transform::MetadataList => ("PartialObjectMetadataList", "is not a list"),
        _ => ("PartialObjectMetadata", "is a list"),
    };
    let message = format!("you requested {asked}, but the requested object {answered} (*v1.{kind})");
    Failure::new(406, "NotAcceptable", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(accept: &str) -> Result<Form, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        Form::of(&headers, None, true)
    }

    #[test]
    fn the_first_clause_that_is_known_wins() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
        assert_eq!(form(table).unwrap().transform, Transform::Table);
        assert_eq!(form("text/html, application/yaml;q=0.5, */*;q=0.1").unwrap().media, Media::Yaml);
        let unknown = form("application/json;as=Foo;v=v1;g=meta.k8s.io").unwrap_err();
        assert!(unknown.message.starts_with("only the following"), "{}", unknown.message);
        assert!(form("text/html").unwrap_err().message.starts_with("406: Not Acceptable"));
    }
}
