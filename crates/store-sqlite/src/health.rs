//! Cooldowns in `rate_limit_state`, windows in `session_window`.

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, rows, run},
};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownCause, CooldownScope, Timestamp, UsageWindow, WindowStatus};
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

const TELL: &str = "INSERT INTO session_window (account_id, name, status, used_permille, resets_at, told_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (account_id, name) DO UPDATE SET status = excluded.status, used_permille = excluded.used_permille,
        resets_at = excluded.resets_at, told_at = excluded.told_at WHERE told_at <= excluded.told_at";

const WINDOWS: &str = "SELECT name, status, used_permille, resets_at, told_at FROM session_window
    WHERE account_id = ?1 AND resets_at > ?2 ORDER BY name";

const SWEEP_WINDOWS: &str = "DELETE FROM session_window WHERE (account_id, name) IN
    (SELECT account_id, name FROM session_window WHERE resets_at <= ?1 LIMIT ?2)";

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

    async fn tell_windows(&self, account: &AccountId, windows: &[UsageWindow]) -> Result<(), StoreError> {
        let (account, windows) = (account.clone(), windows.to_vec());
        let write = self.0.writer.write(move |unit| {
            for window in &windows {
                let values = params![
                    account.as_str(),
                    &*window.name,
                    window.status.as_str(),
                    window.used_permille,
                    window.resets_at.as_ms(),
                    window.told_at.as_ms(),
                ];
                run(unit.connection, "tell of a window", TELL, values)?;
            }
            unit.announce(Notice::Health { account });
            Ok(())
        });
        write.await
    }

    async fn windows(
        &self,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<(AccountId, UsageWindow)>, StoreError> {
        let accounts = accounts.to_vec();
        let read = self.0.readers.read(move |connection| {
            let mut windows = Vec::new();
            for account in accounts {
                let values = params![account.as_str(), now.as_ms()];
                let own = rows(connection, "read windows", WINDOWS, values, |row| window(&account, row))?;
                windows.extend(own.into_iter().map(|window| (account.clone(), window)));
            }
            Ok(windows)
        });
        read.await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let write = self.0.writer.write(move |unit| {
            let values = params![now.as_ms(), row_limit(limit)];
            let windows = run(unit.connection, "sweep windows", SWEEP_WINDOWS, values)?;
            let values = params![now.as_ms(), row_limit(limit - windows)];
            let cooldowns = run(unit.connection, "sweep cooldowns", SWEEP, values)?;
            Ok((windows + cooldowns) as u64)
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

fn window(account: &AccountId, row: &Row<'_>) -> Result<UsageWindow, StoreError> {
    let text = |column: usize| row.get::<_, String>(column).map_err(failed("read a window"));
    let instant = |column: usize| row.get(column).map(Timestamp::from_ms).map_err(failed("read a window"));
    let damaged = || StoreError::new(format!("read session_window:{{{account}}}"), StoreFailure::Damaged);
    Ok(UsageWindow {
        name: text(0)?.into(),
        status: WindowStatus::parse(&text(1)?).ok_or_else(damaged)?,
        used_permille: row.get(2).map_err(failed("read a window"))?,
        resets_at: instant(3)?,
        told_at: instant(4)?,
    })
}
