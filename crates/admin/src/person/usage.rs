//! What a user's own keys have used, whichever of them it was and whether or not it still exists.

use crate::{
    extract::Params,
    person::gate::Person,
    refusal::Refusal,
    state::Shared,
    usage::{self, UsageAnswer, UsageParams},
};
use axum::{Json, extract::State};
use serde::Deserialize;

/// A question for sums of one's own keys.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnUsageParams {
    /// What rows are told apart by: `total`, or a list with commas of at most one of `hour`, `day`, `month`, and `key`, and
    /// `model`. Left out: `total`.
    #[param(example = "day,model")]
    by: Option<String>,
    /// The first day (`2026-11-23`), month (`2026-11`) or hour (`2026-11-23T09`), in the relay's time zone. Left out: 29 days,
    /// 11 months or 23 hours before `to`, or the first that is kept: days for the retention, hours for seven days.
    from: Option<String>,
    /// The last one, included. Left out: the present one.
    to: Option<String>,
    /// Only this model, by its name in the books.
    model: Option<String>,
    /// Rows at most; left out: 1000.
    #[param(minimum = 1, maximum = 5000)]
    limit: Option<usize>,
}

/// Sums what one's own keys have used.
#[utoipa::path(get, path = "/user/usage", tag = "User's usage", operation_id = "user_read_usage", params(OwnUsageParams),
    responses((status = 200, body = UsageAnswer, description = "The sums.")))]
pub(crate) async fn sums(
    State(plane): State<Shared>,
    Person(user): Person,
    Params(params): Params<OwnUsageParams>,
) -> Result<Json<UsageAnswer>, Refusal> {
    let OwnUsageParams { by, from, to, model, limit } = params;
    let question = UsageParams { by, from, to, model, limit, ..UsageParams::default() };
    usage::of_user(&plane, &question, &user.id).await
}
