//! The audit log in memory.

use crate::{
    Audit, AuditEntry, StoreError,
    audit::{AuditOutcome, AuditPage, AuditQuery},
    checks,
};
use async_trait::async_trait;
use domain::{AuditId, Timestamp};
use parking_lot::Mutex;
use std::{collections::BTreeMap, ops::Bound};

#[derive(Debug, Default)]
pub(super) struct MemoryAudit(Mutex<BTreeMap<AuditId, AuditEntry>>);

#[async_trait]
impl Audit for MemoryAudit {
    async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        checks::audit_id(&entry.id)?;
        let mut entries = self.0.lock();
        if entries.get(&entry.id).is_none_or(|kept| kept.outcome == AuditOutcome::Begun) {
            entries.insert(entry.id.clone(), entry.clone());
        }
        Ok(())
    }

    async fn get(&self, id: &AuditId) -> Result<Option<AuditEntry>, StoreError> {
        Ok(self.0.lock().get(id).cloned())
    }

    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        checks::audit_page(query)?;
        let entries = self.0.lock();
        let (from, before) = query.bounds();
        if from.as_ref().zip(before.as_ref()).is_some_and(|(from, before)| from >= before) {
            return Ok(AuditPage { entries: Vec::new(), next: None });
        }
        let range = (from.map_or(Bound::Unbounded, Bound::Included), before.map_or(Bound::Unbounded, Bound::Excluded));
        let met =
            entries.range::<AuditId, _>(range).rev().map(|(_, entry)| entry).filter(|entry| query.is_met_by(entry));
        let mut page: Vec<_> = met.take(query.limit + 1).cloned().collect();
        let more = page.len() > query.limit;
        page.truncate(query.limit);
        let next = page.last().filter(|_| more).map(|entry| entry.id.clone());
        Ok(AuditPage { entries: page, next })
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut entries = self.0.lock();
        let old: Vec<_> = entries.range(..AuditId::first_of(before)).take(limit).map(|(id, _)| id.clone()).collect();
        for id in &old {
            entries.remove(id);
        }
        Ok(old.len() as u64)
    }
}
