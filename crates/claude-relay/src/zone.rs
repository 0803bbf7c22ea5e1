//! The time zone of the books over time: kept in the store, so that days already counted stay as they were counted.

use domain::{Calendar, CalendarSchedule, Timestamp};
use store::{
    RecordError, Records, StoreError,
    error::StoreFailure,
    nouns::Setting,
    records::{Condition, TypedRecords},
};

/// The setting's name.
const SETTING: &str = "calendar";

/// Reads which zone held when, and lets `wanted` hold from the next local midnight if it is another than the last.
///
/// # Errors
///
/// When the store refuses, or what stands there is damaged.
pub(crate) async fn schedule(
    wanted: &Calendar,
    records: &dyn Records,
    now: Timestamp,
) -> Result<CalendarSchedule, RecordError> {
    loop {
        match settle(wanted, records, now).await {
            // Another node was first: what it wrote is read.
            Err(RecordError::Duplicate { .. } | RecordError::Conflict { .. }) => {}
            settled => return settled,
        }
    }
}

/// Reads which zone held when, and changes nothing; `wanted` holds where none is kept yet.
///
/// # Errors
///
/// When the store refuses, or what stands there is damaged.
pub(crate) async fn read(wanted: &Calendar, records: &dyn Records) -> Result<CalendarSchedule, RecordError> {
    match records.read::<Setting>(SETTING).await? {
        None => Ok(CalendarSchedule::new(wanted.clone())),
        Some(stored) => Ok(parse(&stored.record.value).ok_or_else(damaged)?),
    }
}

fn damaged() -> StoreError {
    StoreError::new("read the time zone of the books", StoreFailure::Damaged)
}

async fn settle(wanted: &Calendar, records: &dyn Records, now: Timestamp) -> Result<CalendarSchedule, RecordError> {
    let Some(stored) = records.read::<Setting>(SETTING).await? else {
        let value = line(Timestamp::from_ms(0), wanted);
        records.add(&Setting { name: SETTING.to_owned(), value, updated_at: now }).await?;
        return Ok(CalendarSchedule::new(wanted.clone()));
    };
    let mut schedule = parse(&stored.record.value).ok_or_else(damaged)?;
    if schedule.last() == wanted {
        return Ok(schedule);
    }
    let from = jobs::zone_change_at(&schedule, now);
    schedule.change(from, wanted.clone());
    let kept = stored.record.value.lines().filter(|line| parse_line(line).is_some_and(|(at, _)| at < from));
    let value = kept.map(str::to_owned).chain([line(from, wanted)]).collect::<Vec<_>>().join("\n");
    let changed = Setting { value, updated_at: now, ..stored.record.clone() };
    records.change(&stored.record, &changed, Condition::Version(stored.version)).await?;
    tracing::info!(time_zone = wanted.name(), from = %from, "the books' days are counted in another time zone from then on");
    Ok(schedule)
}

/// One line per zone: the first instant in milliseconds since 1970, and the zone's name.
fn line(from: Timestamp, calendar: &Calendar) -> String {
    format!("{} {}", from.as_ms(), calendar.name())
}

fn parse(value: &str) -> Option<CalendarSchedule> {
    let mut lines = value.lines();
    let (_, first) = parse_line(lines.next()?)?;
    let mut schedule = CalendarSchedule::new(first);
    for line in lines {
        let (from, calendar) = parse_line(line)?;
        schedule.change(from, calendar);
    }
    Some(schedule)
}

fn parse_line(line: &str) -> Option<(Timestamp, Calendar)> {
    let (from, name) = line.split_once(' ')?;
    Some((Timestamp::from_ms(from.parse().ok()?), Calendar::parse(name).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("RFC 3339")
    }

    #[tokio::test]
    async fn another_zone_holds_from_the_next_local_midnight_and_is_remembered() {
        let records = store::memory::store().records;
        let (utc, shanghai) = (Calendar::utc(), Calendar::named("Asia/Shanghai").expect("a zone"));
        schedule(&utc, &*records, at("2026-11-20T12:00:00Z")).await.expect("first");
        let changed = schedule(&shanghai, &*records, at("2026-11-23T12:00:00Z")).await.expect("changed");
        assert_eq!(changed.at(at("2026-11-23T23:59:59Z")), &utc);
        assert_eq!(changed.at(at("2026-11-24T00:00:00Z")), &shanghai);
        let again = schedule(&shanghai, &*records, at("2026-11-25T12:00:00Z")).await.expect("read");
        assert_eq!(again, changed);
    }
}
