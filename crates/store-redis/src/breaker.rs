//! Spares a store that does not answer, and the requests that would wait for it. Pure in `now`: nothing is called here.

use std::time::Duration;
use tokio::time::Instant;

/// Calls that fail in a row before further ones are refused unasked: one lost connection fails a few at once.
const FAILURES_MAX: u32 = 5;

/// How long after a failure the next call is let through to find out. Others are refused meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// The state of one store.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    tried_at: Option<Instant>,
}

impl Breaker {
    /// Whether a call may be made at `now`. While the breaker is open, one in [`TRY_EVERY`] may.
    pub(crate) fn lets_through(&mut self, now: Instant) -> bool {
        if self.failures < FAILURES_MAX {
            return true;
        }
        let due = self.tried_at.is_none_or(|tried_at| now >= tried_at + TRY_EVERY);
        if due {
            self.tried_at = Some(now);
        }
        due
    }

    /// A call was answered. Says whether the breaker was open.
    pub(crate) fn answered(&mut self) -> bool {
        let was_open = self.failures >= FAILURES_MAX;
        *self = Self::default();
        was_open
    }

    /// A call was not answered in time, or could not be made. Says whether that opened the breaker.
    pub(crate) fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.tried_at = Some(now);
        self.failures == FAILURES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_one_call_at_a_time_finds_out() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for failure in 1..=FAILURES_MAX {
            assert!(breaker.lets_through(now));
            assert_eq!(breaker.failed(now), failure == FAILURES_MAX);
        }
        assert!(!breaker.lets_through(now));
        let later = now + TRY_EVERY;
        assert!(breaker.lets_through(later));
        assert!(!breaker.lets_through(later), "one is enough to find out");
        assert!(!breaker.failed(later), "it was open already");
        assert!(!breaker.lets_through(later));
    }

    #[test]
    fn an_answer_closes_it() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        assert!(!breaker.answered());
        for _ in 0..FAILURES_MAX {
            breaker.failed(now);
        }
        assert!(breaker.answered());
        assert!(breaker.lets_through(now) && breaker.lets_through(now));
    }
}
