//! Requests that may be sent again, in memory.

use crate::{
    Idempotency, StoreError,
    idempotency::{Claim, Claimed},
};
use async_trait::async_trait;
use domain::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub(super) struct MemoryIdempotency(Mutex<HashMap<String, Kept>>);

#[derive(Debug)]
struct Kept {
    claim: Claim,
    answer: Option<String>,
}

impl Kept {
    fn is_held_by(&self, holder: &str) -> bool {
        self.claim.holder == holder && self.answer.is_none()
    }
}

#[async_trait]
impl Idempotency for MemoryIdempotency {
    async fn claim(&self, key: &str, claim: &Claim, now: Timestamp) -> Result<Claimed, StoreError> {
        let mut all = self.0.lock();
        if let Some(kept) = all.get(key).filter(|kept| now < kept.claim.until && !kept.is_held_by(&claim.holder)) {
            return Ok(Claimed::Taken { request: kept.claim.request.clone(), answer: kept.answer.clone() });
        }
        all.insert(key.to_owned(), Kept { claim: claim.clone(), answer: None });
        Ok(Claimed::Yours)
    }

    async fn answer(
        &self,
        key: &str,
        holder: &str,
        answer: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut all = self.0.lock();
        let held = all.get_mut(key).filter(|kept| now < kept.claim.until && kept.is_held_by(holder));
        let Some(kept) = held else { return Ok(false) };
        kept.answer = Some(answer.to_owned());
        kept.claim.until = until;
        Ok(true)
    }

    async fn release(&self, key: &str, holder: &str) -> Result<bool, StoreError> {
        let mut all = self.0.lock();
        let held = all.get(key).is_some_and(|kept| kept.is_held_by(holder));
        if held {
            all.remove(key);
        }
        Ok(held)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut all = self.0.lock();
        let over = all.iter().filter(|(_, kept)| kept.claim.until <= now).take(limit);
        let over: Vec<_> = over.map(|(key, _)| key.clone()).collect();
        for key in &over {
            all.remove(key);
        }
        Ok(over.len() as u64)
    }
}
