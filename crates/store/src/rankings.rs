//! What the books say of every key at once: by which lists of keys are ordered and narrowed.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{Day, KeyId, Month, NanoUsd, Timestamp, Week};

/// Days that one question spans at most: a leap year.
pub const DAYS_MAX: usize = 366;

/// Local days, both ends included; not more than [`DAYS_MAX`], not fewer than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days {
    from: Day,
    to: Day,
}

/// A span of which costs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostSpan {
    /// A local day.
    Day(Day),
    /// A week, from Monday on.
    Week(Week),
    /// A month.
    Month(Month),
}

/// The port. Each answer names every key that the books know and that has what was asked for, once, in no order. It is read from
/// sums, at a cost that grows with the number of such keys: whoever asks often keeps the answer.
#[async_trait]
pub trait Rankings: Send + Sync {
    /// When each key was last used: the latest `admitted_at` of its records, whether or not they are still kept.
    async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError>;

    /// The rated cost of the keys that were used in these days, as far as their sums are still kept.
    async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError>;

    /// The keys that used a model, by its name in the books, in these days, as far as their sums are still kept.
    async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError>;
}

impl Days {
    /// From one day to another; none when they are the wrong way round, or too far apart.
    #[must_use]
    pub fn new(from: Day, to: Day) -> Option<Self> {
        let days = i32::try_from(DAYS_MAX).ok()?;
        (from <= to && to < from.plus_days(days)).then_some(Self { from, to })
    }

    /// The first.
    #[must_use]
    pub const fn from(self) -> Day {
        self.from
    }

    /// The last.
    #[must_use]
    pub const fn to(self) -> Day {
        self.to
    }

    /// Spans that hold these days and no other, each once: months and weeks where they fit.
    #[must_use]
    pub fn spans(self) -> Vec<CostSpan> {
        let mut spans = Vec::new();
        let mut day = self.from;
        while day <= self.to {
            let (month, week) = (day.month(), day.week());
            let (next_month, next_week) = (month.first_day().plus_days(31).month().first_day(), day.plus_days(7));
            if day == month.first_day() && next_month <= self.to.plus_days(1) {
                spans.push(CostSpan::Month(month));
                day = next_month;
            } else if day == week.first_day() && next_week <= self.to.plus_days(1) {
                spans.push(CostSpan::Week(week));
                day = next_week;
            } else {
                spans.push(CostSpan::Day(day));
                day = day.plus_days(1);
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, to: &str) -> Option<Days> {
        Days::new(Day::parse(from).expect("a day"), Day::parse(to).expect("a day"))
    }

    #[test]
    fn the_spans_of_some_days_hold_each_of_them_once() {
        for (from, to, count) in [
            ("2026-11-23", "2026-11-23", 1),
            ("2026-11-23", "2026-11-29", 1),
            ("2026-11-22", "2026-11-30", 3),
            ("2026-11-01", "2026-11-30", 1),
            ("2026-10-31", "2026-12-01", 3),
            ("2026-10-29", "2026-11-27", 12),
        ] {
            let days = days(from, to).expect("some days");
            let all: Vec<_> = days
                .spans()
                .into_iter()
                .flat_map(|span| {
                    let (first, next) = match span {
                        CostSpan::Day(day) => (day, day.plus_days(1)),
                        CostSpan::Week(week) => (week.first_day(), week.first_day().plus_days(7)),
                        CostSpan::Month(month) => {
                            (month.first_day(), month.first_day().plus_days(31).month().first_day())
                        }
                    };
                    (0..31).map(move |number| first.plus_days(number)).take_while(move |day| *day < next)
                })
                .collect();
            let expected: Vec<_> =
                (0..366).map(|number| days.from().plus_days(number)).take_while(|day| *day <= days.to()).collect();
            assert_eq!((all, days.spans().len()), (expected, count), "{from} to {to}");
        }
    }

    #[test]
    fn days_are_in_order_and_not_more_than_a_year() {
        assert!(days("2026-11-24", "2026-11-23").is_none());
        assert!(days("2026-01-01", "2027-01-01").is_some());
        assert!(days("2026-01-01", "2027-01-02").is_none());
    }
}
