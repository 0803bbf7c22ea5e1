//! One record of the books as a row of `usage_record`, in both directions.

use super::integer;
use crate::error::failed;
use domain::{
    AccountId, Attempt, AttemptKind, Dialect, FailureKind, Hour, KeyId, NanoUsd, Outcome, Platform, RequestId,
    Timestamp, TokenUsage, UsageSource, UserId,
};
use rusqlite::{
    Row, Statement, params,
    types::{FromSql, ValueRef},
};
use std::sync::Arc;
use store::{StoreError, error::StoreFailure};

/// The columns of a record, in the order in which they are written and read.
pub(super) const COLUMNS: &str = "request_id, attempt_no, is_final, kind, key_id, user_id, account_id, platform, \
    dialect, model, model_requested, model_upstream, streamed, admitted_at, hour, started_at, ended_at, first_byte_ms, \
    outcome, failure, status, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, \
    cache_read_tokens, usage_source, cost_nanos, cost_rated_nanos, price, client, upstream_request_id, note";

/// Writes `attempt` at `id` with a statement that takes the id and [`COLUMNS`].
pub(super) fn insert(statement: &mut Statement<'_>, id: i64, hour: &str, attempt: &Attempt) -> Result<(), StoreError> {
    let tokens = |count: u64| integer(i128::from(count));
    let usage = &attempt.usage;
    let values = params![
        id,
        attempt.request_id.as_str(),
        attempt.attempt_no,
        attempt.is_final,
        attempt.kind.as_str(),
        attempt.key.as_ref().map(KeyId::as_str),
        attempt.user.as_ref().map(UserId::as_str),
        attempt.account.as_ref().map(AccountId::as_str),
        attempt.platform.map(Platform::as_str),
        attempt.dialect.as_str(),
        &*attempt.model,
        &*attempt.model_requested,
        &*attempt.model_upstream,
        attempt.streamed,
        attempt.admitted_at.as_ms(),
        hour,
        attempt.started_at.as_ms(),
        attempt.ended_at.as_ms(),
        attempt.first_byte_ms,
        attempt.outcome.as_str(),
        attempt.failure.map(FailureKind::as_str),
        attempt.status,
        tokens(usage.input)?,
        tokens(usage.output)?,
        tokens(usage.cache_write_5m)?,
        tokens(usage.cache_write_1h)?,
        tokens(usage.cache_read)?,
        attempt.usage_source.as_str(),
        integer(attempt.cost.0)?,
        integer(attempt.cost_rated.0)?,
        &*attempt.price,
        &*attempt.client,
        &*attempt.upstream_request_id,
        &*attempt.note,
    ];
    statement.execute(values).map(|_| ()).map_err(failed("append a record"))
}

/// Reads [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let at = Columns(row);
    Ok(Attempt {
        request_id: at.parsed(0, |text| RequestId::parse(text).ok())?,
        attempt_no: at.value(1)?,
        is_final: at.value(2)?,
        kind: at.parsed(3, AttemptKind::parse)?,
        key: at.optional(4, |text| KeyId::parse(text).ok())?,
        user: at.optional(5, |text| UserId::parse(text).ok())?,
        account: at.optional(6, |text| AccountId::parse(text).ok())?,
        platform: at.optional(7, Platform::parse)?,
        dialect: at.parsed(8, Dialect::parse)?,
        model: at.text(9)?,
        model_requested: at.text(10)?,
        model_upstream: at.text(11)?,
        streamed: at.value(12)?,
        admitted_at: at.instant(13)?,
        hour: at.parsed(14, Hour::parse)?,
        started_at: at.instant(15)?,
        ended_at: at.instant(16)?,
        first_byte_ms: at.value(17)?,
        outcome: at.parsed(18, Outcome::parse)?,
        failure: at.optional(19, FailureKind::parse)?,
        status: at.value(20)?,
        usage: tokens(row, 21)?,
        usage_source: at.parsed(26, UsageSource::parse)?,
        cost: at.money(27)?,
        cost_rated: at.money(28)?,
        price: at.text(29)?,
        client: at.text(30)?,
        upstream_request_id: at.text(31)?,
        note: at.text(32)?,
    })
}

/// Reads five columns of tokens by class, from `first` on.
pub(super) fn tokens(row: &Row<'_>, first: usize) -> Result<TokenUsage, StoreError> {
    let at = Columns(row);
    Ok(TokenUsage {
        input: at.value(first)?,
        output: at.value(first + 1)?,
        cache_write_5m: at.value(first + 2)?,
        cache_write_1h: at.value(first + 3)?,
        cache_read: at.value(first + 4)?,
    })
}

/// The columns of a row, by place.
pub(super) struct Columns<'r, 's>(pub(super) &'r Row<'s>);

impl Columns<'_, '_> {
    pub(super) fn value<T: FromSql>(&self, column: usize) -> Result<T, StoreError> {
        self.0.get(column).map_err(failed("read the books"))
    }

    pub(super) fn money(&self, column: usize) -> Result<NanoUsd, StoreError> {
        self.value::<i64>(column).map(|nanos| NanoUsd(nanos.into()))
    }

    fn instant(&self, column: usize) -> Result<Timestamp, StoreError> {
        self.value(column).map(Timestamp::from_ms)
    }

    fn text(&self, column: usize) -> Result<Arc<str>, StoreError> {
        self.parsed(column, |text| Some(text.into()))
    }

    fn parsed<T>(&self, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        self.optional(column, parse)?.ok_or_else(|| damaged(column))
    }

    fn optional<T>(&self, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, StoreError> {
        match self.0.get_ref(column).map_err(failed("read a record"))? {
            ValueRef::Null => Ok(None),
            value => {
                let text = value.as_str().map_err(|_| damaged(column))?;
                parse(text).map(Some).ok_or_else(|| damaged(column))
            }
        }
    }
}

fn damaged(column: usize) -> StoreError {
    StoreError::new(format!("read column {column} of a record of the books"), StoreFailure::Damaged)
}
