//! Records: a hash each, with its version among the fields. Nothing of a noun is known here.
//!
//! A change takes three steps, because record, unique values and change log lie in different slots: the log is marked and the
//! values are claimed; the record is written by one script, while the mark's deadline lasts; the change is numbered and the claims
//! are confirmed. Stopped anywhere it is either done or not, and what it leaves is disregarded and cleared by whoever comes by.

pub(crate) mod log;
mod mirror;
mod sync;
mod unique;
mod write;

use crate::{
    announce::Announcer,
    call::Call,
    engine::{Engine, Lane},
    error::{damaged, parsed},
};
use async_trait::async_trait;
use log::{ChangeLog, Deadlines};
use mirror::Mirrors;
use std::{collections::HashMap, sync::Arc};
use store::{
    Family, RecordError, Records, StoreError, Version, checks,
    keyspace::ColumnKind,
    records::{
        Change, Changes, Condition, Fields, Filter, ItemCount, ItemsQuery, Page, PageQuery, Row, Selection, Synced,
        Value,
    },
};
use unique::Uniques;
use write::Write;

/// How often a page is chosen anew because its records change while they are read. Then it is taken as read.
const TRIES_MAX: usize = 5;

pub(crate) struct RedisRecords {
    engine: Engine,
    announcer: Announcer,
    log: ChangeLog,
    uniques: Uniques,
    mirrors: Mirrors,
}

impl RedisRecords {
    pub(crate) fn new(engine: Engine, announcer: Announcer, deadlines: Deadlines) -> Self {
        let log = ChangeLog::new(engine.clone(), deadlines);
        let uniques = Uniques::new(engine.clone(), deadlines);
        let mirrors = Mirrors::new(engine.clone(), log.clone());
        Self { engine, announcer, log, uniques, mirrors }
    }

    async fn rows<'a>(
        &self,
        family: Family,
        ids: impl Iterator<Item = &'a Arc<str>> + Clone + Send,
    ) -> Result<Vec<Option<Row>>, StoreError> {
        let operation = "read a page of records";
        let calls = ids.clone().map(|id| Call::command("HGETALL").arg(record_key(&self.engine, family, id)));
        let replies = self.engine.all(Lane::Request, operation, calls.collect()).await?;
        ids.zip(replies).map(|(id, reply)| row(family, id, parsed(operation, reply)?)).collect()
    }
}

#[async_trait]
impl Records for RedisRecords {
    async fn insert(&self, family: Family, id: &str, fields: Fields) -> Result<Version, RecordError> {
        checks::values(family, fields.iter().map(|(&name, value)| (name, Some(value))))?;
        let changes = fields.into_iter().map(|(name, value)| (name, Some(value))).collect();
        self.write(family, id, Write::Insert(changes)).await
    }

    async fn get(&self, family: Family, id: &str) -> Result<Option<Row>, StoreError> {
        checks::served(family)?;
        let call = Call::command("HGETALL").arg(record_key(&self.engine, family, id));
        row(family, id, self.engine.ask("read a record", call).await?)
    }

    async fn find(&self, index: Family, value: &str) -> Result<Option<Row>, StoreError> {
        let (family, column) = checks::indexed(index)?;
        let Some(id) = self.uniques.holder(index, value).await? else { return Ok(None) };
        let found = self.get(family, &id).await?;
        Ok(found.filter(|row| row.fields.get(column).is_some_and(|held| *held == Value::from(value))))
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
        self.write(family, id, Write::Update(changes, condition)).await
    }

    async fn sync(&self, family: Family, id: &str) -> Result<Synced, StoreError> {
        checks::served(family)?;
        sync::sync(&self.engine, &record_key(&self.engine, family, id)).await
    }

    async fn remove(&self, family: Family, id: &str, expected: Option<Version>) -> Result<(), RecordError> {
        checks::served(family)?;
        self.write(family, id, Write::Remove(expected)).await.map(drop)
    }

    async fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        checks::page(query)?;
        let mut tries = 0;
        loop {
            let selection = self.mirrors.page(query.clone()).await?;
            let rows = self.rows(query.family, selection.rows.iter().map(|(id, _)| id)).await?;
            tries += 1;
            let is_one_moment = selection
                .rows
                .iter()
                .zip(&rows)
                .all(|((_, version), row)| row.as_ref().is_some_and(|row| row.version == *version));
            if is_one_moment || tries == TRIES_MAX {
                return Ok(Page { rows: rows.into_iter().flatten().collect(), next: selection.next });
            }
        }
    }

    async fn count(&self, family: Family, filters: &[Filter]) -> Result<u64, StoreError> {
        checks::filters(family, filters)?;
        let filters = filters.to_vec();
        self.mirrors.look(family, move |rows| rows.count(family, &filters)).await
    }

    async fn ids(&self, selection: &Selection) -> Result<Vec<Arc<str>>, StoreError> {
        checks::filters(selection.family, &selection.filters)?;
        let selection = selection.clone();
        self.mirrors.look(selection.family, move |rows| rows.ids(&selection)).await
    }

    async fn get_all(&self, family: Family, ids: &[Arc<str>]) -> Result<Vec<Row>, StoreError> {
        checks::ids(family, ids.len())?;
        Ok(self.rows(family, ids.iter()).await?.into_iter().flatten().collect())
    }

    async fn items(&self, query: &ItemsQuery) -> Result<Vec<ItemCount>, StoreError> {
        checks::items(query)?;
        let query = query.clone();
        self.mirrors.look(query.family, move |rows| rows.items(&query)).await
    }

    async fn changes_after(&self, sequence: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.log.after(sequence, limit, None).await
    }
}

/// The key of a record; a family of one record has no part for its id.
fn record_key(engine: &Engine, family: Family, id: &str) -> String {
    let parts: &[&str] = if family.entry().pattern == family.name() { &[] } else { &[id] };
    engine.names().key(family, parts)
}

/// A record out of its hash, as far as the keyspace table lists its fields; none where there is none.
fn row(family: Family, id: &str, mut fields: HashMap<String, String>) -> Result<Option<Row>, StoreError> {
    let Some(version) = fields.get("version") else { return Ok(None) };
    let version =
        version.parse().map(Version).map_err(|_| damaged(format!("read the version of {family}:{{{id}}}")))?;
    let listed = family.entry().columns.iter();
    let fields = listed.filter_map(|column| Some((column.name, value(column.kind, fields.remove(column.name)?)?)));
    Ok(Some(Row { id: id.to_owned(), version, fields: fields.collect() }))
}

/// A field as the table says it is; none for a number that is none.
fn value(kind: ColumnKind, text: String) -> Option<Value> {
    match kind {
        ColumnKind::Integer => text.parse().ok().map(Value::Integer),
        ColumnKind::Text | ColumnKind::Secret => Some(Value::Text(text)),
    }
}
