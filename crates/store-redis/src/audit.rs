//! The audit log: a hash and a sorted set per day (UTC) in one slot, and the days in a set of their own. Filters are applied here.

use crate::{
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::{damaged, parsed},
};
use async_trait::async_trait;
use domain::{AuditId, Calendar, Timestamp};
use redis::Value;
use std::ops::ControlFlow;
use store::{
    Audit, AuditEntry, Family, StoreError,
    audit::{AuditOutcome, AuditPage, AuditQuery, from_text, to_text},
    checks,
};

static APPEND: Script = Script::new(include_str!("../scripts/audit_append.lua"));
static PAGE: Script = Script::new(include_str!("../scripts/audit_page.lua"));
static PRUNE: Script = Script::memoized(include_str!("../scripts/audit_prune.lua"));

/// Entries that one call reads: about 100 KiB, a few MiB where many keys were changed at once.
const READ_AT_ONCE: usize = 100;

/// Entries that a page looks at to find those that are asked for; beyond it the page is short, and there is more.
const LOOKED_AT_MAX: usize = 5000;

/// Days that are asked for at once.
const DAYS_AT_ONCE: usize = 400;

pub(crate) struct RedisAudit(pub(crate) Engine);

impl RedisAudit {
    /// Entries and order of a day.
    fn keys(&self, day: &str) -> [String; 2] {
        [Family::AuditEntry, Family::AuditOrder].map(|family| self.0.names().key(family, &[day]))
    }

    fn days(&self) -> String {
        self.0.names().key(Family::AuditDays, &[])
    }

    /// Days that have entries between `ends`, the newest first, up to [`DAYS_AT_ONCE`].
    async fn days_between(&self, ends: &Ends) -> Result<Vec<String>, StoreError> {
        let end = |id: &Option<AuditId>, open: &str| match id.as_ref().and_then(AuditId::at) {
            Some(at) => format!("[{}", day(at)),
            None => open.to_owned(),
        };
        let call = Call::command("ZRANGE").arg(self.days()).arg(end(&ends.before, "+")).arg(end(&ends.from, "-"));
        let call = call.arg("BYLEX").arg("REV").arg("LIMIT").arg(0).arg(DAYS_AT_ONCE);
        self.0.ask("find days of the audit log", call).await
    }

    /// Up to [`READ_AT_ONCE`] entries of `day`, the newest first.
    async fn read(&self, day: &str, ends: &Ends) -> Result<Vec<AuditEntry>, StoreError> {
        let operation = "list audit entries";
        let call = PAGE.on(self.keys(day)).arg(ends.newest()).arg(ends.oldest()).arg(READ_AT_ONCE);
        let kept: Vec<String> = self.0.ask(operation, call).await?;
        let entries = kept.chunks_exact(2).map(|pair| {
            let id = AuditId::parse(&pair[0]).ok();
            id.and_then(|id| from_kept(&id, &pair[1])).ok_or_else(|| damaged(operation))
        });
        entries.collect()
    }
}

/// Between which ids entries are looked for.
struct Ends {
    from: Option<AuditId>,
    before: Option<AuditId>,
}

impl Ends {
    fn newest(&self) -> String {
        self.before.as_ref().map_or("+".to_owned(), |id| format!("({id}"))
    }

    fn oldest(&self) -> String {
        self.from.as_ref().map_or("-".to_owned(), |id| format!("[{id}"))
    }
}

/// A page that is being put together.
struct Search<'a> {
    query: &'a AuditQuery,
    /// Where it goes on.
    ends: Ends,
    found: Vec<AuditEntry>,
    looked_at: usize,
}

