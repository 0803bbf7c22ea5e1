//! What changes at an account in use: its cooldowns and windows, as requests see them at once. An older reading of the store never undoes what
//! was learnt here: while a finding is on its way to the store, and where one came during the reading, the reading is dropped.

use domain::{Cooldown, Timestamp, UsageWindow};
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
use scheduling::Turn;
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

/// What changes at an account. It outlives a change of the account's record.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    known: RwLock<Known>,
    /// The windows of its subscription, each as it was told last.
    windows: RwLock<Vec<UsageWindow>>,
    /// Its place in the order.
    turn: RwLock<Turn>,
    /// Until when its upstream is not asked for a WebSocket, because it has none; in milliseconds since 1970.
    no_socket_until: AtomicI64,
    /// Grows when an account's state may have become better: whoever rests is looked at again then.
    stirs: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Known {
    cooldowns: Vec<Cooldown>,
    /// Findings so far.
    findings: u64,
    /// Findings that the store does not have yet.
    unwritten: u64,
    /// Readings of the store that began, and the last of them that was taken over.
    readings: u64,
    taken: u64,
}

/// A reading of the store that begins: its place among the readings, and what was found before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    number: u64,
    findings: u64,
}

impl Standing {
    /// That of an account that nothing is known of, which tells `stirs` when it may have become better.
    pub(crate) fn new(stirs: Arc<AtomicU64>) -> Self {
        Self { stirs, ..Self::default() }
    }

    /// The cooldowns, ended ones included. The guard is not to be held for long.
    pub(crate) fn cooldowns(&self) -> MappedRwLockReadGuard<'_, [Cooldown]> {
        RwLockReadGuard::map(self.known.read(), |known| known.cooldowns.as_slice())
    }

    /// Whether a cooldown holds at `now`.
    pub(crate) fn is_cooling(&self, now: Timestamp) -> bool {
        self.cooldowns().iter().any(|cooldown| now < cooldown.until)
    }

    /// The windows, ended ones included. The guard is not to be held for long.
    pub(crate) fn windows(&self) -> RwLockReadGuard<'_, Vec<UsageWindow>> {
        self.windows.read()
    }

    /// Takes what was told of windows, here or to another node: of each name what was told last. Says whether any of it is news.
    pub(crate) fn tell_windows(&self, told: &[UsageWindow]) -> bool {
        let (mut windows, mut is_news) = (self.windows.write(), false);
        for later in told {
            match windows.iter_mut().find(|held| held.name == later.name) {
                Some(held) if held.told_at > later.told_at => {}
                Some(held) if !held.differs(later) => held.told_at = later.told_at,
                Some(held) => {
                    held.clone_from(later);
                    is_news = true;
                }
                None => {
                    windows.push(later.clone());
                    is_news = true;
                }
            }
        }
        if is_news {
            self.stirs.fetch_add(1, Ordering::Release);
        }
        is_news
    }

    /// Its place in the order.
    pub(crate) fn turn(&self) -> Turn {
        *self.turn.read()
    }

    /// Gives it its next place.
    pub(crate) fn take_turn(&self, turn: Turn) {
        *self.turn.write() = turn;
    }

    /// Whether its upstream may have WebSockets, as far as is known.
    pub(crate) fn may_have_sockets(&self, now: Timestamp) -> bool {
        now.as_ms() >= self.no_socket_until.load(Ordering::Relaxed)
    }

    /// Finds that its upstream has no WebSockets, which is believed until `until`.
    pub(crate) fn has_no_sockets(&self, until: Timestamp) {
        self.no_socket_until.store(until.as_ms(), Ordering::Relaxed);
    }

    /// Finds that a cooldown begins, unless one that holds outweighs it; says whether it does. The finding is to be
    /// [`written`](Self::written) then.
    pub(crate) fn cool_down(&self, cooldown: &Cooldown) -> bool {
        let mut known = self.known.write();
        let Known { cooldowns, .. } = &mut *known;
        match cooldowns.iter_mut().find(|held| held.scope == cooldown.scope) {
            Some(held) if held.outweighs(cooldown) => return false,
            Some(held) => {
                // An exclusion that takes a doubt's place may end before it.
                if cooldown.until < held.until {
                    self.stirs.fetch_add(1, Ordering::Release);
                }
                held.clone_from(cooldown);
            }
            None => cooldowns.push(cooldown.clone()),
        }
        known.found();
        true
    }

    /// Finds that the account serves: doubts about it end; says whether there were any. The finding is to be
    /// [`written`](Self::written) then.
    pub(crate) fn end_doubts(&self) -> bool {
        if self.cooldowns().is_empty() {
            return false;
        }
        let mut known = self.known.write();
        let before = known.cooldowns.len();
        known.cooldowns.retain(|cooldown| cooldown.cause.excludes());
        let had_doubts = known.cooldowns.len() < before;
        if had_doubts {
            known.found();
            self.stirs.fetch_add(1, Ordering::Release);
        }
        had_doubts
    }

    /// A finding is in the store, or will never be.
    pub(crate) fn written(&self) {
        let mut known = self.known.write();
        known.unwritten = known.unwritten.saturating_sub(1);
    }

    /// To be called before the store is read.
    pub(crate) fn begin_reading(&self) -> Reading {
        let mut known = self.known.write();
        known.readings += 1;
        Reading { number: known.readings, findings: known.findings }
    }

    /// Takes over what the store had, unless a reading that began later was taken over, or something was found since the
    /// beginning or is not in the store yet: whoever writes that reads again afterwards.
    pub(crate) fn take_over(&self, reading: Reading, stored: Vec<Cooldown>) {
        let Reading { number, findings } = reading;
        let mut known = self.known.write();
        if known.unwritten == 0 && known.findings == findings && known.taken < number {
            known.cooldowns = stored;
            known.taken = number;
            self.stirs.fetch_add(1, Ordering::Release);
        }
    }
}

