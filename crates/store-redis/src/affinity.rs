//! Sticky sessions: a hash each, which says until when it holds, and one sorted set by the earliest end.
//!
//! The set is written with the binding, in another slot: it may name what is not bound any more, or an end that has moved, so
//! whoever walks it looks at the binding itself. What it lacks after an accident goes by the servers' own expiry.

use crate::{
    announce::Announcer,
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::parsed,
    locks::millis,
};
use async_trait::async_trait;
use domain::{AccountId, Timestamp};
use redis::Value;
use std::time::Duration;
use store::{Affinity, AffinityKey, Bindings, Family, Notice, StoreError, error::StoreFailure};

static GET: Script = Script::new(include_str!("../scripts/affinity_get.lua"));
static BIND: Script = Script::new(include_str!("../scripts/affinity_bind.lua"));
static REMOVE: Script = Script::memoized(include_str!("../scripts/affinity_remove.lua"));

/// How long a binding that has ended waits to be swept before the servers remove it themselves.
const BACKSTOP: Duration = Duration::from_secs(600);

/// Bindings that one step of a walk looks at.
const STEP: usize = 500;

pub(crate) struct RedisAffinity {
    pub(crate) engine: Engine,
    pub(crate) announcer: Announcer,
}

impl RedisAffinity {
    /// Tells the other nodes, and then this one, that bindings have changed. Nodes that do not hear it hear that they are deaf.
    async fn announce(&self, session: Option<&AffinityKey>) -> Result<(), StoreError> {
        let notice = Notice::Affinity { session: session.cloned() };
        let message = self.announcer.message(&notice);
        let told = Call::command("PUBLISH").arg(self.announcer.channel()).arg(message);
        let told = self.engine.ask::<Value>("tell of sticky sessions", told).await;
        self.announcer.tell_own(notice);
        told.map(drop)
    }

    fn binding(&self, hash: &str) -> String {
        self.engine.names().key(Family::StickySession, &[hash])
    }

    fn ends(&self) -> String {
        self.engine.names().key(Family::StickySessionEnds, &[])
    }

    /// Removes a binding of `account` (none: of any) that has ended at `at` (none: whenever it ends).
    fn removal(&self, hash: &str, account: Option<&AccountId>, at: Option<Timestamp>) -> Call {
        let binding = self.binding(hash);
        let own = self.engine.names().call(&binding, &call_id());
        let at = at.map(|at| at.as_ms().to_string()).unwrap_or_default();
        REMOVE.on([binding, own]).arg(account.map_or("", AccountId::as_str)).arg(at)
    }

    /// Removes those of `hashes` that `removal` finds removable, the set's entries behind them; says how many.
    async fn remove(&self, hashes: &[String], removal: impl Fn(&str) -> Call) -> Result<u64, StoreError> {
        let operation = "remove sticky sessions";
        let calls = hashes.iter().map(|hash| removal(hash)).collect();
        let replies = self.engine.all(Lane::Bulk, operation, calls).await?;
        let mut removed = Vec::new();
        for (hash, reply) in hashes.iter().zip(replies) {
            if parsed::<bool>(operation, reply)? {
                removed.push(hash);
            }
        }
        if !removed.is_empty() {
            let entries = removed.iter().fold(Call::command("ZREM").arg(self.ends()), Call::arg);
            self.engine.all(Lane::Bulk, operation, vec![entries]).await?;
        }
        Ok(removed.len() as u64)
    }

    async fn flush_all(&self, which: Bindings<'_>) -> Result<u64, StoreError> {
        let operation = "walk the sticky sessions";
        let (account, prefix) = match which {
            Bindings::All => (None, String::new()),
            Bindings::To(account) => (Some(account), String::new()),
            Bindings::In(scope) => (None, scope.prefix()),
        };
        let (mut removed, mut passed) = (0, 0);
        loop {
            let step = Call::command("ZRANGE").arg(self.ends()).arg(passed).arg(passed + STEP - 1);
            let mut hashes: Vec<String> = self.engine.ask(operation, step).await?;
            if hashes.is_empty() {
                return Ok(removed);
            }
            passed += hashes.len();
            hashes.retain(|hash| hash.starts_with(&prefix));
            let gone = self.remove(&hashes, |hash| self.removal(hash, account, None)).await?;
            removed += gone;
            passed -= usize::try_from(gone).unwrap_or(0);
        }
    }

    /// The ends of these bindings, as they say themselves; none: there is no such binding.
    async fn ends_of(&self, hashes: &[String]) -> Result<Vec<Option<i64>>, StoreError> {
        let operation = "read sticky sessions";
        let calls = hashes.iter().map(|hash| Call::command("HGET").arg(self.binding(hash)).arg("until")).collect();
        let replies: Vec<Value> = self.engine.all(Lane::Bulk, operation, calls).await?;
        replies.into_iter().map(|reply| parsed(operation, reply)).collect()
    }

