//! From the words of a query to a question that the roll-ups can answer. What they cannot is refused, with the way out.

use super::{UsageParams, YEAR_FIRST};
use crate::{refusal::Refusal, texts};
use domain::{AccountId, Calendar, Day, Hour, KeyId, Month, Platform, Timestamp, UserId};
use std::{collections::BTreeSet, time::Duration};
use store::ledger::{Dimension, KeyFilter, Period, ROWS_MAX, UsageQuery, UsageView};

/// Rows unless the client asks for another number.
const LIMIT_DEFAULT: usize = 1000;

/// Rows at most: one less than the ledger gives, so that one more shows whether there are more.
const LIMIT_MAX: usize = ROWS_MAX - 1;

/// The earliest hour that can be asked for; its beginnings are the earliest day and month.
const HOUR_FIRST: &str = "0001-01-01T00";

const DAYS_DEFAULT: i32 = 30;
const HOURS_DEFAULT: Duration = Duration::from_secs(23 * 3600);
const MONTHS_DEFAULT: usize = 12;

/// A question that makes sense.
#[derive(Debug)]
pub(super) struct Question {
    view: UsageView,
    span: Span,
    group: BTreeSet<Dimension>,
    model: Option<String>,
    limit: usize,
}

/// Buckets of one kind, both ends included.
#[derive(Debug)]
struct Span {
    period: Period,
    from: String,
    to: String,
}

/// Whose usage rows are told apart by, or limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Key,
    Account,
    Platform,
}

/// What `by` says.
#[derive(Debug, Default)]
struct By {
    period: Option<Period>,
    subject: Option<Subject>,
    model: bool,
}

impl Question {
    pub(super) fn parse(params: &UsageParams, calendar: &Calendar, now: Timestamp) -> Result<Self, Refusal> {
        let by = By::parse(params.by.as_deref().unwrap_or("total"))?;
        let span = Span::parse(by.period, params.from.as_deref(), params.to.as_deref(), calendar, now)?;
        let view = view(by.subject, params)?;
        let model = params.model.as_deref().map(|text| texts::model(text)).transpose();
        let limit = match params.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => limit,
            ROWS_MAX => LIMIT_MAX,
            _ => return Err(Refusal::parameter("limit", format!("write a number from 1 to {ROWS_MAX}"))),
        };
        let group = [
            by.period.map(|_| Dimension::Bucket),
            by.subject.map(|_| Dimension::Subject),
            by.model.then_some(Dimension::Model),
        ];
        Ok(Self {
            view,
            span,
            group: group.into_iter().flatten().collect(),
            model: model.map_err(|reason| Refusal::parameter("model", reason))?,
            limit,
        })
    }

    /// The same question about the keys of one user.
    pub(super) fn of_user(self, user: UserId) -> Result<Self, Refusal> {
        let is_by_key = matches!(self.view, UsageView::Keys(_));
        if self.group.contains(&Dimension::Subject) && !is_by_key {
            let message = "write `total`, or with commas at most one of hour, day, month, and key, and model";
            return Err(Refusal::parameter("by", message));
        }
        Ok(Self { view: UsageView::Keys(KeyFilter::User(user)), ..self })
    }

    /// The question as the ledger is asked: for one row more, which shows whether there are more.
    pub(super) fn into_query(self) -> UsageQuery {
        UsageQuery {
            view: self.view,
            period: self.span.period,
            from: self.span.from,
            to: self.span.to,
            model: self.model,
            group: self.group,
            limit: self.limit + 1,
        }
    }
}

impl By {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let mut by = Self::default();
        for word in text.split(',').map(str::trim) {
            let is_new = match word {
                "total" => text.trim() == "total",
                "hour" => by.period.replace(Period::Hour).is_none(),
                "day" => by.period.replace(Period::Day).is_none(),
                "month" => by.period.replace(Period::Month).is_none(),
                "key" => by.subject.replace(Subject::Key).is_none(),
                "account" => by.subject.replace(Subject::Account).is_none(),
                "platform" => by.subject.replace(Subject::Platform).is_none(),
                "model" => !std::mem::replace(&mut by.model, true),
                _ => false,
            };
            if !is_new {
                let message = "write `total`, or with commas at most one of hour, day, month, at most one of key, account, \
                               platform, and model";
                return Err(Refusal::parameter("by", message));
            }
        }
        Ok(by)
    }
}

