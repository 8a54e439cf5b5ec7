use super::{
    answer::{in_version, include, scope},
    form::Form,
    source::Source,
};
use futures::{StreamExt, stream};
use http::{HeaderValue, header};
use kubetape::{
    gather::Kind,
    history::{Cursor, Start},
    wire::{Body, EventType, Failure, Frame, RequestInfo, Response},
};
use std::{sync::Arc, time::Duration};

/// How long a watch is open that does not say it.
const OPEN: Duration = Duration::from_secs(30 * 60);

/// A watch of what does not change: what there is, and then nothing until it ends.
pub(super) fn answer(
    source: Arc<Source>,
    kind: Kind,
    form: Form,
    info: &RequestInfo,
) -> Result<Response, Failure> {
    let query = &info.query;
    let bookmark = query.is_true("sendInitialEvents");
    let start = match query.get("resourceVersion").unwrap_or_default() {
        version if !bookmark && !matches!(version, "" | "0") => {
            let number = version.parse().map_err(|_| {
                Failure::new(400, "BadRequest", format!("invalid resource version: {version:?} is no number"))
            })?;
            Start::After(number)
        }
        _ => Start::Present { bookmark },
    };
    let mut cursor = Cursor::new(&source.history, scope(info)?, &kind.kind, false, start);
    let frames = cursor.read(&source.history, u64::MAX)?;
    let include = include(info).to_owned();
    let mut first = true;
    let lines = frames.into_iter().map(move |Frame { event, object }| {
        let columns = std::mem::take(&mut first);
        let object = match event {
            EventType::Bookmark => object,
            _ => form.object(&source, &kind, &in_version(&kind, &object), &include, columns),
        };
        Ok(Frame { event, object }.to_line().into())
    });
    let open = query
        .get("timeoutSeconds")
        .and_then(|seconds| seconds.parse().ok())
        .map_or(OPEN, Duration::from_secs);
    let wait = stream::once(tokio::time::sleep(open)).filter_map(|()| async { None });
    let mut response = Response::new(Body::stream(stream::iter(lines).chain(wait)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
