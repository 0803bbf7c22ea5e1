//! The filter indexes of the records: built behind the appends, in steps, when the writer has nothing else to do.
//!
//! An index that is kept with each append costs the writer a page per key and batch; built in steps it costs less and later.
//! A record that is not indexed yet is found by reading the records after the last indexed one.

use crate::{error::failed, sql::run, writer::Load};
use rusqlite::{Connection, Row, TransactionBehavior};
use store::{StoreError, ledger::AttemptFilter};

/// Records in one step: other writers wait for it, as for a batch.
const STEP_RECORDS: i64 = 4096;

/// Records that are worth a step.
const STEP_RECORDS_MIN: i64 = 64;

/// Records that may lack their index while the writer is busy: a question reads them all, which takes tens of milliseconds.
const LAG_RECORDS_MAX: i64 = 131_072;

/// The last indexed record, and the last record there is or was.
const ENDS: &str =
    "SELECT through, max(through, coalesce((SELECT max(id) FROM usage_record), 0)) FROM usage_record_indexed";

const INSERTS: [&str; 5] = [
    "INSERT INTO usage_record_by_time (instant, record_id) SELECT admitted_at, id FROM usage_record
        WHERE id > ?1 AND id <= ?2 ORDER BY admitted_at, id",
    "INSERT INTO usage_record_by_key (subject, instant, record_id) SELECT key_id, admitted_at, id FROM usage_record
        WHERE id > ?1 AND id <= ?2 AND key_id IS NOT NULL ORDER BY key_id, admitted_at, id",
    "INSERT INTO usage_record_by_account (subject, instant, record_id) SELECT account_id, admitted_at, id FROM usage_record
        WHERE id > ?1 AND id <= ?2 AND account_id IS NOT NULL ORDER BY account_id, admitted_at, id",
    "INSERT INTO usage_record_by_user (subject, instant, record_id) SELECT user_id, admitted_at, id FROM usage_record
        WHERE id > ?1 AND id <= ?2 AND user_id IS NOT NULL ORDER BY user_id, admitted_at, id",
    "INSERT INTO usage_record_by_request (subject, instant, record_id) SELECT request_id, admitted_at, id FROM usage_record
        WHERE id > ?1 AND id <= ?2 ORDER BY request_id, admitted_at, id",
];

const REMOVALS: [&str; 5] = [
    "DELETE FROM usage_record_by_time WHERE record_id = ?1
        AND instant = (SELECT admitted_at FROM usage_record WHERE id = ?1)",
    "DELETE FROM usage_record_by_key WHERE record_id = ?1
        AND (subject, instant) = (SELECT key_id, admitted_at FROM usage_record WHERE id = ?1)",
    "DELETE FROM usage_record_by_account WHERE record_id = ?1
        AND (subject, instant) = (SELECT account_id, admitted_at FROM usage_record WHERE id = ?1)",
    "DELETE FROM usage_record_by_user WHERE record_id = ?1
        AND (subject, instant) = (SELECT user_id, admitted_at FROM usage_record WHERE id = ?1)",
    "DELETE FROM usage_record_by_request WHERE record_id = ?1
        AND (subject, instant) = (SELECT request_id, admitted_at FROM usage_record WHERE id = ?1)",
];

/// How far the indexes reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The last indexed record.
    pub(super) through: i64,
    /// The last record; the next one gets the next number.
    pub(super) last: i64,
}

impl Ends {
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(ENDS).map_err(failed("read how far the index reaches"))?;
        let read = |row: &Row<'_>| Ok(Self { through: row.get(0)?, last: row.get(1)? });
        statement.query_row([], read).map_err(failed("read how far the index reaches"))
    }
}

/// Indexes the next records, if there are enough of them for this load; says whether it did.
pub(crate) fn build(connection: &Connection, load: Load) -> Result<bool, StoreError> {
    let Ends { through, last } = Ends::read(connection)?;
    let worth = match load {
        Load::Idle => STEP_RECORDS_MIN,
        Load::Busy => LAG_RECORDS_MAX,
    };
    if last - through < worth {
        return Ok(false);
    }
    let end = last.min(through + STEP_RECORDS);
    let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate);
    let transaction = transaction.map_err(failed("begin a step of the index"))?;
    for sql in INSERTS {
        run(&transaction, "index records", sql, [through, end])?;
    }
    run(&transaction, "index records", "UPDATE usage_record_indexed SET through = ?1", [end])?;
    transaction.commit().map_err(failed("commit a step of the index"))?;
    Ok(true)
}

/// Records that are not indexed yet.
pub(crate) fn lag(connection: &Connection) -> Result<u64, StoreError> {
    let Ends { through, last } = Ends::read(connection)?;
    Ok(last.abs_diff(through))
}

/// Takes a record that is still there out of every index that has it.
pub(super) fn remove(connection: &Connection, id: i64) -> Result<(), StoreError> {
    REMOVALS.iter().try_for_each(|sql| run(connection, "remove a record from an index", sql, [id]).map(drop))
}

/// The index that answers `filter` best, and its subject if it has one.
pub(super) fn best(filter: &AttemptFilter) -> (&'static str, Option<&str>) {
    if let Some(request) = &filter.request {
        return ("usage_record_by_request", Some(request.as_str()));
    }
    match (&filter.key, &filter.account, &filter.user) {
        (Some(key), ..) => ("usage_record_by_key", Some(key.as_str())),
        (None, Some(account), _) => ("usage_record_by_account", Some(account.as_str())),
        (None, None, Some(user)) => ("usage_record_by_user", Some(user.as_str())),
        (None, None, None) => ("usage_record_by_time", None),
    }
}
