//! The order among eligible accounts: sound before doubtful, then priority, then whose turn by weight comes first.

use crate::{
    eligibility::{Bound, Ineligible, Standing},
    turn::Turn,
};
use domain::{Priority, Timestamp};
use std::{collections::BTreeMap, fmt};

/// An account that might serve.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Whether it may: what [`eligibility`](crate::eligibility()) says.
    pub verdict: Result<Standing, Ineligible>,
    /// Lower is chosen first.
    pub priority: Priority,
    /// Its place in the order of its priority.
    pub turn: Turn,
}

/// The account to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Its place among the candidates.
    pub index: usize,
    /// How well it stands.
    pub standing: Standing,
}

/// Why none may serve: how many accounts for which reason, and when the first of them may again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoChoice {
    /// Among whom was chosen.
    pub among: Among,
    /// Accounts by reason.
    pub reasons: BTreeMap<Reason, usize>,
    /// When the first of them may serve again.
    pub retry_at: Option<Timestamp>,
}

/// Among which accounts was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Among {
    /// All of them.
    #[default]
    All,
    /// The one that the key is bound to.
    Account,
    /// The group that the key is bound to.
    Group,
}

/// A reason without its numbers: what accounts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// See [`Ineligible::ModelNotServed`].
    ModelNotServed,
    /// See [`Ineligible::Paused`].
    Paused,
    /// See [`Ineligible::Expired`].
    Expired,
    /// See [`Ineligible::SignInNeeded`].
    SignInNeeded,
    /// See [`Ineligible::PassedOver`].
    PassedOver,
    /// See [`Ineligible::CoolingDown`].
    CoolingDown(domain::CooldownCause),
    /// See [`Ineligible::Warned`].
    Warned,
}

/// Chooses among `candidates`, who are those that `bound` lets serve. Of two that stand alike in all, the earlier one is chosen.
///
/// # Errors
///
/// When none is eligible. Accounts of other platforms, and those that the key is not bound to, are not counted.
pub fn choose(candidates: impl Iterator<Item = Judged>, bound: Bound<'_>) -> Result<Choice, NoChoice> {
    let mut best = None;
    let mut none = NoChoice { among: bound.into(), ..NoChoice::default() };
    for (index, candidate) in candidates.enumerate() {
        match candidate.verdict {
            Ok(standing) => {
                let rank = (standing, candidate.priority, candidate.turn);
                if best.is_none_or(|(best_rank, _)| rank < best_rank) {
                    best = Some((rank, index));
                }
            }
            Err(reason) => none.count(reason),
        }
    }
    best.map(|((standing, ..), index)| Choice { index, standing }).ok_or(none)
}

impl NoChoice {
    fn count(&mut self, ineligible: Ineligible) {
        let reason = match ineligible {
            Ineligible::OtherPlatform | Ineligible::NotBound => return,
            Ineligible::ModelNotServed => Reason::ModelNotServed,
            Ineligible::Paused => Reason::Paused,
            Ineligible::Expired => Reason::Expired,
            Ineligible::SignInNeeded => Reason::SignInNeeded,
            Ineligible::PassedOver => Reason::PassedOver,
            Ineligible::CoolingDown { cause, until } => {
                self.retry_from(until);
                Reason::CoolingDown(cause)
            }
            Ineligible::Warned { until } => {
                self.retry_from(until);
                Reason::Warned
            }
        };
        *self.reasons.entry(reason).or_default() += 1;
    }
}

impl NoChoice {
    fn retry_from(&mut self, until: Timestamp) {
        self.retry_at = Some(self.retry_at.map_or(until, |at| at.min(until)));
    }

    /// Whether an account was passed over: its slots may come free at any moment.
    #[must_use]
    pub fn has_busy(&self) -> bool {
        self.reasons.contains_key(&Reason::PassedOver)
    }
}

impl From<Bound<'_>> for Among {
    fn from(bound: Bound<'_>) -> Self {
        match bound {
            Bound::Free => Self::All,
            Bound::Account(_) => Self::Account,
            Bound::Group(_) => Self::Group,
        }
    }
}