impl Known {
    const fn found(&mut self) {
        self.findings += 1;
        self.unwritten += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{CooldownCause, CooldownScope};

    const NOW: Timestamp = Timestamp::from_ms(0);

    fn cooldown(cause: CooldownCause, until_ms: i64) -> Cooldown {
        let (until, source) = (Timestamp::from_ms(until_ms), "default".into());
        Cooldown { scope: CooldownScope::Account, cause, since: NOW, until, source, status: None }
    }

    fn held(standing: &Standing) -> Vec<Cooldown> {
        standing.cooldowns().to_vec()
    }

    /// Under load an account that had just been refused was chosen again: the notice of an earlier change had the store
    /// read before the refusal was in it.
    #[test]
    fn a_reading_from_before_a_finding_does_not_undo_it() {
        let standing = Standing::default();
        let reading = standing.begin_reading();
        let refused = [cooldown(CooldownCause::Credential, 60)];
        assert!(standing.cool_down(&refused[0]));
        standing.take_over(reading, Vec::new());
        assert_eq!(held(&standing), refused, "found during the reading");
        standing.take_over(standing.begin_reading(), Vec::new());
        assert_eq!(held(&standing), refused, "not in the store yet");
        standing.written();
        standing.take_over(standing.begin_reading(), Vec::new());
        assert_eq!(held(&standing), [], "another node has ended it since");
    }

    #[test]
    fn an_older_reading_does_not_replace_a_later_one() {
        let standing = Standing::default();
        let (older, later) = (standing.begin_reading(), standing.begin_reading());
        standing.take_over(later, Vec::new());
        standing.take_over(older, vec![cooldown(CooldownCause::Credential, 60)]);
        assert_eq!(held(&standing), []);
    }

    #[test]
    fn an_account_that_serves_is_no_longer_doubted_but_stays_excluded() {
        let standing = Standing::default();
        standing.cool_down(&cooldown(CooldownCause::Upstream, 60));
        assert!(standing.end_doubts());
        assert!(!standing.end_doubts());
        standing.cool_down(&cooldown(CooldownCause::RateLimit, 60));
        assert!(!standing.end_doubts());
        assert!(standing.is_cooling(NOW));
        assert!(!standing.is_cooling(Timestamp::from_ms(60)));
    }

    /// An account that rested longer than its cool-down would serve nobody meanwhile.
    #[test]
    fn whatever_may_make_an_account_better_is_told() {
        let stirs = Arc::new(AtomicU64::new(0));
        let standing = Standing::new(Arc::clone(&stirs));
        let told = |expected| assert_eq!(stirs.swap(0, Ordering::Relaxed), expected);
        standing.cool_down(&cooldown(CooldownCause::Overloaded, 60));
        told(0);
        standing.cool_down(&cooldown(CooldownCause::RateLimit, 20));
        told(1);
        assert!(!standing.end_doubts());
        told(0);
        for _ in 0..2 {
            standing.written();
        }
        let reading = standing.begin_reading();
        standing.take_over(reading, vec![cooldown(CooldownCause::Upstream, 60)]);
        told(1);
        assert!(standing.end_doubts());
        told(1);
    }

    #[test]
    fn of_windows_only_news_is_told_on() {
        let window = |used, told_ms| UsageWindow {
            name: "five_hour".into(),
            status: domain::WindowStatus::Allowed,
            used_permille: Some(used),
            resets_at: Timestamp::from_ms(90_000),
            told_at: Timestamp::from_ms(told_ms),
        };
        let standing = Standing::default();
        assert!(standing.tell_windows(&[window(420, 2)]));
        assert!(!standing.tell_windows(&[window(423, 3)]), "the same percent");
        assert!(!standing.tell_windows(&[window(100, 1)]), "told before");
        assert!(standing.tell_windows(&[window(431, 4)]));
        assert_eq!(*standing.windows(), [window(431, 4)]);
    }

    #[test]
    fn a_guess_does_not_replace_an_exclusion() {
        let standing = Standing::default();
        let excluded = cooldown(CooldownCause::RateLimit, 10);
        assert!(standing.cool_down(&excluded));
        assert!(!standing.cool_down(&cooldown(CooldownCause::Overloaded, 60)));
        assert_eq!(held(&standing), [excluded]);
    }
}
