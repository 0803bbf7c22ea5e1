//! A ledger record as it is shown: every field that the books keep, and its cost class by class.

use super::breakdown::BreakdownView;
use crate::wire::{
    AttemptKindWord, DialectWord, FailureWord, Instant, OutcomeWord, PlatformWord, SourceWord, TokensView, Usd,
};
use accounting::PriceTable;
use domain::Attempt;
use serde::Serialize;
use utoipa::ToSchema;

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
    /// `cost_usd` class by class; null where nothing was priced, or where that price is in no list of the relay any more.
    cost_breakdown: Option<BreakdownView>,
    /// The client's `User-Agent`.
    client: String,
    upstream_request_id: String,
    /// Why this account was chosen, or why the request was refused.
    note: String,
}

impl RecordView {
    /// `attempt`, its cost broken down by the prices of `table`.
    pub(crate) fn new(attempt: Attempt, table: &PriceTable) -> Self {
        let broken_down = table.break_down(&attempt.price, &attempt.usage, attempt.cost);
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
            cost_breakdown: broken_down.map(BreakdownView::from),
            client: attempt.client.to_string(),
            upstream_request_id: attempt.upstream_request_id.to_string(),
            note: attempt.note.to_string(),
        }
    }
}
