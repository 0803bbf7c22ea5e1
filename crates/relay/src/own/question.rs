//! The range of days that a holder asks about. Whatever is wrong is said by name.

use domain::{Calendar, Day, Timestamp};
use protocol::Refusal;
use std::num::NonZeroU32;

/// Days in one answer at most: a year, and a leap day.
const DAYS_MAX: usize = 366;

/// Days unless the holder asks for others.
const DAYS_DEFAULT: i32 = 30;

/// What a holder asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// The present day.
    pub(super) today: Day,
    /// The time zone of the days.
    pub(super) time_zone: String,
    /// Every day of the range, in the order of time; never none.
    pub(super) days: Vec<Day>,
}

impl Question {
    /// Reads `from` and `to` out of a query.
    pub(super) fn parse(
        query: &str,
        calendar: &Calendar,
        now: Timestamp,
        days_kept: Option<NonZeroU32>,
    ) -> Result<Self, Refusal> {
        let (mut from, mut to) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("from", text)) => from = Some(day("from", text)?),
                Some(("to", text)) => to = Some(day("to", text)?),
                _ => {
                    return Err(invalid(
                        "this path takes the parameters `from` and `to` only; the key stands in a header",
                    ));
                }
            }
        }
        let today = calendar.day(now);
        let first = days_kept.map(|days| today.plus_days(-i32::try_from(days.get()).unwrap_or(i32::MAX)));
        let to = to.unwrap_or(today);
        let begin = from.unwrap_or_else(|| to.plus_days(1 - DAYS_DEFAULT));
        let begin = if from.is_none() { first.map_or(begin, |first| begin.max(first)) } else { begin };
        if let Some(first) = first.filter(|first| begin < *first || to < *first) {
            return Err(invalid(&format!("`from`: what is before {first} is no longer kept; begin there")));
        }
        if begin > to {
            return Err(invalid("`from`: it is after `to`; exchange the two"));
        }
        let days: Vec<_> =
            (0..).map(|days| begin.plus_days(days)).take_while(|day| *day <= to).take(DAYS_MAX + 1).collect();
        if days.len() > DAYS_MAX {
            return Err(invalid(&format!("`from`: a range has at most {DAYS_MAX} days; begin later")));
        }
        Ok(Self { today, time_zone: calendar.name(), days })
    }
}

/// Refuses a query: the call takes none.
pub(super) fn without_parameters(query: &str) -> Result<(), Refusal> {
    if query.is_empty() { Ok(()) } else { Err(invalid("this path takes no parameters; the key stands in a header")) }
}

fn day(name: &str, text: &str) -> Result<Day, Refusal> {
    let day = Day::parse(text).filter(|_| text.as_bytes()[0].is_ascii_digit());
    day.ok_or_else(|| invalid(&format!("`{name}`: write a day such as 2026-11-23")))
}

fn invalid(message: &str) -> Refusal {
    Refusal::InvalidRequest(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Vec<String>, Refusal> {
        let now = Timestamp::parse_rfc3339("2026-11-23T09:30:00Z").expect("RFC 3339");
        let question = Question::parse(query, &Calendar::utc(), now, NonZeroU32::new(60))?;
        Ok(question.days.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_range_has_every_day_with_both_its_ends() {
        assert_eq!(ask("from=2026-11-21&to=2026-11-23").expect("days"), ["2026-11-21", "2026-11-22", "2026-11-23"]);
        let thirty = ask("").expect("days");
        assert_eq!((thirty.len(), thirty[0].as_str()), (30, "2026-10-25"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "from=x",
            "from=2026-11-23T09",
            "key=cr_1",
            "from",
            "from=2026-11-23&to=2026-11-22",
            "from=2026-09-23",
            "to=2026-09-23",
            "from=2026-11-23&to=9999-12-31",
        ] {
            assert!(matches!(ask(wrong), Err(Refusal::InvalidRequest(_))), "{wrong}");
        }
    }
}