    /// Bindings whose end may have come at `now`, with their true ends; the set is put right where it was wrong.
    async fn ended(&self, now: Timestamp, limit: usize) -> Result<Vec<(i64, String)>, StoreError> {
        let operation = "find ended sticky sessions";
        let (ends, most) = (self.ends(), limit.saturating_mul(2) + STEP);
        let candidates = Call::command("ZRANGE").arg(&ends).arg("-inf").arg(now.as_ms());
        let candidates = candidates.arg("BYSCORE").arg("LIMIT").arg(0).arg(most);
        let [reply] = &mut self.engine.all(Lane::Bulk, operation, vec![candidates]).await?[..] else {
            return Ok(Vec::new());
        };
        let hashes: Vec<String> = parsed(operation, std::mem::replace(reply, Value::Nil))?;
        let (mut ended, mut mended) = (Vec::new(), Vec::new());
        for (hash, end) in hashes.iter().zip(self.ends_of(&hashes).await?) {
            match end {
                Some(end) if end <= now.as_ms() => ended.push((end, hash.clone())),
                Some(end) => mended.push(Call::command("ZADD").arg(&ends).arg(end).arg(hash)),
                None => mended.push(Call::command("ZREM").arg(&ends).arg(hash)),
            }
        }
        self.engine.all(Lane::Bulk, operation, mended).await?;
        ended.sort();
        ended.truncate(limit);
        Ok(ended)
    }
}

#[async_trait]
impl Affinity for RedisAffinity {
    async fn get(
        &self,
        key: &AffinityKey,
        renew: Option<Duration>,
        now: Timestamp,
    ) -> Result<Option<AccountId>, StoreError> {
        let operation = "read a sticky session";
        let until = renew.map(|ttl| now.plus(ttl).as_ms());
        let call = GET.on([self.binding(key.as_str())]).arg(now.as_ms());
        let call = call.arg(until.map(|until| until.to_string()).unwrap_or_default());
        let call = call.arg(millis(renew.unwrap_or_default() + BACKSTOP));
        // The set must not name a later end than the true one; an earlier one is put right by who walks it.
        let entry =
            until.map(|until| Call::command("ZADD").arg(self.ends()).arg("XX").arg("LT").arg(until).arg(key.as_str()));
        let calls = std::iter::once(call).chain(entry).collect();
        let account = self.engine.all(Lane::Request, operation, calls).await?.into_iter().next();
        let Some(account) = parsed::<Option<String>>(operation, account.unwrap_or(Value::Nil))? else {
            return Ok(None);
        };
        let account = AccountId::parse(&account);
        account.map(Some).map_err(|error| StoreError::new(operation, StoreFailure::Damaged).caused_by(error))
    }

    async fn bind(
        &self,
        key: &AffinityKey,
        expected: Option<&AccountId>,
        account: &AccountId,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<AccountId, StoreError> {
        let operation = "bind a session";
        let until = now.plus(ttl).as_ms();
        let entry = Call::command("ZADD").arg(self.ends()).arg("LT").arg(until).arg(key.as_str());
        let call = BIND.on([self.binding(key.as_str())]).arg(now.as_ms()).arg(until).arg(millis(ttl + BACKSTOP));
        let call = call.arg(account.as_str()).arg(expected.map_or("", AccountId::as_str));
        let notice = Notice::Affinity { session: Some(key.clone()) };
        let call = call.arg(self.announcer.channel()).arg(self.announcer.message(&notice));
        // No request waits for it.
        let bound = self.engine.all(Lane::Bulk, operation, vec![entry, call]).await?.pop();
        let bound: String = parsed(operation, bound.unwrap_or(Value::Nil))?;
        let bound = AccountId::parse(&bound)
            .map_err(|error| StoreError::new(operation, StoreFailure::Damaged).caused_by(error))?;
        if bound == *account && expected.is_some_and(|expected| expected != account) {
            self.announcer.tell_own(notice);
        }
        Ok(bound)
    }

    async fn unbind(&self, key: &AffinityKey) -> Result<bool, StoreError> {
        let hashes = [key.as_str().to_owned()];
        let was_bound = self.remove(&hashes, |hash| self.removal(hash, None, None)).await? > 0;
        if was_bound {
            self.announce(Some(key)).await?;
        }
        Ok(was_bound)
    }

    async fn flush(&self, which: Bindings<'_>) -> Result<u64, StoreError> {
        let flushed = self.flush_all(which).await;
        // Also where it broke off: what was removed by then is removed.
        if !matches!(flushed, Ok(0)) {
            self.announce(None).await?;
        }
        flushed
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let ended = self.ended(now, limit).await?;
        let hashes: Vec<_> = ended.into_iter().map(|(_, hash)| hash).collect();
        self.remove(&hashes, |hash| self.removal(hash, None, Some(now))).await
    }
}
