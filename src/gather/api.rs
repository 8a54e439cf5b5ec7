use crate::{entropy, wire::causes};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use kube::{Client, client::Body};
use serde::Serialize;
use serde_json::Value;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often a request is tried before it is given up.
const ATTEMPTS: u32 = 5;
/// The pause after the first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause that a server may ask for.
const LONGEST: Duration = Duration::from_secs(30);
/// What is read of a refusal.
const REFUSAL: usize = 64 << 10;

/// Why something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Why {
    /// The user may not read it.
    Forbidden,
    /// The server does not know the user.
    Unauthorized,
    /// The server, or one behind it, does not answer.
    Unavailable,
    /// It took too long.
    Timeout,
    /// It is not there any more.
    Gone,
    /// It is larger than what is kept.
    TooLarge,
    /// The answer makes no sense.
    Garbled,
    /// The server does not take the request.
    Refused,
    /// The capture was ended before.
    Stopped,
    /// Anything else.
    Failed,
}

/// What a server or the network said instead of an answer.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) why: Why,
    pub(super) message: String,
    /// The `Status` that came, or null.
    pub(super) status: Value,
}

impl Refusal {
    pub(super) fn new(why: Why, message: impl Into<String>) -> Self {
        Self { why, message: message.into(), status: Value::Null }
    }

    /// The time that a kind may take is used up.
    pub(super) fn late() -> Self {
        Self::new(Why::Timeout, "it took longer than --timeout allows")
    }

    fn of(code: StatusCode, body: &[u8]) -> Self {
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = status["message"].as_str().map(str::to_owned);
        let message = said.unwrap_or_else(|| {
            let text: String = String::from_utf8_lossy(body).trim().chars().take(200).collect();
            if text.is_empty() { code.to_string() } else { format!("{code}: {text}") }
        });
        let why = match code.as_u16() {
            401 => Why::Unauthorized,
            403 => Why::Forbidden,
            404 | 410 => Why::Gone,
            408 | 504 => Why::Timeout,
            413 => Why::TooLarge,
            429 | 502 | 503 => Why::Unavailable,
            400..=499 => Why::Refused,
            _ => Why::Failed,
        };
        Self { why, message, status }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A client that only reads, tries again, and never waits for ever.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    /// How long a server may say nothing.
    silence: Duration,
    retries: Arc<AtomicU64>,
}

impl Api {
    pub(super) fn new(client: Client, silence: Duration) -> Self {
        Self { client, silence, retries: Arc::default() }
    }

    /// The same, but the server may say nothing for so much longer.
    pub(super) fn patient(&self, longer: Duration) -> Self {
        Self { silence: self.silence + longer, ..self.clone() }
    }

    /// How often anything was tried again.
    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// The head of a good answer; the body is still to come.
    pub(super) async fn open(&self, path: &str, accept: &str) -> Result<Response<Body>, Refusal> {
        let mut attempt = 1;
        loop {
            let (refusal, wait) = match self.once(path, accept).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let again = matches!(refusal.why, Why::Unavailable | Why::Timeout | Why::Failed);
            if !again || attempt >= ATTEMPTS {
                return Err(refusal);
            }
            self.retried();
            tokio::time::sleep(wait.unwrap_or_else(|| pause(attempt))).await;
            attempt += 1;
        }
    }

    async fn once(&self, path: &str, accept: &str) -> Result<Response<Body>, (Refusal, Option<Duration>)> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
        let request = request.map_err(|error| (Refusal::new(Why::Refused, error.to_string()), None))?;
        let silent = || (Refusal::new(Why::Timeout, format!("no answer within {:?}", self.silence)), None);
        let response =
            tokio::time::timeout(self.silence, self.client.send(request)).await.map_err(|_| silent())?;
        let response = response.map_err(|error| (Refusal::new(Why::Unavailable, causes(&error)), None))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let after =
            parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = self.read(body, REFUSAL).await.unwrap_or_default();
        Err((Refusal::of(parts.status, &body), after.map(|s: u64| Duration::from_secs(s).min(LONGEST))))
    }

    /// A whole body of at most `limit` bytes, tried again when it breaks off.
    pub(super) async fn bytes(&self, path: &str, accept: &str, limit: usize) -> Result<Bytes, Refusal> {
        let mut attempt = 1;
        loop {
            let body = self.open(path, accept).await?.into_body();
            match self.read(body, limit).await {
                Err(refusal) if refusal.why == Why::Unavailable && attempt < ATTEMPTS => self.retried(),
                other => return other,
            }
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn read(&self, body: Body, limit: usize) -> Result<Bytes, Refusal> {
        let mut chunks = std::pin::pin!(self.chunks(body));
        let mut whole = Vec::new();
        while let Some(chunk) = chunks.next().await {
            whole.extend_from_slice(&chunk?);
            if whole.len() > limit {
                return Err(Refusal::new(Why::TooLarge, format!("the answer is larger than {limit} bytes")));
            }
        }
        Ok(whole.into())
    }

    /// The chunks of a body, each within the time that a server may be silent.
    pub(super) fn chunks(&self, body: Body) -> impl Stream<Item = Result<Bytes, Refusal>> + Send + use<> {
        let silence = self.silence;
        futures::stream::unfold(Some(body.into_data_stream()), move |stream| async move {
            let mut stream = stream?;
            let silent = || Refusal::new(Why::Timeout, format!("the answer stopped for {silence:?}"));
            match tokio::time::timeout(silence, stream.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(stream))),
                Ok(Some(Err(error))) => Some((Err(Refusal::new(Why::Unavailable, causes(&error))), None)),
                Err(_) => Some((Err(silent()), None)),
            }
        })
    }
}

/// The pause after the failed attempt with this number, counted from 1.
pub(super) fn pause(attempt: u32) -> Duration {
    (PAUSE * 2u32.saturating_pow(attempt - 1)).min(LONGEST)
}

/// How much of its time something has used.
pub(super) struct Budget {
    left: Duration,
}

impl Budget {
    pub(super) fn new(left: Duration) -> Self {
        Self { left }
    }

    /// Waits, and counts the time.
    pub(super) async fn spend<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Refusal> {
        let start = entropy::instant();
        let done = tokio::time::timeout(self.left, what).await;
        self.left = self.left.saturating_sub(start.elapsed());
        done.map_err(|_| Refusal::late())
    }
}
