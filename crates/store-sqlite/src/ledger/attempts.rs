//! Records in `usage_record`: appended as they come, listed from the latest back. No sums here.

use super::{
    index::{self, Ends},
    row::{self, COLUMNS},
};
use crate::{
    error::failed,
    sql::{row_limit, rows, run},
};
use domain::{Attempt, Day, RequestId, Timestamp};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use std::{cmp::Reverse, collections::HashMap};
use store::{
    StoreError,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage},
};

/// How far a local day may begin after the day of the same name in UTC, at most: 26 hours.
const ZONE_MS_MAX: i64 = 26 * 3_600_000;

/// Appends `attempts` after the last record.
pub(super) fn append(connection: &Connection, attempts: &[Attempt]) -> Result<(), StoreError> {
    let places = ", ?".repeat(COLUMNS.split(',').count());
    let sql = format!("INSERT INTO usage_record (id, {COLUMNS}) VALUES (?{places})");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("append records"))?;
    let last = Ends::read(connection)?.last;
    let mut hours = HashMap::new();
    for (id, attempt) in (last + 1..).zip(attempts) {
        let hour = hours.entry(attempt.hour).or_insert_with(|| attempt.hour.to_string());
        row::insert(&mut statement, id, hour, attempt)?;
    }
    Ok(())
}

/// A page, the latest first: the best of what the index finds and of what is not indexed yet.
pub(super) fn page(
    connection: &Connection,
    filter: &AttemptFilter,
    after: Option<&AttemptCursor>,
    limit: usize,
) -> Result<AttemptPage, StoreError> {
    let through = Ends::read(connection)?.through;
    let mut attempts = indexed(connection, filter, after, limit)?;
    attempts.extend(unindexed(connection, through, filter, after, limit)?);
    attempts.sort_by(|a, b| Reverse(place(a)).cmp(&Reverse(place(b))));
    let more = attempts.len() > limit;
    attempts.truncate(limit);
    let next = attempts.last().filter(|_| more).map(AttemptCursor::of);
    Ok(AttemptPage { attempts, next })
}

fn place(attempt: &Attempt) -> (Timestamp, &RequestId, u8) {
    (attempt.admitted_at, &attempt.request_id, attempt.attempt_no)
}

fn indexed(
    connection: &Connection,
    filter: &AttemptFilter,
    after: Option<&AttemptCursor>,
    limit: usize,
) -> Result<Vec<Attempt>, StoreError> {
    let (index, subject) = index::best(filter);
    let mut conditions = Conditions::of(filter, after);
    conditions.add("subject = ?", subject.map(|subject| subject.to_owned().into()));
    conditions.add("instant >= ?", filter.from.map(|from| from.as_ms().into()));
    conditions.add("instant < ?", filter.to.map(|to| to.as_ms().into()));
    conditions.add("instant <= ?", after.map(|after| after.admitted_at.as_ms().into()));
    // The order of the two tables is stated: the index leads, and its order is that of the answer.
    let source = format!("{index} CROSS JOIN usage_record ON id = record_id");
    select(connection, &source, conditions, "instant", limit)
}

fn unindexed(
    connection: &Connection,
    through: i64,
    filter: &AttemptFilter,
    after: Option<&AttemptCursor>,
    limit: usize,
) -> Result<Vec<Attempt>, StoreError> {
    let mut conditions = Conditions::of(filter, after);
    conditions.add("id > ?", Some(through.into()));
    select(connection, "usage_record", conditions, "admitted_at", limit)
}

/// One record more than `limit`, which tells whether there is a next page.
fn select(
    connection: &Connection,
    source: &str,
    mut conditions: Conditions,
    instant: &str,
    limit: usize,
) -> Result<Vec<Attempt>, StoreError> {
    conditions.1.push(row_limit(limit + 1).into());
    let sql = format!(
        "SELECT {COLUMNS} FROM {source} WHERE {} ORDER BY {instant} DESC, request_id DESC, attempt_no DESC LIMIT ?",
        conditions.0
    );
    rows(connection, "list attempts", &sql, params_from_iter(conditions.1), row::read)
}

/// Conditions with their values, all of which hold.
struct Conditions(String, Vec<Value>);

impl Conditions {
    fn of(filter: &AttemptFilter, after: Option<&AttemptCursor>) -> Self {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut conditions = Self("TRUE".to_owned(), Vec::new());
        conditions.add("admitted_at >= ?", filter.from.map(|from| from.as_ms().into()));
        conditions.add("admitted_at < ?", filter.to.map(|to| to.as_ms().into()));
        conditions.add("request_id = ?", filter.request.as_ref().map(|id| text(id.as_str())));
        conditions.add("key_id = ?", filter.key.as_ref().map(|id| text(id.as_str())));
        conditions.add("user_id = ?", filter.user.as_ref().map(|id| text(id.as_str())));
        conditions.add("account_id = ?", filter.account.as_ref().map(|id| text(id.as_str())));
        conditions.add("model = ?", filter.model.as_deref().map(text));
        conditions.add("platform = ?", filter.platform.map(|platform| text(platform.as_str())));
        conditions.add("outcome = ?", filter.outcome.map(|outcome| text(outcome.as_str())));
        conditions.add("status = ?", filter.status.map(|status| i64::from(status).into()));
        if let Some(after) = after {
            conditions.add("(admitted_at, request_id, attempt_no) < (?, ?, ?)", Some(after.admitted_at.as_ms().into()));
            conditions.1.extend([text(after.request_id.as_str()), i64::from(after.attempt_no).into()]);
        }
        conditions
    }

    fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.0 += " AND ";
            self.0 += condition;
            self.1.push(value);
        }
    }
}

/// Ids of up to `limit` records of days before `day`: the oldest of those that are indexed, then others.
pub(super) fn before(connection: &Connection, day: Day, limit: usize) -> Result<Vec<i64>, StoreError> {
    let midnight = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).map_or(i64::MAX, Timestamp::as_ms);
    let sql = "SELECT record_id FROM usage_record_by_time CROSS JOIN usage_record ON id = record_id
            WHERE instant < ?1 AND hour < ?2
        UNION ALL SELECT id FROM usage_record WHERE id > ?3 AND hour < ?2 LIMIT ?4";
    let through = Ends::read(connection)?.through;
    let values = params![midnight.saturating_add(ZONE_MS_MAX), day.to_string(), through, row_limit(limit)];
    rows(connection, "look for old records", sql, values, |row| row.get(0).map_err(failed("look for old records")))
}

/// Removes records by their ids; says how many there were.
pub(super) fn remove(connection: &Connection, ids: &[i64]) -> Result<usize, StoreError> {
    let mut removed = 0;
    for id in ids {
        index::remove(connection, *id)?;
        removed += run(connection, "remove an old record", "DELETE FROM usage_record WHERE id = ?1", [id])?;
    }
    Ok(removed)
}
