//! The listed columns of a family's records in memory, for lists: brought up to date from the change log before each answer.
//!
//! Lists filter, search and sort by any listed column, which no index of the servers does at once. A record takes some 400 bytes
//! here, so a hundred thousand API keys take 40 MB, from the first question for such a list until an hour after the last.

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
    error::StoreFailure,
    keyspace::{Column, Listing},
    listing::{self, Listed},
    records::{Cursor, Filter, ItemCount, ItemsQuery, PageQuery, Selection, Value},
};
use tokio::{
    sync::{Mutex as AsyncMutex, RwLock},
    time::Instant,
};

/// Changes that are read at once.
const CHANGES_MAX: usize = 5000;

/// Records read again while a request waits; more go by the bulk lane.
const REQUEST_MAX: usize = 200;

/// How long a family that nobody lists is kept: whoever administers for a morning waits once for a hundred thousand keys to be read.
const IDLE_MAX: Duration = Duration::from_secs(3600);

/// Records of a family that are looked through where the question is put; more are looked through on a thread of their own, so that
/// no request waits behind a list.
const HERE_MAX: usize = 1000;

/// All families that are listed.
pub(crate) struct Mirrors {
    engine: Engine,
    log: ChangeLog,
    by_family: Mutex<HashMap<Family, Arc<Mirror>>>,
}

/// One family. Lists look through its rows side by side; they wait only while changed rows are put in.
struct Mirror {
    family: Family,
    columns: Vec<&'static Column>,
    /// The last change that the rows have. Held by whoever asks for later ones.
    sequence: AsyncMutex<u64>,
    rows: Arc<RwLock<Rows>>,
    asked_at: Mutex<Instant>,
}

/// The records of a family, by id.
pub(crate) struct Rows(HashMap<Arc<str>, Entry>);

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

    /// What `look` finds in the family's records as of now.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        family: Family,
        look: impl FnOnce(&Rows) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let mirror = self.of(family);
        *mirror.asked_at.lock() = Instant::now();
        self.bring_up_to_date(&mirror).await?;
        let rows = Arc::clone(&mirror.rows).read_owned().await;
        if rows.0.len() <= HERE_MAX {
            return Ok(look(&rows));
        }
        let looked = tokio::task::spawn_blocking(move || look(&rows)).await;
        looked.map_err(|_| StoreError::new("look through records", StoreFailure::Unavailable))
    }

    /// Others who ask for changes wait meanwhile, and find none.
    async fn bring_up_to_date(&self, mirror: &Mirror) -> Result<(), StoreError> {
        let mut sequence = mirror.sequence.lock().await;
        loop {
            let changes = self.log.after(*sequence, CHANGES_MAX, Some(mirror.family)).await?;
            let Some(last) = changes.last() else { return Ok(()) };
            let (last, is_all) = (last.sequence, changes.len() < CHANGES_MAX);
            let ids: Vec<_> = changes.into_iter().map(|change| change.id).collect();
            self.read_again(mirror, &ids).await?;
            *sequence = last;
            if is_all {
                return Ok(());
            }
        }
    }

    fn of(&self, family: Family) -> Arc<Mirror> {
        let mut by_family = self.by_family.lock();
        by_family.retain(|other, mirror| *other == family || mirror.asked_at.lock().elapsed() <= IDLE_MAX);
        Arc::clone(by_family.entry(family).or_insert_with(|| Arc::new(Mirror::new(family))))
    }

    async fn read_again(&self, mirror: &Mirror, ids: &[String]) -> Result<(), StoreError> {
        let operation = "list records";
        let names: Vec<_> = mirror.columns.iter().map(|column| column.name).collect();
        let calls = ids.iter().map(|id| {
            let record = record_key(&self.engine, mirror.family, id);
            Call::command("HMGET").arg(record).arg("version").arg(&names)
        });
        let lane = if ids.len() > REQUEST_MAX { Lane::Bulk } else { Lane::Request };
        let replies = self.engine.all(lane, operation, calls.collect()).await?;
        let mut entries = Vec::with_capacity(ids.len());
        for (id, reply) in ids.iter().zip(replies) {
            entries.push(mirror.entry(id, parsed(operation, reply)?));
        }
        let mut rows = mirror.rows.write().await;
        for (id, entry) in ids.iter().zip(entries) {
            match entry {
                Some(entry) => drop(rows.0.insert(Arc::clone(&entry.id), entry)),
                None => drop(rows.0.remove(id.as_str())),
            }
        }
        Ok(())
    }
}

impl Mirror {
    fn new(family: Family) -> Self {
        let columns = listed(family).chain(by_items(family)).collect();
        let rows = Arc::new(RwLock::new(Rows(HashMap::new())));
        Self { family, columns, sequence: AsyncMutex::new(0), rows, asked_at: Mutex::new(Instant::now()) }
    }

    /// A record of its version and listed columns; without a version it is gone.
    fn entry(&self, id: &str, fields: Vec<Option<String>>) -> Option<Entry> {
        let mut fields = fields.into_iter();
        let version = Version(fields.next().flatten()?.parse().ok()?);
        let (mut values, mut items) = (Vec::with_capacity(self.columns.len()), Vec::new());
        for (column, field) in self.columns.iter().zip(fields) {
            let value = field.and_then(|text| value(column.kind, text));
            if column.listing == Listing::Items {
                items.push(listing::items_of(value.as_ref()).into_iter().map(String::into_boxed_str).collect());
            } else {
                values.push(value);
            }
        }
        Some(Entry { id: id.into(), version, family: self.family, values: values.into(), items: items.into() })
    }
}

impl Rows {
    /// The page that `query` asks for.
    pub(crate) fn select(&self, query: &PageQuery) -> Chosen {
        let (rows, more) = listing::page(query, self.0.values());
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { value: row.value(query.order).cloned(), id: row.id.to_string() });
        Chosen { rows: rows.iter().map(|row| (Arc::clone(&row.id), row.version)).collect(), next }
    }

    /// The ids of the records that `selection` chooses.
    pub(crate) fn ids(&self, selection: &Selection) -> Vec<Arc<str>> {
        listing::chosen(selection, self.0.values()).map(|row| Arc::clone(&row.id)).collect()
    }

    /// The items that `query` asks for.
    pub(crate) fn items(&self, query: &ItemsQuery) -> Vec<ItemCount> {
        listing::items(query, self.0.values())
    }

    /// How many records pass `filters`.
    pub(crate) fn count(&self, filters: &[Filter]) -> u64 {
        self.0.values().filter(|row| listing::passes(filters, *row)).count() as u64
    }
}

fn listed(family: Family) -> impl Iterator<Item = &'static Column> {
    let columns = family.entry().columns.iter();
    columns.filter(|column| matches!(column.listing, Listing::Listed | Listing::Searched))
}

fn by_items(family: Family) -> impl Iterator<Item = &'static Column> {
    family.entry().columns.iter().filter(|column| column.listing == Listing::Items)
}
