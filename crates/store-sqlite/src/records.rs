//! Records: one table per family, one column per field of the keyspace table. Statements are made of its names alone.

mod list;

use crate::{
    error::{closed, failed},
    open::Engine,
    sql::{Field, row_limit, rows, run, table},
    writer::Unit,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use std::{fmt::Write, iter, sync::Arc};
use store::{
    Family, Notice, RecordError, Records, StoreError, Version, checks,
    error::StoreFailure,
    keyspace::ColumnKind,
    records::{
        Change, Changes, Condition, Fields, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection, Synced,
        Value,
    },
};

pub(crate) struct SqliteRecords(pub(crate) Engine);

const NOTE_CHANGE: &str = "INSERT OR REPLACE INTO change (family, id) VALUES (?1, ?2)";

const CHANGES_AFTER: &str = "SELECT sequence, family, id FROM change WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";

#[async_trait]
impl Records for SqliteRecords {
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError> {
        checks::values(family, fields.iter().map(|(&name, value)| (name, Some(value))))?;
        let id = id.to_owned();
        self.0.writer.write(move |unit| insert(unit, family, &id, &fields)).await
    }

    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        checks::served(family)?;
        let id = id.to_owned();
        self.0.readers.read(move |connection| find(connection, family, "id", &id)).await
    }

    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        let (family, column) = checks::indexed(index)?;
        let value = value.to_owned();
        self.0.readers.read(move |connection| find(connection, family, column, &value)).await
    }

    async fn update(
        &self,
        family: Family,
        id: &str,
        changes: Changes,
        condition: Condition,
    ) -> Result<Version, RecordError> {
        checks::values(family, changes.iter().map(|(&name, value)| (name, value.as_ref())))?;
        if let Condition::FieldAbsent(column) = condition {
            checks::values(family, [(column, None)])?;
        }
        let id = id.to_owned();
        self.0.writer.write(move |unit| update(unit, family, &id, &changes, condition)).await
    }

    /// A commit that is no longer in the log was synced when it was moved into the file.
    async fn sync(&self, family: Family, _id: &str) -> Result<Synced, StoreError> {
        checks::served(family)?;
        let log = Arc::clone(&self.0.log);
        let synced = tokio::task::spawn_blocking(move || log.sync_data()).await.map_err(|_| closed())?;
        let failed = |error| StoreError::new("sync a record to disk", StoreFailure::Full).caused_by(error);
        synced.map(|()| Synced::OnDisk).map_err(failed)
    }

    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        checks::served(family)?;
        let id = id.to_owned();
        self.0.writer.write(move |unit| remove(unit, family, &id, expected)).await
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        checks::page(query)?;
        let query = query.clone();
        self.0.readers.read(move |connection| list::page(connection, &query)).await
    }

    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        checks::filters(family, filters)?;
        let filters = filters.to_vec();
        self.0.readers.read(move |connection| list::count(connection, family, &filters)).await
    }

    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        checks::filters(selection.family, &selection.filters)?;
        let selection = selection.clone();
        self.0.readers.read(move |connection| list::ids(connection, &selection)).await
    }

    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        checks::ids(family, ids.len())?;
        let ids = ids.to_vec();
        self.0.readers.read(move |connection| list::get_all(connection, family, ids.iter().map(|id| &**id))).await
    }

    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        checks::items(query)?;
        let query = query.clone();
        self.0.readers.read(move |connection| list::items(connection, &query)).await
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        // A sequence beyond what the engine counts to has nothing after it.
        let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
        let read = self.0.readers.read(move |connection| {
            rows(connection, "read changes", CHANGES_AFTER, params![sequence, row_limit(limit)], change)
        });
        read.await
    }
}

fn insert(unit: &mut Unit<'_>, family: Family, id: &str, fields: &Fields) -> Result<Version, RecordError> {
    if version(unit.connection, family, id)?.is_some() {
        return Err(RecordError::Duplicate { index: family });
    }
    test_unique(unit.connection, family, id, |column| fields.get(column))?;
    let names: String = fields.keys().fold(String::new(), |names, name| names + ", " + name);
    let places = ", ?".repeat(fields.len());
    let sql = format!("INSERT INTO {} (id, version{names}) VALUES (?, 1{places})", table(family));
    let id_value = Value::from(id);
    let values = iter::once(Field(Some(&id_value))).chain(fields.values().map(|value| Field(Some(value))));
    run(unit.connection, "insert a record", &sql, params_from_iter(values))?;
    note_change(unit, family, id)?;
    Ok(Version(1))
}

