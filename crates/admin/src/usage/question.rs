//! From the words of a query to a question that the roll-ups can answer. What they cannot is refused, with the way out.

use super::{
    UsageParams,
    span::{Span, Today},
};
use crate::{refusal::Refusal, texts};
use domain::{AccountId, IdError, KeyId, Platform, UserId};
use std::collections::BTreeSet;
use store::ledger::{Dimension, KeyFilter, Period, ROWS_MAX, UsageOrder, UsageQuery, UsageView};

/// Rows unless the client asks for another number.
const LIMIT_DEFAULT: usize = 1000;

/// Rows at most: one less than the ledger gives, so that one more shows whether there are more.
const LIMIT_MAX: usize = ROWS_MAX - 1;

/// A question that makes sense.
#[derive(Debug)]
pub(super) struct Question {
    view: UsageView,
    span: Span,
    group: BTreeSet<Dimension>,
    model: Option<String>,
    limit: usize,
}

/// Whose usage rows are told apart by, or limited to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Key,
    User,
    Account,
    Platform,
}

/// Whose usage sums are limited to.
#[derive(Debug, Default)]
pub(super) struct Only<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) platform: Option<&'a str>,
}

/// What `by` says.
#[derive(Debug, Default)]
struct By {
    period: Option<Period>,
    subject: Option<Subject>,
    model: bool,
}

impl Question {
    pub(super) fn parse(params: &UsageParams, today: &Today<'_>) -> Result<Self, Refusal> {
        let by = By::parse(params.by.as_deref())?;
        Self::new(&by, &params.only(), params, today)
    }

    /// A question about the keys of one user, who cannot tell apart what is not theirs.
    pub(super) fn of_user(params: &UsageParams, user: &UserId, today: &Today<'_>) -> Result<Self, Refusal> {
        let by = By::parse(params.by.as_deref())?;
        if !matches!(by.subject, None | Some(Subject::Key)) {
            let message = "write `total`, or with commas at most one of hour, day, month, and key, and model";
            return Err(Refusal::parameter("by", message));
        }
        Self::new(&by, &Only { user: Some(user.as_str()), ..Only::default() }, params, today)
    }

    fn new(by: &By, only: &Only<'_>, params: &UsageParams, today: &Today<'_>) -> Result<Self, Refusal> {
        let span = Span::parse(by.period, params.from.as_deref(), params.to.as_deref(), today)?;
        let view = view(by.subject, only)?;
        let model = model(params.model.as_deref())?;
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
        Ok(Self { view, span, group: group.into_iter().flatten().collect(), model, limit })
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
            order: UsageOrder::Cost,
            limit: self.limit + 1,
        }
    }
}

impl By {
    fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        let (text, mut by) = (text.unwrap_or("total"), Self::default());
        for word in text.split(',').map(str::trim) {
            let is_new = match word {
                "total" => text.trim() == "total",
                "hour" => by.period.replace(Period::Hour).is_none(),
                "day" => by.period.replace(Period::Day).is_none(),
                "month" => by.period.replace(Period::Month).is_none(),
                "key" => by.subject.replace(Subject::Key).is_none(),
                "user" => by.subject.replace(Subject::User).is_none(),
                "account" => by.subject.replace(Subject::Account).is_none(),
                "platform" => by.subject.replace(Subject::Platform).is_none(),
                "model" => !std::mem::replace(&mut by.model, true),
                _ => false,
            };
            if !is_new {
                let message = "write `total`, or with commas at most one of hour, day, month, at most one of key, user, \
                               account, platform, and model";
                return Err(Refusal::parameter("by", message));
            }
        }
        Ok(by)
    }
}

/// The roll-up that can tell rows apart by `by` and be limited to `only`: one subject at a time, but for the keys of a user.
pub(super) fn view(by: Option<Subject>, only: &Only<'_>) -> Result<UsageView, Refusal> {
    let given = [
        only.key.as_ref().map(|_| Subject::Key),
        only.user.as_ref().map(|_| Subject::User),
        only.account.as_ref().map(|_| Subject::Account),
        only.platform.as_ref().map(|_| Subject::Platform),
    ];
    let mut subjects = given.into_iter().flatten().chain(by).collect::<Vec<_>>();
    subjects.dedup();
    let user = id("user", only.user, UserId::parse)?;
    Ok(match (subjects.as_slice(), user) {
        ([Subject::User, Subject::Key], Some(user)) if only.key.is_none() => UsageView::Keys(KeyFilter::User(user)),
        ([], _) => UsageView::Global(None),
        ([Subject::Key], _) => {
            UsageView::Keys(id("key", only.key, KeyId::parse)?.map_or(KeyFilter::All, KeyFilter::Key))
        }
        ([Subject::User], user) => UsageView::Users(user),
        ([Subject::Account], _) => UsageView::Accounts(id("account", only.account, AccountId::parse)?),
        ([Subject::Platform], _) => UsageView::Global(platform(only.platform)?),
        _ => {
            let message = "sums are kept by key, by user, by account or by platform, not by two of them at once, but for \
                           the keys of a user; `/admin/usage/records` takes all filters together";
            return Err(Refusal::parameter("by", message));
        }
    })
}

/// An id that a parameter gives.
pub(crate) fn id<T>(
    name: &'static str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> Result<T, IdError>,
) -> Result<Option<T>, Refusal> {
    text.map(parse).transpose().map_err(|_| Refusal::parameter(name, "it is no id; take one from the list"))
}

/// A model's name that a parameter gives.
pub(crate) fn model(text: Option<&str>) -> Result<Option<String>, Refusal> {
    text.map(texts::model).transpose().map_err(|reason| Refusal::parameter("model", reason))
}

fn platform(text: Option<&str>) -> Result<Option<Platform>, Refusal> {
    text.map(|name| Platform::parse(name).ok_or_else(no_platform)).transpose()
}

fn no_platform() -> Refusal {
    let names = Platform::ALL.iter().map(|platform| platform.as_str()).collect::<Vec<_>>();
    Refusal::parameter("platform", format!("write one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Calendar, Timestamp};
    use std::num::NonZeroU32;

    fn ask(params: &UsageParams) -> Result<UsageQuery, Refusal> {
        let now = Timestamp::parse_rfc3339("2026-11-23T09:30:00Z").expect("RFC 3339");
        let calendar = Calendar::utc();
        let today = Today { calendar: &calendar, now, days_kept: NonZeroU32::new(30) };
        Question::parse(params, &today).map(Question::into_query)
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
    fn the_keys_of_a_user_can_be_told_apart() {
        let of_user = |text| ask(&UsageParams { user: Some("u1".to_owned()), ..by(text) }).expect("a question").view;
        let user = UserId::parse("u1").expect("an id");
        assert_eq!(of_user("key"), UsageView::Keys(KeyFilter::User(user.clone())));
        assert_eq!(of_user("day,model"), UsageView::Users(Some(user)));
        assert_eq!(ask(&by("user")).expect("a question").view, UsageView::Users(None));
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
