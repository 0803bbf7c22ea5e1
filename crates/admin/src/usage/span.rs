//! The buckets of a question: which there are between two ends, and whether they are still kept.

use super::{PeriodWord, YEAR_FIRST};
use crate::refusal::Refusal;
use domain::{Calendar, Day, Hour, Month, Timestamp};
use serde::Serialize;
use std::{num::NonZeroU32, time::Duration};
use store::ledger::Period;
use utoipa::ToSchema;

/// The earliest hour that can be asked for; its beginnings are the earliest day and month.
const HOUR_FIRST: &str = "0001-01-01T00";

const DAYS_DEFAULT: i32 = 30;
const HOURS_DEFAULT: Duration = Duration::from_secs(23 * 3600);
const MONTHS_DEFAULT: usize = 12;

/// Hours of the longest day.
const DAY_HOURS_MAX: u64 = 25;

/// Days before today whose hours are kept.
const HOURS_KEPT_DAYS: i32 = 7;

/// What a question is put at.
pub(super) struct Today<'a> {
    pub(super) calendar: &'a Calendar,
    pub(super) now: Timestamp,
    /// Days before today that are kept; none: all.
    pub(super) days_kept: Option<NonZeroU32>,
}

/// Buckets of one kind, both ends included.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) period: Period,
    pub(super) from: String,
    pub(super) to: String,
}

/// What was summed, as answers begin with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSpan)]
pub(super) struct SpanView {
    /// Which buckets were summed.
    period: PeriodWord,
    /// The first bucket.
    #[schema(example = "2026-11-01")]
    from: String,
    /// The last bucket.
    #[schema(example = "2026-11-23")]
    to: String,
    /// The time zone of the buckets.
    time_zone: String,
}

/// A bucket's name as it was written: its form says of which kind it is.
#[derive(Debug, Clone, Copy)]
enum Bucket {
    Hour(Hour),
    Day(Day),
    Month(Month),
}

impl Bucket {
    fn parse(name: &'static str, text: &str) -> Result<Self, Refusal> {
        let hour = || Hour::parse(text).map(Self::Hour);
        let day = || Day::parse(text).map(Self::Day);
        let month = || Month::parse(text).map(Self::Month);
        let message = "write a day such as 2026-11-23, a month such as 2026-11, or an hour such as 2026-11-23T09, \
                       of the years 0001 to 9999";
        let bucket = hour().or_else(day).or_else(month).filter(|_| text >= YEAR_FIRST);
        bucket.ok_or_else(|| Refusal::parameter(name, message))
    }

    const fn period(self) -> Period {
        match self {
            Self::Hour(_) => Period::Hour,
            Self::Day(_) => Period::Day,
            Self::Month(_) => Period::Month,
        }
    }
}

impl Span {
    /// What answers say of it.
    pub(super) fn view(self, calendar: &Calendar) -> SpanView {
        let Self { period, from, to } = self;
        SpanView { period: period.into(), from, to, time_zone: calendar.name() }
    }

    /// The kind of bucket that `by` names, else that of the ends, else days.
    pub(super) fn parse(
        by: Option<Period>,
        from: Option<&str>,
        to: Option<&str>,
        today: &Today<'_>,
    ) -> Result<Self, Refusal> {
        let &Today { calendar, now, .. } = today;
        let is_given = from.is_some();
        let from = from.map(|text| Bucket::parse("from", text)).transpose()?;
        let to = to.map(|text| Bucket::parse("to", text)).transpose()?;
        let period = by.or(from.map(Bucket::period)).or(to.map(Bucket::period)).unwrap_or(Period::Day);
        let ends = match period {
            Period::Hour => hours(from, to, calendar, now),
            Period::Day => days(from, to, calendar, now),
            Period::Month => months(from, to, calendar, now),
        };
        let (from, to) = ends.ok_or_else(|| {
            Refusal::parameter("from", "`from` and `to` are of another kind than `by` asks, or differ in kind")
        })?;
        // Names of one kind are in the order of time.
        if from > to {
            return Err(Refusal::parameter("from", "it is after `to`; exchange the two"));
        }
        // A default span that begins before the first year is cut.
        let first = &HOUR_FIRST[..to.len().min(HOUR_FIRST.len())];
        let span = Self { period, from: from.max(first.to_owned()), to };
        span.where_kept(is_given, today)
    }

