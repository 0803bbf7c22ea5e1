//! The sequence of changes, in one slot: a mark before a record is written, a number after it.
//!
//! A writer that dies in between leaves its mark. Once nothing of that writer can land any more, whoever reads the log gives the
//! change a number: it may have been made, and who follows the log reads the record.

use crate::{
    announce::Announcer,
    call::{Call, Script},
    engine::Engine,
    error::parsed,
};
use redis::Value;
use std::time::Duration;
use store::{Family, Notice, StoreError, keyspace::TABLE, records::Change};

static MARK: Script = Script::new(include_str!("../../scripts/log_mark.lua"));
static CONFIRM: Script = Script::new(include_str!("../../scripts/log_confirm.lua"));
static READ: Script = Script::new(include_str!("../../scripts/log_read.lua"));

/// The subject of the log's keys.
const LOG: &str = "log";

/// Marks that one reading resolves at most.
const RESOLVED_MAX: usize = 200;

/// How long what is under way may take, and how long after it that is believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// From the mark on, a record may be written within this.
    pub(crate) write: Duration,
    /// Nothing lands later than this after the mark: claims may be taken over, marks be resolved. The difference is for servers
    /// whose clocks disagree.
    pub(crate) settled: Duration,
}

impl Deadlines {
    /// For servers whose clocks are kept.
    pub(crate) const DEFAULT: Self = Self { write: Duration::from_secs(10), settled: Duration::from_secs(30) };
}

/// The log.
#[derive(Clone)]
pub(crate) struct ChangeLog {
    engine: Engine,
    deadlines: Deadlines,
}

/// A change under way.
pub(crate) struct Mark {
    family: Family,
    id: String,
    text: String,
}

impl ChangeLog {
    pub(crate) const fn new(engine: Engine, deadlines: Deadlines) -> Self {
        Self { engine, deadlines }
    }

    fn key(&self, part: &str) -> String {
        self.engine.names().key(Family::Change, &[LOG, part])
    }

    /// A mark, and the call that sets it: its reply is until when the record may be written.
    pub(crate) fn mark(&self, family: Family, id: &str, token: &str) -> (Mark, Call) {
        let text = format!("{family}|{id}|{token}");
        let life_ms = crate::locks::millis(self.deadlines.write);
        let call = MARK.on([self.key("marks")]).arg(&text).arg(life_ms);
        (Mark { family, id: id.to_owned(), text }, call)
    }

    /// The call behind a change: if it was made, it is numbered, and announced to who reads lists; its mark is removed.
    pub(crate) fn confirm(&self, mark: &Mark, was_made: bool, announcer: &Announcer) -> Call {
        let keys = [self.key("sequence"), self.key("marks"), self.key(mark.family.name())];
        let id = if was_made { mark.id.as_str() } else { "" };
        let notice = Notice::Record { family: mark.family, id: mark.id.as_str().into() };
        CONFIRM.on(keys).arg(&mark.text).arg(id).arg(announcer.channel()).arg(announcer.message(&notice))
    }

    /// Changes after `sequence`, oldest first, at most `limit`; of one family or of all.
    pub(crate) async fn after(
        &self,
        sequence: u64,
        limit: usize,
        only: Option<Family>,
    ) -> Result<Vec<Change>, StoreError> {
        let operation = "read the changes";
        let families: Vec<_> = served().collect();
        let keys = ["sequence", "marks"].into_iter().chain(families.iter().map(|family| family.name()));
        let keys: Vec<_> = keys.map(|part| self.key(part)).collect();
        let place =
            only.and_then(|only| families.iter().position(|family| *family == only)).map_or(0, |place| place + 1);
        let margin = self.deadlines.settled.saturating_sub(self.deadlines.write);
        let call =
            READ.on(keys).arg(sequence).arg(limit).arg(crate::locks::millis(margin)).arg(RESOLVED_MAX).arg(place);
        let call = families.iter().fold(call, |call, family| call.arg(family.name()));
        let reply: Value = self.engine.ask(operation, call).await?;
        let flat: Vec<String> = parsed(operation, reply)?;
        let mut changes = Vec::with_capacity(flat.len() / 3);
        for change in flat.chunks_exact(3) {
            let place = change[0].parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            let family = place.and_then(|place| families.get(place).copied());
            let sequence = change[2].parse().ok();
            let (Some(family), Some(sequence)) = (family, sequence) else { continue };
            changes.push(Change { sequence, family, id: change[1].clone() });
        }
        changes.sort_by_key(|change| change.sequence);
        changes.truncate(limit);
        Ok(changes)
    }
}

/// The families that hold records, in the order of the table.
fn served() -> impl Iterator<Item = Family> {
    TABLE.iter().filter(|entry| !entry.columns.is_empty()).map(|entry| entry.family)
}
