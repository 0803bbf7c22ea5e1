//! The books: sums by key, account and bucket, and the records packed by day, each part in the slot of its subject.
//!
//! A batch is applied subject by subject. Each remembers the last number of each journal that it has, so that a batch which was
//! interrupted, or which some subject lost again, is completed by sending it once more. The journal's own number is set last.

mod attempts;
mod place;
mod portion;
mod prune;
mod ranking;
mod usage;

use crate::{
    call::{Call, Script},
    engine::{Engine, Lane},
    error::{failed, parsed},
    server,
};
use async_trait::async_trait;
use domain::{Day, KeyId, NanoUsd, Timestamp};
use place::{add, spans};
use portion::{Portions, epoch_field};
use redis::Value;
use std::collections::HashMap;
use store::{
    Batch, Epoch, Family, Ledger, Lineage, StoreError, checks,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage, KeyTotals, UsageQuery, UsageRow},
};

static ADVANCE: Script = Script::new(include_str!("../scripts/ledger_advance.lua"));
static FOLD: Script = Script::new(include_str!("../scripts/ledger_fold.lua"));

/// Journals that a subject remembers before those that have ended are forgotten.
const EPOCHS_REMEMBERED: u64 = 8;

/// How long a journal delivers nothing until it counts as ended. It may go on all the same: its numbers are higher then.
const IDLE_MS: i64 = 24 * 3_600_000;

/// Ended journals that are forgotten at once.
const FOLDED_MAX: usize = 100;

pub(crate) struct RedisLedger(pub(crate) Engine);

impl RedisLedger {
    fn epoch(&self, epoch: &str) -> String {
        self.0.names().key(Family::LedgerEpoch, &[epoch])
    }

    async fn last_applied(&self, lane: Lane, epoch: &Epoch) -> Result<u64, StoreError> {
        let operation = "read a journal's last batch";
        let number = Call::command("HGET").arg(self.epoch(&epoch.0)).arg("number");
        let number = self.0.all(lane, operation, vec![number]).await?.pop();
        Ok(parsed::<Option<u64>>(operation, number.unwrap_or(Value::Nil))?.unwrap_or(0))
    }

    /// Applies what of `batch` is missing, subject by subject, and notes its number.
    async fn complete(&self, batch: &Batch) -> Result<u64, StoreError> {
        let operation = "apply a batch";
        let portions = Portions::new(self.0.names(), batch);
        self.0.all(Lane::Bulk, operation, portions.indexes()).await?;
        let (applied, calls): (Vec<_>, Vec<_>) =
            portions.all()?.into_iter().map(|portion| (portion.applied, portion.call)).unzip();
        let replies = self.0.all(Lane::Bulk, operation, calls).await?;
        let ended_at = batch.attempts.iter().map(|attempt| attempt.ended_at.as_ms()).max().unwrap_or(0);
        for (applied, reply) in applied.into_iter().zip(replies) {
            if parsed::<u64>(operation, reply)? > EPOCHS_REMEMBERED {
                self.fold(&applied, ended_at).await?;
            }
        }
        let epochs = Call::command("ZADD").arg(self.0.names().key(Family::LedgerEpochs, &[]));
        let advance = ADVANCE.on([self.epoch(&batch.epoch.0)]).arg(batch.number).arg(ended_at);
        let calls = vec![epochs.arg("GT").arg(ended_at).arg(&*batch.epoch.0), advance];
        let mut replies = self.0.all(Lane::Bulk, operation, calls).await?;
        parsed(operation, replies.pop().unwrap_or(Value::Nil))
    }

    /// Forgets at a subject the journals that have ended and of which it has all.
    async fn fold(&self, applied: &str, now_ms: i64) -> Result<(), StoreError> {
        let operation = "forget ended journals";
        let idle = Call::command("ZRANGE").arg(self.0.names().key(Family::LedgerEpochs, &[])).arg("-inf");
        let idle = idle.arg(now_ms.saturating_sub(IDLE_MS)).arg("BYSCORE").arg("LIMIT").arg(0).arg(FOLDED_MAX);
        let idle: Vec<String> = self.0.ask(operation, idle).await?;
        let mut call = FOLD.on([applied]);
        for epoch in &idle {
            let number = self.last_applied(Lane::Bulk, &Epoch(epoch.as_str().into())).await?;
            call = ["k", "a", "b"].iter().fold(call, |call, kind| call.arg(epoch_field(kind, epoch)).arg(number));
        }
        self.0.all(Lane::Bulk, operation, vec![call]).await.map(drop)
    }

