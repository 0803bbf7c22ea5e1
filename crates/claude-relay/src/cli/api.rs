//! Calls of the admin API, the only thing that a command does. Documents stay as they came; what is shown of them is taken by name.

use crate::cli::{
    CommandError,
    refused::Refused,
    way::{self, Way},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::{error::Error, fmt::Display, path::Path, time::Duration};
use tower::ServiceExt;

/// Longest answer in bytes: a page of the longest list has some MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Longest call: the test of an account waits for its provider.
const CALL_MAX: Duration = Duration::from_secs(15 * 60);

/// What stands for itself in a path or a query (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The program, as the relay's notes have it.
const PROGRAM: &str = concat!("claude-relay/", env!("CARGO_PKG_VERSION"), " (command line)");

/// The control plane, reached in one of two ways.
pub(crate) struct Api(pub(crate) Way);

/// One call. Its document may hold a secret.
pub(crate) struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    version: Option<u64>,
}

/// An answer that is a success.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The document as it came; nothing where there is none.
    pub(crate) text: Bytes,
    /// The document as a value.
    pub(crate) document: Value,
}

impl Api {
    /// Reads a document.
    pub(crate) async fn get(&self, path: impl Into<String>) -> Result<Answer, CommandError> {
        self.send(Call::new(Method::GET, path)).await
    }

    /// Makes the call.
    ///
    /// # Errors
    ///
    /// [`Refused`] when the answer is not a success; when there is none, why.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, CommandError> {
        let place = format!("{} {}", call.method, call.path);
        let answered = tokio::time::timeout(CALL_MAX, self.exchange(call.into_request()?)).await;
        let answered = answered.map_err(|_elapsed| format!("{place} was not answered in time"))?;
        let (status, text) = answered.map_err(|error| format!("{place} got no answer: {error}"))?;
        if !status.is_success() {
            return Err(Refused::read(status, &place, text).into());
        }
        let document = if text.is_empty() { Value::Null } else { serde_json::from_slice(&text)? };
        Ok(Answer { text, document })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), CommandError> {
        match &self.0 {
            Way::Here(here) => {
                let request = request.map(axum::body::Body::new);
                let response =
                    here.office.operator.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
                let (head, body) = response.into_parts();
                Ok((head.status, whole(body).await?))
            }
            Way::Socket(dir) => through_socket(dir, request).await,
        }
    }
}

async fn through_socket(dir: &Path, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), CommandError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(way::connect(dir).await?)).await?;
    let asking = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        // With the sender gone, the connection ends behind this answer.
        drop(sender);
        Ok((head.status, whole(body).await?))
    };
    let (answered, _ended) = tokio::join!(asking, connection);
    answered
}

async fn whole<B>(body: B) -> Result<Bytes, CommandError>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    Ok(Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes())
}

impl Call {
    /// A call without a body.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, version: None }
    }

    /// With a document.
    pub(crate) fn body(self, document: Value) -> Self {
        Self { body: Some(document), ..self }
    }

    /// Only if what it changes has this version.
    pub(crate) fn only_if(self, version: Option<u64>) -> Self {
        Self { version, ..self }
    }

    fn into_request(self) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        request = request.header(header::HOST, "localhost").header(header::USER_AGENT, PROGRAM);
        if let Some(version) = self.version {
            request = request.header(header::IF_MATCH, format!("\"{version}\""));
        }
        match self.body {
            None => request.body(Full::default()),
            Some(document) => {
                let json = HeaderValue::from_static("application/json");
                request.header(header::CONTENT_TYPE, json).body(Full::from(document.to_string()))
            }
        }
    }
}

/// A path below `collection`.
pub(crate) fn below(collection: &str, id: &str) -> String {
    format!("{collection}/{}", utf8_percent_encode(id, UNRESERVED))
}

/// A path with a query, put together part by part.
pub(crate) struct Query(String);

impl Query {
    /// Of this path.
    pub(crate) fn of(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// With a parameter, if it is given.
    pub(crate) fn with(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            let sign = if self.0.contains('?') { '&' } else { '?' };
            let (name, value) = (utf8_percent_encode(name, UNRESERVED).to_string(), value.to_string());
            self.0 = format!("{}{sign}{name}={}", self.0, utf8_percent_encode(&value, UNRESERVED));
        }
        self
    }

    /// As it is sent.
    pub(crate) fn into_path(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_addresses_is_written_so_that_it_has_none() {
        let query =
            Query::of("/admin/api-keys").with("q", Some("a&b=ü ?")).with("cursor", None::<&str>).with("limit", Some(5));
        assert_eq!(query.into_path(), "/admin/api-keys?q=a%26b%3D%C3%BC%20%3F&limit=5");
        assert_eq!(below("/admin/accounts", "../x"), "/admin/accounts/..%2Fx");
    }
}
