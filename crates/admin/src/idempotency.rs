//! Requests that may be sent again (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header): the same caller gets the same
//! answer for a day, and what was asked for is done once. Answers are kept sealed: they may hold keys.

use crate::{
    audit::Recorder,
    extract,
    gate::passed,
    refusal::{Fault, Refusal, RefusalType},
    state::{Plane, Shared, fresh_uuid},
};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use domain::Sealed;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, ETAG, IF_MATCH, LOCATION},
    request::Parts,
};
use http_body_util::{BodyExt, Limited};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt::Write, pin::pin, sync::Arc, time::Duration};
use store::{
    Family,
    idempotency::{Claim, Claimed},
};
use vault::Place;

/// The header that makes a request one that may be sent again.
pub(crate) const HEADER: &str = "Idempotency-Key";

/// Longest key, in characters.
pub(crate) const KEY_CHARS_MAX: usize = 255;

/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How long an answer is given again.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a request counts as being worked on when its node dies: whoever sends it again then is let in afterwards.
const CLAIMED: Duration = Duration::from_secs(60);

/// How often a node says that it still works on one: twice may fail.
const RENEWED_EVERY: Duration = Duration::from_secs(20);

/// When to ask again for what is being worked on.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Longest answer that is kept: the longest of this plane, five hundred new keys, takes a tenth of it.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Headers of an answer that are given again.
const HEADERS_KEPT: [HeaderName; 3] = [CONTENT_TYPE, ETAG, LOCATION];

/// An answer as it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// A request by its key.
struct Repeatable<'a> {
    plane: &'a Plane,
    /// Under which it is claimed: a digest of caller, method, path and key.
    name: String,
    /// What tells it from another with the same key.
    digest: String,
    /// Who works on it here.
    holder: String,
}

/// Answers a request with a key once; one without is not looked at.
pub(crate) async fn once(State(plane): State<Shared>, request: Request, next: Next) -> Result<Response, Refusal> {
    let Some(key) = read_key(request.headers())? else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    let recorder = passed::<Arc<Recorder>>(&parts)?;
    let bytes = extract::read(body).await?;
    let repeatable = Repeatable::new(&plane, &recorder, &key, &parts, &bytes);
    match plane.store().idempotency.claim(&repeatable.name, &repeatable.claim(), plane.now()).await? {
        Claimed::Taken { request, answer } => repeatable.again(&recorder, request, answer),
        Claimed::Yours => {
            let response = repeatable.work(next.run(Request::from_parts(parts, Body::from(bytes)))).await;
            repeatable.keep(response).await
        }
    }
}

/// The key: 1 to [`KEY_CHARS_MAX`] visible characters of ASCII.
fn read_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fits = (1..=KEY_CHARS_MAX).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if fits && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Refusal::header(
            HEADER,
            format!("write one key of 1 to {KEY_CHARS_MAX} visible ASCII characters, such as a UUID"),
        )),
    }
}

impl<'a> Repeatable<'a> {
    fn new(plane: &'a Plane, recorder: &Recorder, key: &str, parts: &Parts, body: &Bytes) -> Self {
        let caller = recorder.actor().map(|actor| {
            let text = |part: Option<String>| part.unwrap_or_default();
            format!("{}\0{}\0{}", actor.kind.as_str(), text(actor.id), text(actor.token))
        });
        let caller = caller.unwrap_or_default();
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let condition = parts.headers.get(IF_MATCH).map_or(&b""[..], HeaderValue::as_bytes);
        let query = parts.uri.query().unwrap_or_default();
        Self {
            plane,
            name: digest(&[caller.as_bytes(), method.as_bytes(), path.as_bytes(), key.as_bytes()]),
            digest: digest(&[query.as_bytes(), condition, body]),
            holder: fresh_uuid(plane.now()).to_string(),
        }
    }

    /// The digest is sealed, too: one of a short body with a password could be guessed.
    fn claim(&self) -> Claim {
        let request = self.seal("request", &SecretString::from(self.digest.as_str()));
        Claim { holder: self.holder.clone(), request, until: self.plane.now().plus(CLAIMED) }
    }