    /// The buckets with this letter that exist between two ends, in order, by their names.
    async fn existing(&self, lane: Lane, letter: char, from: &str, to: &str) -> Result<Vec<String>, StoreError> {
        let operation = "list what the books hold";
        debug_assert!(from[1..].starts_with(letter), "a range of one letter");
        let all = self.0.names().key(Family::LedgerBuckets, &[]);
        let buckets = Call::command("ZRANGEBYLEX").arg(all).arg(from).arg(to);
        let reply = self.0.all(lane, operation, vec![buckets]).await?.pop();
        let buckets: Vec<String> = parsed(operation, reply.unwrap_or(Value::Nil))?;
        Ok(buckets.iter().filter_map(|bucket| bucket.get(2..)).map(str::to_owned).collect())
    }
}

#[async_trait]
impl Ledger for RedisLedger {
    async fn apply(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        let last = self.last_applied(Lane::Bulk, &batch.epoch).await?;
        if batch.number == last + 1 { self.complete(batch).await } else { Ok(last) }
    }

    async fn apply_again(&self, batch: &Batch) -> Result<u64, StoreError> {
        checks::batch(batch)?;
        self.complete(batch).await
    }

    async fn lineage(&self) -> Result<Lineage, StoreError> {
        server::lineage(&self.0).await.map_err(|error| failed("ask for the servers' lineage", error))
    }

    async fn applied(&self, epoch: &Epoch) -> Result<u64, StoreError> {
        self.last_applied(Lane::Request, epoch).await
    }

    async fn usage(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        checks::usage(query)?;
        self.sum_up(query).await
    }

    async fn key_totals(&self, keys: &[KeyId], today: Day) -> Result<Vec<KeyTotals>, StoreError> {
        let operation = "read the totals of keys";
        checks::keys(keys)?;
        let names = self.0.names();
        let [day, week, month] = spans(today).map(|span| format!("{span}/rated"));
        let calls = keys.iter().flat_map(|key| {
            let costs = Call::command("HMGET").arg(names.key(Family::ApiKeyCost, &[key.as_str()])).arg("total");
            let costs = costs.arg("total/rated").arg(&day).arg(&week).arg(&month);
            [Call::command("HGETALL").arg(names.key(Family::ApiKeyUsage, &[key.as_str()])), costs]
        });
        let mut replies = self.0.all(Lane::Request, operation, calls.collect()).await?.into_iter();
        let mut totals = Vec::with_capacity(keys.len());
        while let (Some(usage), Some(costs)) = (replies.next(), replies.next()) {
            totals.push(key_totals(&parsed(operation, usage)?, &parsed::<Vec<Option<i64>>>(operation, costs)?));
        }
        Ok(totals)
    }

    async fn attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<&AttemptCursor>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError> {
        checks::attempts(limit)?;
        self.page_of_attempts(filter, after, limit).await
    }

    async fn prune(&self, day: Day, hours_before: Day, limit: usize) -> Result<u64, StoreError> {
        self.prune_up_to(day, hours_before, limit).await
    }
}

fn key_totals(usage: &HashMap<String, i64>, costs: &[Option<i64>]) -> KeyTotals {
    let cost = |place: usize| NanoUsd(costs.get(place).copied().flatten().unwrap_or(0).into());
    let mut totals = KeyTotals { cost_day: cost(2), cost_week: cost(3), cost_month: cost(4), ..KeyTotals::default() };
    for (name, amount) in usage {
        add(&mut totals.sums, name, *amount);
    }
    (totals.sums.cost, totals.sums.cost_rated) = (cost(0), cost(1));
    totals.last_used_at = usage.get("last_used_at").copied().map(Timestamp::from_ms);
    totals
}
