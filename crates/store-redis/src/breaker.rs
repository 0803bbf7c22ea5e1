//! Spares a store that does not answer, and the requests that would wait for it. Nothing is called here.

/// Calls that fail in a row before further ones are refused unasked: one lost connection fails a few at once.
const FAILURES_MAX: u32 = 5;

/// The state of one store.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
}

impl Breaker {
    /// Whether a call may be made. While the breaker is open none may: probes find out whether the store answers.
    pub(crate) const fn lets_through(&self) -> bool {
        self.failures < FAILURES_MAX
    }

    /// A call was answered. Says whether the breaker was open.
    pub(crate) const fn answered(&mut self) -> bool {
        let was_open = !self.lets_through();
        self.failures = 0;
        was_open
    }

    /// A call was not answered in time, or could not be made. Says whether that opened the breaker.
    pub(crate) const fn failed(&mut self) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.failures == FAILURES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_closes_it() {
        let mut breaker = Breaker::default();
        for failure in 1..=FAILURES_MAX {
            assert!(breaker.lets_through());
            assert_eq!(breaker.failed(), failure == FAILURES_MAX);
        }
        assert!(!breaker.lets_through());
        assert!(!breaker.failed(), "it was open already");
        assert!(breaker.answered() && breaker.lets_through());
    }

    #[test]
    fn failures_apart_do_not_open_it() {
        let mut breaker = Breaker::default();
        for _ in 0..3 * FAILURES_MAX {
            breaker.failed();
            assert!(!breaker.answered());
        }
        assert!(breaker.lets_through());
    }
}
