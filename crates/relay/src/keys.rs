//! The keys in use, by hash: looked up once, right again within a second of a change. No clear key is ever kept.
//!
//! Where notices of changes may have been missed, what is kept is doubted: it is looked up again when it is next used. While the
//! store cannot be asked, a known key goes on for the grace that the operator has set, counted from the first doubt.

use domain::{ApiKey, Expiry, KeyHash, KeyId, Timestamp};
use parking_lot::Mutex;
use quick_cache::{UnitWeighter, sync::Cache};
use std::{
    collections::VecDeque,
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{
    Family, RecordError, Records, StoreError,
    error::StoreFailure,
    records::{Condition, TypedRecords, Versioned},
};
use tokio::time::Instant;

/// Keys kept in memory, the unknown ones included, so that neither a large team nor a flood of wrong keys costs a
/// look-up per request. An entry takes about half a kilobyte.
const KEYS_MAX: usize = 20_000;

/// Keys that memory is taken for at the start; it grows with those that are used.
const KEYS_EXPECTED: usize = 256;

/// What is known of a hash.
#[derive(Debug, Clone)]
pub(crate) enum KnownKey {
    /// It is this key's.
    Known(Arc<ApiKey>),
    /// It is nobody's.
    Unknown,
}

/// Doubts that are remembered: a key that was last looked up before so many is not believed without the store.
const DOUBTS_MAX: usize = 64;

/// The cache of keys.
pub(crate) struct Keys {
    records: Arc<dyn Records>,
    by_hash: Cache<KeyHash, Kept>,
    hashes: Cache<KeyId, KeyHash>,
    /// Grows with every change that is heard of: a look-up that began before it does not fill the cache.
    generation: AtomicU64,
    doubts: Mutex<Doubts>,
    grace: Duration,
}

/// What is known, and how many doubts there had been when it was looked up.
#[derive(Debug, Clone)]
struct Kept {
    known: KnownKey,
    doubts: u64,
}

/// When notices may have been missed.
#[derive(Debug, Default)]
struct Doubts {
    count: u64,
    /// The latest, the oldest first.
    began: VecDeque<Instant>,
}

impl Doubts {
    fn add(&mut self, now: Instant) {
        self.count += 1;
        self.began.push_back(now);
        if self.began.len() > DOUBTS_MAX {
            self.began.pop_front();
        }
    }

    /// Since when what was looked up after so many doubts is doubted; none while it is not.
    fn since(&self, doubts: u64) -> Option<Doubted> {
        let later = usize::try_from(self.count - doubts).ok().filter(|later| *later > 0)?;
        let first = self.began.len().checked_sub(later).map(|place| self.began[place]);
        Some(first.map_or(Doubted::Longer, Doubted::Since))
    }
}

/// How long something has been doubted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubted {
    Since(Instant),
    /// For longer than is remembered.
    Longer,
}

impl Doubted {
    /// Whether it may still be believed at `now`.
    fn is_within(self, grace: Duration, now: Instant) -> bool {
        matches!(self, Self::Since(since) if now.duration_since(since) < grace)
    }
}

fn cache<K: Eq + Hash, V: Clone>() -> Cache<K, V> {
    Cache::with_weighter(KEYS_EXPECTED, KEYS_MAX as u64, UnitWeighter)
}

impl Keys {
    /// Keys of `records`; known ones go on for `grace` while it is away.
    pub(crate) fn new(records: Arc<dyn Records>, grace: Duration) -> Self {
        let (by_hash, hashes, doubts) = (cache(), cache(), Mutex::default());
        Self { records, by_hash, hashes, generation: AtomicU64::new(0), doubts, grace }
    }

    /// The key with this hash. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the store cannot say, and nothing is known that is within the grace.
    pub(crate) async fn find(&self, hash: &KeyHash) -> Result<KnownKey, StoreError> {
        let kept = self.by_hash.get(hash);
        let doubted = kept.as_ref().and_then(|kept| self.doubts.lock().since(kept.doubts));
        match (kept, doubted) {
            (Some(kept), None) => Ok(kept.known),
            (Some(Kept { known: KnownKey::Known(key), .. }), Some(doubted)) => match self.look_up(hash).await {
                Err(error) if error.kind == StoreFailure::Unavailable => {
                    let goes_on = doubted.is_within(self.grace, Instant::now());
                    if goes_on { Ok(KnownKey::Known(key)) } else { Err(error) }
                }
                found => found,
            },
            // That a key is nobody's is not believed for longer than is sure.
            (None, _) | (Some(Kept { known: KnownKey::Unknown, .. }), Some(_)) => self.look_up(hash).await,
        }
    }

    async fn look_up(&self, hash: &KeyHash) -> Result<KnownKey, StoreError> {
        let (generation, doubts) = (self.generation.load(Ordering::Acquire), self.doubts.lock().count);
        let row = self.records.find(Family::ApiKeyHash, &hash.to_string()).await?;
        let known = match row {
            Some(row) => KnownKey::Known(without_icon(Versioned::<ApiKey>::read(Family::ApiKey, &row)?.record)),
            None => KnownKey::Unknown,
        };
        if self.generation.load(Ordering::Acquire) == generation {
            self.keep(*hash, known.clone(), doubts);
            if self.generation.load(Ordering::Acquire) != generation {
                // A change was heard of in between: it may have been read before, and kept behind it.
                self.by_hash.remove(hash);
            }
        }
        Ok(known)
    }

