//! Accounts in the order in which they are chosen, kept from choice to choice: a choice looks at the first that may serve, and not
//! at all of them.
//!
//! Who is found resting (it cools down as a whole, is paused or has ended) is put aside until its rest may be over, so that it is
//! not looked at by each request.

use crate::turn::Turn;
use domain::{Platform, Priority, Timestamp};
use std::{collections::BTreeSet, iter::Peekable};

/// Where an account stands in its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spot {
    priority: Priority,
    turn: Turn,
    index: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    lane: usize,
    spot: Spot,
    /// Until when it rests; none: it is in its lane.
    rests_until: Option<Timestamp>,
}

/// An account in line.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// What it can serve.
    pub platform: Platform,
    /// Lower is chosen first.
    pub priority: Priority,
    /// Its place in the order of its priority.
    pub turn: Turn,
}

/// What a look at an account finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It may serve this request, and nothing speaks against it.
    Fit,
    /// Not this request.
    Unfit,
    /// It rests: no request is served before this instant as if nothing spoke against it.
    Rests(Timestamp),
}

/// The accounts, known by their places in the list that it was made from.
#[derive(Debug, Default)]
pub struct Lineup {
    lanes: Vec<(Platform, BTreeSet<Spot>)>,
    entries: Vec<Entry>,
    resting: BTreeSet<(Timestamp, usize)>,
}

impl Lineup {
    /// Lines `members` up.
    pub fn new(members: impl Iterator<Item = Member>) -> Self {
        let mut lineup = Self::default();
        for (index, member) in members.enumerate() {
            let lane =
                lineup.lanes.iter().position(|(platform, _)| *platform == member.platform).unwrap_or_else(|| {
                    lineup.lanes.push((member.platform, BTreeSet::new()));
                    lineup.lanes.len() - 1
                });
            let spot = Spot { priority: member.priority, turn: member.turn, index };
            lineup.entries.push(Entry { lane, spot, rests_until: None });
            lineup.lanes[lane].1.insert(spot);
        }
        lineup
    }

    /// The first account of `platforms` that is fit, as `look` finds it at `now`; it is not marked as used. None: all that are fit
    /// at all rest, or none is fit.
    pub fn first(
        &mut self,
        platforms: &[Platform],
        now: Timestamp,
        mut look: impl FnMut(usize) -> Look,
    ) -> Option<usize> {
        self.wake_until(now);
        let mut rested = Vec::new();
        let mut lanes: Vec<_> = self.lanes.iter().filter(|(platform, _)| platforms.contains(platform)).collect();
        let found = in_order(lanes.iter_mut().map(|(_, lane)| lane.iter().peekable()).collect())
            .map(|spot| spot.index)
            .find(|index| match look(*index) {
                Look::Fit => true,
                Look::Unfit => false,
                Look::Rests(until) => {
                    rested.push((*index, until));
                    false
                }
            });
        for (index, until) in rested {
            self.rest(index, until);
        }
        found
    }

    /// Gives an account its next turn.
    pub fn used(&mut self, index: usize, turn: Turn) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        let before = entry.spot;
        entry.spot.turn = turn;
        let (lane, spot) = (entry.lane, entry.spot);
        if entry.rests_until.is_none() {
            let lane = &mut self.lanes[lane].1;
            lane.remove(&before);
            lane.insert(spot);
        }
    }

    /// Looks again at who rests: a rest has ended before its time.
    pub fn wake_all(&mut self) {
        while let Some((_, index)) = self.resting.pop_first() {
            self.wake(index);
        }
    }

    fn wake_until(&mut self, now: Timestamp) {
        while let Some((_, index)) = self.resting.first().copied().filter(|(until, _)| *until <= now) {
            self.resting.pop_first();
            self.wake(index);
        }
    }

    fn wake(&mut self, index: usize) {
        let entry = &mut self.entries[index];
        entry.rests_until = None;
        self.lanes[entry.lane].1.insert(entry.spot);
    }

    fn rest(&mut self, index: usize, until: Timestamp) {
        let entry = &mut self.entries[index];
        entry.rests_until = Some(until);
        self.lanes[entry.lane].1.remove(&entry.spot);
        self.resting.insert((until, index));
    }
}

