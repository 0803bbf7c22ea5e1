//! The listed columns of a family's records in memory, for lists: brought up to date from the change log before each answer.
//!
//! Lists filter, search and sort by any listed column, which no index of the servers does at once. A record takes some 400 bytes
//! here, and some 100 more for each order that was asked for, so a hundred thousand API keys take 50 to 70 MB, from the first
//! question for such a list until an hour after the last.

use super::{log::ChangeLog, record_key, value};
use crate::{
    call::Call,
    engine::{Engine, Lane},
    error::parsed,
};
use parking_lot::Mutex;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};
use store::{
    Family, StoreError, Version,
    error::StoreFailure,
    keyspace::{COUNTED_BY, Column, Listing},
    listing::{self, Listed},
    records::{Cursor, Direction, Filter, ItemCount, ItemsQuery, PageQuery, Selection, Value},
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

/// The records of a family.
pub(crate) struct Rows {
    by_id: HashMap<Arc<str>, Arc<Entry>>,
    /// All of them in the order of a column: of each that lists were ordered by.
    in_order: HashMap<&'static str, BTreeMap<Rank, Arc<Entry>>>,
    /// Every item once: records that have the same one share it.
    items: HashSet<Arc<str>>,
    /// How many records have each item, by what items are counted by.
    groups: HashMap<Box<[Option<Value>]>, Group>,
}

/// Records that are alike in what items are counted by.
struct Group {
    /// One like all of them, with nothing else.
    like: Entry,
    /// How many have each item, by the place of the items' column.
    counts: Box<[HashMap<Arc<str>, u64>]>,
}

/// What orders a record: its value of a column, then its id.
type Rank = (Option<Value>, Arc<str>);

/// One record.
struct Entry {
    id: Arc<str>,
    version: Version,
    /// Values of the family's listed columns, in their order.
    values: Box<[Option<Value>]>,
    /// Items of the columns that are listed by them, each with its column's place; such a column has no value beside them.
    items: Box<[(usize, Arc<str>)]>,
}

/// A page as the mirror has it: ids with the versions that put them there.
pub(crate) struct Chosen {
    pub(crate) rows: Vec<(Arc<str>, Version)>,
    pub(crate) next: Option<Cursor>,
}

impl Listed for Entry {
    /// Of a column with values among those, of one with items among these.
    type Place = Option<usize>;

    fn id(&self) -> &str {
        &self.id
    }

    fn place(family: Family, column: &'static str) -> Option<usize> {
        let by_value = listed(family).position(|listed| listed.name == column);
        by_value.or_else(|| by_items(family).position(|listed| listed.name == column))
    }

    fn value(&self, place: Option<usize>) -> Option<&Value> {
        self.values.get(place?)?.as_ref()
    }

    fn items(&self, place: Option<usize>) -> impl Iterator<Item = Cow<'_, str>> {
        let items = self.items.iter().filter(move |(of, _)| Some(*of) == place);
        items.map(|(_, item)| Cow::Borrowed(&**item))
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
        let rows = self.fresh(family).await?.read_owned().await;
        away(rows.by_id.len(), move || look(&rows)).await
    }

    /// The page that `query` asks for, as of now.
    pub(crate) async fn page(&self, query: PageQuery) -> Result<Chosen, StoreError> {
        let rows = self.fresh(query.family).await?;
        if !rows.read().await.in_order.contains_key(query.order) {
            let mut rows = Arc::clone(&rows).write_owned().await;
            away(rows.by_id.len(), move || rows.put_in_order(query.family, query.order)).await?;
        }
        let rows = rows.read_owned().await;
        away(rows.by_id.len(), move || rows.page(&query)).await
    }

    /// The rows of a family with all changes that were made until now.
    async fn fresh(&self, family: Family) -> Result<Arc<RwLock<Rows>>, StoreError> {
        let mirror = self.of(family);
        *mirror.asked_at.lock() = Instant::now();
        self.bring_up_to_date(&mirror).await?;
        Ok(Arc::clone(&mirror.rows))
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
            rows.put(mirror.family, id, entry);
        }
        Ok(())
    }
}

impl Mirror {
    fn new(family: Family) -> Self {
        let columns = listed(family).chain(by_items(family)).collect();
        let rows = Arc::new(RwLock::new(Rows {
            by_id: HashMap::new(),
            in_order: HashMap::new(),
            items: HashSet::new(),
            groups: HashMap::new(),
        }));
        Self { family, columns, sequence: AsyncMutex::new(0), rows, asked_at: Mutex::new(Instant::now()) }
    }

    /// A record of its version and listed columns; without a version it is gone.
    fn entry(&self, id: &str, fields: Vec<Option<String>>) -> Option<Entry> {
        let mut fields = fields.into_iter();
        let version = Version(fields.next().flatten()?.parse().ok()?);
        let (mut values, mut items, mut place) = (Vec::with_capacity(self.columns.len()), Vec::new(), 0);
        for (column, field) in self.columns.iter().zip(fields) {
            let value = field.and_then(|text| value(column.kind, text));
            if column.listing == Listing::Items {
                items.extend(listing::items_of(value.as_ref()).into_iter().map(|item| (place, item.into())));
                place += 1;
            } else {
                values.push(value);
            }
        }
        Some(Entry { id: id.into(), version, values: values.into(), items: items.into() })
    }
}

