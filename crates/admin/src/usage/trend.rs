//! Trends: every bucket of a range, also those in which nothing was, for those that used most and for all the others together.

use super::{
    PeriodWord,
    names::Names,
    span::Span,
    top::{ByWord, OrderWord, leaders, limit, whole},
};
use crate::{
    extract::Params,
    refusal::Refusal,
    state::{Plane, Shared},
    wire::SumsView,
};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use store::ledger::{Dimension, UsageQuery, UsageSums};
use utoipa::ToSchema;

/// Series unless the client asks for another number.
const SERIES_DEFAULT: usize = 5;

/// Series at most: each is a question of its own, and a chart with more is not read.
const SERIES_MAX: usize = 20;

/// Buckets at most: a year of days, and some.
const BUCKETS_MAX: usize = 400;

/// A question for a trend.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TrendParams {
    /// The buckets.
    #[param(inline)]
    period: PeriodWord,
    /// What has a series each; left out: only the total is given.
    #[param(inline)]
    by: Option<ByWord>,
    /// Whose series are given: those that come first by this over the whole range; left out: `cost`.
    #[param(inline)]
    order: Option<OrderWord>,
    /// The first bucket, or the day or month that it lies in.
    from: Option<String>,
    /// The last one, included. Left out: the present one.
    to: Option<String>,
    /// Series at most, beside the one of all others; left out: 5.
    #[param(minimum = 1, maximum = 20)]
    limit: Option<usize>,
}

/// A trend. Every list of points has as many as there are buckets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageTrend)]
pub(crate) struct TrendAnswer {
    period: PeriodWord,
    /// The time zone of the buckets.
    time_zone: String,
    /// The name of every bucket, in the order of time. At most 400.
    #[schema(example = json!(["2026-11-22", "2026-11-23"]))]
    buckets: Vec<String>,
    /// Those that come first over the whole range.
    series: Vec<Series>,
    /// All others together, records without an id included.
    other: Vec<SumsView>,
    /// All series and the others together.
    total: Vec<SumsView>,
}

/// What one key, user, account, model or platform used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSeries)]
struct Series {
    /// The id, or the name of the model or platform.
    id: String,
    /// What people call it; null where there is no such record any more.
    name: Option<String>,
    points: Vec<SumsView>,
}

/// Reads how usage went over time.
#[utoipa::path(get, path = "/admin/usage/trend", tag = "Usage", operation_id = "read_usage_trend", params(TrendParams),
    responses((status = 200, body = TrendAnswer, description = "The trend.")))]
pub(crate) async fn trend(
    State(plane): State<Shared>,
    Params(params): Params<TrendParams>,
) -> Result<Json<TrendAnswer>, Refusal> {
    let limit = limit(params.limit, SERIES_DEFAULT, SERIES_MAX)?;
    let calendar = (plane.given.calendar)();
    let period = Some(params.period.into());
    let span = Span::parse(period, params.from.as_deref(), params.to.as_deref(), &plane.today(&calendar))?;
    let buckets = span.buckets(&calendar, BUCKETS_MAX).ok_or_else(|| {
        Refusal::parameter(
            "from",
            format!("a trend has at most {BUCKETS_MAX} buckets: begin later, or take longer buckets"),
        )
    })?;
    plane.given.books.delivered().await;
    let whole = whole(&span, [Dimension::Bucket]);
    let (mut series, mut listed) = (Vec::new(), vec![UsageSums::default(); buckets.len()]);
    let (rows, by) = match params.by {
        Some(by) => (leaders(&plane, by, params.order.unwrap_or_default(), &span, limit).await?, by),
        None => (Vec::new(), ByWord::Platform),
    };
    let mut names = Names::default();
    for row in rows {
        let id = by.id(&row);
        let Some(query) = by.limited(&id, whole.clone()) else { continue };
        let sums = points(&plane, &query, &buckets).await?;
        listed.iter_mut().zip(&sums).for_each(|(listed, sums)| listed.merge(sums));
        let name = by.name(&plane, &mut names, &id).await?;
        series.push(Series { id, name, points: sums.into_iter().map(SumsView::from).collect() });
    }
    // Read last: what is recorded meanwhile falls to the others, and nobody's part is more than the whole.
    let all = points(&plane, &whole, &buckets).await?;
    let other: Vec<_> = all.iter().zip(&listed).map(|(all, listed)| all.without(listed)).collect();
    let total = listed.into_iter().zip(&other).map(|(mut listed, other)| {
        listed.merge(other);
        listed.into()
    });
    Ok(Json(TrendAnswer {
        period: params.period,
        time_zone: calendar.name(),
        total: total.collect(),
        other: other.into_iter().map(SumsView::from).collect(),
        buckets,
        series,
    }))
}

/// The sums of every bucket.
async fn points(plane: &Plane, query: &UsageQuery, buckets: &[String]) -> Result<Vec<UsageSums>, Refusal> {
    let rows = plane.store().ledger.usage(query).await?;
    let by_bucket: HashMap<_, _> = rows.into_iter().filter_map(|row| Some((row.bucket?, row.sums))).collect();
    Ok(buckets.iter().map(|bucket| by_bucket.get(bucket).copied().unwrap_or_default()).collect())
}