impl fmt::Display for NoChoice {
    /// `no account is configured for it`, or `2 cooling down (rate_limit), 1 paused`; of a bound key, what it is bound to stands
    /// in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.among {
            Among::All => "",
            Among::Account => "the key is bound to one account: ",
            Among::Group => "the key is bound to a group of accounts: ",
        })?;
        if self.reasons.is_empty() {
            return f.write_str(match self.among {
                Among::All => "no account is configured for it",
                Among::Account => "it cannot serve this, or is gone",
                Among::Group => "none of them can serve this",
            });
        }
        for (place, (reason, count)) in self.reasons.iter().enumerate() {
            write!(f, "{}{count} {reason}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModelNotServed => f.write_str("without this model"),
            Self::Paused => f.write_str("paused"),
            Self::Expired => f.write_str("with an ended subscription"),
            Self::SignInNeeded => f.write_str("in need of a sign-in"),
            Self::PassedOver => f.write_str("tried or busy"),
            Self::CoolingDown(cause) => write!(f, "cooling down ({cause})"),
            Self::Warned => f.write_str("stopped at a warning"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eligibility::{Demand, Known, eligibility};
    use crate::rests_until;
    use domain::{
        Account, AccountId, AccountSettings, AuthScheme, Cooldown, CooldownCause, CooldownScope, HttpEndpoint,
        ModelMap, OAuthAccess, OAuthGrant, Platform, Priority, Sealed, UsageWindow, WindowStatus,
    };
    use std::slice;

    const NOW: Timestamp = Timestamp::from_ms(1_000_000);

    fn account(id: &str, priority: u8) -> Account {
        let settings = AccountSettings::ClaudeConsole(HttpEndpoint {
            base_url: "https://h.example".to_owned(),
            messages_path: None,
            api_key: Sealed::from_envelope(String::new()),
            auth: AuthScheme::Bearer,
        });
        let priority = Priority::new(priority).expect("1 to 100");
        Account { priority, ..Account::new(AccountId::parse(id).expect("an id"), id, settings, NOW) }
    }

    fn cooldown(cause: CooldownCause, scope: CooldownScope, until_ms: i64) -> Cooldown {
        let until = Timestamp::from_ms(until_ms);
        Cooldown { scope, cause, since: NOW, until, source: "default".into(), status: None }
    }

    fn demand(passed_over: &[AccountId]) -> Demand<'_> {
        Demand {
            platforms: &[Platform::ClaudeConsole],
            model: Some("claude-opus-5"),
            family: Some("opus"),
            bound: Bound::Free,
            passed_over,
        }
    }

    fn pick(seats: &[(Account, Vec<Cooldown>, u64)], demand: &Demand<'_>) -> Result<String, NoChoice> {
        let candidates = seats.iter().map(|(account, cooldowns, last_used)| Judged {
            verdict: eligibility(Known { account, cooldowns, windows: &[] }, demand, NOW),
            priority: account.priority,
            turn: Turn { time: 0, last_used: *last_used },
        });
        choose(candidates, demand.bound).map(|choice| seats[choice.index].0.id.to_string())
    }

    #[test]
    fn priority_comes_first_then_least_recent_use() {
        let seats = [(account("a", 50), vec![], 9), (account("b", 50), vec![], 3), (account("c", 60), vec![], 0)];
        assert_eq!(pick(&seats, &demand(&[])).as_deref(), Ok("b"));
        let tried = [AccountId::parse("b").expect("an id")];
        assert_eq!(pick(&seats, &demand(&tried)).as_deref(), Ok("a"));
    }

    #[test]
    fn a_doubtful_account_serves_only_when_no_sound_one_is_left() {
        let doubt = |until| vec![cooldown(CooldownCause::Upstream, CooldownScope::Account, until)];
        let seats = [(account("a", 1), doubt(2_000_000), 0), (account("b", 99), vec![], 5)];
        assert_eq!(pick(&seats, &demand(&[])).as_deref(), Ok("b"));
        let seats = [(account("a", 1), doubt(2_000_000), 0), (account("b", 99), doubt(1_500_000), 5)];
        assert_eq!(pick(&seats, &demand(&[])).as_deref(), Ok("b"), "the one whose doubt ends first");
    }

    #[test]
    fn a_rate_limit_excludes_until_its_end_and_says_when() {
        let limited = |until| vec![cooldown(CooldownCause::RateLimit, CooldownScope::Account, until)];
        let seats = [(account("a", 1), limited(3_000_000), 0), (account("b", 1), limited(2_000_000), 0)];
        let none = pick(&seats, &demand(&[])).expect_err("none");
        assert_eq!(none.retry_at, Some(Timestamp::from_ms(2_000_000)));
        assert_eq!(none.to_string(), "2 cooling down (rate_limit)");
        let over = [(account("a", 1), limited(1_000_000), 0)];
        assert_eq!(pick(&over, &demand(&[])).as_deref(), Ok("a"), "the end itself is over");
    }

    #[test]
    fn a_family_s_limit_leaves_the_other_families_alone() {
        let scope = CooldownScope::ModelFamily("sonnet".into());
        let seats = [(account("a", 1), vec![cooldown(CooldownCause::RateLimit, scope, 3_000_000)], 0)];
        assert_eq!(pick(&seats, &demand(&[])).as_deref(), Ok("a"));
        let sonnet = Demand { family: Some("sonnet"), ..demand(&[]) };
        assert!(pick(&seats, &sonnet).is_err());
    }

    #[test]
    fn a_bound_key_is_served_by_nobody_else() {
        let id = |text: &str| AccountId::parse(text).expect("an id");
        let limited = || vec![cooldown(CooldownCause::RateLimit, CooldownScope::Account, 3_000_000)];
        let seats = [(account("a", 1), vec![], 0), (account("b", 9), vec![], 0), (account("c", 5), limited(), 0)];
        let (b, c) = (id("b"), id("c"));
        let to = |bound| Demand { bound, ..demand(&[]) };
        assert_eq!(pick(&seats, &to(Bound::Account(&b))).as_deref(), Ok("b"));
        let none = pick(&seats, &to(Bound::Account(&c))).expect_err("c is limited");
        assert_eq!(none.to_string(), "the key is bound to one account: 1 cooling down (rate_limit)");
        assert_eq!(none.retry_at, Some(Timestamp::from_ms(3_000_000)));
        let members = [b.clone(), c.clone()].into();
        assert_eq!(pick(&seats, &to(Bound::Group(&members))).as_deref(), Ok("b"));
        let tried = [b.clone()];
        let none = pick(&seats, &Demand { passed_over: &tried, ..to(Bound::Group(&members)) }).expect_err("no other");
        assert_eq!(
            none.to_string(),
            "the key is bound to a group of accounts: 1 tried or busy, 1 cooling down (rate_limit)"
        );
        let (nobody, gone) = ([].into(), id("gone"));
        for (bound, told) in [
            (Bound::Group(&nobody), "the key is bound to a group of accounts: none of them can serve this"),
            (Bound::Account(&gone), "the key is bound to one account: it cannot serve this, or is gone"),
        ] {
            assert_eq!(pick(&seats, &to(bound)).expect_err("none").to_string(), told);
        }
    }

    #[test]
    fn each_reason_is_counted_and_other_platforms_are_not() {
        let paused = Account { schedulable: false, ..account("p", 1) };
        let ended = Account { expires_at: Some(NOW), ..account("e", 1) };
        let models = ModelMap::new([("m".to_owned(), "m".to_owned())].into());
        let other_model = Account { models, ..account("m", 1) };
        let seats = [(paused, vec![], 0), (ended, vec![], 0), (other_model, vec![], 0)];
        let none = pick(&seats, &demand(&[])).expect_err("none");
        assert_eq!(none.to_string(), "1 without this model, 1 paused, 1 with an ended subscription");
        let elsewhere = Demand { platforms: &[Platform::Ccr], ..demand(&[]) };
        assert_eq!(pick(&seats, &elsewhere).expect_err("none").to_string(), "no account is configured for it");
    }

    #[test]
    fn an_account_that_stops_at_a_warning_waits_for_its_window() {
        let window = |name: &str, resets_ms| UsageWindow {
            name: name.into(),
            status: WindowStatus::AllowedWarning,
            used_permille: Some(950),
            resets_at: Timestamp::from_ms(resets_ms),
            told_at: NOW,
        };
        let verdict = |stops_at_warning, windows: &[UsageWindow]| {
            let account = Account { stops_at_warning, ..account("a", 1) };
            let known = Known { account: &account, cooldowns: &[], windows };
            (eligibility(known, &demand(&[]), NOW), rests_until(known, NOW))
        };
        let [five_hour, opus, sonnet] =
            [("five_hour", 2_000_000), ("seven_day_opus", 3_000_000), ("seven_day_sonnet", 4_000_000)]
                .map(|(name, resets_ms)| window(name, resets_ms));
        let warned = |ms| Err(Ineligible::Warned { until: Timestamp::from_ms(ms) });
        assert_eq!(verdict(false, slice::from_ref(&five_hour)), (Ok(Standing::Sound), None), "it goes on all the same");
        assert_eq!(
            verdict(true, slice::from_ref(&five_hour)),
            (warned(2_000_000), Some(Timestamp::from_ms(2_000_000)))
        );
        assert_eq!(verdict(true, &[five_hour, opus.clone()]).0, warned(3_000_000), "until both begin anew");
        assert_eq!(verdict(true, &[opus]), (warned(3_000_000), None), "other families are served");
        assert_eq!(verdict(true, &[sonnet]), (Ok(Standing::Sound), None));
        assert_eq!(verdict(true, &[window("five_hour", 1_000_000)]), (Ok(Standing::Sound), None), "it has begun anew");
    }

    #[test]
    fn an_account_that_needs_a_sign_in_is_not_chosen_and_says_so() {
        let grant = |access: Option<&str>, needed: Option<&str>| OAuthGrant {
            access_token: access.map(|text| Sealed::from_envelope(text.to_owned())),
            sign_in_needed: needed.map(str::to_owned),
            ..OAuthGrant::default()
        };
        let reason = |grant| {
            let access = OAuthAccess { base_url: "https://h.example".to_owned(), grant };
            let account = Account { settings: AccountSettings::Claude(access), ..account("a", 1) };
            let demand = Demand { platforms: &[Platform::Claude], ..demand(&[]) };
            pick(&[(account, vec![], 0)], &demand).err().map(|none| none.to_string())
        };
        assert_eq!(reason(grant(Some("t"), None)), None);
        assert_eq!(reason(grant(Some("t"), Some("revoked"))).as_deref(), Some("1 in need of a sign-in"));
        assert_eq!(reason(grant(None, None)).as_deref(), Some("1 in need of a sign-in"));
    }
}