impl Rows {
    /// Puts in what a record is now; none: it is gone.
    fn put(&mut self, family: Family, id: &str, entry: Option<Entry>) {
        let entry = entry.map(|entry| Arc::new(self.share_items(entry)));
        let old = match &entry {
            Some(entry) => self.by_id.insert(Arc::clone(&entry.id), Arc::clone(entry)),
            None => self.by_id.remove(id),
        };
        if let Some(entry) = &entry {
            self.count_in(family, entry);
        }
        if let Some(old) = &old {
            self.count_out(family, old);
        }
        for (&column, in_order) in &mut self.in_order {
            let place = Entry::place(family, column);
            if let Some(old) = &old {
                in_order.remove(&old.rank(place));
            }
            if let Some(entry) = &entry {
                in_order.insert(entry.rank(place), Arc::clone(entry));
            }
        }
    }

    fn share_items(&mut self, mut entry: Entry) -> Entry {
        for (_, item) in &mut entry.items {
            match self.items.get(item) {
                Some(known) => *item = Arc::clone(known),
                None => drop(self.items.insert(Arc::clone(item))),
            }
        }
        entry
    }

    fn count_in(&mut self, family: Family, entry: &Entry) {
        let group = self.groups.entry(entry.counted_by(family)).or_insert_with_key(|values| Group {
            like: Entry { id: "".into(), version: Version(0), values: values.clone(), items: Box::default() },
            counts: by_items(family).map(|_| HashMap::new()).collect(),
        });
        for (place, item) in &entry.items {
            *group.counts[*place].entry(Arc::clone(item)).or_default() += 1;
        }
    }

    fn count_out(&mut self, family: Family, entry: &Entry) {
        let Some(group) = self.groups.get_mut(&entry.counted_by(family)) else { return };
        for (place, item) in &entry.items {
            let Some(count) = group.counts[*place].get_mut(item) else { continue };
            *count -= 1;
            if *count == 0 {
                group.counts[*place].remove(item);
            }
        }
    }

    /// From now on the records stand in the order of `column`, too.
    fn put_in_order(&mut self, family: Family, column: &'static str) {
        let place = Entry::place(family, column);
        let ranked = self.by_id.values().map(|entry| (entry.rank(place), Arc::clone(entry)));
        self.in_order.insert(column, ranked.collect());
    }

    /// The page that `query` asks for; empty where its order is not kept.
    fn page(&self, query: &PageQuery) -> Chosen {
        let in_order = self.in_order.get(query.order).into_iter();
        let after = query.after.as_ref().map(|after| (after.value.clone(), Arc::from(after.id.as_str())));
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (rows, more) = match query.direction {
            Direction::Ascending => {
                let behind = in_order.flat_map(|ranked| ranked.range((after.clone(), Bound::Unbounded)));
                listing::page_in_order(query, behind.map(|(_, entry)| &**entry))
            }
            Direction::Descending => {
                let behind = in_order.flat_map(|ranked| ranked.range((Bound::Unbounded, after.clone())).rev());
                listing::page_in_order(query, behind.map(|(_, entry)| &**entry))
            }
        };
        let order = Entry::place(query.family, query.order);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor { value: row.value(order).cloned(), id: row.id.to_string() });
        Chosen { rows: rows.iter().map(|row| (Arc::clone(&row.id), row.version)).collect(), next }
    }

    /// The ids of the records that `selection` chooses.
    pub(crate) fn ids(&self, selection: &Selection) -> Vec<Arc<str>> {
        listing::chosen(selection, self.entries()).map(|row| Arc::clone(&row.id)).collect()
    }

    /// The items that `query` asks for.
    pub(crate) fn items(&self, query: &ItemsQuery) -> Vec<ItemCount> {
        let place = by_items(query.family).position(|column| column.name == query.column);
        let groups = self.groups.values().filter_map(|group| Some((&group.like, group.counts.get(place?)?)));
        listing::items_of_groups(query, groups)
    }

    /// How many records of `family` pass `filters`.
    pub(crate) fn count(&self, family: Family, filters: &[Filter]) -> u64 {
        listing::count(family, filters, self.entries())
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.by_id.values().map(|entry| &**entry)
    }
}

impl Entry {
    /// Its values in the columns that items are counted by; none in all others.
    fn counted_by(&self, family: Family) -> Box<[Option<Value>]> {
        let counted = listed(family).map(|column| COUNTED_BY.contains(&column.name));
        self.values.iter().zip(counted).map(|(value, counted)| if counted { value.clone() } else { None }).collect()
    }

    /// What orders it by the column in `place`.
    fn rank(&self, place: Option<usize>) -> Rank {
        (self.value(place).cloned(), Arc::clone(&self.id))
    }
}

/// Does `work` on `records` records: many on a thread of its own, so that no request waits behind it.
async fn away<T: Send + 'static>(records: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    if records <= HERE_MAX {
        return Ok(work());
    }
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(|_| StoreError::new("look through records", StoreFailure::Unavailable))
}

fn listed(family: Family) -> impl Iterator<Item = &'static Column> {
    let columns = family.entry().columns.iter();
    columns.filter(|column| matches!(column.listing, Listing::Listed | Listing::Searched))
}

fn by_items(family: Family) -> impl Iterator<Item = &'static Column> {
    family.entry().columns.iter().filter(|column| column.listing == Listing::Items)
}