fn update(
    unit: &mut Unit<'_>,
    family: Family,
    id: &str,
    changes: &Changes,
    condition: Condition,
) -> Result<Version, RecordError> {
    let current = version(unit.connection, family, id)?.ok_or(RecordError::Missing)?;
    let holds = match condition {
        Condition::Exists => true,
        Condition::Version(expected) => expected == current,
        Condition::FieldAbsent(column) => lacks(unit.connection, family, id, column)?,
    };
    if !holds {
        return Err(RecordError::Conflict { current });
    }
    test_unique(unit.connection, family, id, |column| changes.get(column).and_then(Option::as_ref))?;
    let mut sql = format!("UPDATE {} SET version = version + 1", table(family));
    for name in changes.keys() {
        write!(sql, ", {name} = ?").expect("a text takes what is written to it");
    }
    sql += " WHERE id = ?";
    let id_value = Value::from(id);
    let values = changes.values().map(|value| Field(value.as_ref())).chain(iter::once(Field(Some(&id_value))));
    run(unit.connection, "update a record", &sql, params_from_iter(values))?;
    note_change(unit, family, id)?;
    Ok(Version(current.0 + 1))
}

fn remove(unit: &mut Unit<'_>, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
    let current = version(unit.connection, family, id)?.ok_or(RecordError::Missing)?;
    if expected.is_some_and(|expected| expected != current) {
        return Err(RecordError::Conflict { current });
    }
    run(unit.connection, "remove a record", &format!("DELETE FROM {} WHERE id = ?1", table(family)), [id])?;
    note_change(unit, family, id)?;
    Ok(())
}

fn note_change(unit: &mut Unit<'_>, family: Family, id: &str) -> Result<(), StoreError> {
    run(unit.connection, "note a change", NOTE_CHANGE, [family.name(), id])?;
    unit.announce(Notice::Record { family, id: id.into() });
    Ok(())
}

/// Refuses a value that another record has in a unique column. Only the writer asks, so that nothing comes in between.
fn test_unique<'a>(
    connection: &Connection,
    family: Family,
    id: &str,
    value: impl Fn(&str) -> Option<&'a Value>,
) -> Result<(), RecordError> {
    for unique in family.entry().unique {
        let Some(value) = value(unique.column) else { continue };
        let sql = format!("SELECT 1 FROM {} WHERE {} = ?1 AND id <> ?2", table(family), unique.column);
        let values = params![Field(Some(value)), id];
        let is_taken = connection.prepare_cached(&sql).and_then(|mut statement| statement.exists(values));
        if is_taken.map_err(failed("look for a duplicate"))? {
            return Err(RecordError::Duplicate { index: unique.index });
        }
    }
    Ok(())
}

fn version(connection: &Connection, family: Family, id: &str) -> Result<Option<Version>, StoreError> {
    let sql = format!("SELECT version FROM {} WHERE id = ?1", table(family));
    let version = connection
        .prepare_cached(&sql)
        .and_then(|mut statement| statement.query_row([id], |row| row.get(0)).optional());
    Ok(version.map_err(failed("read a record's version"))?.map(Version))
}

fn lacks(connection: &Connection, family: Family, id: &str, column: &str) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM {} WHERE id = ?1 AND {column} IS NULL", table(family));
    let lacks = connection.prepare_cached(&sql).and_then(|mut statement| statement.exists([id]));
    lacks.map_err(failed("look for a field"))
}

fn find(connection: &Connection, family: Family, column: &str, value: &str) -> Result<Option<Row>, StoreError> {
    let sql = format!("SELECT {} FROM {} WHERE {column} = ?1", columns(family), table(family));
    Ok(rows(connection, "read a record", &sql, [value], |row| record(family, row))?.pop())
}

/// Id, version and fields, in the order of the keyspace table.
fn columns(family: Family) -> String {
    family.entry().columns.iter().fold("id, version".to_owned(), |names, column| names + ", " + column.name)
}

/// Reads what [`columns`] names.
fn record(family: Family, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let mut fields = Fields::new();
    for (place, column) in family.entry().columns.iter().enumerate() {
        let value = match column.kind {
            ColumnKind::Integer => row.get::<_, Option<i64>>(place + 2).map(|number| number.map(Value::Integer)),
            ColumnKind::Text | ColumnKind::Secret => {
                row.get(place + 2).map(|text: Option<String>| text.map(Value::Text))
            }
        };
        if let Some(value) = value.map_err(failed("read a record's field"))? {
            fields.insert(column.name, value);
        }
    }
    let read = || Ok(Row { id: row.get(0)?, version: Version(row.get(1)?), fields });
    read().map_err(failed("read a record"))
}

fn change(row: &rusqlite::Row<'_>) -> Result<Change, StoreError> {
    let (sequence, family, id): (u64, String, String) = row.try_into().map_err(failed("read a change"))?;
    let family = Family::parse(&family)
        .ok_or_else(|| StoreError::new(format!("read the change of {family}:{{{id}}}"), StoreFailure::Damaged))?;
    Ok(Change { sequence, family, id })
}
