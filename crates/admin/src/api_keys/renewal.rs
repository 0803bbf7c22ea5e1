//! How a key's life is made longer. Nothing here makes one shorter.

use crate::{
    faults::{Faults, Reason},
    refusal::{Refusal, RefusalType},
    wire::{Instant, Lifetime},
};
use domain::{Expiry, Timestamp};
use serde::Deserialize;
use std::time::Duration;
use utoipa::ToSchema;

/// Furthest end that spans may add up to, from now: ten years, as for one span; who means longer means never.
const AHEAD_MAX: Duration = Duration::from_secs(3650 * 24 * 3600);

/// How long a key shall live further: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"extend_by": {"days": 30}}))]
pub(crate) struct Renewal {
    /// A span behind its present end, or behind now where it has ended; of a key that is counted from its first use and
    /// was not used yet, behind the span that it has. Not beside `expires_at`.
    extend_by: Option<Lifetime>,
    /// A later end, fixed. Not beside `extend_by`.
    expires_at: Option<Instant>,
}

impl Renewal {
    /// The expiry that this makes of `old`.
    pub(crate) fn apply(&self, old: Expiry, now: Timestamp) -> Result<Expiry, Refusal> {
        if old == Expiry::Never {
            let message = "This key does not end, so that there is nothing to renew: set `expires_at` by a change.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        let mut faults = Faults::default();
        let renewed = match (self.extend_by, self.expires_at) {
            (Some(_), Some(_)) => Err(("expires_at", "stands beside `extend_by`; write only one of the two".into())),
            (None, None) => {
                Err(("extend_by", "is missing; write a span such as {\"days\": 30}, or `expires_at`".into()))
            }
            (Some(span), None) => extended(old, span, now).map_err(|reason| ("extend_by", reason)),
            (None, Some(Instant(at))) => postponed(old, at, now).map_err(|reason| ("expires_at", reason)),
        };
        let expiry = renewed.unwrap_or_else(|(field, reason)| {
            faults.add(field, reason);
            old
        });
        faults.settle().map(|()| expiry)
    }
}

fn extended(old: Expiry, span: Lifetime, now: Timestamp) -> Result<Expiry, Reason> {
    let span = span.parse()?;
    let later = |end: Timestamp| {
        let end = end.max(now).plus(span);
        if end > now.plus(AHEAD_MAX) { Err(too_far()) } else { Ok(end) }
    };
    match old {
        Expiry::Never => Ok(Expiry::Never),
        Expiry::At(end) => later(end).map(Expiry::At),
        Expiry::AfterFirstUse { lifetime, first_used_at: None } => {
            let lifetime = lifetime.saturating_add(span);
            if lifetime > AHEAD_MAX {
                Err(too_far())
            } else {
                Ok(Expiry::AfterFirstUse { lifetime, first_used_at: None })
            }
        }
        Expiry::AfterFirstUse { lifetime, first_used_at: Some(first) } => {
            let lifetime = later(first.plus(lifetime))?.since(first);
            Ok(Expiry::AfterFirstUse { lifetime, first_used_at: Some(first) })
        }
    }
}

fn postponed(old: Expiry, at: Timestamp, now: Timestamp) -> Result<Expiry, Reason> {
    if at <= now {
        return Err("is over already; write an instant that is to come".into());
    }
    match old.ends_at() {
        Some(end) if at <= end => Err("is not later than its present end; to end it earlier, change the key".into()),
        _ => Ok(Expiry::At(at)),
    }
}

fn too_far() -> Reason {
    "leads further than ten years ahead; write a shorter span, or set `expires_at` to null for a key without an end"
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn hour(number: u32) -> Timestamp {
        Timestamp::from_ms(0).plus(HOUR * number)
    }

    fn extended_by(hours: u32, old: Expiry) -> Option<Expiry> {
        let renewal = Renewal { extend_by: Some(Lifetime::Hours(hours)), expires_at: None };
        renewal.apply(old, hour(10)).ok()
    }

    #[test]
    fn a_span_is_counted_from_the_end_or_from_now_where_that_is_later() {
        assert_eq!(extended_by(2, Expiry::At(hour(20))), Some(Expiry::At(hour(22))));
        assert_eq!(extended_by(2, Expiry::At(hour(3))), Some(Expiry::At(hour(12))));
    }

    #[test]
    fn a_life_counted_from_first_use_stays_counted_so() {
        let counted = |hours, first| Expiry::AfterFirstUse { lifetime: HOUR * hours, first_used_at: first };
        assert_eq!(extended_by(2, counted(5, None)), Some(counted(7, None)));
        assert_eq!(extended_by(2, counted(5, Some(hour(8)))), Some(counted(7, Some(hour(8)))));
        assert_eq!(extended_by(2, counted(1, Some(hour(4)))), Some(counted(8, Some(hour(4)))));
    }

    #[test]
    fn spans_do_not_add_up_to_more_than_ten_years() {
        assert_eq!(extended_by(87_600, Expiry::At(hour(11))), None);
        assert_eq!(extended_by(87_600, Expiry::AfterFirstUse { lifetime: HOUR, first_used_at: None }), None);
        assert_eq!(extended_by(87_600, Expiry::At(hour(9))), Some(Expiry::At(hour(87_610))));
    }

    #[test]
    fn a_key_without_an_end_is_not_renewed() {
        assert_eq!(extended_by(1, Expiry::Never), None);
    }

    #[test]
    fn an_instant_is_taken_only_when_it_is_later() {
        let postponed = |at| Renewal { extend_by: None, expires_at: Some(Instant(hour(at))) };
        assert_eq!(postponed(21).apply(Expiry::At(hour(20)), hour(10)).ok(), Some(Expiry::At(hour(21))));
        assert_eq!(postponed(20).apply(Expiry::At(hour(20)), hour(10)).ok(), None);
        assert_eq!(postponed(9).apply(Expiry::At(hour(5)), hour(10)).ok(), None);
    }
}
