//! Cooldowns and windows. Cooldowns: a hash per account, by scope, and one sorted set of all by their end.
//!
//! Which of two cooldowns holds is decided here, not in a script: what was read is compared when it is replaced. The sorted set is
//! written first, in another slot; who walks it looks at the account's own hash.

use crate::{
    announce::Announcer,
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::{damaged, parsed},
    locks::millis,
};
use async_trait::async_trait;
use domain::{AccountId, Cooldown, CooldownCause, CooldownScope, Timestamp, UsageWindow, WindowStatus};
use redis::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::{Family, Health, Notice, StoreError, error::StoreFailure};

static SET: Script = Script::new(include_str!("../scripts/cooldown_set.lua"));
static TELL: Script = Script::new(include_str!("../scripts/window_tell.lua"));
static END: Script = Script::memoized(include_str!("../scripts/cooldown_end.lua"));

/// How long a cooldown that has ended waits to be swept before the servers remove it themselves.
const BACKSTOP: Duration = Duration::from_secs(24 * 3600);

/// How often a cooldown is tried to be set while others set it, too.
const TRIES_MAX: usize = 100;

/// Between the account and the scope in the set; no id has it.
const SEPARATOR: char = '|';

pub(crate) struct RedisHealth {
    pub(crate) engine: Engine,
    pub(crate) announcer: Announcer,
}

impl RedisHealth {
    fn keys(&self, account: &str) -> [String; 2] {
        [Family::RateLimitState, Family::Overload].map(|family| self.engine.names().key(family, &[account]))
    }

    fn windows_of(&self, account: &AccountId) -> String {
        self.engine.names().key(Family::SessionWindow, &[account.as_str()])
    }

    fn all_ends(&self) -> String {
        self.engine.names().key(Family::Cooldowns, &[])
    }

    fn notice(account: &AccountId) -> Notice {
        Notice::Health { account: account.clone() }
    }

    async fn standing(&self, account: &AccountId, scope: &str) -> Result<Option<String>, StoreError> {
        let [state, _] = self.keys(account.as_str());
        self.engine.ask("read a cooldown", Call::command("HGET").arg(state).arg(scope)).await
    }

    fn setting(&self, account: &AccountId, standing: &str, cooldown: &Cooldown) -> [Call; 2] {
        let (scope, until) = (cooldown.scope.to_text(), cooldown.until.as_ms());
        let entry = format!("{account}{SEPARATOR}{scope}");
        let is_overload = cooldown.cause == CooldownCause::Overloaded && cooldown.scope == CooldownScope::Account;
        let set = SET.on(self.keys(account.as_str())).arg(&scope).arg(standing).arg(to_text(cooldown));
        let set = set.arg(if is_overload { until.to_string() } else { String::new() });
        let set = set.arg(millis(cooldown.until.since(cooldown.since) + BACKSTOP));
        let message = self.announcer.message(&Self::notice(account));
        let set = set.arg(self.announcer.channel()).arg(message);
        [Call::command("ZADD").arg(self.all_ends()).arg(until).arg(entry), set]
    }

    /// A call that ends cooldowns of `account`: of `scope` (none: of all), if over at `at` (none: over or not).
    fn ending(&self, account: &str, scope: Option<&CooldownScope>, at: Option<Timestamp>, message: &str) -> Call {
        let [state, overload] = self.keys(account);
        let own = self.engine.names().call(&state, &call_id());
        let call = END.on([state, overload, own]).arg(scope.map(CooldownScope::to_text).unwrap_or_default());
        let call = call.arg(at.map(|at| at.as_ms().to_string()).unwrap_or_default());
        call.arg(self.announcer.channel()).arg(message)
    }

    /// Takes out of the set what was ended.
    async fn forget(&self, account: &str, scopes: &[String]) -> Result<(), StoreError> {
        if scopes.is_empty() {
            return Ok(());
        }
        let entries = scopes.iter().map(|scope| format!("{account}{SEPARATOR}{scope}"));
        let call = entries.fold(Call::command("ZREM").arg(self.all_ends()), Call::arg);
        self.engine.ask::<Value>("end a cooldown", call).await.map(drop)
    }