    /// The span, if its buckets are kept; a default beginning is moved to the first that is.
    fn where_kept(mut self, is_given: bool, today: &Today<'_>) -> Result<Self, Refusal> {
        let Some(first) = first_kept(self.period, today) else { return Ok(self) };
        if self.to < first || (is_given && self.from < first) {
            let name = if is_given { "from" } else { "to" };
            let way_out = match self.period {
                Period::Hour => "ask by day",
                Period::Day | Period::Month => "ask by month; months are kept for ever",
            };
            return Err(Refusal::parameter(
                name,
                format!("what is before {first} is no longer kept: begin there, or {way_out}"),
            ));
        }
        self.from = self.from.max(first);
        Ok(self)
    }

    /// The name of every bucket, in the order of time; none when there are more than `max`.
    pub(super) fn buckets(&self, calendar: &Calendar, max: usize) -> Option<Vec<String>> {
        let mut buckets: Vec<String> = match self.period {
            Period::Hour => hours_between(calendar, Hour::parse(&self.from)?, &self.to, max + 1),
            Period::Day => {
                let first = Day::parse(&self.from)?;
                let days = (0..).map(|days| first.plus_days(days).to_string());
                days.take(max + 1).take_while(|day| *day <= self.to).collect()
            }
            Period::Month => {
                let first = Month::parse(&self.from);
                let months = std::iter::successors(first, |month| Some(month.first_day().plus_days(31).month()));
                months.map(|month| month.to_string()).take(max + 1).take_while(|month| *month <= self.to).collect()
            }
        };
        buckets.dedup();
        (buckets.len() <= max).then_some(buckets)
    }
}

/// Up to `max` hours that there are from `first` on to the one with the name `last`. One that the clocks repeat comes twice.
fn hours_between(calendar: &Calendar, first: Hour, last: &str, max: usize) -> Vec<String> {
    let (midnight, first) = (calendar.start_of(first.day()), first.to_string());
    // The hours of the first day that come before the first one are looked at too.
    let hours = (0..max as u64 + DAY_HOURS_MAX).map(|hour| midnight.plus(Duration::from_secs(3600 * hour)));
    let names = hours.map(|at| calendar.hour(at).to_string());
    names.skip_while(|hour| *hour < first).take_while(|hour| hour.as_str() <= last).take(max).collect()
}

/// The name of the first bucket that is kept; none where all are.
fn first_kept(period: Period, today: &Today<'_>) -> Option<String> {
    let day = today.calendar.day(today.now);
    match period {
        Period::Hour => Some(format!("{}T00", day.plus_days(-HOURS_KEPT_DAYS))),
        Period::Day => {
            let days = today.days_kept?.get();
            Some(day.plus_days(-i32::try_from(days).unwrap_or(i32::MAX)).to_string())
        }
        Period::Month => None,
    }
}

fn hours(from: Option<Bucket>, to: Option<Bucket>, calendar: &Calendar, now: Timestamp) -> Option<(String, String)> {
    let to = match to {
        None => calendar.hour(now).to_string(),
        Some(Bucket::Hour(hour)) => hour.to_string(),
        Some(Bucket::Day(day)) => format!("{day}T23"),
        Some(Bucket::Month(_)) => return None,
    };
    let from = match from {
        None => {
            let last = Hour::parse(&to).map(|hour| calendar.start_of(hour.day()).plus(hour_of_day(&to)))?;
            calendar.hour(last.minus(HOURS_DEFAULT)).to_string()
        }
        Some(Bucket::Hour(hour)) => hour.to_string(),
        Some(Bucket::Day(day)) => format!("{day}T00"),
        Some(Bucket::Month(_)) => return None,
    };
    Some((from, to))
}

/// From the start of the day to the hour that a name such as `2026-11-23T09` ends with.
fn hour_of_day(name: &str) -> Duration {
    let hour = name.rsplit('T').next().and_then(|hour| hour.parse().ok()).unwrap_or(0);
    Duration::from_secs(3600 * hour)
}