    /// Waits for `work`, and says meanwhile that it is going on.
    async fn work(&self, work: impl Future<Output = Response>) -> Response {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                response = &mut work => return response,
                () = tokio::time::sleep(RENEWED_EVERY) => {}
            }
            let renewed = self.plane.store().idempotency.claim(&self.name, &self.claim(), self.plane.now()).await;
            if !matches!(renewed, Ok(Claimed::Yours)) {
                tracing::warn!("a request with an idempotency key could not be claimed on; it may be done twice");
            }
        }
    }

    /// The answer to a request that was claimed before.
    fn again(&self, recorder: &Recorder, request: String, answer: Option<String>) -> Result<Response, Refusal> {
        if self.open("request", request)?.expose_secret() != self.digest {
            let message = "was sent with another request before; take a new key for a new request";
            return Err(Refusal::unprocessable(vec![Fault::new(HEADER, message)]));
        }
        let Some(answer) = answer else {
            let message = "The same request is being worked on: ask again in a moment.";
            return Err(Refusal::busy(ASK_AGAIN, message));
        };
        let kept: Kept =
            serde_json::from_str(self.open("answer", answer)?.expose_secret()).map_err(Refusal::internal)?;
        let mut response = Response::new(Body::from(kept.body));
        *response.status_mut() = StatusCode::from_u16(kept.status).map_err(Refusal::internal)?;
        for (name, value) in kept.headers {
            let name = HeaderName::try_from(name).map_err(Refusal::internal)?;
            response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(Refusal::internal)?);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        recorder.replays();
        Ok(response)
    }

    /// Keeps the answer, unless another try may bring a better one.
    async fn keep(&self, response: Response) -> Result<Response, Refusal> {
        let (head, body) = response.into_parts();
        let whole = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let bytes =
            whole.map_err(|_| Refusal::new(RefusalType::Internal, "The answer is too long to be kept."))?.to_bytes();
        let (port, plane) = (&self.plane.store().idempotency, self.plane);
        let kept = match is_final(head.status).then(|| kept(head.status, &head.headers, &bytes)).flatten() {
            Some(kept) => {
                let answer = self.seal("answer", &SecretString::from(kept));
                let now = plane.now();
                port.answer(&self.name, &self.holder, &answer, now.plus(KEPT), now).await
            }
            None => port.release(&self.name, &self.holder).await,
        };
        match kept {
            Ok(true) => (),
            Ok(false) => tracing::warn!("an answer came too late to be kept for its idempotency key"),
            Err(error) => tracing::warn!(%error, "an answer could not be kept for its idempotency key"),
        }
        Ok(Response::from_parts(head, Body::from(bytes)))
    }

    fn place(&self, field: &'static str) -> Place<'_> {
        Place { family: Family::IdempotencyKey.name(), id: &self.name, field }
    }

    fn seal(&self, field: &'static str, clear: &SecretString) -> String {
        self.plane.given.keyring.seal(self.place(field), clear).as_envelope().to_owned()
    }

    fn open(&self, field: &'static str, sealed: String) -> Result<SecretString, Refusal> {
        let opened = self.plane.given.keyring.open(self.place(field), &Sealed::from_envelope(sealed));
        opened.map_err(|error| {
            let message = "A request with this key was sent before, and what is kept of it does not open, because the relay's \
                           encryption key has changed: look whether it was done, and take a new key.";
            Refusal::new(RefusalType::Conflict, message).caused_by(error)
        })
    }
}

/// Whether another try would bring the same.
fn is_final(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS
}

fn kept(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Option<String> {
    let texts = HEADERS_KEPT.iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let body = std::str::from_utf8(body).ok()?.to_owned();
    serde_json::to_string(&Kept { status: status.as_u16(), headers: texts.collect(), body }).ok()
}

/// SHA-256 of parts, each behind its length, as hex digits.
fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all that is written to it");
        text
    })
}
