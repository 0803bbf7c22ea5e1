//! What a failure does to an account: how long it is left alone, and by whose word.

use domain::{Cooldown, CooldownCause, CooldownScope, FailureKind, Timestamp};
use std::time::Duration;

/// How long an account is left alone, per cause, when the provider names no time. Zero: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CooldownRules {
    /// After 401 and 403.
    pub credential: Duration,
    /// After a 429 without a time.
    pub rate_limit: Duration,
    /// After 529.
    pub overloaded: Duration,
    /// After 503.
    pub unavailable: Duration,
    /// After another 5xx.
    pub upstream: Duration,
    /// After a failed connection, and after no answer in time.
    pub timeout: Duration,
    /// After credit or quota is used up.
    pub quota: Duration,
    /// The longest time of the provider's that is believed.
    pub provider_max: Duration,
}

/// When the provider says that a limit ends, and where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderReset {
    /// When.
    pub at: Timestamp,
    /// The header's name.
    pub source: &'static str,
}

/// A failed attempt, as far as it concerns the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// The upstream's status, if one came.
    pub status: Option<u16>,
    /// What the provider says of its end.
    pub reset: Option<ProviderReset>,
    /// The family of models whose limit it is, where the provider says that it is no other's.
    pub family: Option<&'static str>,
}

/// The cooldown that `failure` begins at `now`; none when the account is not to blame, or the rule is zero.
///
/// A time that the provider names counts for rate limits, overload and 503, at most `provider_max`.
#[must_use]
pub fn cooldown_after(failure: &Failure, rules: &CooldownRules, now: Timestamp) -> Option<Cooldown> {
    let (cause, default) = rule(failure, rules)?;
    let heeded = matches!(cause, CooldownCause::RateLimit | CooldownCause::Overloaded) || failure.status == Some(503);
    let named = failure.reset.filter(|reset| heeded && reset.at > now);
    let (until, source) = match named {
        Some(reset) => (reset.at.min(now.plus(rules.provider_max)), reset.source),
        None => (now.plus(default), "default"),
    };
    let cooldown = Cooldown {
        scope: scope(cause, failure.family),
        cause,
        since: now,
        until,
        source: source.into(),
        status: failure.status,
    };
    (until > now).then_some(cooldown)
}

/// A limit of one family leaves the account's other models alone.
fn scope(cause: CooldownCause, family: Option<&str>) -> CooldownScope {
    let limited = family.filter(|_| cause == CooldownCause::RateLimit);
    limited.map_or(CooldownScope::Account, |family| CooldownScope::ModelFamily(family.into()))
}

fn rule(failure: &Failure, rules: &CooldownRules) -> Option<(CooldownCause, Duration)> {
    match failure.kind {
        FailureKind::Credential => Some((CooldownCause::Credential, rules.credential)),
        FailureKind::Quota => Some((CooldownCause::Quota, rules.quota)),
        FailureKind::RateLimit => Some((CooldownCause::RateLimit, rules.rate_limit)),
        FailureKind::Overloaded => Some((CooldownCause::Overloaded, rules.overloaded)),
        FailureKind::Upstream if failure.status == Some(503) => Some((CooldownCause::Upstream, rules.unavailable)),
        FailureKind::Upstream | FailureKind::Broken => Some((CooldownCause::Upstream, rules.upstream)),
        FailureKind::Connect => Some((CooldownCause::Connect, rules.timeout)),
        FailureKind::Timeout => Some((CooldownCause::Timeout, rules.timeout)),
        FailureKind::Request | FailureKind::NoAccount => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_000_000);
    const RULES: CooldownRules = CooldownRules {
        credential: Duration::from_secs(1800),
        rate_limit: Duration::from_secs(300),
        overloaded: Duration::from_secs(600),
        unavailable: Duration::from_secs(60),
        upstream: Duration::from_secs(30),
        timeout: Duration::ZERO,
        quota: Duration::from_secs(3600),
        provider_max: Duration::from_secs(1800),
    };

    fn after(kind: FailureKind, status: u16, reset_s: Option<u64>) -> Option<(CooldownCause, u64, String)> {
        let reset = reset_s.map(|s| ProviderReset { at: NOW.plus(Duration::from_secs(s)), source: "retry-after" });
        let cooldown = cooldown_after(&Failure { kind, status: Some(status), reset, family: None }, &RULES, NOW)?;
        Some((cooldown.cause, cooldown.until.since(NOW).as_secs(), cooldown.source.to_string()))
    }

    #[test]
    fn each_cause_has_its_own_time() {
        let default = "default".to_owned();
        for (kind, status, cause, seconds) in [
            (FailureKind::Credential, 401, CooldownCause::Credential, 1800),
            (FailureKind::RateLimit, 429, CooldownCause::RateLimit, 300),
            (FailureKind::Overloaded, 529, CooldownCause::Overloaded, 600),
            (FailureKind::Upstream, 503, CooldownCause::Upstream, 60),
            (FailureKind::Upstream, 500, CooldownCause::Upstream, 30),
            (FailureKind::Quota, 402, CooldownCause::Quota, 3600),
        ] {
            assert_eq!(after(kind, status, None), Some((cause, seconds, default.clone())), "{kind}");
        }
    }

    #[test]
    fn a_client_s_own_mistake_never_cools_an_account_down() {
        assert_eq!(after(FailureKind::Request, 400, Some(60)), None);
    }

    #[test]
    fn the_provider_s_time_is_believed_up_to_a_bound() {
        let named = |seconds| Some((CooldownCause::RateLimit, seconds, "retry-after".to_owned()));
        assert_eq!(after(FailureKind::RateLimit, 429, Some(7)), named(7));
        assert_eq!(after(FailureKind::RateLimit, 429, Some(86_400)), named(1800));
        let refused = after(FailureKind::Credential, 401, Some(7));
        assert_eq!(refused.map(|(_, seconds, _)| seconds), Some(1800), "not for a refused credential");
    }

    #[test]
    fn only_a_rate_limit_is_one_family_s() {
        let scope = |kind, status| {
            let failure = Failure { kind, status: Some(status), reset: None, family: Some("opus") };
            cooldown_after(&failure, &RULES, NOW).map(|cooldown| cooldown.scope)
        };
        assert_eq!(scope(FailureKind::RateLimit, 429), Some(CooldownScope::ModelFamily("opus".into())));
        assert_eq!(scope(FailureKind::Credential, 401), Some(CooldownScope::Account));
    }

    #[test]
    fn a_rule_of_zero_is_off() {
        assert_eq!(after(FailureKind::Timeout, 504, None), None);
    }
}
