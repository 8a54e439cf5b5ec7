//! A server to ask: one in the process, or any other over HTTP.

use super::json::spaced;
use futures::{StreamExt, future::BoxFuture};
use http_body_util::BodyExt;
use kubetape::wire::{LineSplitter, Request, Response};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;

/// Answers requests.
pub(crate) type Door =
    Arc<dyn Fn(Request) -> BoxFuture<'static, Result<Response, tower::BoxError>> + Send + Sync>;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(75);

/// Where vectors and transcripts get their servers from.
pub(crate) trait Ground {
    /// A server that nobody has used; the reason when there is none of this kind.
    fn fresh(&self, kind: Kind) -> BoxFuture<'_, Result<Server, String>>;
}

/// What a server must be like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The controllers of a control plane run, and nobody plays kubelet.
    pub(crate) controllers: bool,
    /// The admission of service accounts is on; with controllers it always is.
    pub(crate) accounts: bool,
}

/// One server, with the tokens of its users.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) door: Door,
    /// When it was taken, and the time of day that it showed then, in seconds since 1970.
    pub(crate) began: Instant,
    pub(crate) epoch: f64,
    pub(crate) admin: String,
    /// Of user `u` and of user `jane`, who may do nothing.
    pub(crate) poor: Option<String>,
    pub(crate) other: Option<String>,
    /// Forgets all history.
    pub(crate) compact: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Ask {
    /// A request with a JSON body, or with none.
    pub(crate) fn new(method: &str, path: &str, body: Option<&Value>) -> Self {
        let headers =
            body.iter().map(|_| ("content-type".to_owned(), "application/json".to_owned())).collect();
        let body = body.map(spaced);
        Self { method: method.to_owned(), path: path.to_owned(), headers, body }
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn into_request(self, token: &str) -> Result<Request, tower::BoxError> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(escaped(&self.path));
        if self.header("authorization").is_none() && !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(self.body.unwrap_or_default().into())?)
    }
}

/// A path as a request line can hold it.
fn escaped(path: &str) -> String {
    let keep = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(byte);
    path.bytes()
        .map(|byte| if keep(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// One answer, read to its end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) named: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        self.named.iter().filter(|(own, _)| own == name).map(|(_, value)| value.clone()).collect()
    }

    /// The body as a text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes).ok()
    }

    fn head(response: &Response) -> Self {
        let named = response.headers().iter();
        let named = named.map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Self { status: response.status().as_u16(), named: named.collect(), bytes: Vec::new() }
    }
}

impl Server {
    /// Asks and reads the whole answer; a broken one has the status 0 and says why.
    pub(crate) async fn ask(&self, ask: Ask, token: &str) -> Answer {
        let (ask, token) = self.as_user(ask, token);
        let asked = async {
            let response = (self.door)(ask.into_request(&token)?).await?;
            let mut answer = Answer::head(&response);
            answer.bytes = response.into_body().collect().await?.to_bytes().to_vec();
            Ok::<_, tower::BoxError>(answer)
        };
        let outcome = tokio::time::timeout(PATIENCE, asked).await;
        outcome.map_err(Into::into).and_then(|answer| answer).unwrap_or_else(|error: tower::BoxError| {
            Answer { bytes: error.to_string().into_bytes(), ..Answer::default() }
        })
    }

    /// Where a user has no token, the administrator acts for them: `as:name`.
    fn as_user(&self, mut ask: Ask, token: &str) -> (Ask, String) {
        let Some(user) = token.strip_prefix("as:") else { return (ask, token.to_owned()) };
        ask.headers.push(("impersonate-user".to_owned(), user.to_owned()));
        ask.headers.push(("impersonate-group".to_owned(), "plain".to_owned()));
        (ask, self.admin.clone())
    }

    /// Asks as the administrator.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask(Ask::new(method, path, body), &self.admin).await
    }

    /// Opens a watch; a refusal is read to its end.
    pub(crate) async fn open(&self, ask: Ask, token: &str) -> (Answer, Option<Stream>) {
        let (ask, token) = self.as_user(ask, token);
        let request = match ask.into_request(&token) {
            Ok(request) => request,
            Err(error) => {
                return (Answer { bytes: error.to_string().into_bytes(), ..Answer::default() }, None);
            }
        };
        match (self.door)(request).await {
            Ok(response) if response.status() == 200 => {
                let head = Answer::head(&response);
                (head, Some(Stream::read(response)))
            }
            Ok(response) => {
                let mut answer = Answer::head(&response);
                let body = response.into_body().collect().await;
                answer.bytes = body.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
                (answer, None)
            }
            Err(error) => (Answer { bytes: error.to_string().into_bytes(), ..Answer::default() }, None),
        }
    }
}

/// An open watch, whose frames are collected as they come.
pub(crate) struct Stream {
    seen: Arc<Mutex<(Vec<Value>, bool)>>,
    task: tokio::task::JoinHandle<()>,
}

impl Stream {
    fn read(response: Response) -> Self {
        let seen = Arc::new(Mutex::new((Vec::new(), false)));
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            let mut chunks = response.into_body().into_data_stream();
            let mut lines = LineSplitter::default();
            while let Some(Ok(chunk)) = chunks.next().await {
                let frames = lines.push(&chunk).into_iter().filter(|line| !line.trim_ascii().is_empty());
                let frames = frames.map(|line| serde_json::from_slice(&line).unwrap_or(Value::Null));
                shared.lock().expect("nobody panics with it").0.extend(frames);
            }
            shared.lock().expect("nobody panics with it").1 = true;
        });
        Self { seen, task }
    }

    /// The frames so far.
    pub(crate) fn frames(&self) -> Vec<Value> {
        self.seen.lock().expect("nobody panics with it").0.clone()
    }

    /// Whether the server has ended it.
    pub(crate) fn ended(&self) -> bool {
        self.seen.lock().expect("nobody panics with it").1
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}
