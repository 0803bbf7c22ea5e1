//! The books: batches go into `usage_record` and the roll-ups in one transaction; questions are put to readers.

mod attempts;
mod costs;
pub(crate) mod index;
mod ranking;
mod roll_up;
mod row;
mod usage;

use crate::{error::failed, open::Engine, sql::run, writer::Unit};
use async_trait::async_trait;
use domain::{Day, KeyId};
use rusqlite::{Connection, OptionalExtension, params};
use store::{
    Batch, Epoch, Ledger, StoreError, checks,
    error::StoreFailure,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage, KeyTotals, Lineage, UsageQuery, UsageRow},
};

pub(crate) struct SqliteLedger(pub(crate) Engine);

const SET_APPLIED: &str = "INSERT INTO ledger_epoch (epoch, number) VALUES (?1, ?2)
    ON CONFLICT (epoch) DO UPDATE SET number = excluded.number";

#[async_trait]
impl Ledger for SqliteLedger {
    async fn apply(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        let batch = batch.clone();
        self.0.writer.write(move |unit| apply(unit, &batch, |last| batch.number == last + 1)).await
    }

    async fn apply_again(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        let batch = batch.clone();
        self.0.writer.write(move |unit| apply(unit, &batch, |last| batch.number > last)).await
    }

    async fn lineage(&self) -> Result<Lineage, StoreError> {
        // Records and numbers are lost together: the number says all.
        Ok(Lineage("sqlite".into()))
    }

    async fn applied(&self, epoch: &Epoch) -> Result<u64, StoreError> {
        let epoch = epoch.clone();
        self.0.readers.read(move |connection| applied(connection, &epoch)).await
    }

    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        checks::usage(query)?;
        let query = query.clone();
        self.0.readers.read(move |connection| usage::usage(connection, &query)).await
    }

    async fn key_totals(&self, keys: &[KeyId], today: Day) -> Result<Vec<KeyTotals>, StoreError> {
        checks::keys(keys)?;
        let keys = keys.to_vec();
        let read = self
            .0
            .readers
            .read(move |connection| keys.iter().map(|key| costs::totals(connection, key, today)).collect());
        read.await
    }

    async fn attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<&AttemptCursor>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError> {
        checks::attempts(limit)?;
        let (filter, after) = (filter.clone(), after.cloned());
        self.0.readers.read(move |connection| attempts::page(connection, &filter, after.as_ref(), limit)).await
    }

    async fn prune(&self, day: Day, hours_before: Day, limit: usize) -> Result<u64, StoreError> {
        // Old records are looked for beside the writer, which then removes them by their place.
        let old = self.0.readers.read(move |connection| attempts::before(connection, day, limit)).await?;
        let write = self.0.writer.write(move |unit| {
            let mut removed = attempts::remove(unit.connection, &old)?;
            removed += roll_up::prune(unit.connection, day, hours_before, limit - removed)?;
            removed += costs::prune(unit.connection, day, limit - removed)?;
            Ok(removed as u64)
        });
        write.await
    }
}

/// The epoch's number is read and written in the transaction of the records, so that a batch is applied whole and once.
fn apply(unit: &Unit<'_>, batch: &Batch, fits: impl FnOnce(u64) -> bool) -> Result<u64, StoreError> {
    let last = applied(unit.connection, &batch.epoch)?;
    if !fits(last) {
        return Ok(last);
    }
    attempts::append(unit.connection, &batch.attempts)?;
    roll_up::add(unit.connection, &batch.attempts)?;
    costs::add(unit.connection, &batch.attempts)?;
    let number = integer(i128::from(batch.number))?;
    run(unit.connection, "count a batch", SET_APPLIED, params![&*batch.epoch.0, number])?;
    Ok(batch.number)
}

fn applied(connection: &Connection, epoch: &Epoch) -> Result<u64, StoreError> {
    let sql = "SELECT number FROM ledger_epoch WHERE epoch = ?1";
    let number = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([&*epoch.0], |row| row.get::<_, u64>(0)).optional());
    Ok(number.map_err(failed("read a journal's last batch"))?.unwrap_or(0))
}

/// A number of the books as the engine holds it: nine billion dollars, or as many tokens, fit.
fn integer(number: i128) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::new(format!("keep the number {number}"), StoreFailure::Damaged))
}