    /// Reads again what has changed. Until it returns, requests may still see the key as it was.
    pub(crate) async fn refresh(&self, id: &KeyId) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        let doubts = self.doubts.lock().count;
        match self.records.read::<ApiKey>(id.as_str()).await {
            Ok(found) => {
                if let Some(hash) = self.hashes.get(id) {
                    self.by_hash.remove(&hash);
                }
                if let Some(found) = found {
                    let hash = found.record.hash;
                    self.keep(hash, KnownKey::Known(without_icon(found.record)), doubts);
                }
            }
            // Whoever asks next reads it from the store.
            Err(_) => self.doubt_all(),
        }
    }

    /// Something may have been missed: what is kept is looked up again when it is next used.
    pub(crate) fn doubt_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.doubts.lock().add(Instant::now());
    }

    /// Writes the first use of `key`, unless another request was first; returns the key with its end.
    pub(crate) async fn begin_lifetime(&self, key: &Arc<ApiKey>, now: Timestamp) -> Result<Arc<ApiKey>, RecordError> {
        let Expiry::AfterFirstUse { lifetime, first_used_at: None } = key.expiry else { return Ok(Arc::clone(key)) };
        let expiry = Expiry::AfterFirstUse { lifetime, first_used_at: Some(now) };
        let used = ApiKey { expiry, ..ApiKey::clone(key) };
        let written = self.records.change(&**key, &used, Condition::FieldAbsent("first_used_at")).await;
        match written {
            Ok(_) => Ok(Arc::new(used)),
            Err(RecordError::Conflict { .. }) => self.first_used_by_another(key).await,
            Err(error) => Err(error),
        }
    }

    async fn first_used_by_another(&self, key: &Arc<ApiKey>) -> Result<Arc<ApiKey>, RecordError> {
        let found = self.records.read::<ApiKey>(key.id.as_str()).await?.ok_or(RecordError::Missing)?;
        Ok(without_icon(found.record))
    }

    fn keep(&self, hash: KeyHash, known: KnownKey, doubts: u64) {
        if let KnownKey::Known(key) = &known {
            self.hashes.insert(key.id.clone(), hash);
        }
        self.by_hash.insert(hash, Kept { known, doubts });
    }
}

/// What is kept of a key: an icon may be forty times as long as all the rest, and no request needs it.
fn without_icon(key: ApiKey) -> Arc<ApiKey> {
    Arc::new(ApiKey { icon: None, ..key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{HashScheme, KeyState, Permissions, RateMultipliers};
    use std::collections::BTreeMap;

    const GRACE: Duration = Duration::from_secs(60);

    fn later(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn what_was_looked_up_after_the_last_doubt_is_sure() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        assert_eq!(doubts.since(0), None);
        doubts.add(now);
        assert_eq!((doubts.since(0), doubts.since(1)), (Some(Doubted::Since(now)), None));
    }

    #[test]
    fn the_grace_counts_from_the_first_doubt_and_not_anew_from_later_ones() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        doubts.add(now);
        doubts.add(later(now, 50));
        let doubted = doubts.since(0).expect("doubted");
        assert!(doubted.is_within(GRACE, later(now, 59)));
        assert!(!doubted.is_within(GRACE, later(now, 60)));
        assert!(doubts.since(1).expect("doubted").is_within(GRACE, later(now, 109)), "looked up in between");
        assert!(!doubted.is_within(Duration::ZERO, now), "no grace at all");
    }

    #[test]
    fn what_was_looked_up_before_more_doubts_than_are_remembered_is_not_believed() {
        let (mut doubts, now) = (Doubts::default(), Instant::now());
        for _ in 0..=DOUBTS_MAX {
            doubts.add(now);
        }
        assert_eq!(doubts.since(0), Some(Doubted::Longer));
        assert!(!Doubted::Longer.is_within(GRACE, now));
        assert_eq!(doubts.since(1), Some(Doubted::Since(now)));
    }

    #[tokio::test]
    async fn a_kept_key_has_no_icon_and_its_record_keeps_it() {
        let lifetime = Duration::from_secs(60);
        let key = ApiKey {
            id: KeyId::parse("k1").expect("an id"),
            name: "laptop".to_owned(),
            description: String::new(),
            hash: KeyHash([7; 32]),
            hash_scheme: HashScheme::Plain,
            hint: String::new(),
            permissions: Permissions::All,
            allowed_clients: Vec::new(),
            restricted_models: Vec::new(),
            tags: Vec::new(),
            owner: None,
            bindings: BTreeMap::new(),
            rate_multipliers: RateMultipliers::default(),
            icon: Some("🦀".to_owned()),
            expiry: Expiry::AfterFirstUse { lifetime, first_used_at: None },
            state: KeyState::Active,
            created_at: Timestamp::from_ms(1),
            created_by: "admin".to_owned(),
            updated_at: Timestamp::from_ms(1),
        };
        let records = store::memory::store().records;
        records.add(&key).await.expect("added");
        let keys = Keys::new(Arc::clone(&records), GRACE);
        let Ok(KnownKey::Known(kept)) = keys.find(&key.hash).await else { panic!("not found") };
        assert_eq!(*kept, ApiKey { icon: None, ..key.clone() });
        keys.begin_lifetime(&kept, Timestamp::from_ms(2)).await.expect("written");
        let stored = records.read::<ApiKey>("k1").await.expect("a read").expect("a key").record;
        assert_eq!((stored.icon, stored.expiry.ends_at()), (key.icon, Some(Timestamp::from_ms(60_002))));
    }
}
