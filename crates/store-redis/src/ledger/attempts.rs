//! Pages of records: from the latest second back, over the seconds that a day, a key or an account has.

use super::{
    RedisLedger,
    place::{first_second, last_second, letter},
    portion::PLACES_BYTES_MAX,
};
use crate::{call::Call, engine::Lane, error::parsed};
use domain::{Attempt, Day, RequestId, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};
use store::{
    Family, StoreError,
    ledger::{AttemptCursor, AttemptFilter, AttemptPage, Period},
    packed,
};

const OPERATION: &str = "list attempts";

/// Records that one page looks at; then it is a short one.
const LOOKED_AT_MAX: usize = 100_000;

/// Seconds that are read at once, at first and at most. Later as many as hold some thousand records.
const SECONDS_AT_FIRST: usize = 32;
const SECONDS_MAX: usize = 512;
const RECORDS_AT_ONCE: usize = 4096;

/// How far a day's records may lie from the instants of a filter.
const DAY_MARGIN: i32 = 2;

/// Seconds whose days have a year of four digits: from the year 1 to the end of 9998.
const SECONDS_DATED: std::ops::Range<i64> = -62_135_596_800..253_370_764_800;

/// The seconds to be read, the latest first.
struct Seconds {
    days: Vec<Day>,
    known: BinaryHeap<(i64, Reverse<usize>)>,
    /// The next of `days` whose seconds are not known yet.
    next: usize,
}

/// The bounds of a page.
struct Bounds {
    from_second: i64,
    to_second: i64,
}

impl RedisLedger {
    pub(super) async fn page_of_attempts(
        &self,
        filter: &AttemptFilter,
        after: Option<&AttemptCursor>,
        limit: usize,
    ) -> Result<AttemptPage, StoreError> {
        let bounds = Bounds::of(filter, after);
        let mut seconds = Seconds::new(self.days(&bounds).await?);
        let (mut attempts, mut looked_at, mut at_once) = (Vec::new(), 0, SECONDS_AT_FIRST);
        let mut last_looked_at = None;
        while attempts.len() <= limit && looked_at < LOOKED_AT_MAX {
            let piece = self.next_seconds(&mut seconds, &bounds, filter, at_once).await?;
            if piece.is_empty() {
                last_looked_at = None;
                break;
            }
            let mut records = self.records(&piece).await?;
            records.sort_by(|a, b| place(b).cmp(&place(a)));
            looked_at += records.len();
            at_once = (RECORDS_AT_ONCE * piece.len() / records.len().max(1)).clamp(1, SECONDS_MAX);
            last_looked_at = records.last().map(AttemptCursor::of).or(last_looked_at);
            let is_after = |attempt: &Attempt| after.is_none_or(|after| place(attempt) < cursor(after));
            attempts.extend(records.into_iter().filter(|attempt| filter.passes(attempt) && is_after(attempt)));
        }
        let more = attempts.len() > limit;
        attempts.truncate(limit);
        let next = if more { attempts.last().map(AttemptCursor::of) } else { last_looked_at };
        Ok(AttemptPage { attempts, next })
    }

    /// The days that may have records within the bounds, the latest first.
    async fn days(&self, bounds: &Bounds) -> Result<Vec<Day>, StoreError> {
        let letter = letter(Period::Day);
        let from =
            day_of(bounds.from_second, -DAY_MARGIN).map_or(format!("[{letter}:"), |day| format!("[{letter}:{day}"));
        let to = day_of(bounds.to_second, DAY_MARGIN).map_or(format!("({letter};"), |day| format!("[{letter}:{day}"));
        let days = self.existing(Lane::Request, letter, &from, &to).await?;
        Ok(days.iter().rev().filter_map(|day| Day::parse(day)).collect())
    }

    /// The next seconds, each with its day, the latest first.
    async fn next_seconds(
        &self,
        seconds: &mut Seconds,
        bounds: &Bounds,
        filter: &AttemptFilter,
        at_once: usize,
    ) -> Result<Vec<(Day, i64)>, StoreError> {
        let mut piece = Vec::new();
        while piece.len() < at_once {
            if let Some(day) = seconds.day_to_look_at() {
                let found = self.seconds_of(day, filter).await?;
                let within =
                    found.into_iter().filter(|second| (bounds.from_second..=bounds.to_second).contains(second));
                seconds.known.extend(within.map(|second| (second, Reverse(seconds.next))));
                seconds.next += 1;
            } else if let Some((second, Reverse(day))) = seconds.known.pop() {
                piece.push((seconds.days[day], second));
            } else {
                break;
            }
        }
        Ok(piece)
    }

    /// The seconds of a day in which the key or account of the filter may have records; of all, where it names none.
    async fn seconds_of(&self, day: Day, filter: &AttemptFilter) -> Result<BTreeSet<i64>, StoreError> {
        let (names, day_name) = (self.0.names(), day.to_string());
        let own = match (&filter.key, &filter.account) {
            (Some(key), _) => Some(names.key(Family::UsageRecordKey, &[key.as_str(), &day_name])),
            (None, Some(account)) => Some(names.key(Family::UsageRecordAccount, &[account.as_str(), &day_name])),
            (None, None) => None,
        };
        if let Some(own) = own {
            let places: Vec<u8> = self.0.ask(OPERATION, Call::command("GET").arg(own)).await?;
            if places.len() < PLACES_BYTES_MAX {
                let offset = |place: &[u8]| i64::from(u32::from_be_bytes([0, place[0], place[1], place[2]]));
                return Ok(places.chunks_exact(3).map(|place| first_second(day) + offset(place)).collect());
            }
        }
        let set = Call::command("GET").arg(names.key(Family::UsageRecordSeconds, &[&day_name]));
        let set: Vec<u8> = self.0.ask(OPERATION, set).await?;
        Ok(places_in(&set).map(|place| first_second(day) + place).collect())
    }

