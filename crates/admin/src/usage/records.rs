//! The ledger's records: one per upstream attempt, filtered and paged.

use super::{
    YEAR_FIRST,
    names::{Kind, Names},
    question::{id, model},
    record::RecordView,
};
use crate::{
    cursor,
    extract::{Params, PathId},
    listing,
    pages::Page,
    prices,
    refusal::Refusal,
    state::{Plane, Shared},
    wire::{OutcomeWord, PlatformWord, SumsView},
};
use axum::{Json, extract::State};
use domain::{AccountId, Attempt, Calendar, Day, KeyId, RequestId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::ledger::{AttemptCursor, AttemptFilter, PAGE_RECORDS_MAX, UsageSums};
use utoipa::ToSchema;

/// What cursors of this list are marked with.
const LIST: &str = "usage_records";

const PATH: &str = "/admin/usage/records";

/// How far a record's instant may lie from the one that its request's id was made at: the clocks of nodes and servers differ.
const ID_AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// Pages that are looked through for one request: an engine without an index of requests looks at many records for a page.
const PAGES_MAX: usize = 10;

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
    /// By a key that this user owned then, by the user's id.
    user: Option<String>,
    /// Over this account, by id.
    account: Option<String>,
    /// Over an account of this platform.
    #[param(inline)]
    platform: Option<PlatformWord>,
    /// With this model, by its name in the books.
    model: Option<String>,
    /// That ended so.
    #[param(inline)]
    outcome: Option<OutcomeWord>,
    /// That the upstream answered with this HTTP status.
    #[param(minimum = 100, maximum = 599)]
    status: Option<u16>,
    /// Of this request.
    request_id: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists records, the latest first.
#[utoipa::path(get, path = PATH, tag = "Usage", operation_id = "list_usage_records",
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
    let table = prices::effective(&plane).await?;
    Ok(Json(Page {
        items: page.attempts.into_iter().map(|attempt| RecordView::new(attempt, &table)).collect(),
        next_cursor: page.next.as_ref().map(write_cursor),
    }))
}

fn filter(params: RecordParams, calendar: &Calendar) -> Result<AttemptFilter, Refusal> {
    if params.status.is_some_and(|status| !(100..600).contains(&status)) {
        return Err(Refusal::parameter("status", "write an HTTP status from 100 to 599"));
    }
    Ok(AttemptFilter {
        from: params.from.map(|text| instant("from", &text, 0, calendar)).transpose()?,
        // A day as the end is included: the filter ends before the next one.
        to: params.to.map(|text| instant("to", &text, 1, calendar)).transpose()?,
        request: id("request_id", params.request_id.as_deref(), RequestId::parse)?,
        key: id("key", params.key.as_deref(), KeyId::parse)?,
        user: id("user", params.user.as_deref(), UserId::parse)?,
        account: id("account", params.account.as_deref(), AccountId::parse)?,
        platform: params.platform.map(|word| word.0),
        model: model(params.model.as_deref())?,
        outcome: params.outcome.map(|word| word.0),
        status: params.status,
    })
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

/// A request with everything that was tried for it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRequest)]
pub(crate) struct RequestView {
    request_id: String,
    /// What people call the key; null where there is no such record any more.
    key_name: Option<String>,
    /// What people call the user; null where there is no such record.
    user_name: Option<String>,
    /// In the order in which they were made; the last one that is `final` is what the client was told.
    attempts: Vec<AttemptView>,
    /// All attempts together.
    total: SumsView,
}

/// One attempt of a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageAttempt)]
struct AttemptView {
    #[serde(flatten)]
    record: RecordView,
    /// What people call the account; null where there is no such record any more.
    account_name: Option<String>,
}

/// Reads a request: each attempt, why its account was chosen, and what it cost.
#[utoipa::path(get, path = "/admin/usage/records/{id}", tag = "Usage", operation_id = "read_usage_request",
    params(("id" = String, Path, description = "The request's id, as `x-request-id` gave it.")),
    responses((status = 200, body = RequestView, description = "The request with its attempts.")))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(request): PathId<RequestId>,
) -> Result<Json<RequestView>, Refusal> {
    plane.given.books.delivered().await;
    let mut attempts = attempts_of(&plane, &request).await?;
    attempts.sort_by_key(|attempt| attempt.attempt_no);
    let Some(first) = attempts.first() else { return Err(Refusal::missing("request", PATH)) };
    let mut names = Names::default();
    let key_name = names.of(&plane, Kind::Key, first.key.as_ref().map_or("", KeyId::as_str)).await?;
    let user_name = names.of(&plane, Kind::User, first.user.as_ref().map_or("", UserId::as_str)).await?;
    let table = prices::effective(&plane).await?;
    let (mut total, mut views) = (UsageSums::default(), Vec::with_capacity(attempts.len()));
    for attempt in attempts {
        total.add(&attempt);
        let account = attempt.account.as_ref().map_or("", AccountId::as_str);
        let account_name = names.of(&plane, Kind::Account, account).await?;
        views.push(AttemptView { record: RecordView::new(attempt, &table), account_name });
    }
    Ok(Json(RequestView { request_id: request.to_string(), key_name, user_name, attempts: views, total: total.into() }))
}

/// The records of a request: looked for where its id says that they are, then everywhere.
async fn attempts_of(plane: &Plane, request: &RequestId) -> Result<Vec<Attempt>, Refusal> {
    let anywhere = AttemptFilter { request: Some(request.clone()), ..AttemptFilter::default() };
    let near = made_at(request).map(|at| AttemptFilter {
        from: Some(at.minus(ID_AGE_MAX)),
        to: Some(at.plus(ID_AGE_MAX)),
        ..anywhere.clone()
    });
    for filter in near.into_iter().chain([anywhere]) {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = plane.store().ledger.attempts(&filter, after.as_ref(), PAGE_RECORDS_MAX).await?;
            found.extend(page.attempts);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// When an id was made, if it is one that tells (UUID, version 7).
fn made_at(request: &RequestId) -> Option<Timestamp> {
    let (seconds, nanos) = uuid::Uuid::parse_str(request.as_str()).ok()?.get_timestamp()?.to_unix();
    let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?;
    Some(Timestamp::from_ms(ms.checked_add(i64::from(nanos / 1_000_000))?))
}