impl Search<'_> {
    /// Takes what is asked for out of `read`, the newest first; breaks when the page is full, or enough was looked at.
    fn take(&mut self, read: Vec<AuditEntry>) -> ControlFlow<()> {
        self.looked_at += read.len();
        for entry in read {
            if self.found.len() == self.query.limit {
                return ControlFlow::Break(());
            }
            self.ends.before = Some(entry.id.clone());
            if self.query.is_met_by(&entry) {
                self.found.push(entry);
            }
        }
        if self.looked_at >= LOOKED_AT_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[async_trait]
impl Audit for RedisAudit {
    async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        checks::audit_id(&entry.id)?;
        let operation = "append an audit entry";
        let day = day(entry.id.at().ok_or_else(|| damaged(operation))?);
        let state = if entry.outcome == AuditOutcome::Begun { "begun" } else { "ended" };
        let calls = [
            Call::command("ZADD").arg(self.days()).arg(0).arg(&day),
            APPEND.on(self.keys(&day)).arg(entry.id.as_str()).arg(state).arg(to_text(entry)),
        ];
        self.0.together(operation, calls).await.map(drop)
    }

    async fn get(&self, id: &AuditId) -> Result<Option<AuditEntry>, StoreError> {
        let operation = "read an audit entry";
        let Some(at) = id.at() else { return Ok(None) };
        let [entries, _] = self.keys(&day(at));
        let kept: Option<String> = self.0.ask(operation, Call::command("HGET").arg(entries).arg(id.as_str())).await?;
        kept.map(|kept| from_kept(id, &kept).ok_or_else(|| damaged(operation))).transpose()
    }

    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError> {
        checks::audit_page(query)?;
        let (from, before) = query.bounds();
        let mut search = Search { query, ends: Ends { from, before }, found: Vec::new(), looked_at: 0 };
        loop {
            let days = self.days_between(&search.ends).await?;
            for day in &days {
                loop {
                    let read = self.read(day, &search.ends).await?;
                    let is_last = read.len() < READ_AT_ONCE;
                    if search.take(read).is_break() {
                        return Ok(AuditPage { entries: search.found, next: search.ends.before });
                    }
                    if is_last {
                        break;
                    }
                }
            }
            let Some(oldest) = days.last().filter(|_| days.len() == DAYS_AT_ONCE) else {
                return Ok(AuditPage { entries: search.found, next: None });
            };
            search.ends.before = first_of_day(oldest).or(search.ends.before);
        }
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let operation = "prune the audit log";
        let last = day(before);
        let mut left = limit;
        while left > 0 {
            let oldest = Call::command("ZRANGE").arg(self.days()).arg("-").arg(format!("[{last}")).arg("BYLEX");
            let oldest: Vec<String> = self.0.ask(operation, oldest.arg("LIMIT").arg(0).arg(1)).await?;
            let Some(day) = oldest.first() else { break };
            let [entries, order] = self.keys(day);
            let own = self.0.names().call(&entries, &call_id());
            let call = PRUNE.on([entries, order, own]).arg(AuditId::first_of(before).as_str()).arg(left);
            let replies = self.0.all(Lane::Bulk, operation, vec![call]).await?;
            let reply = replies.into_iter().next().ok_or_else(|| damaged(operation))?;
            let (gone, kept): (usize, usize) = parsed(operation, reply)?;
            left -= gone;
            if kept > 0 {
                break;
            }
            self.0.ask::<Value>(operation, Call::command("ZREM").arg(self.days()).arg(day)).await?;
        }
        Ok((limit - left) as u64)
    }
}

/// The day of `at` in UTC, `2026-11-23`.
fn day(at: Timestamp) -> String {
    Calendar::utc().day(at).to_string()
}

/// The id before which all entries of earlier days stand.
fn first_of_day(day: &str) -> Option<AuditId> {
    let day = domain::Day::parse(day)?;
    Some(AuditId::first_of(Calendar::utc().start_of(day)))
}

/// Reads what the script keeps: a letter, then the document.
fn from_kept(id: &AuditId, kept: &str) -> Option<AuditEntry> {
    from_text(id, kept.strip_prefix(['b', 'e'])?)
}
