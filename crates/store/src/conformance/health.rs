//! The sentences of [`Health`](crate::Health).

use super::{
    Fixture, at_once,
    samples::{START, account, at, cooldown},
};
use crate::{Event, Health, Notice};
use domain::{AccountId, Cooldown, CooldownCause, CooldownScope, Timestamp, UsageWindow, WindowStatus};
use std::sync::Arc;

fn opus() -> CooldownScope {
    CooldownScope::ModelFamily("opus".into())
}

async fn begun(health: &dyn Health, cooldown: &Cooldown) -> Cooldown {
    health.begin(&account(1), cooldown).await.expect("a cooldown")
}

/// There is at most one cooldown per account and scope: one that ends later, or at the same time, replaces it whole.
pub async fn there_is_one_cooldown_per_account_and_scope(fixture: impl Fixture) {
    let health = fixture.store().health;
    begun(&*health, &cooldown(CooldownScope::Account, at(10))).await;
    begun(&*health, &cooldown(opus(), at(10))).await;
    let new = Cooldown {
        cause: CooldownCause::Quota,
        since: at(3),
        source: "default".into(),
        status: None,
        ..cooldown(CooldownScope::Account, at(10))
    };
    assert_eq!(begun(&*health, &new).await, new);
    assert_eq!(health.of(&account(1), START).await.expect("a read"), [new, cooldown(opus(), at(10))]);
    assert_eq!(health.of(&account(2), START).await.expect("a read"), []);
}

/// A cooldown that ends later is not replaced.
pub async fn a_cooldown_that_ends_later_is_not_replaced(fixture: impl Fixture) {
    let health = fixture.store().health;
    let long = cooldown(CooldownScope::Account, at(20));
    begun(&*health, &long).await;
    assert_eq!(begun(&*health, &cooldown(CooldownScope::Account, at(19))).await, long);
    assert_eq!(health.of(&account(1), START).await.expect("a read"), [long]);
}

/// An exclusion replaces a guess that ends later, and is not replaced by one.
pub async fn an_exclusion_is_not_hidden_by_a_longer_guess(fixture: impl Fixture) {
    let health = fixture.store().health;
    let guess = Cooldown { cause: CooldownCause::Upstream, ..cooldown(CooldownScope::Account, at(30)) };
    let exclusion = Cooldown { cause: CooldownCause::RateLimit, ..cooldown(CooldownScope::Account, at(10)) };
    begun(&*health, &guess).await;
    assert_eq!(begun(&*health, &exclusion).await, exclusion);
    assert_eq!(begun(&*health, &guess).await, exclusion);
    assert_eq!(health.of(&account(1), START).await.expect("a read"), [exclusion]);
    let later = Cooldown { since: at(10), ..guess };
    assert_eq!(begun(&*health, &later).await, later, "the exclusion has ended by then");
}

/// A cooldown is not returned once its end is reached.
pub async fn a_cooldown_is_over_when_its_end_is_reached(fixture: impl Fixture) {
    let health = fixture.store().health;
    let only = cooldown(CooldownScope::Account, at(20));
    begun(&*health, &only).await;
    assert_eq!(health.of(&account(1), at(19)).await.expect("a read"), std::slice::from_ref(&only));
    assert_eq!(health.all(at(19)).await.expect("a read"), [(account(1), only)]);
    assert_eq!(health.of(&account(1), at(20)).await.expect("a read"), []);
    assert_eq!(health.all(at(20)).await.expect("a read"), []);
}

/// Cooldowns are ended one by one, and all of an account.
pub async fn cooldowns_are_ended_one_by_one_and_by_account(fixture: impl Fixture) {
    let health = fixture.store().health;
    for number in [1, 2] {
        for scope in [CooldownScope::Account, opus(), CooldownScope::ModelFamily("haiku".into())] {
            health.begin(&account(number), &cooldown(scope, at(20))).await.expect("a cooldown");
        }
    }
    assert_eq!(health.end(&account(1), Some(&opus())).await.expect("an end"), 1);
    assert_eq!(health.end(&account(1), Some(&opus())).await.expect("an end"), 0);
    assert_eq!(health.end(&account(1), None).await.expect("an end"), 2);
    assert_eq!(health.of(&account(2), START).await.expect("a read").len(), 3);
}

/// Of parallel cooldowns of one scope the longest holds.
pub async fn of_parallel_cooldowns_the_longest_holds(fixture: impl Fixture) {
    let health = fixture.store().health;
    let begun = at_once(100, |number| {
        let health = Arc::clone(&health);
        let until = at(1 + i64::from(number * 37 % 100));
        async move { begun(&*health, &cooldown(CooldownScope::Account, until)).await }
    });
    begun.await;
    let longest = cooldown(CooldownScope::Account, at(100));
    assert_eq!(health.of(&account(1), START).await.expect("a read"), [longest]);
}