/// The roll-up that can tell rows apart by `by` and be limited as `params` say: one subject at a time.
fn view(by: Option<Subject>, params: &UsageParams) -> Result<UsageView, Refusal> {
    let given = [
        params.key.as_ref().map(|_| Subject::Key),
        params.account.as_ref().map(|_| Subject::Account),
        params.platform.as_ref().map(|_| Subject::Platform),
    ];
    let mut subjects = given.into_iter().flatten().chain(by).collect::<Vec<_>>();
    subjects.dedup();
    let subject = match subjects.as_slice() {
        [] => Subject::Platform,
        [subject] => *subject,
        _ => {
            let message = "sums are kept by key, by account or by platform, not by two of them at once; \
                           `/admin/usage/records` takes all filters together";
            return Err(Refusal::parameter("by", message));
        }
    };
    let no_id = |name| Refusal::parameter(name, "it is no id; take one from the list");
    Ok(match subject {
        Subject::Key => UsageView::Keys(match params.key.as_deref() {
            None => KeyFilter::All,
            Some(id) => KeyFilter::Key(KeyId::parse(id).map_err(|_| no_id("key"))?),
        }),
        Subject::Account => {
            let id = params.account.as_deref().map(AccountId::parse).transpose();
            UsageView::Accounts(id.map_err(|_| no_id("account"))?)
        }
        Subject::Platform => UsageView::Global(match params.platform.as_deref() {
            None => None,
            Some(name) => Some(Platform::parse(name).ok_or_else(no_platform)?),
        }),
    })
}

fn no_platform() -> Refusal {
    let names = Platform::ALL.iter().map(|platform| platform.as_str()).collect::<Vec<_>>();
    Refusal::parameter("platform", format!("write one of {}", names.join(", ")))
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
    /// The kind of bucket that `by` names, else that of the ends, else days.
    fn parse(
        by: Option<Period>,
        from: Option<&str>,
        to: Option<&str>,
        calendar: &Calendar,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
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
        Ok(Self { period, from: from.max(first.to_owned()), to })
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

    fn ask(params: &UsageParams) -> Result<UsageQuery, Refusal> {
        let now = Timestamp::parse_rfc3339("2026-11-23T09:30:00Z").expect("RFC 3339");
        Question::parse(params, &Calendar::utc(), now).map(Question::into_query)
    }

    fn by(text: &str) -> UsageParams {
        UsageParams { by: Some(text.to_owned()), ..UsageParams::default() }
    }

    #[test]
    fn nothing_asked_is_the_total_of_thirty_days() {
        let query = ask(&UsageParams::default()).expect("a question");
        assert_eq!((query.period, query.from.as_str(), query.to.as_str()), (Period::Day, "2026-10-25", "2026-11-23"));
        assert!(query.group.is_empty());
        assert_eq!(query.view, UsageView::Global(None));
    }

    #[test]
    fn each_kind_of_bucket_has_its_own_default_span() {
        let hours = ask(&by("hour")).expect("a question");
        assert_eq!((hours.from.as_str(), hours.to.as_str()), ("2026-11-22T10", "2026-11-23T09"));
        let months = ask(&by("month,model")).expect("a question");
        assert_eq!((months.from.as_str(), months.to.as_str()), ("2025-12", "2026-11"));
        assert_eq!(months.group, [Dimension::Bucket, Dimension::Model].into());
    }

    #[test]
    fn months_as_ends_are_answered_from_the_months_that_are_kept_for_ever() {
        let params = UsageParams { from: Some("2025-01".to_owned()), ..by("key") };
        let query = ask(&params).expect("a question");
        assert_eq!((query.period, query.from.as_str(), query.to.as_str()), (Period::Month, "2025-01", "2026-11"));
        assert_eq!(query.view, UsageView::Keys(KeyFilter::All));
    }

    #[test]
    fn a_filter_chooses_the_roll_up_that_has_it() {
        let params = UsageParams { account: Some("a1".to_owned()), ..by("day,model") };
        assert!(matches!(ask(&params).expect("a question").view, UsageView::Accounts(Some(_))));
    }

    #[test]
    fn a_default_span_does_not_begin_before_the_first_year() {
        for (to, from) in [("0001-01-01", "0001-01-01"), ("0001-01", "0001-01"), ("0001-01-01T05", "0001-01-01T00")] {
            let params = UsageParams { to: Some(to.to_owned()), ..UsageParams::default() };
            assert_eq!(ask(&params).expect("a question").from, from);
        }
    }

    #[test]
    fn what_no_roll_up_can_answer_is_refused() {
        let with = |key: &str, by_text| UsageParams { key: Some(key.to_owned()), ..by(by_text) };
        assert!(ask(&with("k1", "account")).is_err());
        assert!(ask(&with("not an id", "day")).is_err());
        for wrong in ["", "day,hour", "key,account", "total,day", "week", "model,model"] {
            assert!(ask(&by(wrong)).is_err(), "{wrong:?}");
        }
        let ends = |from: &str, to: &str| UsageParams {
            from: Some(from.to_owned()),
            to: Some(to.to_owned()),
            ..UsageParams::default()
        };
        for (from, to) in [("2026-11-23", "2026-11-22"), ("2026-11-23", "2026-11"), ("x", "2026-11-23")] {
            assert!(ask(&ends(from, to)).is_err(), "{from} to {to}");
        }
    }
}