    /// Accounts that the set names.
    async fn named(&self) -> Result<BTreeSet<AccountId>, StoreError> {
        let call = Call::command("ZRANGE").arg(self.all_ends()).arg(0).arg(-1);
        let entries: Vec<String> = self.engine.ask("list cooldowns", call).await?;
        let accounts = entries.iter().filter_map(|entry| entry.split_once(SEPARATOR));
        Ok(accounts.filter_map(|(account, _)| AccountId::parse(account).ok()).collect())
    }
}

#[async_trait]
impl Health for RedisHealth {
    async fn begin(&self, account: &AccountId, cooldown: &Cooldown) -> Result<Cooldown, StoreError> {
        let operation = "begin a cooldown";
        for _ in 0..TRIES_MAX {
            let standing = self.standing(account, &cooldown.scope.to_text()).await?.unwrap_or_default();
            let older = from_text(&cooldown.scope, &standing);
            if let Some(older) = older.filter(|older| older.outweighs(cooldown)) {
                return Ok(older);
            }
            let set = self.engine.together(operation, self.setting(account, &standing, cooldown)).await;
            if set.as_ref().is_err_and(|error| error.kind == StoreFailure::Unavailable) {
                self.announcer.tell_own(Self::notice(account));
            }
            let [_, set] = set?;
            if parsed(operation, set)? {
                self.announcer.tell_own(Self::notice(account));
                return Ok(cooldown.clone());
            }
        }
        Err(StoreError::new(operation, StoreFailure::Unavailable))
    }

    async fn end(&self, account: &AccountId, scope: Option<&CooldownScope>) -> Result<u64, StoreError> {
        let message = self.announcer.message(&Self::notice(account));
        let ended = self.engine.ask("end a cooldown", self.ending(account.as_str(), scope, None, &message)).await;
        let ended: Vec<String> = ended.inspect_err(|_| self.announcer.tell_own(Self::notice(account)))?;
        if !ended.is_empty() {
            self.announcer.tell_own(Self::notice(account));
        }
        self.forget(account.as_str(), &ended).await?;
        Ok(ended.len() as u64)
    }

    async fn of(&self, account: &AccountId, now: Timestamp) -> Result<Vec<Cooldown>, StoreError> {
        let [state, _] = self.keys(account.as_str());
        let fields = self.engine.ask("read cooldowns", Call::command("HGETALL").arg(state)).await?;
        Ok(holding(fields, now))
    }

    async fn all(&self, now: Timestamp) -> Result<Vec<(AccountId, Cooldown)>, StoreError> {
        let operation = "read all cooldowns";
        let accounts = self.named().await?;
        let states = accounts.iter().map(|account| Call::command("HGETALL").arg(&self.keys(account.as_str())[0]));
        let replies = self.engine.all(Lane::Bulk, operation, states.collect()).await?;
        let mut all = Vec::new();
        for (account, reply) in accounts.into_iter().zip(replies) {
            all.extend(holding(parsed(operation, reply)?, now).into_iter().map(|cooldown| (account.clone(), cooldown)));
        }
        Ok(all)
    }

    async fn tell_windows(&self, account: &AccountId, windows: &[UsageWindow]) -> Result<(), StoreError> {
        let lasts = windows.iter().map(|window| window.resets_at.since(window.told_at)).max().unwrap_or_default();
        let message = self.announcer.message(&Self::notice(account));
        let call = TELL.on([self.windows_of(account)]).arg(millis(lasts + BACKSTOP));
        let call = call.arg(self.announcer.channel()).arg(message);
        let call = windows
            .iter()
            .fold(call, |call, window| call.arg(&*window.name).arg(window.told_at.as_ms()).arg(window_to_text(window)));
        let told = self.engine.ask::<Value>("tell of windows", call).await.map(drop);
        if told.as_ref().map_or_else(|error| error.kind == StoreFailure::Unavailable, |()| true) {
            self.announcer.tell_own(Self::notice(account));
        }
        told
    }

