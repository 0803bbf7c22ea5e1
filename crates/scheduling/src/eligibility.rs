//! Whether an account may serve a request now. Every path that looks for an account asks here and nowhere else.

use domain::{Account, AccountId, Cooldown, CooldownCause, CooldownScope, Platform, Timestamp, UsageWindow};
use std::{collections::BTreeSet, fmt};

/// Which accounts alone serve a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound<'a> {
    /// None: all do.
    Free,
    /// This one.
    Account(&'a AccountId),
    /// The members of a group.
    Group(&'a BTreeSet<AccountId>),
}

/// What a request asks of an account.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// Platforms that can serve it.
    pub platforms: &'a [Platform],
    /// The model, by the client's name; none for calls that name none.
    pub model: Option<&'a str>,
    /// The model's family.
    pub family: Option<&'a str>,
    /// What the key is bound to.
    pub bound: Bound<'a>,
    /// Accounts that were tried for it already, or have no slot for it.
    pub passed_over: &'a [AccountId],
}

/// An account, with what is known of it beside its record.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its record.
    pub account: &'a Account,
    /// What it cools down from; ended ones may be among them.
    pub cooldowns: &'a [Cooldown],
    /// The windows of its subscription; ended ones may be among them.
    pub windows: &'a [UsageWindow],
}

/// Why an account may not serve a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ineligible {
    /// Its platform cannot.
    OtherPlatform,
    /// The key is bound to others.
    NotBound,
    /// Its model mapping does not have the model.
    ModelNotServed,
    /// An administrator has paused it.
    Paused,
    /// Its subscription has ended.
    Expired,
    /// Nobody has signed it in, or it needs a new sign-in.
    SignInNeeded,
    /// It was tried already, or its slots are all held.
    PassedOver,
    /// It cools down.
    CoolingDown {
        /// From what.
        cause: CooldownCause,
        /// Until when.
        until: Timestamp,
    },
    /// Its provider warns of the end of a window, and it stops at that.
    Warned {
        /// When the window begins anew.
        until: Timestamp,
    },
}

/// How well an eligible account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing speaks against it.
    Sound,
    /// It failed lately in a way that may be over: chosen when no sound one is left, the earliest end first.
    Doubtful {
        /// When the doubt ends.
        until: Timestamp,
    },
}

/// Whether an account may serve `demand` at `now`.
///
/// A cooldown that the provider asked for, or that a refused credential caused, excludes until it ends. One that only
/// guesses (5xx, overload, no connection, time-out) makes the account doubtful, so that a team's only account is not
/// taken from it by one failed request.
///
/// # Errors
///
/// When it may not: the first reason, permanent ones first.
pub fn eligibility(known: Known<'_>, demand: &Demand<'_>, now: Timestamp) -> Result<Standing, Ineligible> {
    let Known { account, cooldowns, .. } = known;
    if !demand.platforms.contains(&account.platform()) {
        return Err(Ineligible::OtherPlatform);
    }
    if !demand.bound.includes(&account.id) {
        return Err(Ineligible::NotBound);
    }
    if demand.model.is_some_and(|model| account.models.upstream_name(model).is_none()) {
        return Err(Ineligible::ModelNotServed);
    }
    if !account.schedulable {
        return Err(Ineligible::Paused);
    }
    if account.expires_at.is_some_and(|end| end <= now) {
        return Err(Ineligible::Expired);
    }
    if account.settings.oauth().is_some_and(|access| access.grant.needs_sign_in()) {
        return Err(Ineligible::SignInNeeded);
    }
    if demand.passed_over.contains(&account.id) {
        return Err(Ineligible::PassedOver);
    }
    let standing = standing(cooldowns, demand, now)?;
    match warned_until(known, demand.family, now) {
        Some(until) => Err(Ineligible::Warned { until }),
        None => Ok(standing),
    }
}

/// When the last window begins anew of which the account's provider warns, for models of `family`; none where it goes on all the same.
fn warned_until(Known { account, windows, .. }: Known<'_>, family: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    let warning = windows.iter().filter(|window| account.stops_at_warning && window.warns(family, now));
    warning.map(|window| window.resets_at).max()
}

/// Until when an account serves nobody as if nothing spoke against it, whatever is asked; none: it does not rest at `now`. What ends
/// by a change of its record alone ends in the far future.
#[must_use]
pub fn rests_until(known: Known<'_>, now: Timestamp) -> Option<Timestamp> {
    let Known { account, cooldowns, .. } = known;
    if !account.schedulable || account.expires_at.is_some_and(|end| end <= now) {
        return Some(Timestamp::from_ms(i64::MAX));
    }
    let whole = cooldowns.iter().filter(|cooldown| cooldown.scope == CooldownScope::Account);
    let rests = whole.map(|cooldown| cooldown.until).find(|until| now < *until);
    rests.or_else(|| warned_until(known, None, now))
}

impl Bound<'_> {
    /// Whether `account` may serve the key.
    #[must_use]
    pub fn includes(self, account: &AccountId) -> bool {
        match self {
            Self::Free => true,
            Self::Account(only) => only == account,
            Self::Group(members) => members.contains(account),
        }
    }
}

fn standing(cooldowns: &[Cooldown], demand: &Demand<'_>, now: Timestamp) -> Result<Standing, Ineligible> {
    let mut standing = Standing::Sound;
    for cooldown in cooldowns.iter().filter(|cooldown| cooldown.covers(demand.family, now)) {
        if cooldown.cause.excludes() {
            return Err(Ineligible::CoolingDown { cause: cooldown.cause, until: cooldown.until });
        }
        standing = standing.max(Standing::Doubtful { until: cooldown.until });
    }
    Ok(standing)
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherPlatform => f.write_str("of another platform"),
            Self::NotBound => f.write_str("not what the key is bound to"),
            Self::ModelNotServed => f.write_str("does not serve the model"),
            Self::Paused => f.write_str("paused"),
            Self::Expired => f.write_str("subscription ended"),
            Self::SignInNeeded => f.write_str("needs a sign-in"),
            Self::PassedOver => f.write_str("tried already or busy"),
            Self::CoolingDown { cause, until } => write!(f, "cooling down ({cause}) until {until}"),
            Self::Warned { until } => write!(f, "stopped at its provider's warning until {until}"),
        }
    }
}
