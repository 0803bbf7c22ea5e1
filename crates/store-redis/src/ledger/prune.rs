//! Removing old usage, in steps of a stated size that can be interrupted anywhere: what finds a part goes after the part.

use super::{
    RedisLedger,
    place::{COSTS, GROUP, families, first_second, letter, week, week_ends},
};
use crate::{
    call::{Call, Script, call_id},
    engine::Lane,
    error::parsed,
};
use domain::Day;
use redis::Value;
use std::time::Duration;
use store::{Family, StoreError, ledger::Period};

static SUMS: Script = Script::memoized(include_str!("../../scripts/ledger_prune_sums.lua"));
static COSTS_OF_KEY: Script = Script::memoized(include_str!("../../scripts/ledger_prune_costs.lua"));
static RECORDS: Script = Script::memoized(include_str!("../../scripts/ledger_prune_records.lua"));

const OPERATION: &str = "remove old usage";

/// How long a pruned bucket remembers its last batches: one that is sent again until then counts nothing twice.
const APPLIED_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Members of an index that one step looks at.
const MEMBERS_MAX: usize = 500;

/// A part of a bucket: what finds it, and what one member stands for.
enum Part {
    Keys,
    Accounts,
}

impl RedisLedger {
    pub(super) async fn prune_up_to(&self, day: Day, hours_before: Day, limit: usize) -> Result<u64, StoreError> {
        let mut left = limit;
        for period in [Period::Day, Period::Hour] {
            let end = if period == Period::Day { day } else { hours_before };
            for bucket in self.before(letter(period), end).await? {
                left -= self.prune_bucket(period, &bucket, left).await?;
                if left == 0 {
                    return Ok(limit as u64);
                }
            }
        }
        for ends in self.before(COSTS, day).await? {
            left -= self.prune_costs(&ends, left).await?;
            if left == 0 {
                break;
            }
        }
        Ok((limit - left) as u64)
    }

    /// The existing buckets before a day, the oldest first.
    async fn before(&self, letter: char, day: Day) -> Result<Vec<String>, StoreError> {
        self.existing(Lane::Bulk, letter, &format!("[{letter}:"), &format!("({letter}:{day}")).await
    }

    /// Removes up to `limit` rows and records of a bucket; when none is left, the bucket itself.
    async fn prune_bucket(&self, period: Period, bucket: &str, limit: usize) -> Result<usize, StoreError> {
        let mut left = limit;
        if period == Period::Day {
            left -= self.prune_records(bucket, left).await?;
        }
        for part in [Part::Keys, Part::Accounts] {
            left -= self.prune_part(period, bucket, &part, left).await?;
        }
        let [_, _, global] = families(period);
        let sums = self.0.names().key(global, &[bucket]);
        let calls = if left > 0 { vec![self.sums_removal([&sums, &sums, &sums], left, "")] } else { Vec::new() };
        for reply in self.0.all(Lane::Bulk, OPERATION, calls).await? {
            let (removed, _): (usize, usize) = parsed(OPERATION, reply)?;
            left -= removed;
        }
        if left > 0 {
            self.forget_bucket(period, bucket).await?;
        }
        Ok(limit - left)
    }

    async fn prune_records(&self, day: &str, limit: usize) -> Result<usize, StoreError> {
        let names = self.0.names();
        let records = names.key(Family::UsageRecord, &[day]);
        let seconds = names.key(Family::UsageRecordSeconds, &[day]);
        let own = names.call(&records, &call_id());
        let first = Day::parse(day).map_or(0, first_second);
        let call = RECORDS.on([records, seconds, own]).arg(limit).arg(first);
        let [reply] = &mut self.0.all(Lane::Bulk, OPERATION, vec![call]).await?[..] else { return Ok(0) };
        let (removed, _): (usize, usize) = parsed(OPERATION, std::mem::replace(reply, Value::Nil))?;
        Ok(removed)
    }

