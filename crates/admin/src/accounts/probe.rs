//! The test of an account: one tiny real request over it, told plainly, and left in the books at no cost.
//!
//! It changes no cooldown: what the account may do is decided by real requests, or by an administrator's reset.

use super::{credential, find};
use crate::{
    address::Visitor,
    extract::{Document, PathId},
    gate::Caller,
    refusal::{Fault, Refusal, RefusalType},
    state::{Plane, Shared, fresh_uuid},
    texts,
};
use axum::{Json, extract::State};
use bytes::Bytes;
use domain::{
    Account, AccountId, Attempt, AttemptKind, Dialect, FailureKind, NanoUsd, Outcome, RequestId, TokenUsage,
    UsageSource, client_text,
};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use protocol::Operation;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use upstream::{Call, Destination, Opening, SendError, UpstreamBody};
use utoipa::ToSchema;

/// The model that is asked when nobody names one and the account maps none: small, and served everywhere.
const MODEL_DEFAULT: &str = "claude-haiku-4-5";

/// The version of the API that the request is written for.
const API_VERSION: &str = "2023-06-01";

/// What is read of an answer, in bytes: an answer of a few tokens, or an error's text.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long the answer's body may take once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What to ask for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AccountTestOrder, example = json!({"model": "claude-haiku-4-5"}))]
pub(crate) struct Order {
    /// The model by the client's name; left out: the first that the account maps, else a small one.
    #[schema(max_length = 200)]
    model: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccountTest)]
pub(crate) struct Report {
    /// Whether the account answered.
    ok: bool,
    /// The upstream's HTTP status, if one came.
    status: Option<u16>,
    /// Milliseconds until the answer was there, or until it was clear that none would come.
    latency_ms: u64,
    /// The model as it was asked for upstream.
    model: String,
    /// What happened, for people.
    message: String,
    /// The ledger record of the test.
    request_id: String,
}

/// Sends one tiny request over the account and tells what came of it.
#[utoipa::path(post, path = "/admin/accounts/{id}/test", tag = "Accounts", operation_id = "test_account",
    request_body = Option<Order>, params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = Report, description = "What came of it, good or bad.")))]
pub(crate) async fn test(
    State(plane): State<Shared>,
    caller: Caller,
    visitor: Visitor,
    PathId(id): PathId<AccountId>,
    order: Option<Document<Order>>,
) -> Result<Json<Report>, Refusal> {
    let account = find(&plane, &id).await?.record;
    let model = choose_model(&account, order.and_then(|Document(order)| order.model))?;
    let probe = Probe::new(&plane, &account, &model)?;
    let attempt = begin(&plane, &account, &model, &caller, &visitor);
    let opened = plane.given.books.open(&attempt).await.map_err(|error| {
        let message = "The relay's journal takes no record at present; try again in a moment.";
        tracing::warn!(%error, "an account test was not begun");
        Refusal::new(RefusalType::Unavailable, message)
    })?;
    let answer = probe.ask(&plane.given.upstream).await;
    let attempt = answer.end(attempt, &plane);
    let report = Report {
        ok: attempt.outcome == Outcome::Completed,
        status: attempt.status,
        latency_ms: duration_ms(attempt.ended_at.since(attempt.started_at)),
        model: model.upstream,
        message: answer.message,
        request_id: attempt.request_id.to_string(),
    };
    if let Err(error) = opened.close(attempt).await {
        tracing::error!(%error, account.id = %id, "the record of an account test was not written");
    }
    Ok(Json(report))
}

/// A model by the client's name and by the upstream's.
struct Model {
    asked: String,
    upstream: String,
}

fn choose_model(account: &Account, asked: Option<String>) -> Result<Model, Refusal> {
    let fault = |reason| Refusal::unprocessable(vec![Fault::new("model", reason)]);
    let mapped = account.models.entries().keys().next().cloned();
    let asked = match asked {
        Some(asked) => texts::model(&asked).map_err(fault)?,
        None => mapped.unwrap_or_else(|| MODEL_DEFAULT.to_owned()),
    };
    match account.models.upstream_name(&asked) {
        Some(upstream) => Ok(Model { upstream: upstream.to_owned(), asked }),
        None => Err(fault("is not served by this account; name one of its `models`".into())),
    }
}

/// A request that is ready to be sent, and where it goes.
struct Probe {
    request: Request<upstream::client::Parts>,
    destination: Destination,
}

impl Probe {
    fn new(plane: &Plane, account: &Account, model: &Model) -> Result<Self, Refusal> {
        let clear = credential::open(&plane.given.keyring, account).map_err(Refusal::internal)?;
        let open = |_: &'static str, _: &domain::Sealed| Ok(clear.clone());
        let destination = Destination::new(&account.settings, &open).map_err(Refusal::internal)?;
        let operation = Operation::Messages;
        let call = Call { operation, model: &model.upstream, streamed: false, version: None, query: None };
        let uri = destination.uri(&call).map_err(Refusal::internal)?;
        let Opening::Header((name, value)) = destination.opening().clone() else {
            let message = "This account is not opened by a key of its own, and cannot be tested yet.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        };
        let body = serde_json::json!({
            "model": model.upstream,
            "max_tokens": 1,
            "messages": [{"role": "user", "content": "Hi"}],
        });
        let request = Request::builder()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("claude-relay/", env!("CARGO_PKG_VERSION")))
            .header("anthropic-version", API_VERSION)
            .header(name, value)
            .body(Bytes::from(body.to_string()).into());
        let request = request.map_err(Refusal::internal)?;
        Ok(Self { request, destination })
    }

