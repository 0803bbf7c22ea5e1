//! Whose turn it is among accounts of one priority: each is chosen as often as its weight says, and evenly so.
//!
//! Each choice moves the account's turn on by a stride that is the shorter the more it weighs (stride scheduling, Waldspurger and
//! Weihl 1995). With equal weights that is the order of least recent use.

use domain::Weight;
use std::sync::atomic::{AtomicU64, Ordering};

/// The stride of the weight 1, which all strides divide.
const STRIDE: u64 = 1 << 20;

/// An account's place in the order: the lowest is chosen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Turn {
    /// When it is its turn, in strides since the start.
    pub time: u64,
    /// A number that grows with each use of any account; 0: never used.
    pub last_used: u64,
}

/// The time that turns are counted in, with the number of the last use. One for all accounts of a node.
#[derive(Debug, Default)]
pub struct TurnClock {
    time: AtomicU64,
    uses: AtomicU64,
}

impl TurnClock {
    /// The next turn of an account with this `weight` that was chosen in its `turn`. Time moves on to that: who was not chosen for
    /// long, or is new, does not make up for it.
    pub fn chosen(&self, turn: Turn, weight: Weight) -> Turn {
        let time = self.time.fetch_max(turn.time, Ordering::Relaxed).max(turn.time);
        self.from(time, weight)
    }

    /// The next turn of an account that was used although it was not its turn: a session stayed with it.
    pub fn used(&self, turn: Turn, weight: Weight) -> Turn {
        let next = self.from(self.time.load(Ordering::Relaxed), weight);
        Turn { time: next.time.max(turn.time), ..next }
    }

    fn from(&self, time: u64, weight: Weight) -> Turn {
        let last_used = self.uses.fetch_add(1, Ordering::Relaxed) + 1;
        Turn { time: time + STRIDE / u64::from(weight.get()), last_used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who is chosen, time after time, among accounts of these weights.
    fn chosen(weights: &[u8], count: usize) -> String {
        let clock = TurnClock::default();
        let mut turns: Vec<_> = weights.iter().map(|_| Turn::default()).collect();
        let mut next = || {
            let place = (0..turns.len()).min_by_key(|place| turns[*place]).expect("some");
            turns[place] = clock.chosen(turns[place], Weight::new(weights[place]).expect("1 to 100"));
            (b'a' + u8::try_from(place).expect("few")) as char
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn accounts_are_chosen_as_often_as_they_weigh_and_evenly() {
        assert_eq!(chosen(&[10, 10, 10], 7), "abcabca");
        assert_eq!(chosen(&[20, 10], 9), "abaabaaba");
        let many = chosen(&[1, 99], 1000);
        assert_eq!(many.matches('a').count(), 10, "one in a hundred");
    }

    #[test]
    fn who_comes_late_does_not_make_up_for_what_it_missed() {
        let (clock, weight) = (TurnClock::default(), Weight::DEFAULT);
        let mut old = Turn::default();
        for _ in 0..100 {
            old = clock.chosen(old, weight);
        }
        let late = clock.chosen(Turn::default(), weight);
        assert!(late.time >= old.time, "one turn each from now on: {late:?} {old:?}");
    }

    #[test]
    fn a_session_that_stays_puts_its_account_behind_those_that_wait_and_no_further() {
        let (clock, weight) = (TurnClock::default(), Weight::DEFAULT);
        let [a, b] = [clock.chosen(Turn::default(), weight), clock.chosen(Turn::default(), weight)];
        let mut stayed = a;
        for _ in 0..100 {
            stayed = clock.used(stayed, weight);
        }
        assert_eq!(stayed.time, a.time);
        assert!(stayed > b, "of equal turns the one that was used longer ago comes first");
    }
}
