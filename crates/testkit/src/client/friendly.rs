//! A client for everyday use, over a pool of connections. It retries nothing and follows no redirect.

use crate::client::sse::SseTranscript;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// A pooled HTTP/1.1 client for one origin. Clones share the pool.
#[derive(Debug, Clone)]
pub struct HttpClient {
    base_url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A request that got no whole answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The request could not be built.
    #[error("the request is malformed")]
    Request(#[from] http::Error),
    /// No head came.
    #[error("the request got no answer")]
    Exchange(#[from] hyper_util::client::legacy::Error),
    /// The body ended early.
    #[error("the answer was cut")]
    Body(#[from] hyper::Error),
}

impl HttpClient {
    /// A client for `base_url`, `http://127.0.0.1:PORT`, without a trailing slash.
    #[must_use]
    pub fn new(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Where it sends to.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Sends a request whose URI is path and query, and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When the answer does not come whole.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Answered, SendError> {
        let (head, body) = self.open(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answered { status: head.status, headers: head.headers, body })
    }

    /// Sends a request whose URI is path and query; the body is left to be read.
    ///
    /// # Errors
    ///
    /// When no head comes.
    pub async fn open(&self, request: Request<Bytes>) -> Result<Response<Incoming>, SendError> {
        let (mut head, body) = request.into_parts();
        head.uri = format!("{}{}", self.base_url, head.uri).parse().map_err(http::Error::from)?;
        Ok(self.client.request(Request::from_parts(head, Full::new(body))).await?)
    }

    /// `POST` of a JSON body, with further headers.
    ///
    /// # Errors
    ///
    /// When the answer does not come whole.
    pub async fn post_json(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &serde_json::Value,
    ) -> Result<Answered, SendError> {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::from(body.to_string()))?).await
    }

    /// `GET`, with further headers.
    ///
    /// # Errors
    ///
    /// When the answer does not come whole.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answered, SendError> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::new())?).await
    }
}

impl Answered {
    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The value of a header; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as a stream of events.
    #[must_use]
    pub fn events(&self) -> SseTranscript {
        SseTranscript::read(&self.body)
    }
}
