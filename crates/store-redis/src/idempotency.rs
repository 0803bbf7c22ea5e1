//! Requests that may be sent again: a hash each, which the servers themselves remove.

use crate::{
    call::{Script, call_id},
    engine::Engine,
    error::damaged,
    locks::millis,
};
use async_trait::async_trait;
use domain::Timestamp;
use std::time::Duration;
use store::{
    Family, Idempotency, StoreError,
    idempotency::{Claim, Claimed},
};

static CLAIM: Script = Script::new(include_str!("../scripts/idempotency_claim.lua"));
static ANSWER: Script = Script::memoized(include_str!("../scripts/idempotency_answer.lua"));
static RELEASE: Script = Script::memoized(include_str!("../scripts/idempotency_release.lua"));

/// How long what has ended is kept beyond its end: longer than the clocks of nodes and servers are apart.
const BACKSTOP: Duration = Duration::from_secs(3600);

pub(crate) struct RedisIdempotency(pub(crate) Engine);

impl RedisIdempotency {
    fn key(&self, key: &str) -> String {
        self.0.names().key(Family::IdempotencyKey, &[key])
    }
}

#[async_trait]
impl Idempotency for RedisIdempotency {
    async fn claim(&self, key: &str, claim: &Claim, now: Timestamp) -> Result<Claimed, StoreError> {
        let operation = "claim a request";
        let call = CLAIM.on([self.key(key)]).arg(now.as_ms()).arg(claim.until.as_ms());
        let call = call.arg(&claim.holder).arg(&claim.request).arg(millis(claim.until.since(now) + BACKSTOP));
        let mut found = self.0.ask::<Vec<String>>(operation, call).await?.into_iter();
        let Some(request) = found.next() else { return Ok(Claimed::Yours) };
        let answer = found.next();
        if found.next().is_some() {
            return Err(damaged(operation));
        }
        Ok(Claimed::Taken { request, answer })
    }

    async fn answer(
        &self,
        key: &str,
        holder: &str,
        answer: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = self.key(key);
        let own = self.0.names().call(&key, &call_id());
        let call = ANSWER.on([key, own]).arg(now.as_ms()).arg(until.as_ms()).arg(holder).arg(answer);
        self.0.ask("keep an answer", call.arg(millis(until.since(now) + BACKSTOP))).await
    }

    async fn release(&self, key: &str, holder: &str) -> Result<bool, StoreError> {
        let key = self.key(key);
        let own = self.0.names().call(&key, &call_id());
        self.0.ask("give up a request", RELEASE.on([key, own]).arg(holder)).await
    }

    async fn sweep(&self, _: Timestamp, _: usize) -> Result<u64, StoreError> {
        Ok(0)
    }
}
