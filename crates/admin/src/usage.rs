//! Usage: sums from the roll-ups, and the records that they are the sums of. Nothing here writes.

mod breakdown;
mod names;
mod question;
mod record;
pub(crate) mod records;
mod span;
pub(crate) mod top;
pub(crate) mod trend;

use crate::{
    extract::Params,
    refusal::Refusal,
    state::{Plane, Shared},
    wire::SumsView,
};
use axum::{Json, extract::State};
use domain::{Calendar, UserId};
use question::{Only, Question};
pub(crate) use question::{id, model};
use serde::{Deserialize, Serialize};
use span::{Span, SpanView, Today};
use store::ledger::{Dimension, UsageQuery, UsageRow, UsageSums, UsageView};
use utoipa::ToSchema;

/// The earliest year in `from` and `to`: the names of the buckets before it are not in the order of time. The latest, 9999, is
/// the last that these names and RFC 3339 can write.
const YEAR_FIRST: &str = "0001";

/// A question for sums.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageParams {
    /// What rows are told apart by: `total`, or a list with commas of at most one of `hour`, `day`, `month`, at most one of
    /// `key`, `user`, `account`, `platform`, and `model`. Left out: `total`.
    #[param(example = "day,model")]
    pub(crate) by: Option<String>,
    /// The first day (`2026-11-23`), month (`2026-11`) or hour (`2026-11-23T09`), in the relay's time zone. Left out: 29 days,
    /// 11 months or 23 hours before `to`, or the first that is kept: days for the retention, hours for seven days.
    pub(crate) from: Option<String>,
    /// The last one, included. Left out: the present one.
    pub(crate) to: Option<String>,
    /// Only this key, by id.
    pub(crate) key: Option<String>,
    /// Only this user's keys, by the user's id; as owned when used.
    pub(crate) user: Option<String>,
    /// Only this account, by id.
    pub(crate) account: Option<String>,
    /// Only this platform.
    pub(crate) platform: Option<String>,
    /// Only this model, by its name in the books.
    pub(crate) model: Option<String>,
    /// Rows at most; left out: 1000.
    #[param(minimum = 1, maximum = 5000)]
    pub(crate) limit: Option<usize>,
}

/// Sums, row by row, with their total.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageAnswer {
    #[serde(flatten)]
    span: SpanView,
    /// In the order of time where rows are told apart by it, and then by cost, the highest first.
    items: Vec<UsageItem>,
    /// Whether there are more rows than were asked for; the total counts them.
    truncated: bool,
    total: SumsView,
}

/// The buckets of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UsagePeriod)]
pub(crate) enum PeriodWord {
    Hour,
    Day,
    Month,
}

/// One row. What rows are not told apart by is left out; an id is empty for records that had none.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageItem)]
struct UsageItem {
    /// Hour, day or month.
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    /// The model's name in the books.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(flatten)]
    sums: SumsView,
}

/// Sums usage.
#[utoipa::path(get, path = "/admin/usage", tag = "Usage", operation_id = "read_usage", params(UsageParams),
    responses((status = 200, body = UsageAnswer, description = "The sums.")))]
pub(crate) async fn sums(
    State(plane): State<Shared>,
    Params(params): Params<UsageParams>,
) -> Result<Json<UsageAnswer>, Refusal> {
    let calendar = (plane.given.calendar)();
    let question = Question::parse(&params, &plane.today(&calendar))?;
    answer(&plane, question, &calendar).await.map(Json)
}

/// Sums what the keys of `user` have used.
pub(crate) async fn of_user(plane: &Plane, params: &UsageParams, user: &UserId) -> Result<Json<UsageAnswer>, Refusal> {
    let calendar = (plane.given.calendar)();
    let question = Question::of_user(params, user, &plane.today(&calendar))?;
    answer(plane, question, &calendar).await.map(Json)
}

async fn answer(plane: &Plane, question: Question, calendar: &Calendar) -> Result<UsageAnswer, Refusal> {
    let query = question.into_query();
    plane.given.books.delivered().await;
    let ledger = &plane.store().ledger;
    let mut rows = ledger.usage(&query).await?;
    let truncated = rows.len() > query.limit - 1;
    let total = if truncated {
        sum(&ledger.usage(&UsageQuery { group: [].into(), limit: 1, ..query.clone() }).await?)
    } else {
        sum(&rows)
    };
    rows.truncate(query.limit - 1);
    if query.group.contains(&Dimension::Bucket) {
        // Stable: within a bucket the rows stay in the ledger's order, by cost.
        rows.sort_by(|one, other| one.bucket.cmp(&other.bucket));
    }
    let items = if query.group.is_empty() { Vec::new() } else { rows };
    Ok(UsageAnswer {
        span: Span { period: query.period, from: query.from, to: query.to }.view(calendar),
        items: items.into_iter().map(|row| UsageItem::new(row, &query.view)).collect(),
        truncated,
        total: total.into(),
    })
}

fn sum(rows: &[UsageRow]) -> UsageSums {
    rows.iter().fold(UsageSums::default(), |mut sums, row| {
        sums.merge(&row.sums);
        sums
    })
}

impl UsageParams {
    fn only(&self) -> Only<'_> {
        let Self { key, user, account, platform, .. } = self;
        Only { key: key.as_deref(), user: user.as_deref(), account: account.as_deref(), platform: platform.as_deref() }
    }
}

impl Plane {
    /// What a question of now is put at.
    fn today<'a>(&self, calendar: &'a Calendar) -> Today<'a> {
        Today { calendar, now: self.now(), days_kept: self.given.retention_days }
    }
}

impl From<PeriodWord> for store::ledger::Period {
    fn from(word: PeriodWord) -> Self {
        match word {
            PeriodWord::Hour => Self::Hour,
            PeriodWord::Day => Self::Day,
            PeriodWord::Month => Self::Month,
        }
    }
}

impl UsageItem {
    fn new(row: UsageRow, view: &UsageView) -> Self {
        let (key_id, user_id, account_id, platform) = match view {
            UsageView::Keys(_) => (row.subject, None, None, None),
            UsageView::Users(_) => (None, row.subject, None, None),
            UsageView::Accounts(_) => (None, None, row.subject, None),
            UsageView::Global(_) => (None, None, None, row.subject),
        };
        Self { bucket: row.bucket, key_id, user_id, account_id, platform, model: row.model, sums: row.sums.into() }
    }
}

impl From<store::ledger::Period> for PeriodWord {
    fn from(period: store::ledger::Period) -> Self {
        match period {
            store::ledger::Period::Hour => Self::Hour,
            store::ledger::Period::Day => Self::Day,
            store::ledger::Period::Month => Self::Month,
        }
    }
}
