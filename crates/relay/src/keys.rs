//! The keys in use, by hash: looked up once, right again within a second of a change. No clear key is ever kept.

use domain::{ApiKey, Expiry, KeyHash, KeyId, Timestamp};
use quick_cache::{UnitWeighter, sync::Cache};
use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use store::{
    Family, RecordError, Records, StoreError,
    records::{Condition, TypedRecords, Versioned},
};

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

/// The cache of keys.
pub(crate) struct Keys {
    records: Arc<dyn Records>,
    by_hash: Cache<KeyHash, KnownKey>,
    hashes: Cache<KeyId, KeyHash>,
    /// Grows with every change that is heard of: a look-up that began before it does not fill the cache.
    generation: AtomicU64,
}

fn cache<K: Eq + Hash, V: Clone>() -> Cache<K, V> {
    Cache::with_weighter(KEYS_EXPECTED, KEYS_MAX as u64, UnitWeighter)
}

impl Keys {
    pub(crate) fn new(records: Arc<dyn Records>) -> Self {
        let (by_hash, hashes) = (cache(), cache());
        Self { records, by_hash, hashes, generation: AtomicU64::new(0) }
    }

    /// The key with this hash. Cancel-safe.
    pub(crate) async fn find(&self, hash: &KeyHash) -> Result<KnownKey, StoreError> {
        if let Some(known) = self.by_hash.get(hash) {
            return Ok(known);
        }
        let generation = self.generation.load(Ordering::Acquire);
        let row = self.records.find(Family::ApiKeyHash, &hash.to_string()).await?;
        let known = match row {
            Some(row) => KnownKey::Known(Arc::new(Versioned::<ApiKey>::read(Family::ApiKey, &row)?.record)),
            None => KnownKey::Unknown,
        };
        if self.generation.load(Ordering::Acquire) == generation {
            self.keep(*hash, known.clone());
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
        if let Some(hash) = self.hashes.get(id) {
            self.by_hash.remove(&hash);
        }
        match self.records.read::<ApiKey>(id.as_str()).await {
            Ok(Some(found)) => self.keep(found.record.hash, KnownKey::Known(Arc::new(found.record))),
            Ok(None) => {}
            // Whoever asks next reads it from the store.
            Err(_) => self.forget_all(),
        }
    }

    /// Something was missed: nothing kept is believed any more.
    pub(crate) fn forget_all(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.by_hash.clear();
        self.hashes.clear();
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
        Ok(Arc::new(found.record))
    }

    fn keep(&self, hash: KeyHash, known: KnownKey) {
        if let KnownKey::Known(key) = &known {
            self.hashes.insert(key.id.clone(), hash);
        }
        self.by_hash.insert(hash, known);
    }
}
