//! Requests that may be sent again, in `idempotency_key`.

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, rows, run},
};
use async_trait::async_trait;
use domain::Timestamp;
use rusqlite::{Connection, Row, params};
use store::{
    Idempotency, StoreError,
    idempotency::{Claim, Claimed},
};

pub(crate) struct SqliteIdempotency(pub(crate) Engine);

/// A claim, unless another's, or an answer, has not ended.
const CLAIM: &str = "INSERT INTO idempotency_key (id, holder, request, expires_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (id) DO UPDATE SET holder = ?2, request = ?3, expires_at = ?4, answer = NULL
    WHERE expires_at <= ?5 OR (holder = ?2 AND answer IS NULL)";

#[async_trait]
impl Idempotency for SqliteIdempotency {
    async fn claim(&self, key: &str, claim: &Claim, now: Timestamp) -> Result<Claimed, StoreError> {
        let (key, claim) = (key.to_owned(), claim.clone());
        self.0.writer.write(move |unit| take(unit.connection, &key, &claim, now)).await
    }

    async fn answer(
        &self,
        key: &str,
        holder: &str,
        answer: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (key, holder, answer) = (key.to_owned(), holder.to_owned(), answer.to_owned());
        let write = self.0.writer.write(move |unit| {
            let sql = "UPDATE idempotency_key SET answer = ?3, expires_at = ?4
                WHERE id = ?1 AND holder = ?2 AND answer IS NULL AND expires_at > ?5";
            let values = params![key, holder, answer, until.as_ms(), now.as_ms()];
            run(unit.connection, "keep an answer", sql, values).map(|kept| kept > 0)
        });
        write.await
    }

    async fn release(&self, key: &str, holder: &str) -> Result<bool, StoreError> {
        let (key, holder) = (key.to_owned(), holder.to_owned());
        let write = self.0.writer.write(move |unit| {
            let sql = "DELETE FROM idempotency_key WHERE id = ?1 AND holder = ?2 AND answer IS NULL";
            run(unit.connection, "give up a request", sql, [key, holder]).map(|gone| gone > 0)
        });
        write.await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let write = self.0.writer.write(move |unit| {
            let sql = "DELETE FROM idempotency_key WHERE id IN
                (SELECT id FROM idempotency_key WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
            let values = params![now.as_ms(), row_limit(limit)];
            run(unit.connection, "sweep answers", sql, values).map(|gone| gone as u64)
        });
        write.await
    }
}

fn take(connection: &Connection, key: &str, claim: &Claim, now: Timestamp) -> Result<Claimed, StoreError> {
    let operation = "claim a request";
    let values = params![key, claim.holder, claim.request, claim.until.as_ms(), now.as_ms()];
    if run(connection, operation, CLAIM, values)? > 0 {
        return Ok(Claimed::Yours);
    }
    let taken = |row: &Row<'_>| {
        let (request, answer) = (row.get(0).map_err(failed(operation))?, row.get(1).map_err(failed(operation))?);
        Ok(Claimed::Taken { request, answer })
    };
    let sql = "SELECT request, answer FROM idempotency_key WHERE id = ?1";
    // What was not taken over is there: both statements stand in one transaction.
    Ok(rows(connection, operation, sql, [key], taken)?.pop().unwrap_or(Claimed::Yours))
}