/// The spots of several lanes, each in order, in one order.
fn in_order<'a, I: Iterator<Item = &'a Spot>>(mut lanes: Vec<Peekable<I>>) -> impl Iterator<Item = &'a Spot> {
    std::iter::from_fn(move || {
        let next = lanes.iter_mut().filter_map(|lane| lane.peek().copied().map(|spot| (spot, lane)));
        next.min_by_key(|(spot, _)| **spot)?.1.next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_000);
    const BOTH: &[Platform] = &[Platform::ClaudeConsole, Platform::Ccr];

    fn lineup(members: &[(Platform, u8)]) -> Lineup {
        Lineup::new(members.iter().map(|(platform, priority)| Member {
            platform: *platform,
            priority: Priority::new(*priority).expect("1 to 100"),
            turn: Turn::default(),
        }))
    }

    fn turn(number: u64) -> Turn {
        Turn { time: number, last_used: number }
    }

    /// The next so many choices, each used.
    fn choices(lineup: &mut Lineup, platforms: &[Platform], count: u64) -> Vec<usize> {
        let mut chosen = Vec::new();
        for number in 1..=count {
            let index = lineup.first(platforms, NOW, |_| Look::Fit).expect("one is fit");
            lineup.used(index, turn(number));
            chosen.push(index);
        }
        chosen
    }

    #[test]
    fn lanes_are_walked_as_one_by_priority_and_then_by_least_recent_use() {
        let members = [
            (Platform::Ccr, 2),
            (Platform::ClaudeConsole, 1),
            (Platform::Ccr, 1),
            (Platform::Gemini, 1),
            (Platform::ClaudeConsole, 1),
        ];
        let mut lined = lineup(&members);
        assert_eq!(choices(&mut lined, BOTH, 6), [1, 2, 4, 1, 2, 4]);
        assert_eq!(
            lined.first(&[Platform::Ccr], NOW, |index| if index == 2 { Look::Unfit } else { Look::Fit }),
            Some(0)
        );
        assert_eq!(lined.first(&[Platform::Droid], NOW, |_| Look::Fit), None);
    }

    /// With a thousand accounts each request looked at a thousand.
    #[test]
    fn a_choice_looks_at_one_of_a_thousand_also_when_most_rest() {
        let mut lined = lineup(&[(Platform::Ccr, 1); 1_000]);
        let until = NOW.plus(std::time::Duration::from_secs(60));
        let (mut looks, mut number) = (0, 0);
        let mut choose = |lined: &mut Lineup, now| {
            let found = lined.first(BOTH, now, |index| {
                looks += 1;
                if index < 990 { Look::Rests(until) } else { Look::Fit }
            });
            number += 1;
            lined.used(found.expect("ten are fit"), turn(number));
            std::mem::take(&mut looks)
        };
        assert_eq!(choose(&mut lined, NOW), 991, "who rests is seen once");
        for _ in 0..100 {
            assert_eq!(choose(&mut lined, NOW), 1);
        }
        lined.wake_all();
        assert_eq!(choose(&mut lined, NOW), 991);
        assert_eq!(choose(&mut lined, until), 991, "its rest may be over");
    }

    #[test]
    fn who_was_used_while_it_rested_stands_where_its_use_puts_it() {
        let mut lined = lineup(&[(Platform::Ccr, 1); 3]);
        let until = NOW.plus(std::time::Duration::from_secs(60));
        let first = |lined: &mut Lineup, now| {
            lined.first(BOTH, now, |index| if index == 0 && now < until { Look::Rests(until) } else { Look::Fit })
        };
        assert_eq!(first(&mut lined, NOW), Some(1));
        lined.used(0, turn(1));
        lined.used(1, turn(2));
        assert_eq!(first(&mut lined, until), Some(2));
        lined.used(2, turn(3));
        assert_eq!(first(&mut lined, until), Some(0));
    }
}
