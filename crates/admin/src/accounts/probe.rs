//! The test of an account: one tiny real request over it, told plainly, with its tokens and its cost in the books, as the provider has them.
//!
//! It changes no cooldown: what the account may do is decided by real requests, or by an administrator's reset.

mod question;
mod reading;

use super::{credential, find};
use crate::{
    address::Visitor,
    extract::{Document, PathId},
    gate::Caller,
    refusal::{Refusal, RefusalType},
    state::{Plane, Shared, fresh_uuid},
    wire::DialectWord,
};
use accounting::{PriceTraits, Pricing};
use axum::{Json, extract::State};
use bytes::Bytes;
use domain::{
    Account, AccountId, Attempt, AttemptKind, FailureKind, NanoUsd, Outcome, RequestId, Sealed, TokenUsage,
    UsageSource, client_text,
};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use protocol::{Operation, Reading, Tariff};
use question::Question;
use reading::NoAnswer;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use upstream::{Destination, Line, SendError, UpstreamBody, client::Parts};
use utoipa::ToSchema;

/// What is read of an answer, in bytes: an answer of a few tokens, or an error's text.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long the answer's body may take once its head is there.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers in which providers tell their id of a request.
const REQUEST_IDS: [&str; 4] = ["request-id", "x-request-id", "x-amzn-requestid", "apim-request-id"];

/// What to ask for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = AccountTestOrder, example = json!({"model": "claude-haiku-4-5"}))]
pub(crate) struct Order {
    /// The model by the client's name; left out: the first that the account maps, else a small one.
    #[schema(max_length = 200)]
    model: Option<String>,
    /// In which of the account's dialects it is asked; left out: the platform's own.
    dialect: Option<DialectWord>,
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
    let order = order.map(|Document(order)| order).unwrap_or_default();
    let destination = destination(&plane, &account)?;
    let dialect = order.dialect.map(|word| word.0);
    let question = Question::choose(&account, &destination, order.model.as_deref(), dialect)?;
    let mut request = question.request(&destination)?;
    let (given, opening) = (&plane.given, destination.opening());
    let opened = given.credentials.open(&mut request, &account, opening, &given.aws).await;
    opened.map_err(|error| cannot(&error.to_string()))?;
    let line = line(&plane, &account)?;
    let attempt = begin(&plane, &account, &question, &caller, &visitor);
    let opened = plane.given.books.open(&attempt).await.map_err(|error| {
        let message = "The relay's journal takes no record at present; try again in a moment.";
        tracing::warn!(%error, "an account test was not begun");
        Refusal::new(RefusalType::Unavailable, message)
    })?;
    let answer = ask(request, question.operation, &destination, &line).await;
    let attempt = answer.end(attempt, &plane);
    let report = Report {
        ok: attempt.outcome == Outcome::Completed,
        status: attempt.status,
        latency_ms: duration_ms(attempt.ended_at.since(attempt.started_at)),
        model: question.model,
        message: answer.message,
        request_id: attempt.request_id.to_string(),
    };
    if let Err(error) = opened.close(attempt).await {
        tracing::error!(%error, account.id = %id, "the record of an account test was not written");
    }
    Ok(Json(report))
}

/// Where the account's calls go, with what is stored of its credentials.
fn destination(plane: &Plane, account: &Account) -> Result<Destination, Refusal> {
    let open = |field: &'static str, sealed: &Sealed| {
        let opened = credential::open(&plane.given.keyring, account.platform(), &account.id, field, sealed);
        opened.map_err(|error| error.to_string())
    };
    Destination::new(&account.settings, &open).map_err(Refusal::internal)
}

/// The way that the account's calls take: through its proxy, if it has one, and never beside it.
fn line(plane: &Plane, account: &Account) -> Result<Line, Refusal> {
    let proxy = credentials::proxy_of(account, &plane.given.keyring).map_err(|why| cannot(&why))?;
    Ok(plane.given.upstream.line(proxy.as_ref()))
}

fn cannot(why: &str) -> Refusal {
    Refusal::new(RefusalType::Conflict, format!("This account cannot be tested: {why}."))
}

