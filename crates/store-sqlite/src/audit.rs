//! The audit log in `audit_entry`, and what its entries are about in `audit_resource`.

use crate::{
    error::failed,
    open::Engine,
    sql::{row_limit, rows, run},
    writer::Unit,
};
use async_trait::async_trait;
use domain::{AuditId, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};
use store::{
    Audit, AuditEntry, StoreError,
    audit::{AuditOutcome, AuditPage, AuditQuery, from_text, to_text},
    checks,
    error::StoreFailure,
};

pub(crate) struct SqliteAudit(pub(crate) Engine);

/// An entry, unless one with an outcome has its id.
const APPEND: &str = "INSERT INTO audit_entry (id, actor, operation, outcome, document) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (id) DO UPDATE SET actor = ?2, operation = ?3, outcome = ?4, document = ?5 WHERE outcome = ?6";

#[async_trait]
impl Audit for SqliteAudit {
    async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        checks::audit_id(&entry.id)?;
        let entry = entry.clone();
        self.0.writer.write(move |unit| append(unit, &entry)).await
    }

    async fn get(&self, id: &AuditId) -> Result<Option<AuditEntry>, StoreError> {
        let id = id.clone();
        let read = self.0.readers.read(move |connection| {
            let sql = "SELECT id, document FROM audit_entry WHERE id = ?1";
            Ok(rows(connection, "read an audit entry", sql, [id.as_str()], entry)?.pop())
        });
        read.await
    }

    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        checks::audit_page(query)?;
        let query = query.clone();
        self.0.readers.read(move |connection| page(connection, &query)).await
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let before = AuditId::first_of(before);
        self.0.writer.write(move |unit| prune(unit.connection, &before, limit)).await
    }
}

fn append(unit: &Unit<'_>, entry: &AuditEntry) -> Result<(), StoreError> {
    let operation = "append an audit entry";
    let (id, outcome, begun) = (entry.id.as_str(), entry.outcome.as_str(), AuditOutcome::Begun.as_str());
    let values = params![id, entry.actor.id, entry.operation, outcome, to_text(entry), begun];
    if run(unit.connection, operation, APPEND, values)? == 0 {
        return Ok(());
    }
    run(unit.connection, operation, "DELETE FROM audit_resource WHERE entry = ?1", [id])?;
    for resource in entry.resources() {
        let sql = "INSERT INTO audit_resource (entry, kind, resource) VALUES (?1, ?2, ?3)";
        run(unit.connection, operation, sql, params![id, resource.kind, resource.id])?;
    }
    Ok(())
}

fn page(connection: &Connection, query: &AuditQuery) -> Result<AuditPage, StoreError> {
    let (conditions, mut values) = conditions(query);
    values.push(Value::Integer(row_limit(query.limit + 1)));
    let sql = format!("SELECT id, document FROM audit_entry WHERE {conditions} ORDER BY id DESC LIMIT ?");
    let mut entries = rows(connection, "list audit entries", &sql, params_from_iter(values), entry)?;
    let more = entries.len() > query.limit;
    entries.truncate(query.limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.id.clone());
    Ok(AuditPage { entries, next })
}

/// What the entries of `query` have in common, and the values that stand in it.
fn conditions(query: &AuditQuery) -> (String, Vec<Value>) {
    let (mut sql, mut values) = ("TRUE".to_owned(), Vec::new());
    let (from, before) = query.bounds();
    let outcome = query.outcome.map(|outcome| outcome.as_str().to_owned());
    let plain = [
        (" AND id >= ?", from.map(|id| id.to_string())),
        (" AND id < ?", before.map(|id| id.to_string())),
        (" AND actor = ?", query.actor.clone()),
        (" AND operation = ?", query.operation.clone()),
        (" AND outcome = ?", outcome),
    ];
    for (condition, value) in plain {
        if let Some(value) = value {
            sql.push_str(condition);
            values.push(Value::Text(value));
        }
    }
    match &query.resource {
        Some((kind, Some(id))) => {
            sql.push_str(" AND id IN (SELECT entry FROM audit_resource WHERE kind = ? AND resource = ?)");
            values.extend([kind, id].map(|text| Value::Text(text.clone())));
        }
        Some((kind, None)) => {
            sql.push_str(" AND EXISTS (SELECT 1 FROM audit_resource WHERE entry = audit_entry.id AND kind = ?)");
            values.push(Value::Text(kind.clone()));
        }
        None => {}
    }
    (sql, values)
}

fn prune(connection: &Connection, before: &AuditId, limit: usize) -> Result<u64, StoreError> {
    let operation = "prune the audit log";
    let sql = "SELECT id FROM audit_entry WHERE id < ?1 ORDER BY id LIMIT ?2";
    let id = |row: &Row<'_>| row.get::<_, String>(0).map_err(failed(operation));
    let old = rows(connection, operation, sql, params![before.as_str(), row_limit(limit)], id)?;
    for id in &old {
        run(connection, operation, "DELETE FROM audit_resource WHERE entry = ?1", [id])?;
        run(connection, operation, "DELETE FROM audit_entry WHERE id = ?1", [id])?;
    }
    Ok(old.len() as u64)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    let text = |column: usize| row.get::<_, String>(column).map_err(failed("read an audit entry"));
    let (id, document) = (text(0)?, text(1)?);
    let read = AuditId::parse(&id).ok().and_then(|id| from_text(&id, &document));
    read.ok_or_else(|| StoreError::new(format!("read audit_entry:{{{id}}}"), StoreFailure::Damaged))
}
