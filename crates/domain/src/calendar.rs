//! Days, hours, weeks and months of a named time zone: the buckets of the books.

use crate::time::Timestamp;
use jiff::{
    civil::{Date, DateTime, Weekday},
    tz::{Offset, TimeZone},
};
use std::fmt;

/// A time zone that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IANA time zone (`Asia/Shanghai`) nor an offset in hours between -26 and 26")]
pub struct ZoneError(pub String);

/// Turns instants into local days. One per installation; a change holds from the next local midnight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
}

/// A local calendar day, `2026-11-23`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(Date);

/// A local hour, `2026-11-23T09`. The hour that a change to winter time repeats is one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hour(DateTime);

/// A local calendar month, `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month(Date);

/// A local week, named by its Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Week(Date);

/// The calendars of an installation, each from an instant on: past days keep the zone that they were counted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarSchedule {
    first: Calendar,
    /// Later calendars, by the instant from which each holds, ascending.
    changes: Vec<(Timestamp, Calendar)>,
}

impl CalendarSchedule {
    /// One calendar, always.
    #[must_use]
    pub const fn new(calendar: Calendar) -> Self {
        Self { first: calendar, changes: Vec::new() }
    }

    /// `calendar` from `at` on; whatever was to begin later is dropped.
    pub fn change(&mut self, at: Timestamp, calendar: Calendar) {
        self.changes.retain(|(from, _)| *from < at);
        self.changes.push((at, calendar));
    }

    /// The calendar that holds at `at`.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> &Calendar {
        self.changes.iter().rev().find(|(from, _)| *from <= at).map_or(&self.first, |(_, calendar)| calendar)
    }

    /// The calendar that will hold in the end.
    #[must_use]
    pub fn last(&self) -> &Calendar {
        self.changes.last().map_or(&self.first, |(_, calendar)| calendar)
    }
}

impl Calendar {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { zone: TimeZone::UTC }
    }

    /// A zone by its IANA name, with daylight saving as the zone has it.
    ///
    /// # Errors
    ///
    /// When the time zone database has no such name.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        TimeZone::get(name).map(|zone| Self { zone }).map_err(|_| ZoneError(name.to_owned()))
    }

    /// Reads [`name`](Self::name): an IANA name, or an offset such as `+08` or `-03:30`.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let offset = parse_offset(name).and_then(|seconds| Offset::from_seconds(seconds).ok());
        offset.map_or_else(|| Self::named(name), |offset| Ok(Self { zone: offset.to_time_zone() }))
    }

    /// A fixed offset in hours, as the earlier service's `TIMEZONE_OFFSET`; zero and halves are allowed.
    ///
    /// # Errors
    ///
    /// When `hours` is no number between -26 and 26.
    pub fn offset(hours: &str) -> Result<Self, ZoneError> {
        let error = || ZoneError(hours.to_owned());
        let value: f64 = hours.trim().parse().map_err(|_| error())?;
        if !(-25.9..=25.9).contains(&value) {
            return Err(error());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked in the line above")]
        let seconds = (value * 3600.0).round() as i32;
        Offset::from_seconds(seconds).map(|offset| Self { zone: offset.to_time_zone() }).map_err(|_| error())
    }

    /// The IANA name, or the offset as `+08` would print.
    #[must_use]
    pub fn name(&self) -> String {
        match self.zone.iana_name() {
            Some(name) => name.to_owned(),
            None => self.zone.to_fixed_offset().map_or_else(|_| "UTC".to_owned(), |offset| offset.to_string()),
        }
    }

    /// The local day that `at` falls in.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> Day {
        Day(self.local(at).date())
    }

    /// The local hour that `at` falls in.
    #[must_use]
    pub fn hour(&self, at: Timestamp) -> Hour {
        let local = self.local(at);
        Hour(local.date().at(local.hour(), 0, 0, 0))
    }

    /// The first instant of a local day.
    #[must_use]
    pub fn start_of(&self, day: Day) -> Timestamp {
        let start = self.zone.to_zoned(day.0.at(0, 0, 0, 0));
        Timestamp::from_ms(start.map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond()))
    }

    fn local(&self, at: Timestamp) -> DateTime {
        let clamped =
            at.as_ms().clamp(jiff::Timestamp::MIN.as_millisecond() + 1, jiff::Timestamp::MAX.as_millisecond() - 1);
        let instant = jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        self.zone.to_datetime(instant)
    }
}

/// Reads `+08` or `-03:30` as seconds east of UTC.
fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
}

impl Day {
    /// Reads `2026-11-23`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The length keeps out jiff's wider forms, which would be other keys for one day.
        (text.len() == 10).then(|| text.parse().ok().map(Self)).flatten()
    }

    /// The month of this day.
    #[must_use]
    pub fn month(self) -> Month {
        Month(self.0.first_of_month())
    }

    /// The week of this day.
    #[must_use]
    pub fn week(self) -> Week {
        let since_monday = self.0.weekday().since(Weekday::Monday);
        Week(self.0.saturating_sub(jiff::Span::new().days(i64::from(since_monday))))
    }

    /// The day `days` later (earlier, when negative).
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().days(i64::from(days))))
    }
}

