//! Sticky sessions in `sticky_session`.

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, run},
};
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;
use store::{Affinity, AffinityKey, Bindings, Notice, StoreError, error::StoreFailure};

pub(crate) struct SqliteAffinity(pub(crate) Engine);

const BIND: &str = "INSERT INTO sticky_session (hash, account_id, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (hash) DO UPDATE SET account_id = excluded.account_id, until = excluded.until";

const SWEEP: &str = "DELETE FROM sticky_session WHERE hash IN
    (SELECT hash FROM sticky_session WHERE until <= ?1 ORDER BY until, hash LIMIT ?2)";

#[async_trait]
impl Affinity for SqliteAffinity {
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let key = key.clone();
        let Some(ttl) = renew else {
            return self.0.readers.read(move |connection| bound(connection, &key, now)).await;
        };
        let renewed = self.0.writer.write(move |unit| {
            let account = bound(unit.connection, &key, now)?;
            if account.is_some() {
                let sql = "UPDATE sticky_session SET until = ?2 WHERE hash = ?1";
                let values = params![key.as_str(), now.plus(ttl).as_ms()];
                run(unit.connection, "renew a sticky session", sql, values)?;
            }
            Ok(account)
        });
        renewed.await
    }

    async fn bind(
        &self,
        key: &AffinityKey,
        expected: Option<&AccountId>,
        account: &AccountId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        let (key, expected, account) = (key.clone(), expected.cloned(), account.clone());
        let until = now.plus(ttl).as_ms();
        let write = self.0.writer.write(move |unit| {
            let current = bound(unit.connection, &key, now)?;
            let moves = current.as_ref().is_some_and(|current| *current != account);
            if let Some(other) = current.filter(|current| Some(current) != expected.as_ref()) {
                return Ok(other);
            }
            let values = params![key.as_str(), account.as_str(), until];
            run(unit.connection, "bind a sticky session", BIND, values)?;
            if moves {
                unit.announce(Notice::Affinity { session: Some(key) });
            }
            Ok(account)
        });
        write.await
    }

    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError> {
        let key = key.clone();
        let write = self.0.writer.write(move |unit| {
            let sql = "DELETE FROM sticky_session WHERE hash = ?1";
            let was_bound = run(unit.connection, "unbind a sticky session", sql, [key.as_str()])? > 0;
            if was_bound {
                unit.announce(Notice::Affinity { session: Some(key) });
            }
            Ok(was_bound)
        });
        write.await
    }

    async fn flush(&self, which: Bindings<'_>) -> Result<u64, StoreError> {
        let (condition, of) = match which {
            Bindings::All => ("?1 = ''", String::new()),
            Bindings::To(account) => ("account_id = ?1", account.to_string()),
            // `g` comes behind every hexadecimal digit.
            Bindings::In(scope) => ("hash >= ?1 AND hash < ?1 || 'g'", scope.prefix()),
        };
        let write = self.0.writer.write(move |unit| {
            let sql = format!("DELETE FROM sticky_session WHERE {condition}");
            let removed = run(unit.connection, "flush sticky sessions", &sql, [of])? as u64;
            if removed > 0 {
                unit.announce(Notice::Affinity { session: None });
            }
            Ok(removed)
        });
        write.await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let write = self.0.writer.write(move |unit| {
            let values = params![now.as_ms(), row_limit(limit)];
            run(unit.connection, "sweep sticky sessions", SWEEP, values).map(|count| count as u64)
        });
        write.await
    }
}

fn bound(connection: &Connection, key: &AffinityKey, now: Timestamp) -> Result<Option<AccountId>, StoreError> {
    let sql = "SELECT account_id FROM sticky_session WHERE hash = ?1 AND until > ?2";
    let account = connection.prepare_cached(sql).and_then(|mut statement| {
        statement.query_row(params![key.as_str(), now.as_ms()], |row| row.get::<_, String>(0)).optional()
    });
    let account = account.map_err(failed("read a sticky session"))?;
    let damaged = |_| StoreError::new(format!("read sticky_session:{{{}}}", key.as_str()), StoreFailure::Damaged);
    account.map(|id| AccountId::parse(&id).map_err(damaged)).transpose()
}
