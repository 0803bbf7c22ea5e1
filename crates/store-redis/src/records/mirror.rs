//! The listed columns of a family's records in memory, for lists: brought up to date from the change log before each answer.
//!
//! Lists filter, search and sort by any listed column, which no index of the servers does at once. A record takes some 400 bytes
//! here, so a hundred thousand API keys take 40 MB, from the first question for such a list until ten minutes after the last.

use super::{log::ChangeLog, record_key, value};
use crate::{
    call::Call,
    engine::{Engine, Lane},
    error::parsed,
};
use parking_lot::Mutex;
use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};
use store::{
    Family, StoreError, Version,
    keyspace::{Column, Listing},
    listing::{self, Listed},
    records::{Cursor, Filter, ItemCount, ItemsQuery, PageQuery, Selection, Value},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

/// Changes that are read at once.
const CHANGES_MAX: usize = 5000;

/// Records read again while a request waits; more go by the bulk lane.
const REQUEST_MAX: usize = 200;

/// How long a family that nobody lists is kept.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// All families that are listed.
pub(crate) struct Mirrors {
    engine: Engine,
    log: ChangeLog,
    by_family: Mutex<HashMap<Family, Arc<AsyncMutex<Mirror>>>>,
}

/// One family.
pub(crate) struct Mirror {
    family: Family,
    columns: Vec<&'static Column>,
    sequence: u64,
    rows: HashMap<Arc<str>, Entry>,
    asked_at: Instant,
}

/// One record.
struct Entry {
    id: Arc<str>,
    version: Version,
    family: Family,
    /// Values of the family's listed columns, in their order.
    values: Box<[Option<Value>]>,
    /// Items of the columns that are listed by them, in their order; such a column has no value beside them.
    items: Box<[Box<[Box<str>]>]>,
}

/// A page as the mirror has it: ids with the versions that put them there.
pub(crate) struct Chosen {
    pub(crate) rows: Vec<(Arc<str>, Version)>,
    pub(crate) next: Option<Cursor>,
}

impl Listed for Entry {
    fn id(&self) -> &str {
        &self.id
    }

    fn value(&self, column: &str) -> Option<&Value> {
        let place = listed(self.family).position(|listed| listed.name == column)?;
        self.values[place].as_ref()
    }

    fn items(&self, column: &str) -> impl Iterator<Item = Cow<'_, str>> {
        let place = by_items(self.family).position(|listed| listed.name == column);
        let items = place.and_then(|place| self.items.get(place));
        items.into_iter().flatten().map(|item| Cow::Borrowed(&**item))
    }
}

impl Mirrors {
    pub(crate) fn new(engine: Engine, log: ChangeLog) -> Self {
        Self { engine, log, by_family: Mutex::default() }
    }

    /// The family's mirror as of now. Others wait meanwhile, and find it up to date.
    pub(crate) async fn up_to_date(&self, family: Family) -> Result<OwnedMutexGuard<Mirror>, StoreError> {
        let mut mirror = self.of(family).lock_owned().await;
        mirror.asked_at = Instant::now();
        loop {
            let changes = self.log.after(mirror.sequence, CHANGES_MAX, Some(family)).await?;
            let Some(last) = changes.last() else { return Ok(mirror) };
            let (last, is_all) = (last.sequence, changes.len() < CHANGES_MAX);
            let ids: Vec<_> = changes.into_iter().map(|change| change.id).collect();
            self.read_again(&mut mirror, &ids).await?;
            mirror.sequence = last;
            if is_all {
                return Ok(mirror);
            }
        }
    }

    fn of(&self, family: Family) -> Arc<AsyncMutex<Mirror>> {
        let mut by_family = self.by_family.lock();
        by_family.retain(|other, mirror| *other == family || !Self::is_idle(mirror));
        Arc::clone(by_family.entry(family).or_insert_with(|| Arc::new(AsyncMutex::new(Mirror::new(family)))))
    }

    fn is_idle(mirror: &AsyncMutex<Mirror>) -> bool {
        mirror.try_lock().is_ok_and(|mirror| mirror.asked_at.elapsed() > IDLE_MAX)
    }

    async fn read_again(&self, mirror: &mut Mirror, ids: &[String]) -> Result<(), StoreError> {
        let operation = "list records";
        let names: Vec<_> = mirror.columns.iter().map(|column| column.name).collect();
        let calls = ids.iter().map(|id| {
            let record = record_key(&self.engine, mirror.family, id);
            Call::command("HMGET").arg(record).arg("version").arg(&names)
        });
        let lane = if ids.len() > REQUEST_MAX { Lane::Bulk } else { Lane::Request };
        let replies = self.engine.all(lane, operation, calls.collect()).await?;
        for (id, reply) in ids.iter().zip(replies) {
            mirror.put(id, parsed(operation, reply)?);
        }
        Ok(())
    }
}

impl Mirror {
    fn new(family: Family) -> Self {
        let columns = listed(family).chain(by_items(family)).collect();
        Self { family, columns, sequence: 0, rows: HashMap::new(), asked_at: Instant::now() }
    }

    /// Takes over a record's version and listed columns; without a version it is gone.
    fn put(&mut self, id: &str, fields: Vec<Option<String>>) {
        let mut fields = fields.into_iter();
        let version = fields.next().flatten().and_then(|version| version.parse().ok());
        let Some(version) = version.map(Version) else {
            self.rows.remove(id);
            return;
        };
        let (mut values, mut items) = (Vec::with_capacity(self.columns.len()), Vec::new());
        for (column, field) in self.columns.iter().zip(fields) {
            let value = field.and_then(|text| value(column.kind, text));
            if column.listing == Listing::Items {
                items.push(listing::items_of(value.as_ref()).into_iter().map(String::into_boxed_str).collect());
            } else {
                values.push(value);
            }
        }
        let id: Arc<str> = id.into();
        let (values, items) = (values.into(), items.into());
        self.rows.insert(Arc::clone(&id), Entry { id, version, family: self.family, values, items });
    }

    /// The page that `query` asks for.
    pub(crate) fn select(&self, query: &PageQuery) -> Chosen {
        let (rows, more) = listing::page(query, self.rows.values());
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { value: row.value(query.order).cloned(), id: row.id.to_string() });
        Chosen { rows: rows.iter().map(|row| (Arc::clone(&row.id), row.version)).collect(), next }
    }

    /// The ids of the records that `selection` chooses.
    pub(crate) fn ids(&self, selection: &Selection) -> Vec<Arc<str>> {
        listing::chosen(selection, self.rows.values()).map(|row| Arc::clone(&row.id)).collect()
    }

    /// The items that `query` asks for.
    pub(crate) fn items(&self, query: &ItemsQuery) -> Vec<ItemCount> {
        listing::items(query, self.rows.values())
    }

    /// How many records pass `filters`.
    pub(crate) fn count(&self, filters: &[Filter]) -> u64 {
        self.rows.values().filter(|row| listing::passes(filters, *row)).count() as u64
    }
}

fn listed(family: Family) -> impl Iterator<Item = &'static Column> {
    let columns = family.entry().columns.iter();
    columns.filter(|column| matches!(column.listing, Listing::Listed | Listing::Searched))
}

fn by_items(family: Family) -> impl Iterator<Item = &'static Column> {
    family.entry().columns.iter().filter(|column| column.listing == Listing::Items)
}