fn days(from: Option<Bucket>, to: Option<Bucket>, calendar: &Calendar, now: Timestamp) -> Option<(String, String)> {
    let to = match to {
        None => calendar.day(now),
        Some(Bucket::Day(day)) => day,
        Some(Bucket::Hour(_) | Bucket::Month(_)) => return None,
    };
    let from = match from {
        None => to.plus_days(1 - DAYS_DEFAULT),
        Some(Bucket::Day(day)) => day,
        Some(Bucket::Hour(_) | Bucket::Month(_)) => return None,
    };
    Some((from.to_string(), to.to_string()))
}

fn months(from: Option<Bucket>, to: Option<Bucket>, calendar: &Calendar, now: Timestamp) -> Option<(String, String)> {
    let to = match to {
        None => calendar.day(now).month(),
        Some(Bucket::Month(month)) => month,
        Some(Bucket::Day(day)) => day.month(),
        Some(Bucket::Hour(_)) => return None,
    };
    let from = match from {
        None => (1..MONTHS_DEFAULT).fold(to, |month, _| before(month)),
        Some(Bucket::Month(month)) => month,
        Some(Bucket::Day(day)) => day.month(),
        Some(Bucket::Hour(_)) => return None,
    };
    Some((from.to_string(), to.to_string()))
}

/// The month before.
fn before(month: Month) -> Month {
    Day::parse(&format!("{month}-01")).map_or(month, |first| first.plus_days(-1).month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days_kept: u32, from: Option<&str>, to: Option<&str>, by: Period) -> Result<Span, Refusal> {
        let calendar = Calendar::utc();
        let now = Timestamp::parse_rfc3339("2026-11-23T09:30:00Z").expect("RFC 3339");
        let today = Today { calendar: &calendar, now, days_kept: NonZeroU32::new(days_kept) };
        Span::parse(Some(by), from, to, &today)
    }

    #[test]
    fn a_default_span_does_not_begin_before_the_first_year() {
        for (to, from, by) in [("0001-01-01", "0001-01-01", Period::Day), ("0001-01", "0001-01", Period::Month)] {
            assert_eq!(at(0, None, Some(to), by).expect("a span").from, from);
        }
    }

    #[test]
    fn what_is_no_longer_kept_is_refused_and_a_default_begins_with_what_is() {
        assert_eq!(at(7, None, None, Period::Day).expect("a span").from, "2026-11-16");
        assert!(at(7, Some("2026-11-16"), None, Period::Day).is_ok());
        assert!(at(7, Some("2026-11-15"), None, Period::Day).is_err());
        assert!(at(7, None, Some("2026-11-15"), Period::Day).is_err());
        assert!(at(7, Some("2020-01"), None, Period::Month).is_ok());
        assert!(at(0, Some("2020-01-01"), None, Period::Day).is_ok());
        assert!(at(0, Some("2026-11-16T00"), None, Period::Hour).is_ok());
        assert!(at(0, Some("2026-11-15T23"), None, Period::Hour).is_err());
    }

    #[test]
    fn every_bucket_of_a_span_has_its_name_once() {
        let berlin = Calendar::named("Europe/Berlin").expect("a zone");
        let count = |period, from: &str, to: &str| {
            let span = Span { period, from: from.to_owned(), to: to.to_owned() };
            span.buckets(&berlin, 1000).expect("few enough").len()
        };
        assert_eq!(count(Period::Month, "2025-11", "2026-11"), 13);
        assert_eq!(count(Period::Day, "2026-02-27", "2026-03-02"), 4);
        assert_eq!(count(Period::Hour, "2026-11-23T22", "2026-11-24T01"), 4);
        assert_eq!(count(Period::Hour, "2026-03-29T00", "2026-03-29T23"), 23, "clocks go forward");
        assert_eq!(count(Period::Hour, "2026-10-25T00", "2026-10-25T23"), 24, "clocks go back: one hour is one bucket");
        let long = Span { period: Period::Day, from: "2026-01-01".to_owned(), to: "2026-12-31".to_owned() };
        assert_eq!(long.buckets(&berlin, 364), None);
    }
}