    /// The records of these seconds, in no order. What does not unpack is left out.
    async fn records(&self, seconds: &[(Day, i64)]) -> Result<Vec<Attempt>, StoreError> {
        let mut by_day: BTreeMap<Day, Vec<i64>> = BTreeMap::new();
        for (day, second) in seconds {
            by_day.entry(*day).or_default().push(*second);
        }
        let firsts = by_day.iter().map(|(day, seconds)| {
            let fields = seconds.iter().flat_map(|second| [second.to_string(), format!("{second}#")]);
            self.fields(*day, fields)
        });
        let replies = self.0.all(Lane::Request, OPERATION, firsts.collect()).await?;
        let (mut attempts, mut further) = (Vec::new(), Vec::new());
        for ((day, seconds), reply) in by_day.iter().zip(replies) {
            let fields: Vec<Option<Vec<u8>>> = parsed(OPERATION, reply)?;
            for (second, field) in seconds.iter().zip(fields.chunks_exact(2)) {
                unpack(field[0].as_deref().unwrap_or_default(), &mut attempts);
                let more = field[1].as_deref().and_then(|more| std::str::from_utf8(more).ok()?.parse::<u64>().ok());
                let parts = (1..=more.unwrap_or(0)).map(|part| format!("{second}.{part}"));
                further.extend(parts.map(|part| self.fields(*day, std::iter::once(part))));
            }
        }
        for reply in self.0.all(Lane::Request, OPERATION, further).await? {
            let fields: Vec<Option<Vec<u8>>> = parsed(OPERATION, reply)?;
            fields.into_iter().flatten().for_each(|field| unpack(&field, &mut attempts));
        }
        Ok(attempts)
    }

    fn fields(&self, day: Day, fields: impl Iterator<Item = String>) -> Call {
        let records = self.0.names().key(Family::UsageRecord, &[&day.to_string()]);
        fields.fold(Call::command("HMGET").arg(records), Call::arg)
    }
}

impl Bounds {
    fn of(filter: &AttemptFilter, after: Option<&AttemptCursor>) -> Self {
        let second = |at: Timestamp| at.as_ms().div_euclid(1000);
        let to = [filter.to, after.map(|after| after.admitted_at)].into_iter().flatten().map(second).min();
        Self { from_second: filter.from.map_or(i64::MIN, second), to_second: to.unwrap_or(i64::MAX) }
    }
}

/// The day in UTC of a second, so many days on; none beyond the calendar.
fn day_of(second: i64, days: i32) -> Option<Day> {
    let is_dated = SECONDS_DATED.contains(&second);
    is_dated.then(|| domain::Calendar::utc().day(Timestamp::from_ms(second * 1000)).plus_days(days))
}

impl Seconds {
    fn new(days: Vec<Day>) -> Self {
        Self { days, known: BinaryHeap::new(), next: 0 }
    }

    /// The next day, if it may have a later second than the latest that is known: neighbouring days overlap in UTC.
    fn day_to_look_at(&self) -> Option<Day> {
        let day = *self.days.get(self.next)?;
        let latest = self.known.peek().map(|(second, _)| *second);
        latest.is_none_or(|latest| last_second(day) > latest).then_some(day)
    }
}

/// The places of the bits that are set, the first bit of a byte being its highest.
fn places_in(set: &[u8]) -> impl Iterator<Item = i64> {
    let bytes = (0_i64..).step_by(8).zip(set);
    bytes
        .filter(|(_, byte)| **byte != 0)
        .flat_map(|(first, byte)| (0..8).filter(move |bit| byte & (0x80 >> bit) != 0).map(move |bit| first + bit))
}

/// Reads records, each with its length in front.
fn unpack(mut bytes: &[u8], attempts: &mut Vec<Attempt>) {
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((record, rest)) = rest.split_at_checked(length) else {
            tracing::error!("a record of the books is cut short and left out");
            return;
        };
        bytes = rest;
        match packed::unpack(record) {
            Ok(attempt) => attempts.push(attempt),
            Err(error) => tracing::error!(error = %error, "a record of the books is left out"),
        }
    }
}

fn place(attempt: &Attempt) -> (Timestamp, &RequestId, u8) {
    (attempt.admitted_at, &attempt.request_id, attempt.attempt_no)
}

fn cursor(after: &AttemptCursor) -> (Timestamp, &RequestId, u8) {
    (after.admitted_at, &after.request_id, after.attempt_no)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_at_the_ends_of_time_have_no_days() {
        let any = AttemptFilter::default();
        let filter =
            AttemptFilter { from: Some(Timestamp::from_ms(i64::MIN)), to: Some(Timestamp::from_ms(i64::MAX)), ..any };
        let bounds = Bounds::of(&filter, None);
        assert_eq!((day_of(bounds.from_second, -2), day_of(bounds.to_second, 2)), (None, None));
        assert_eq!(day_of(1_795_392_000, 2).map(|day| day.to_string()).as_deref(), Some("2026-11-25"));
    }
}
