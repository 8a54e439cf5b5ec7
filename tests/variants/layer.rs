use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use std::{future::Future, sync::Arc};
use tower::BoxError;

/// What an operator's request gets.
pub type Answer = Result<Response<Body>, BoxError>;

/// What stands between an operator and its client, and may do with each request as it likes.
pub type Layer = Arc<dyn Fn(Client, Call) -> BoxFuture<'static, Answer> + Send + Sync>;

/// One request in parts that are easy to look at and to change.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// The path without the query.
    pub path: String,
    pub query: String,
    pub headers: http::HeaderMap,
    pub body: Value,
}

/// The layer that changes nothing.
pub fn none() -> Layer {
    layer(|client, call| async move { call.send(&client).await })
}

/// A layer made of one async function.
pub fn layer<F, Fut>(act: F) -> Layer
where
    F: Fn(Client, Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    Arc::new(move |client, call| Box::pin(act(client, call)))
}

/// A client whose requests all go through `layer`.
pub fn through(client: Client, layer: Layer) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, layer) = (client.clone(), layer.clone());
        async move { layer(client, Call::of(request).await?).await }
    });
    Client::new(service, namespace)
}

impl Call {
    async fn of(request: Request<Body>) -> Result<Self, BoxError> {
        let (head, body) = request.into_parts();
        let bytes: Bytes = body.collect_bytes().await?;
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body,
        })
    }

    /// A read of one object, as an operator would send it.
    pub fn get(path: impl Into<String>) -> Self {
        let (query, headers) = (String::new(), http::HeaderMap::new());
        Self { method: Method::GET, path: path.into(), query, headers, body: Value::Null }
    }

    /// A write, as an operator would send it.
    pub fn write(
        method: Method,
        path: impl Into<String>,
        query: &str,
        media: &'static str,
        body: Value,
    ) -> Self {
        let mut call = Self { method, query: query.to_owned(), body, ..Self::get(path) };
        call.set_media(media);
        call
    }

    /// Sends it to where it was going.
    pub async fn send(self, client: &Client) -> Answer {
        let uri = if self.query.is_empty() { self.path } else { format!("{}?{}", self.path, self.query) };
        let body = if self.body.is_null() { Vec::new() } else { self.body.to_string().into_bytes() };
        let mut request = Request::builder().method(self.method).uri(uri).body(Body::from(body))?;
        *request.headers_mut() = self.headers;
        client.send(request).await.map_err(Into::into)
    }

    /// Sends it and gives the status and the body of the answer.
    pub async fn ask(self, client: &Client) -> Result<(StatusCode, Value), BoxError> {
        let response = self.send(client).await?;
        let status = response.status();
        let bytes = response.into_body().collect_bytes().await?;
        Ok((status, serde_json::from_slice(&bytes)?))
    }

    pub fn media(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default()
    }

    pub fn set_media(&mut self, media: &'static str) {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }

    /// An apply of one object of this plural, its status aside.
    pub fn applies(&self, plural: &str) -> bool {
        self.media().starts_with("application/apply-patch") && self.is_object_of(plural)
    }

    /// Whether the path is that of one object of this plural: `…/PLURAL/NAME`.
    pub fn is_object_of(&self, plural: &str) -> bool {
        self.path.rsplit('/').nth(1) == Some(plural)
    }

    /// A write of a status.
    pub fn writes_status(&self) -> bool {
        self.method != Method::GET && self.path.ends_with("/status")
    }

    /// A list or a watch of this plural.
    pub fn looks_at_all(&self, plural: &str) -> bool {
        self.method == Method::GET && self.path.ends_with(&format!("/{plural}"))
    }
}

/// An answer that no server gave.
pub fn made_up(status: StatusCode, body: &Value) -> Answer {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, "application/json");
    Ok(response.body(Body::from(body.to_string().into_bytes()))?)
}

/// A made-up 404.
pub fn not_found() -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
        "reason": "NotFound", "message": "not found"});
    made_up(StatusCode::NOT_FOUND, &status)
}