    async fn windows(
        &self,
        accounts: &[AccountId],
        now: Timestamp,
    ) -> Result<Vec<(AccountId, UsageWindow)>, StoreError> {
        let operation = "read windows";
        let calls = accounts.iter().map(|account| Call::command("HGETALL").arg(self.windows_of(account)));
        let replies = self.engine.all(Lane::Bulk, operation, calls.collect()).await?;
        let mut windows = Vec::new();
        for (account, reply) in accounts.iter().zip(replies) {
            let fields: BTreeMap<String, String> = parsed(operation, reply)?;
            let own = fields.into_iter().filter_map(|(name, text)| window_from_text(&name, &text));
            let own = own.filter(|window| now < window.resets_at);
            windows.extend(own.map(|window| (account.clone(), window)));
        }
        Ok(windows)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let operation = "remove ended cooldowns";
        let over = Call::command("ZRANGE").arg(self.all_ends()).arg("-inf").arg(now.as_ms());
        let over: Vec<String> = self.engine.ask(operation, over.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit)).await?;
        let mut removed = 0;
        for entry in &over {
            let Some((account, scope)) = entry.split_once(SEPARATOR) else { continue };
            let scope = CooldownScope::parse(scope).ok_or_else(|| damaged(operation))?;
            let ended: Vec<String> =
                self.engine.ask(operation, self.ending(account, Some(&scope), Some(now), "")).await?;
            removed += ended.len() as u64;
            let [state, _] = self.keys(account);
            let left: Option<String> =
                self.engine.ask(operation, Call::command("HGET").arg(state).arg(scope.to_text())).await?;
            match left.and_then(|text| from_text(&scope, &text)) {
                // Begun anew meanwhile: its end is another than the set says.
                Some(left) => {
                    let entry = Call::command("ZADD").arg(self.all_ends()).arg(left.until.as_ms()).arg(entry);
                    self.engine.ask::<Value>(operation, entry).await?;
                }
                None => self.forget(account, &[scope.to_text()]).await?,
            }
        }
        Ok(removed)
    }
}

/// The cooldowns of an account's hash that hold at `now`. What does not parse is left out, as if it were over.
fn holding(fields: BTreeMap<String, String>, now: Timestamp) -> Vec<Cooldown> {
    let read = |(scope, text): (String, String)| from_text(&CooldownScope::parse(&scope)?, &text);
    let mut holding: Vec<_> = fields.into_iter().filter_map(read).filter(|cooldown| now < cooldown.until).collect();
    holding.sort_by(|a, b| a.scope.cmp(&b.scope));
    holding
}

/// A cooldown for people and scripts to read: its end first.
fn to_text(cooldown: &Cooldown) -> String {
    let Cooldown { scope: _, cause, since, until, source, status } = cooldown;
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    format!("{}|{cause}|{}|{status}|{source}", until.as_ms(), since.as_ms())
}

fn from_text(scope: &CooldownScope, text: &str) -> Option<Cooldown> {
    let mut parts = text.splitn(5, '|');
    let until = Timestamp::from_ms(parts.next()?.parse().ok()?);
    let cause = CooldownCause::parse(parts.next()?)?;
    let since = Timestamp::from_ms(parts.next()?.parse().ok()?);
    let status = parts.next()?.parse().ok();
    Some(Cooldown { scope: scope.clone(), cause, since, until, source: parts.next()?.into(), status })
}

/// A window for people and scripts to read: when it was told first, which decides between two.
fn window_to_text(window: &UsageWindow) -> String {
    let UsageWindow { name: _, status, used_permille, resets_at, told_at } = window;
    let used = used_permille.map(|used| used.to_string()).unwrap_or_default();
    format!("{}|{status}|{used}|{}", told_at.as_ms(), resets_at.as_ms())
}

fn window_from_text(name: &str, text: &str) -> Option<UsageWindow> {
    let mut parts = text.splitn(4, '|');
    let told_at = Timestamp::from_ms(parts.next()?.parse().ok()?);
    let status = WindowStatus::parse(parts.next()?)?;
    let used_permille = parts.next()?.parse().ok();
    let resets_at = Timestamp::from_ms(parts.next()?.parse().ok()?);
    Some(UsageWindow { name: name.into(), status, used_permille, resets_at, told_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cooldown_reads_back_as_it_was_written() {
        for (scope, status) in [(CooldownScope::Account, Some(529)), (CooldownScope::ModelFamily("opus".into()), None)]
        {
            let (since, until) = (Timestamp::from_ms(-5), Timestamp::from_ms(7));
            let source = "retry-after | a header".into();
            let cooldown = Cooldown { scope, cause: CooldownCause::Overloaded, since, until, source, status };
            assert_eq!(from_text(&cooldown.scope, &to_text(&cooldown)), Some(cooldown));
        }
        assert_eq!(from_text(&CooldownScope::Account, "7|nonsense|1||x"), None);
    }
}
