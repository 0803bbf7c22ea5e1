//! Records in `usage_record`: appended in the order of time, listed from the latest back. No sums here.
//!
//! A record's id is its accounting instant, shifted, plus a number among those of the same millisecond. So the table itself is the
//! index by time, and a batch is written at the table's end.

use super::row::{self, COLUMNS};
use crate::{
    error::failed,
    sql::{row_limit, rows, run},
};
use domain::{Attempt, Day, RequestId, Timestamp};
use rusqlite::{Connection, params, params_from_iter, types::Value};
use std::{cmp::Reverse, collections::HashMap, fmt::Write};
use store::{
    StoreError,
    error::StoreFailure,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage},
};

/// Bits of an id below the instant: a million records of one millisecond.
const NUMBER_BITS: u32 = 20;

/// The last instant that an id can hold, in the year 2248. Records after it would stand at it.
const INSTANT_MAX: i64 = i64::MAX >> NUMBER_BITS;

/// How far a local day may begin after the day of the same name in UTC, at most: 26 hours.
const ZONE_MS_MAX: i64 = 26 * 3_600_000;

/// Appends `attempts`, the earliest first.
pub(super) fn append(connection: &Connection, attempts: &[Attempt]) -> Result<(), StoreError> {
    let places = ", ?".repeat(COLUMNS.split(',').count());
    let sql = format!("INSERT INTO usage_record (id, {COLUMNS}) VALUES (?{places})");
    let mut statement = connection.prepare_cached(&sql).map_err(failed("append records"))?;
    let mut in_order: Vec<&Attempt> = attempts.iter().collect();
    in_order.sort_by_key(|attempt| attempt.admitted_at);
    let mut hours = HashMap::new();
    let mut last = None;
    for attempt in in_order {
        let id = next_id(connection, attempt.admitted_at, last)?;
        let hour = hours.entry(attempt.hour).or_insert_with(|| attempt.hour.to_string());
        row::insert(&mut statement, id, hour, attempt)?;
        last = Some(id);
    }
    Ok(())
}

/// The first free id of the instant; `last` is the one given before, of this batch.
fn next_id(connection: &Connection, at: Timestamp, last: Option<i64>) -> Result<i64, StoreError> {
    let first = first_id(at);
    let end = first | ((1 << NUMBER_BITS) - 1);
    let taken = match last.filter(|last| *last >= first) {
        None => greatest_id(connection, first, end)?,
        same_instant => same_instant,
    };
    let id = taken.map_or(first, |taken| taken.saturating_add(1));
    if id <= end {
        return Ok(id);
    }
    Err(StoreError::new(format!("keep more than a million records of {at}"), StoreFailure::Damaged))
}

fn greatest_id(connection: &Connection, first: i64, end: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT max(id) FROM usage_record WHERE id BETWEEN ?1 AND ?2";
    let greatest =
        connection.prepare_cached(sql).and_then(|mut statement| statement.query_row([first, end], |row| row.get(0)));
    greatest.map_err(failed("look for a record's place"))
}

fn first_id(at: Timestamp) -> i64 {
    at.as_ms().clamp(0, INSTANT_MAX) << NUMBER_BITS
}

/// A page, the latest first. Records of one millisecond are put in order here, because their ids are in order of arrival.
pub(super) fn page(
    connection: &Connection,
    filter: &AttemptFilter,
    after: Option<&AttemptCursor>,
    limit: usize,
) -> Result<AttemptPage, StoreError> {
    let (sql, values) = question(filter, after);
    let mut statement = connection.prepare_cached(&sql).map_err(failed("list records"))?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed("list records"))?;
    let mut attempts: Vec<Attempt> = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list records"))? {
        let attempt = row::read(row)?;
        let begins_instant = attempts.last().is_none_or(|last| last.admitted_at != attempt.admitted_at);
        if begins_instant && attempts.len() > limit {
            break;
        }
        if after.is_none_or(|cursor| place(&attempt) < (cursor.admitted_at, &cursor.request_id, cursor.attempt_no)) {
            attempts.push(attempt);
        }
    }
    attempts.sort_by(|a, b| Reverse(place(a)).cmp(&Reverse(place(b))));
    let more = attempts.len() > limit;
    attempts.truncate(limit);
    let next = attempts.last().filter(|_| more).map(AttemptCursor::of);
    Ok(AttemptPage { attempts, next })
}

fn place(attempt: &Attempt) -> (Timestamp, &RequestId, u8) {
    (attempt.admitted_at, &attempt.request_id, attempt.attempt_no)
}

fn question(filter: &AttemptFilter, after: Option<&AttemptCursor>) -> (String, Vec<Value>) {
    let mut sql = format!("SELECT {COLUMNS} FROM usage_record WHERE TRUE");
    let mut values = Vec::new();
    let mut hold = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            write!(sql, " AND {condition} ?").expect("a text takes what is written to it");
            values.push(value);
        }
    };
    let text = |text: &str| Value::Text(text.to_owned());
    hold("id >=", filter.from.map(|from| first_id(from).into()));
    hold("admitted_at >=", filter.from.map(|from| from.as_ms().into()));
    hold("id <", filter.to.map(|to| first_id(Timestamp::from_ms(to.as_ms().saturating_add(1))).into()));
    hold("admitted_at <", filter.to.map(|to| to.as_ms().into()));
    hold("id <=", after.map(|after| (first_id(after.admitted_at) | ((1 << NUMBER_BITS) - 1)).into()));
    hold("request_id =", filter.request.as_ref().map(|id| text(id.as_str())));
    hold("key_id =", filter.key.as_ref().map(|id| text(id.as_str())));
    hold("account_id =", filter.account.as_ref().map(|id| text(id.as_str())));
    hold("model =", filter.model.as_deref().map(text));
    hold("outcome =", filter.outcome.map(|outcome| text(outcome.as_str())));
    sql += " ORDER BY id DESC";
    (sql, values)
}

/// Ids of up to `limit` records of days before `day`, the oldest first.
pub(super) fn before(connection: &Connection, day: Day, limit: usize) -> Result<Vec<i64>, StoreError> {
    let midnight = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).map_or(i64::MAX, Timestamp::as_ms);
    let end = first_id(Timestamp::from_ms(midnight.saturating_add(ZONE_MS_MAX)));
    let sql = "SELECT id FROM usage_record WHERE id < ?1 AND hour < ?2 ORDER BY id LIMIT ?3";
    let values = params![end, day.to_string(), row_limit(limit)];
    rows(connection, "look for old records", sql, values, |row| row.get(0).map_err(failed("look for old records")))
}

/// Removes records by their ids; says how many there were.
pub(super) fn remove(connection: &Connection, ids: &[i64]) -> Result<usize, StoreError> {
    ids.iter().map(|id| run(connection, "remove an old record", "DELETE FROM usage_record WHERE id = ?1", [id])).sum()
}
