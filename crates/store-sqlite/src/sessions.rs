//! Sign-in sessions in `session` (administrators) and `user_session` (users).

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, rows, run},
    writer::Unit,
};
use async_trait::async_trait;
use domain::{AdminId, SessionId, Timestamp, UserId};
use rusqlite::{Connection, Row, params};
use store::{Session, Sessions, StoreError, error::StoreFailure, sessions::SessionSubject};

pub(crate) struct SqliteSessions(pub(crate) Engine);

/// The two tables have the same columns but for the subject's.
const TABLES: [Table; 2] = [Table::Admins, Table::Users];

#[derive(Debug, Clone, Copy)]
enum Table {
    Admins,
    Users,
}

const COLUMNS: &str = "id, created_at, expires_at, address, user_agent";

/// The sessions that have ended, of both tables, the one that ended first in front.
const ENDED: &str = "SELECT id FROM (SELECT id, expires_at FROM session WHERE expires_at <= ?1
    UNION ALL SELECT id, expires_at FROM user_session WHERE expires_at <= ?1) ORDER BY expires_at, id LIMIT ?2";

#[async_trait]
impl Sessions for SqliteSessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        let session = session.clone();
        self.0.writer.write(move |unit| create(unit, &session)).await
    }

    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let id = id.clone();
        let read = self.0.readers.read(move |connection| {
            for table in TABLES {
                let (name, subject) = table.names();
                let sql = format!("SELECT {subject}, {COLUMNS} FROM {name} WHERE id = ?1 AND expires_at > ?2");
                if let Some(session) = select(connection, table, &sql, params![id.as_str(), now.as_ms()])?.pop() {
                    return Ok(Some(session));
                }
            }
            Ok(None)
        });
        read.await
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool, StoreError> {
        let id = id.clone();
        self.0.writer.write(move |unit| Ok(remove(unit.connection, id.as_str())? > 0)).await
    }

    async fn revoke_all(&self, subject: &SessionSubject, keep: Option<&SessionId>) -> Result<u64, StoreError> {
        let (table, subject) = place(subject);
        let keep = keep.map(|id| id.as_str().to_owned());
        let write = self.0.writer.write(move |unit| {
            let (name, column) = table.names();
            let sql = format!("DELETE FROM {name} WHERE {column} = ?1 AND id IS NOT ?2");
            run(unit.connection, "revoke sessions", &sql, params![subject, keep]).map(|count| count as u64)
        });
        write.await
    }

    async fn list(&self, subject: &SessionSubject, now: Timestamp, limit: usize) -> Result<Vec<Session>, StoreError> {
        let (table, subject) = place(subject);
        let read = self.0.readers.read(move |connection| {
            let (name, column) = table.names();
            let sql = format!(
                "SELECT {column}, {COLUMNS} FROM {name} WHERE {column} = ?1 AND expires_at > ?2
                    ORDER BY created_at DESC, id DESC LIMIT ?3"
            );
            select(connection, table, &sql, params![subject, now.as_ms(), row_limit(limit)])
        });
        read.await
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        self.0.writer.write(move |unit| sweep(unit.connection, now, limit)).await
    }
}

impl Table {
    /// The table's name, and the column that says whose the session is.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Admins => ("session", "admin_id"),
            Self::Users => ("user_session", "user_id"),
        }
    }

    fn subject(self, id: &str) -> Option<SessionSubject> {
        match self {
            Self::Admins => AdminId::parse(id).ok().map(SessionSubject::Admin),
            Self::Users => UserId::parse(id).ok().map(SessionSubject::User),
        }
    }
}

fn place(subject: &SessionSubject) -> (Table, String) {
    match subject {
        SessionSubject::Admin(id) => (Table::Admins, id.to_string()),
        SessionSubject::User(id) => (Table::Users, id.to_string()),
    }
}

fn create(unit: &Unit<'_>, session: &Session) -> Result<(), StoreError> {
    remove(unit.connection, session.id.as_str())?;
    let (table, subject) = place(&session.subject);
    let (name, column) = table.names();
    let sql = format!("INSERT INTO {name} ({column}, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    let (created, expires) = (session.created_at.as_ms(), session.expires_at.as_ms());
    let values = params![subject, session.id.as_str(), created, expires, session.address, session.user_agent];
    run(unit.connection, "create a session", &sql, values).map(|_| ())
}

/// Removes a session from whichever table has it.
fn remove(connection: &Connection, id: &str) -> Result<usize, StoreError> {
    let admins = run(connection, "end a session", "DELETE FROM session WHERE id = ?1", [id])?;
    let users = run(connection, "end a session", "DELETE FROM user_session WHERE id = ?1", [id])?;
    Ok(admins + users)
}

fn sweep(connection: &Connection, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
    let values = params![now.as_ms(), row_limit(limit)];
    let id = |row: &Row<'_>| row.get::<_, String>(0).map_err(failed("sweep sessions"));
    let ended = rows(connection, "sweep sessions", ENDED, values, id)?;
    for id in &ended {
        remove(connection, id)?;
    }
    Ok(ended.len() as u64)
}

fn select(
    connection: &Connection,
    table: Table,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Session>, StoreError> {
    rows(connection, "read sessions", sql, values, |row| session(table, row))
}

/// Reads the subject and [`COLUMNS`].
fn session(table: Table, row: &Row<'_>) -> Result<Session, StoreError> {
    let text = |column: usize| row.get::<_, String>(column).map_err(failed("read a session"));
    let instant = |column: usize| row.get(column).map(Timestamp::from_ms).map_err(failed("read a session"));
    let (subject, id) = (text(0)?, text(1)?);
    let damaged = || StoreError::new(format!("read {}:{{{id}}}", table.names().0), StoreFailure::Damaged);
    Ok(Session {
        subject: table.subject(&subject).ok_or_else(damaged)?,
        created_at: instant(2)?,
        expires_at: instant(3)?,
        address: text(4)?,
        user_agent: text(5)?,
        id: SessionId::parse(&id).map_err(|_| damaged())?,
    })
}