    /// Removes up to `limit` rows of the keys or of the accounts of a bucket.
    async fn prune_part(&self, period: Period, bucket: &str, part: &Part, limit: usize) -> Result<usize, StoreError> {
        let index = self.0.names().key(part.index(), &[bucket]);
        let mut left = limit;
        while left > 0 {
            let call = Call::command("SRANDMEMBER").arg(&index).arg(left.min(MEMBERS_MAX));
            let members: Vec<String> = self.0.ask(OPERATION, call).await?;
            if members.is_empty() {
                break;
            }
            let each = left / members.len();
            let calls = members.iter().map(|member| self.removal(period, bucket, part, member, each)).collect();
            let mut gone = Vec::new();
            for (member, reply) in members.iter().zip(self.0.all(Lane::Bulk, OPERATION, calls).await?) {
                let (removed, rest): (usize, usize) = parsed(OPERATION, reply)?;
                left -= removed;
                gone.extend((rest == 0).then_some(member));
            }
            if !gone.is_empty() {
                let call = gone.into_iter().fold(Call::command("SREM").arg(&index), Call::arg);
                self.0.ask::<Value>(OPERATION, call).await?;
            }
        }
        Ok(limit - left)
    }

    fn removal(&self, period: Period, bucket: &str, part: &Part, member: &str, rows: usize) -> Call {
        let ([keys, accounts, _], names) = (families(period), self.0.names());
        match part {
            Part::Keys => {
                let (key, model) = member.split_once(GROUP).unwrap_or((member, ""));
                let sums = names.key(keys, &[bucket, key, model]);
                let members = names.key(Family::UsageBuckets, &[key]);
                let places = names.key(Family::UsageRecordKey, &[key, bucket]);
                let member = format!("{}:{bucket}:{model}", letter(period));
                self.sums_removal([&sums, &members, &places], rows, &member)
            }
            Part::Accounts => {
                let sums = names.key(accounts, &[member, bucket]);
                let places = names.key(Family::UsageRecordAccount, &[member, bucket]);
                self.sums_removal([&sums, &sums, &places], rows, bucket)
            }
        }
    }

    fn sums_removal(&self, keys: [&String; 3], rows: usize, member: &str) -> Call {
        let own = self.0.names().call(keys[0], &call_id());
        let [sums, members, places] = keys;
        SUMS.on([sums, members, places, &own]).arg(rows).arg(member)
    }

    /// Removes up to `limit` costs that ended on a day.
    async fn prune_costs(&self, ends: &str, limit: usize) -> Result<usize, StoreError> {
        let names = self.0.names();
        let Some(day) = Day::parse(ends) else { return Ok(0) };
        let (index, mut left) = (names.key(Family::UsageCostEnds, &[ends]), limit);
        let mut spans = vec![format!("day:{day}")];
        spans.extend((week_ends(day) == day).then(|| week(day)));
        while left >= spans.len() {
            let call = Call::command("SRANDMEMBER").arg(&index).arg((left / spans.len()).min(MEMBERS_MAX));
            let keys: Vec<String> = self.0.ask(OPERATION, call).await?;
            if keys.is_empty() {
                self.forget(&format!("{COSTS}:{ends}")).await?;
                break;
            }
            let calls = keys.iter().map(|key| {
                let costs = names.key(Family::ApiKeyCost, &[key]);
                let own = names.call(&costs, &call_id());
                spans.iter().fold(COSTS_OF_KEY.on([costs, own]), Call::arg)
            });
            for reply in self.0.all(Lane::Bulk, OPERATION, calls.collect()).await? {
                left -= parsed::<usize>(OPERATION, reply)?;
            }
            let call = keys.iter().fold(Call::command("SREM").arg(&index), Call::arg);
            self.0.ask::<Value>(OPERATION, call).await?;
        }
        Ok(limit - left)
    }

    async fn forget_bucket(&self, period: Period, bucket: &str) -> Result<(), StoreError> {
        let names = self.0.names();
        let applied = names.key(Family::LedgerApplied, &[bucket]);
        let mut calls = vec![Call::command("PEXPIRE").arg(applied).arg(crate::locks::millis(APPLIED_KEPT))];
        if period == Period::Day {
            calls.push(Call::command("UNLINK").arg(names.key(Family::UsageRecordSeconds, &[bucket])));
        }
        self.0.all(Lane::Bulk, OPERATION, calls).await?;
        self.forget(&format!("{}:{bucket}", letter(period))).await
    }

    async fn forget(&self, bucket: &str) -> Result<(), StoreError> {
        let call = Call::command("ZREM").arg(self.0.names().key(Family::LedgerBuckets, &[])).arg(bucket);
        self.0.ask::<Value>(OPERATION, call).await.map(drop)
    }
}

impl Part {
    const fn index(&self) -> Family {
        match self {
            Self::Keys => Family::UsageKeys,
            Self::Accounts => Family::UsageAccounts,
        }
    }
}
