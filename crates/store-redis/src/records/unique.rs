//! Unique values: an index entry each, in a slot of its own. Claimed before the record is written, confirmed after it.
//!
//! A claim has a token and an end, so that one writer at a time works on an entry and a dead one's is taken over. An entry is only
//! a hint: the record must have the value, else the entry dangles and counts as missing.

use super::log::Deadlines;
use crate::{
    call::{Call, Script},
    engine::Engine,
    error::parsed,
    locks::millis,
};
use redis::Value;
use std::time::Duration;
use store::{Family, StoreError, error::StoreFailure, keyspace::Unique};
use tokio::time::{Instant, sleep};

static CLAIM: Script = Script::new(include_str!("../../scripts/unique_claim.lua"));
static SETTLE: Script = Script::new(include_str!("../../scripts/unique_settle.lua"));

/// The first wait for another writer's claim; each further one is twice as long.
const WAIT_MIN: Duration = Duration::from_millis(2);

/// The longest wait between two looks.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Between the parts of a claim; no id has it.
const SEPARATOR: char = '|';

/// The unique values of one family's records.
#[derive(Clone)]
pub(crate) struct Uniques {
    engine: Engine,
    deadlines: Deadlines,
}

/// A claim that is held.
pub(crate) struct Claim {
    entry: String,
    token: String,
}

/// What becomes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// The record has the value.
    Confirm,
    /// Nothing was changed.
    Restore,
    /// No record has the value.
    Remove,
}

/// The answer to a request for a value.
pub(crate) enum Claimed {
    /// It is held now.
    Held(Claim),
    /// A record has it.
    Taken,
}

impl Uniques {
    pub(crate) const fn new(engine: Engine, deadlines: Deadlines) -> Self {
        Self { engine, deadlines }
    }

    /// The id that an entry names, claimed or confirmed.
    pub(crate) async fn holder(&self, index: Family, value: &str) -> Result<Option<String>, StoreError> {
        let entry = Call::command("GET").arg(self.entry(index, value));
        let entry: Option<String> = self.engine.ask("look a unique value up", entry).await?;
        Ok(entry.map(|entry| holder(&entry).to_owned()))
    }

    /// Claims `value` for record `id`; waits while another writer works on it.
    pub(crate) async fn claim(
        &self,
        family: Family,
        unique: &Unique,
        value: &str,
        id: &str,
        token: &str,
    ) -> Result<Claimed, StoreError> {
        let operation = "claim a unique value";
        let (entry, mut dangling, mut wait) = (self.entry(unique.index, value), String::new(), WAIT_MIN);
        let deadline = Instant::now() + self.deadlines.settled * 2;
        while Instant::now() < deadline {
            let call = CLAIM.on([&entry]).arg(id).arg(token).arg(millis(self.deadlines.settled)).arg(&dangling);
            let (outcome, found): (String, String) = self.engine.ask(operation, call).await?;
            match outcome.as_str() {
                "claimed" => return Ok(Claimed::Held(Claim { entry, token: token.to_owned() })),
                "taken" if self.has(family, unique, holder(&found), value).await? => return Ok(Claimed::Taken),
                // Nobody has it: it may be taken over, as long as it stays what was looked at.
                "taken" => dangling = found,
                _ => {
                    sleep(wait).await;
                    wait = (wait * 2).min(WAIT_MAX);
                }
            }
        }
        Err(StoreError::new(operation, StoreFailure::Unavailable))
    }

    /// The call that settles a claim; it does nothing once another writer has taken the claim over.
    pub(crate) fn settle(claim: &Claim, settlement: Settlement) -> Call {
        let settlement = match settlement {
            Settlement::Confirm => "confirm",
            Settlement::Restore => "restore",
            Settlement::Remove => "remove",
        };
        SETTLE.on([&claim.entry]).arg(&claim.token).arg(settlement)
    }

    /// Removes the entry of a value that record `id` had, unless it has it again. What fails here dangles, and harms nobody.
    pub(crate) async fn release(
        &self,
        family: Family,
        unique: &Unique,
        value: &str,
        id: &str,
        token: &str,
    ) -> Result<(), StoreError> {
        let operation = "release a unique value";
        let entry = self.entry(unique.index, value);
        let call = CLAIM.on([&entry]).arg(id).arg(token).arg(millis(self.deadlines.settled)).arg("");
        let (outcome, _): (String, String) = self.engine.ask(operation, call).await?;
        if outcome != "claimed" {
            // Another record has it, or another writer works on it and looks at the record itself.
            return Ok(());
        }
        let has = self.has(family, unique, id, value).await?;
        let settlement = if has { Settlement::Confirm } else { Settlement::Remove };
        let claim = Claim { entry, token: token.to_owned() };
        self.engine.ask::<Value>(operation, Self::settle(&claim, settlement)).await.map(drop)
    }

    /// Whether record `id` has the value.
    async fn has(&self, family: Family, unique: &Unique, id: &str, value: &str) -> Result<bool, StoreError> {
        let operation = "read a unique value";
        let record = super::record_key(&self.engine, family, id);
        let [held] = self.engine.together(operation, [Call::command("HGET").arg(record).arg(unique.column)]).await?;
        Ok(parsed::<Option<String>>(operation, held)?.is_some_and(|held| held == value))
    }

    fn entry(&self, index: Family, value: &str) -> String {
        self.engine.names().key(index, &[value])
    }
}

/// The id in an entry.
fn holder(entry: &str) -> &str {
    entry.split(SEPARATOR).next().unwrap_or_default()
}