async fn ask(request: Request<Parts>, operation: Operation, destination: &Destination, line: &Line) -> Answer {
    match line.send(request).await {
        Err(error) => Answer::of_failure(&error),
        Ok(response) => {
            let (head, body) = response.into_parts();
            let id = REQUEST_IDS.iter().find_map(|name| head.headers.get(*name)?.to_str().ok()).unwrap_or_default();
            let upstream_request_id = quote(id, destination).unwrap_or_default();
            let answer = Answer::of_response(head.status, read(body).await, operation, destination);
            Answer { upstream_request_id, ..answer }
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
    /// What it used; none when there was no answer.
    reading: Option<Reading>,
    message: String,
}

/// The part of a provider's error that says what is wrong: all but AWS put it into an `error`.
#[derive(Deserialize)]
#[serde(untagged)]
enum ProviderError {
    Within { error: ProviderMessage },
    Plain(ProviderMessage),
}

#[derive(Deserialize)]
struct ProviderMessage {
    #[serde(alias = "Message")]
    message: String,
}

impl ProviderError {
    fn message(&self) -> &str {
        let (Self::Within { error: told } | Self::Plain(told)) = self;
        &told.message
    }
}

impl Answer {
    fn of_failure(error: &SendError) -> Self {
        let (failure, message) = match error {
            SendError::Proxy(failed) => {
                // The operator's own text for the operator: it names the proxy, never its login.
                let message = format!("There was no way out: {failed}. Check the account's proxy.");
                return Self::new(Outcome::Refused, Some(FailureKind::Connect), None, message);
            }
            SendError::Connect(_) if error.is_connect_timeout() => {
                (FailureKind::Timeout, "There was no connection in time: check the address and the network.")
            }
            SendError::Connect(_) => {
                (FailureKind::Connect, "There was no connection: check the base URL, its name and its certificate.")
            }
            SendError::Broken(_) | SendError::Socket(_) => {
                (FailureKind::Broken, "The connection broke before an answer: try again.")
            }
            SendError::HeadTimeout => (FailureKind::Timeout, "There was no answer in time: try again."),
        };
        Self::new(Outcome::Refused, Some(failure), None, message.to_owned())
    }

    fn of_response(status: StatusCode, body: Option<Bytes>, operation: Operation, from: &Destination) -> Self {
        let code = Some(status.as_u16());
        if !status.is_success() {
            let said = body.and_then(|body| serde_json::from_slice::<ProviderError>(&body).ok());
            let said = said.and_then(|said| quote(said.message(), from));
            let said = said.map_or(String::new(), |said| format!(" It said: {said}"));
            let message = format!("The upstream refused with {status}.{said}");
            return Self::new(Outcome::Refused, Some(failure(status)), code, message);
        }
        match body.ok_or(NoAnswer::Cut).and_then(|body| reading::read(operation, from, &body)) {
            Ok(reading) => {
                let answer = Self::new(Outcome::Completed, None, code, "The account answered.".to_owned());
                Self { reading: Some(reading), ..answer }
            }
            Err(no_answer) => {
                let outcome = if matches!(no_answer, NoAnswer::Cut) { Outcome::Truncated } else { Outcome::Refused };
                Self::new(outcome, Some(no_answer.kind()), code, told(&no_answer, from))
            }
        }
    }

    fn new(outcome: Outcome, failure: Option<FailureKind>, status: Option<u16>, message: String) -> Self {
        Self { outcome, failure, status, upstream_request_id: "".into(), reading: None, message }
    }

    /// The record of `attempt` with its end, and with what it cost: nobody's key is charged, so that no multiplier counts.
    fn end(&self, attempt: Attempt, plane: &Plane) -> Attempt {
        let mut ended = Attempt {
            ended_at: plane.now().max(attempt.started_at),
            outcome: self.outcome,
            failure: self.failure,
            status: self.status,
            upstream_request_id: Arc::clone(&self.upstream_request_id),
            ..attempt
        };
        if let Some(reading) = &self.reading {
            let day = ended.hour.day();
            let Tariff { service_tier, speed, inference_geo } = &reading.answer.tariff;
            let traits = PriceTraits {
                service_tier: service_tier.as_deref(),
                speed: speed.as_deref(),
                inference_geo: inference_geo.as_deref(),
            };
            let (model, dialect) = (&ended.model_upstream, ended.dialect);
            let served = Pricing { model, dialect, day, usage: &reading.usage, traits };
            let priced = (plane.given.prices)().price_mapped(&served, &ended.model_requested);
            (ended.usage, ended.usage_source) = (reading.usage, reading.source);
            (ended.cost, ended.cost_rated, ended.price) = (priced.cost, priced.cost, priced.price);
        }
        ended
    }
}

/// What came back in the place of an answer, for people.
fn told(no_answer: &NoAnswer, from: &Destination) -> String {
    match no_answer {
        NoAnswer::Failed(error) => match quote(&error.message, from).filter(|said| !said.is_empty()) {
            Some(said) => format!("The upstream failed. It said: {said}"),
            None => "The upstream failed and did not say why.".to_owned(),
        },
        NoAnswer::Cut => "The answer did not arrive whole, or was far too long: try again.".to_owned(),
        NoAnswer::Garbage => {
            "What came back is no answer of a model: check the base URL, it seems to lead elsewhere.".to_owned()
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

fn begin(plane: &Plane, account: &Account, question: &Question, caller: &Caller, visitor: &Visitor) -> Attempt {
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
        dialect: question.operation.dialect(),
        model: (plane.given.prices)().resolve(&question.asked).name,
        model_requested: client_text(&question.asked),
        model_upstream: client_text(&question.model),
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
