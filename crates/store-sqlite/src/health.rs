//! Cooldowns in `rate_limit_state`.

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, rows, run},
};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownCause, CooldownScope, Timestamp};
use rusqlite::{Connection, Row, params};
use store::{Health, Notice, StoreError, error::StoreFailure};

pub(crate) struct SqliteHealth(pub(crate) Engine);

const SELECT: &str = "SELECT account_id, scope, cause, since, until, source, status FROM rate_limit_state";

const BEGIN: &str = "INSERT INTO rate_limit_state (account_id, scope, cause, since, until, source, status)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (account_id, scope) DO UPDATE SET cause = excluded.cause, since = excluded.since,
        until = excluded.until, source = excluded.source, status = excluded.status";

const SWEEP: &str = "DELETE FROM rate_limit_state WHERE (account_id, scope) IN
    (SELECT account_id, scope FROM rate_limit_state WHERE until <= ?1 ORDER BY until, account_id, scope LIMIT ?2)";

#[async_trait]
impl Health for SqliteHealth {
    async fn begin(&self, account: &AccountId, cooldown: &Cooldown) -> Result<Cooldown, StoreError> {
        let (account, cooldown) = (account.clone(), cooldown.clone());
        let write = self.0.writer.write(move |unit| {
            if let Some(older) = held(unit.connection, &account, &cooldown.scope)?
                && older.outweighs(&cooldown)
            {
                return Ok(older);
            }
            write(unit.connection, &account, &cooldown)?;
            unit.announce(Notice::Health { account });
            Ok(cooldown)
        });
        write.await
    }

    async fn end(&self, account: &AccountId, scope: Option<&CooldownScope>) -> Result<u64, StoreError> {
        let (account, scope) = (account.clone(), scope.map(CooldownScope::to_text));
        let write = self.0.writer.write(move |unit| {
            let sql = "DELETE FROM rate_limit_state WHERE account_id = ?1 AND scope = coalesce(?2, scope)";
            let ended = run(unit.connection, "end a cooldown", sql, params![account.as_str(), scope])?;
            if ended > 0 {
                unit.announce(Notice::Health { account });
            }
            Ok(ended as u64)
        });
        write.await
    }

    async fn of(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Cooldown>, StoreError> {
        let account = account.clone();
        let read = self.0.readers.read(move |connection| {
            let sql = format!("{SELECT} WHERE account_id = ?1 AND until > ?2 ORDER BY scope");
            select(connection, &sql, params![account.as_str(), now.as_ms()])
        });
        Ok(read.await?.into_iter().map(|(_, cooldown)| cooldown).collect())
    }

    async fn all(&self, now: Timestamp) -> Result<Vec<(AccountId, Cooldown)>, StoreError> {
        let read = self.0.readers.read(move |connection| {
            let sql = format!("{SELECT} WHERE until > ?1 ORDER BY account_id, scope");
            select(connection, &sql, params![now.as_ms()])
        });
        read.await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let write = self.0.writer.write(move |unit| {
            let values = params![now.as_ms(), row_limit(limit)];
            run(unit.connection, "sweep cooldowns", SWEEP, values).map(|count| count as u64)
        });
        write.await
    }
}

fn held(connection: &Connection, account: &AccountId, scope: &CooldownScope) -> Result<Option<Cooldown>, StoreError> {
    let sql = format!("{SELECT} WHERE account_id = ?1 AND scope = ?2");
    let values = params![account.as_str(), scope.to_text()];
    Ok(select(connection, &sql, values)?.pop().map(|(_, cooldown)| cooldown))
}

fn write(connection: &Connection, account: &AccountId, cooldown: &Cooldown) -> Result<usize, StoreError> {
    let values = params![
        account.as_str(),
        cooldown.scope.to_text(),
        cooldown.cause.as_str(),
        cooldown.since.as_ms(),
        cooldown.until.as_ms(),
        &*cooldown.source,
        cooldown.status,
    ];
    run(connection, "begin a cooldown", BEGIN, values)
}

fn select(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<(AccountId, Cooldown)>, StoreError> {
    rows(connection, "read cooldowns", sql, values, cooldown)
}

fn cooldown(row: &Row<'_>) -> Result<(AccountId, Cooldown), StoreError> {
    let text = |column: usize| row.get::<_, String>(column).map_err(failed("read a cooldown"));
    let instant = |column: usize| row.get(column).map(Timestamp::from_ms).map_err(failed("read a cooldown"));
    let (account, scope, cause) = (text(0)?, text(1)?, text(2)?);
    let damaged = || StoreError::new(format!("read rate_limit_state:{{{account}}}"), StoreFailure::Damaged);
    let cooldown = Cooldown {
        scope: CooldownScope::parse(&scope).ok_or_else(damaged)?,
        cause: CooldownCause::parse(&cause).ok_or_else(damaged)?,
        since: instant(3)?,
        until: instant(4)?,
        source: text(5)?.into(),
        status: row.get(6).map_err(failed("read a cooldown"))?,
    };
    Ok((AccountId::parse(&account).map_err(|_| damaged())?, cooldown))
}
