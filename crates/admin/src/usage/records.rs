//! The ledger's records: one per upstream attempt, filtered and paged.

use super::YEAR_FIRST;
use crate::{
    cursor,
    extract::Params,
    listing,
    pages::Page,
    refusal::Refusal,
    state::Shared,
    texts,
    wire::{
        AttemptKindWord, DialectWord, FailureWord, Instant, OutcomeWord, PlatformWord, SourceWord, TokensView, Usd,
    },
};
use axum::{Json, extract::State};
use domain::{AccountId, Attempt, Calendar, Day, IdError, KeyId, RequestId, Timestamp};
use serde::{Deserialize, Serialize};
use store::ledger::{AttemptCursor, AttemptFilter};
use utoipa::ToSchema;

/// What cursors of this list are marked with.
const LIST: &str = "usage_records";

/// A question for records.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordParams {
    /// Admitted at this instant or later; or on this day (`2026-11-23`, in the relay's time zone) or later.
    from: Option<String>,
    /// Admitted before this instant; or on this day or before.
    to: Option<String>,
    /// By this key, by id.
    key: Option<String>,
    /// Over this account, by id.
    account: Option<String>,
    /// With this model, by its name in the books.
    model: Option<String>,
    /// That ended so.
    #[param(inline)]
    outcome: Option<OutcomeWord>,
    /// Of this request.
    request_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// One upstream attempt, or a request that came to none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRecord)]
pub(crate) struct RecordView {
    /// The request; its attempts share it.
    request_id: String,
    /// 1 for the first; 0 when the request came to no attempt.
    attempt_no: u8,
    /// Whether the client's answer came from this attempt: true once per request.
    r#final: bool,
    kind: AttemptKindWord,
    key_id: Option<String>,
    /// The user whose key it was, if a user's.
    user_id: Option<String>,
    account_id: Option<String>,
    platform: Option<PlatformWord>,
    dialect: DialectWord,
    /// The model's name in the books: a name of the price table, or `other`.
    model: String,
    /// The model as the client named it.
    model_requested: String,
    /// The model as it was sent upstream; empty when nothing was sent.
    model_upstream: String,
    /// Whether the client asked for a stream.
    stream: bool,
    /// The one accounting instant: window, day, month and price go by it.
    admitted_at: Instant,
    started_at: Instant,
    ended_at: Instant,
    duration_ms: u64,
    /// Milliseconds from its start to the first byte of upstream content.
    first_byte_ms: Option<u32>,
    outcome: OutcomeWord,
    /// Why, if it did not complete.
    failure: Option<FailureWord>,
    /// The upstream's HTTP status, if one came.
    status: Option<u16>,
    usage: TokensView,
    usage_source: SourceWord,
    /// Cost at list price.
    cost_usd: Usd,
    /// Cost times the operator's multipliers: what limits go by.
    rated_cost_usd: Usd,
    /// Which price was used, or why none was.
    price: String,
    /// The client's `User-Agent`.
    client: String,
    upstream_request_id: String,
    /// Why this account was chosen, or why the request was refused.
    note: String,
}

/// Lists records, the latest first.
#[utoipa::path(get, path = "/admin/usage/records", tag = "Usage", operation_id = "list_usage_records",
    params(RecordParams), responses((status = 200, body = Page<RecordView>, description = "A page of records.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<RecordParams>,
) -> Result<Json<Page<RecordView>>, Refusal> {
    let limit = listing::limit(params.limit)?;
    let after = params.cursor.as_deref().map(read_cursor).transpose()?;
    let filter = filter(params, &(plane.given.calendar)())?;
    plane.given.books.delivered().await;
    let page = plane.store().ledger.attempts(&filter, after.as_ref(), limit).await?;
    Ok(Json(Page {
        items: page.attempts.into_iter().map(RecordView::from).collect(),
        next_cursor: page.next.as_ref().map(write_cursor),
    }))
}

fn filter(params: RecordParams, calendar: &Calendar) -> Result<AttemptFilter, Refusal> {
    let model = params.model.as_deref().map(|text| texts::model(text)).transpose();
    Ok(AttemptFilter {
        from: params.from.map(|text| instant("from", &text, 0, calendar)).transpose()?,
        // A day as the end is included: the filter ends before the next one.
        to: params.to.map(|text| instant("to", &text, 1, calendar)).transpose()?,
        request: id("request_id", params.request_id, RequestId::parse)?,
        key: id("key", params.key, KeyId::parse)?,
        account: id("account", params.account, AccountId::parse)?,
        model: model.map_err(|reason| Refusal::parameter("model", reason))?,
        outcome: params.outcome.map(|word| word.0),
    })
}

fn id<T>(
    name: &'static str,
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<Option<T>, Refusal> {
    let parsed = text.map(|text| parse(&text)).transpose();
    parsed.map_err(|_| Refusal::parameter(name, "it is no id; take one from the list"))
}

/// An instant, or the start of the day so many days after the one given.
pub(crate) fn instant(name: &'static str, text: &str, days_on: i32, calendar: &Calendar) -> Result<Timestamp, Refusal> {
    let day = Day::parse(text).map(|day| calendar.start_of(day.plus_days(days_on)));
    let at = day.or_else(|| Timestamp::parse_rfc3339(text)).filter(|_| text >= YEAR_FIRST);
    let message =
        "write a day such as 2026-11-23, or an instant such as 2026-11-23T09:30:00Z, of the years 0001 to 9999";
    at.ok_or_else(|| Refusal::parameter(name, message))
}

fn write_cursor(after: &AttemptCursor) -> String {
    cursor::write(LIST, &(after.admitted_at.as_ms(), after.request_id.as_str(), after.attempt_no))
}

fn read_cursor(text: &str) -> Result<AttemptCursor, Refusal> {
    let (at, request, attempt_no): (i64, String, u8) = cursor::read(LIST, text)?;
    let request_id = RequestId::parse(&request);
    let request_id = request_id.map_err(|_| Refusal::parameter("cursor", "it is not a cursor of this list"))?;
    Ok(AttemptCursor { admitted_at: Timestamp::from_ms(at), request_id, attempt_no })
}

impl From<Attempt> for RecordView {
    fn from(attempt: Attempt) -> Self {
        let duration = attempt.ended_at.since(attempt.started_at);
        Self {
            request_id: attempt.request_id.to_string(),
            attempt_no: attempt.attempt_no,
            r#final: attempt.is_final,
            kind: attempt.kind.into(),
            key_id: attempt.key.map(|id| id.to_string()),
            user_id: attempt.user.map(|id| id.to_string()),
            account_id: attempt.account.map(|id| id.to_string()),
            platform: attempt.platform.map(Into::into),
            dialect: attempt.dialect.into(),
            model: attempt.model.to_string(),
            model_requested: attempt.model_requested.to_string(),
            model_upstream: attempt.model_upstream.to_string(),
            stream: attempt.streamed,
            admitted_at: Instant(attempt.admitted_at),
            started_at: Instant(attempt.started_at),
            ended_at: Instant(attempt.ended_at),
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            first_byte_ms: attempt.first_byte_ms,
            outcome: attempt.outcome.into(),
            failure: attempt.failure.map(Into::into),
            status: attempt.status,
            usage: attempt.usage.into(),
            usage_source: attempt.usage_source.into(),
            cost_usd: Usd(attempt.cost),
            rated_cost_usd: Usd(attempt.cost_rated),
            price: attempt.price.to_string(),
            client: attempt.client.to_string(),
            upstream_request_id: attempt.upstream_request_id.to_string(),
            note: attempt.note.to_string(),
        }
    }
}