/// Each change is announced; what changes nothing is not.
pub async fn each_change_of_cooldowns_is_announced(fixture: impl Fixture) {
    let store = fixture.store();
    let mut heard = store.events.subscribe();
    begun(&*store.health, &cooldown(CooldownScope::Account, at(20))).await;
    begun(&*store.health, &cooldown(CooldownScope::Account, at(10))).await;
    store.health.end(&account(1), None).await.expect("an end");
    store.health.end(&account(1), None).await.expect("an end");
    store.health.begin(&account(2), &cooldown(opus(), at(10))).await.expect("a cooldown");
    for number in [1, 1, 2] {
        let notice = Notice::Health { account: account(number) };
        assert_eq!(heard.next().await, Some(Event::Changed(notice)));
    }
}

/// Cooldowns survive a restart.
pub async fn cooldowns_survive_a_restart(mut fixture: impl Fixture) {
    let health = fixture.store().health;
    let (long, short) = (cooldown(CooldownScope::Account, at(20)), cooldown(opus(), at(10)));
    begun(&*health, &long).await;
    begun(&*health, &short).await;
    fixture.restart().await;
    let all = fixture.store().health.all(START).await.expect("a read");
    assert_eq!(all, [(account(1), long), (account(1), short)]);
}

/// A sweep removes cooldowns that have ended, at most as many as it may, and no other.
pub async fn a_sweep_removes_ended_cooldowns_up_to_its_limit(fixture: impl Fixture) {
    let health = fixture.store().health;
    for number in 0..4 {
        let until = at(10 * (i64::try_from(number).expect("a small number") + 1));
        health.begin(&account(number), &cooldown(opus(), until)).await.expect("a cooldown");
    }
    for expected in [2, 1, 0] {
        assert_eq!(health.sweep(at(30), 2).await.expect("a sweep"), expected);
    }
    assert_eq!(health.all(START).await.expect("a read"), [(account(3), cooldown(opus(), at(40)))]);
}

fn window(name: &str, used_permille: Option<u32>, resets_at: Timestamp, told_at: Timestamp) -> UsageWindow {
    UsageWindow { name: name.into(), status: WindowStatus::AllowedWarning, used_permille, resets_at, told_at }
}

async fn windows(health: &dyn Health, accounts: &[AccountId], now: Timestamp) -> Vec<(AccountId, UsageWindow)> {
    health.windows(accounts, now).await.expect("a read")
}

/// Of each name the window that was told last is kept, and given until it begins anew.
pub async fn of_each_window_what_was_told_last_is_kept(fixture: impl Fixture) {
    let health = fixture.store().health;
    let (short, long) = (window("five_hour", Some(420), at(20), at(2)), window("seven_day", None, at(70), at(2)));
    health.tell_windows(&account(1), &[long.clone(), short.clone()]).await.expect("a telling");
    let other = window("five_hour", Some(1), at(30), at(1));
    health.tell_windows(&account(2), std::slice::from_ref(&other)).await.expect("a telling");
    let older = window("five_hour", Some(100), at(20), at(1));
    health.tell_windows(&account(1), &[older]).await.expect("a telling");
    let both = [account(2), account(1), account(3)];
    let held = [(account(2), other.clone()), (account(1), short), (account(1), long.clone())];
    assert_eq!(windows(&*health, &both, START).await, held);
    let newer = window("five_hour", Some(430), at(21), at(3));
    health.tell_windows(&account(1), std::slice::from_ref(&newer)).await.expect("a telling");
    assert_eq!(windows(&*health, &[account(1)], at(20)).await, [(account(1), newer), (account(1), long.clone())]);
    assert_eq!(windows(&*health, &[account(1)], at(21)).await, [(account(1), long)]);
}

/// What is told of windows is announced, and survives a restart.
pub async fn windows_are_announced_and_survive_a_restart(mut fixture: impl Fixture) {
    let store = fixture.store();
    let mut heard = store.events.subscribe();
    let told = window("five_hour", Some(990), at(20), at(2));
    store.health.tell_windows(&account(1), std::slice::from_ref(&told)).await.expect("a telling");
    assert_eq!(heard.next().await, Some(Event::Changed(Notice::Health { account: account(1) })));
    drop((heard, store));
    fixture.restart().await;
    assert_eq!(windows(&*fixture.store().health, &[account(1)], START).await, [(account(1), told)]);
}
