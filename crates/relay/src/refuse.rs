//! What a client is told when no answer is passed to it. Statuses and shapes stand in `protocol`; here they become responses.

use crate::{body::RelayBody, relay::Relay};
use bytes::Bytes;
use domain::{Dialect, RequestId};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use protocol::{Refusal, Rendered, refusal::error_event};
use std::time::Duration;

/// When a client should come back after the relay itself was full.
pub(crate) const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The relay's own id of a request, on every answer.
pub(crate) const RELAY_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The provider's id of a request; the relay's where no provider gave one. SDKs show it.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// Why a client gets no answer.
#[derive(Debug)]
pub(crate) enum Told {
    /// In the relay's words.
    Refusal(Refusal),
    /// In the provider's.
    PassedOn(PassedOn),
}

/// A provider's refusal, safe to be passed on.
#[derive(Debug)]
pub(crate) struct PassedOn {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Relay {
    /// The whole answer for a client that has seen nothing yet.
    pub(crate) fn refuse(&self, id: &RequestId, dialect: Dialect, told: Told) -> Response<RelayBody> {
        let mut response = match told {
            Told::Refusal(refusal) => {
                self.metrics.refused(&refusal, dialect);
                rendered(refusal.render(dialect, id))
            }
            Told::PassedOn(PassedOn { status, headers, body }) => {
                let mut response = Response::new(RelayBody::from(body));
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                response
            }
        };
        sign(response.headers_mut(), id);
        response
    }
}

impl Told {
    /// The last event for a client whose stream has begun.
    pub(crate) fn as_event(&self, dialect: Dialect, id: &RequestId) -> Bytes {
        match self {
            Self::Refusal(refusal) => refusal.render_event(dialect, id),
            Self::PassedOn(passed_on) => error_event(dialect, &passed_on.body),
        }
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

/// Puts the request's ids on an answer.
pub(crate) fn sign(headers: &mut HeaderMap, id: &RequestId) {
    let value = HeaderValue::from_str(id.as_str()).expect("an id has only characters that a header may have");
    headers.entry(REQUEST_ID).or_insert_with(|| value.clone());
    headers.insert(RELAY_REQUEST_ID, value);
}

fn rendered(rendered: Rendered) -> Response<RelayBody> {
    let mut response = Response::new(RelayBody::from(rendered.body));
    *response.status_mut() = StatusCode::from_u16(rendered.status).expect("statuses stand in one table, all valid");
    for (name, value) in rendered.headers {
        let value = HeaderValue::try_from(value).expect("numbers and fixed texts are header values");
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