impl Hour {
    /// The day of this hour.
    #[must_use]
    pub fn day(self) -> Day {
        Day(self.0.date())
    }

    /// Hours since 1970-01-01T00 of the same local calendar: the short form in packed records.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_hours()
    }

    /// Reads [`number`](Self::number); none outside the years -9999 to 9999.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let since_1970 = jiff::SignedDuration::from_secs(number.checked_mul(3600)?);
        DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(since_1970).ok().map(Self)
    }

    /// Reads `2026-11-23T09`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, hour) = text.split_once('T')?;
        let hour: i8 = (hour.len() == 2).then(|| hour.parse().ok()).flatten()?;
        (0..24).contains(&hour).then_some(())?;
        Some(Self(Day::parse(day)?.0.at(hour, 0, 0, 0)))
    }
}

impl Week {
    /// Its Monday.
    #[must_use]
    pub const fn first_day(self) -> Day {
        Day(self.0)
    }
}

impl Month {
    /// The first of the month.
    #[must_use]
    pub const fn first_day(self) -> Day {
        Day(self.0)
    }

    /// Reads `2026-11`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 7).then(|| Day::parse(&format!("{text}-01"))).flatten().map(Day::month)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.0.date(), self.0.hour())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("RFC 3339")
    }

    #[test]
    fn a_day_is_the_zone_s_day() {
        let shanghai = Calendar::named("Asia/Shanghai").expect("a zone");
        let instant = at("2026-11-23T16:30:00Z");
        assert_eq!(shanghai.day(instant).to_string(), "2026-11-24");
        assert_eq!(Calendar::utc().day(instant).to_string(), "2026-11-23");
        assert_eq!(shanghai.hour(instant).to_string(), "2026-11-24T00");
        assert_eq!(shanghai.start_of(shanghai.day(instant)), at("2026-11-23T16:00:00Z"));
    }

    #[test]
    fn daylight_saving_makes_a_day_of_23_hours() {
        let zone = Calendar::named("Europe/Berlin").expect("a zone");
        let day = Day::parse("2026-03-29").expect("a day");
        let length = zone.start_of(day.plus_days(1)).since(zone.start_of(day));
        assert_eq!(length.as_secs(), 23 * 3600);
    }

    #[test]
    fn a_change_of_zone_leaves_the_days_before_it_alone() {
        let mut schedule = CalendarSchedule::new(Calendar::utc());
        let shanghai = Calendar::named("Asia/Shanghai").expect("a zone");
        schedule.change(at("2026-11-24T00:00:00Z"), shanghai.clone());
        assert_eq!(schedule.at(at("2026-11-23T23:59:59Z")), &Calendar::utc());
        assert_eq!(schedule.at(at("2026-11-24T00:00:00Z")), &shanghai);
        assert_eq!(schedule.last(), &shanghai);
    }

    #[test]
    fn offsets_of_zero_and_halves_are_offsets() {
        assert_eq!(Calendar::offset("0").expect("zero").day(at("2026-11-23T23:59:59Z")).to_string(), "2026-11-23");
        assert_eq!(
            Calendar::offset("5.5").expect("India").hour(at("2026-11-23T18:30:00Z")).to_string(),
            "2026-11-24T00"
        );
        for hours in ["0", "8", "-3.5", "5.75"] {
            let calendar = Calendar::offset(hours).expect("an offset");
            assert_eq!(Calendar::parse(&calendar.name()), Ok(calendar), "{hours}");
        }
        for wrong in ["", "x", "27", "NaN", "inf"] {
            assert!(Calendar::offset(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_hour_is_its_number() {
        assert_eq!(Hour::parse("1970-01-02T03").map(Hour::number), Some(27));
        for text in ["1969-12-31T23", "2026-11-23T09", "2024-02-29T00"] {
            let hour = Hour::parse(text).expect("an hour");
            assert_eq!(Hour::from_number(hour.number()), Some(hour), "{text}");
        }
        assert_eq!([i64::MIN, 1 << 40].map(Hour::from_number), [None, None]);
    }

    #[test]
    fn weeks_start_on_monday_and_months_on_the_first() {
        let sunday = Day::parse("2026-11-22").expect("a day");
        assert_eq!(sunday.week().to_string(), "2026-11-16");
        assert_eq!(sunday.plus_days(1).week().to_string(), "2026-11-23");
        assert_eq!(sunday.month().to_string(), "2026-11");
        assert_eq!(Month::parse("2026-11"), Some(sunday.month()));
        assert_eq!(Hour::parse("2026-11-22T07").map(Hour::day), Some(sunday));
    }
}