    async fn ask(self, client: &upstream::Client) -> Answer {
        match client.send(self.request).await {
            Err(error) => Answer::of_failure(&error),
            Ok(response) => {
                let (head, body) = response.into_parts();
                let id = head.headers.get("request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
                let upstream_request_id = quote(id, &self.destination).unwrap_or_default();
                let answer = Answer::of_response(head.status, read(body).await, &self.destination);
                Answer { upstream_request_id, ..answer }
            }
        }
    }
}

async fn read(body: UpstreamBody) -> Option<Bytes> {
    let whole = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, ANSWER_BYTES_MAX).collect());
    Some(whole.await.ok()?.ok()?.to_bytes())
}

/// The upstream's words as they may be shown and kept: none when they tell its host or the credential, which a viewer of the
/// records must not learn.
fn quote(words: &str, from: &Destination) -> Option<Arc<str>> {
    (!from.is_told_by(words.as_bytes())).then(|| client_text(words))
}

/// What came back.
struct Answer {
    outcome: Outcome,
    failure: Option<FailureKind>,
    status: Option<u16>,
    upstream_request_id: Arc<str>,
    message: String,
}

/// The part of a provider's error that says what is wrong.
#[derive(Deserialize)]
struct ProviderError {
    error: ProviderErrorContent,
}

#[derive(Deserialize)]
struct ProviderErrorContent {
    message: String,
}

impl Answer {
    fn of_failure(error: &SendError) -> Self {
        let (failure, message) = match error {
            SendError::Connect(_) if error.is_connect_timeout() => {
                (FailureKind::Timeout, "There was no connection in time: check the address and the network.")
            }
            SendError::Connect(_) => {
                (FailureKind::Connect, "There was no connection: check the base URL, its name and its certificate.")
            }
            SendError::Broken(_) => (FailureKind::Broken, "The connection broke before an answer: try again."),
            SendError::HeadTimeout => (FailureKind::Timeout, "There was no answer in time: try again."),
        };
        Self::new(Outcome::Refused, Some(failure), None, message.to_owned())
    }

    fn of_response(status: StatusCode, body: Option<Bytes>, from: &Destination) -> Self {
        let code = Some(status.as_u16());
        if !status.is_success() {
            let said = body.and_then(|body| serde_json::from_slice::<ProviderError>(&body).ok());
            let said = said.and_then(|said| quote(&said.error.message, from));
            let said = said.map_or(String::new(), |said| format!(" It said: {said}"));
            let message = format!("The upstream refused with {status}.{said}");
            return Self::new(Outcome::Refused, Some(failure(status)), code, message);
        }
        match body.map(|body| serde_json::from_slice::<serde::de::IgnoredAny>(&body)) {
            Some(Ok(_)) => Self::new(Outcome::Completed, None, code, "The account answered.".to_owned()),
            Some(Err(_)) => {
                let message = "What came back is no JSON: check the base URL, it seems to lead to a web page.";
                Self::new(Outcome::Refused, Some(FailureKind::Broken), code, message.to_owned())
            }
            None => {
                let message = "The answer did not arrive whole, or was far too long: try again.";
                Self::new(Outcome::Truncated, Some(FailureKind::Broken), code, message.to_owned())
            }
        }
    }

    fn new(outcome: Outcome, failure: Option<FailureKind>, status: Option<u16>, message: String) -> Self {
        Self { outcome, failure, status, upstream_request_id: "".into(), message }
    }

    /// The record of `attempt` with its end.
    fn end(&self, attempt: Attempt, plane: &Plane) -> Attempt {
        Attempt {
            ended_at: plane.now().max(attempt.started_at),
            outcome: self.outcome,
            failure: self.failure,
            status: self.status,
            upstream_request_id: Arc::clone(&self.upstream_request_id),
            ..attempt
        }
    }
}

fn failure(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        401 | 403 => FailureKind::Credential,
        429 => FailureKind::RateLimit,
        529 => FailureKind::Overloaded,
        500..=599 => FailureKind::Upstream,
        _ => FailureKind::Request,
    }
}

fn begin(plane: &Plane, account: &Account, model: &Model, caller: &Caller, visitor: &Visitor) -> Attempt {
    let now = plane.now();
    Attempt {
        request_id: RequestId::from_uuid(fresh_uuid(now)),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::AccountTest,
        key: None,
        user: None,
        account: Some(account.id.clone()),
        platform: Some(account.platform()),
        dialect: Dialect::Anthropic,
        model: (plane.given.prices)().resolve(&model.asked).name,
        model_requested: client_text(&model.asked),
        model_upstream: client_text(&model.upstream),
        streamed: false,
        admitted_at: now,
        hour: (plane.given.calendar)().hour(now),
        started_at: now,
        ended_at: now,
        first_byte_ms: None,
        outcome: Outcome::Crashed,
        failure: None,
        status: None,
        usage: TokenUsage::ZERO,
        usage_source: UsageSource::None,
        cost: NanoUsd::ZERO,
        cost_rated: NanoUsd::ZERO,
        price: "".into(),
        client: client_text(&visitor.user_agent),
        upstream_request_id: "".into(),
        note: client_text(&format!("tested by {}", caller.admin.username)),
    }
}

fn duration_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
