//! What the books say of every key at once: the keys are listed by the months and days in which they were used, then asked one by
//! one, many at a time.

use super::{
    RedisLedger,
    place::{GROUP, NOBODY},
};
use crate::{call::Call, engine::Lane, error::parsed};
use async_trait::async_trait;
use domain::{KeyId, NanoUsd, Timestamp};
use std::collections::HashSet;
use store::{
    Family, Rankings, StoreError,
    rankings::{CostSpan, Days},
};

const OPERATION: &str = "rank keys";

/// Members of a set that a server looks at for one call: about a millisecond.
const SCANNED: usize = 2000;

#[async_trait]
impl Rankings for RedisLedger {
    async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
        let keys = self.used_in_months("-", "+").await?;
        let calls = keys.iter().map(|key| {
            let usage = self.0.names().key(Family::ApiKeyUsage, &[key.as_str()]);
            Call::command("HGET").arg(usage).arg("last_used_at")
        });
        let replies = self.0.all(Lane::Bulk, OPERATION, calls.collect()).await?;
        let mut uses = Vec::with_capacity(keys.len());
        for (key, reply) in keys.into_iter().zip(replies) {
            uses.extend(parsed::<Option<i64>>(OPERATION, reply)?.map(|at| (key, Timestamp::from_ms(at))));
        }
        Ok(uses)
    }

    async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
        let (first, last) = (days.from().month().to_string(), days.to().month().to_string());
        let keys = self.used_in_months(&first, &last).await?;
        let fields: Vec<_> = days.spans().into_iter().map(cost_field).collect();
        let calls = keys.iter().map(|key| {
            let costs = self.0.names().key(Family::ApiKeyCost, &[key.as_str()]);
            Call::command("HMGET").arg(costs).arg(&fields)
        });
        let replies = self.0.all(Lane::Bulk, OPERATION, calls.collect()).await?;
        let mut costs = Vec::with_capacity(keys.len());
        for (key, reply) in keys.into_iter().zip(replies) {
            let spans = parsed::<Vec<Option<i64>>>(OPERATION, reply)?;
            let cost = spans.into_iter().flatten().reduce(i64::saturating_add);
            costs.extend(cost.map(|cost| (key, NanoUsd(cost.into()))));
        }
        Ok(costs)
    }

    async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError> {
        let (from, to) = (format!("[d:{}", days.from()), format!("[d:{}", days.to()));
        let buckets = self.existing(Lane::Bulk, 'd', &from, &to).await?;
        let pattern = format!("*{GROUP}{}", literal(model));
        let mut keys = HashSet::new();
        let mut walks: Vec<_> = buckets.iter().map(|bucket| (self.members_of(bucket), "0".to_owned())).collect();
        while !walks.is_empty() {
            let calls = walks.iter().map(|(set, place)| {
                Call::command("SSCAN").arg(set).arg(place).arg("MATCH").arg(&pattern).arg("COUNT").arg(SCANNED)
            });
            let replies = self.0.all(Lane::Bulk, OPERATION, calls.collect()).await?;
            for ((_, place), reply) in walks.iter_mut().zip(replies) {
                let (next, members): (String, Vec<String>) = parsed(OPERATION, reply)?;
                *place = next;
                let used = members.iter().filter_map(|member| member.split_once(GROUP));
                keys.extend(used.filter(|(_, of)| *of == model).filter_map(|(key, _)| key_id(key)));
            }
            walks.retain(|(_, place)| place != "0");
        }
        Ok(keys.into_iter().collect())
    }
}

impl RedisLedger {
    fn members_of(&self, bucket: &str) -> String {
        self.0.names().key(Family::UsageKeys, &[bucket])
    }

    /// The keys that were used between two months, each once; `-` and `+` are the first and the last.
    async fn used_in_months(&self, first: &str, last: &str) -> Result<HashSet<KeyId>, StoreError> {
        let from = if first == "-" { "[m:".to_owned() } else { format!("[m:{first}") };
        let to = if last == "+" { "(m;".to_owned() } else { format!("[m:{last}") };
        let mut keys = HashSet::new();
        for bucket in self.existing(Lane::Bulk, 'm', &from, &to).await? {
            let members = Call::command("SMEMBERS").arg(self.members_of(&bucket));
            for reply in self.0.all(Lane::Bulk, OPERATION, vec![members]).await? {
                let members: Vec<String> = parsed(OPERATION, reply)?;
                keys.extend(members.iter().filter_map(|member| key_id(member.split_once(GROUP)?.0)));
            }
        }
        Ok(keys)
    }
}

/// The field of a span's rated cost.
fn cost_field(span: CostSpan) -> String {
    let span = match span {
        CostSpan::Day(day) => format!("day:{day}"),
        CostSpan::Week(week) => format!("week:{week}"),
        CostSpan::Month(month) => format!("month:{month}"),
    };
    format!("{span}{GROUP}rated")
}

/// The key of a member, if it is one.
fn key_id(text: &str) -> Option<KeyId> {
    if text == NOBODY { None } else { KeyId::parse(text).ok() }
}

/// A text as a pattern that matches it alone.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |pattern, letter| {
        if "*?[]^\\".contains(letter) { format!("{pattern}\\{letter}") } else { format!("{pattern}{letter}") }
    })
}
