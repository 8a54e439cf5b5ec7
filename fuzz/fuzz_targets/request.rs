//! Requests as text: a line `METHOD path`, lines of headers, an empty line, a body; `---` between requests. All of
//! them go to one simulated API server, which has to answer each with a status and may neither panic nor hang.
#![no_main]

use http::{HeaderName, HeaderValue, Method, Uri};
use http_body_util::BodyExt;
use kube::client::Body;
use kubetape::sim::{Options, Sim};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use tower::ServiceExt;

fuzz_target!(|data: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let sim = Sim::new(Options { base: Some(Default::default()), ..Options::default() });
        for text in split(data, b"\n---\n").into_iter().take(8) {
            let Some(request) = request(text) else { continue };
            let Ok(response) = sim.clone().oneshot(request).await;
            // A watch lasts; virtual time passes while nothing comes.
            let body = tokio::time::timeout(Duration::from_secs(5), response.into_body().collect()).await;
            let Ok(Ok(body)) = body else { continue };
            // A server answers some requests with 500 by rule; this is what it says of a panic that it caught.
            let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
            assert!(!body.starts_with("This request caused"), "{}", String::from_utf8_lossy(text));
        }
    });
});

fn request(text: &[u8]) -> Option<http::Request<Body>> {
    let (head, body) = match text.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&text[..at], &text[at + 2..]),
        None => (text, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let method = Method::from_bytes(&first[..space]).ok()?;
    let uri = Uri::try_from(&first[space + 1..]).ok()?;
    let mut request = http::Request::new(Body::from(body.to_vec()));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        request.headers_mut().insert(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(request)
}

fn split<'a>(data: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let (mut parts, mut rest) = (Vec::new(), data);
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
        parts.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    parts.push(rest);
    parts
}

