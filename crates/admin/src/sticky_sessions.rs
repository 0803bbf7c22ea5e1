//! Sticky sessions: whole lots of them are sent to be chosen an account anew. None is listed: only hashes of them are kept.

use crate::{extract::Params, gate::Caller, refusal::Refusal, state::Shared, usage::id};
use axum::{Json, extract::State};
use domain::{AccountId, GroupId, KeyId};
use serde::{Deserialize, Serialize};
use store::{AffinityScope, Bindings};
use utoipa::ToSchema;

/// Which sticky sessions are meant: at most one of these; all where none is given.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StickySessionParams {
    /// Only those with this account, by its id.
    account: Option<String>,
    /// Only those of this API key, by its id. A key that is bound to a group shares the group's.
    key: Option<String>,
    /// Only those of keys that are bound to this group, by its id.
    group: Option<String>,
}

/// What was ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndedStickySessions)]
pub(crate) struct EndedStickySessionsView {
    /// How many were with an account.
    ended: u64,
}

/// Ends sticky sessions: the next request of each is given an account as if it were the first. Requests under way are left
/// alone.
#[utoipa::path(delete, path = "/admin/sticky-sessions", tag = "Accounts", operation_id = "end_sticky_sessions",
    params(StickySessionParams),
    responses((status = 200, body = EndedStickySessionsView, description = "Ended.")))]
pub(crate) async fn end(
    State(plane): State<Shared>,
    caller: Caller,
    Params(params): Params<StickySessionParams>,
) -> Result<Json<EndedStickySessionsView>, Refusal> {
    let account = id("account", params.account.as_deref(), AccountId::parse)?;
    let key = id("key", params.key.as_deref(), KeyId::parse)?.map(AffinityScope::Key);
    let group = id("group", params.group.as_deref(), GroupId::parse)?.map(AffinityScope::Group);
    let which = match (&account, &key, &group) {
        (None, None, None) => Bindings::All,
        (Some(account), None, None) => Bindings::To(account),
        (None, Some(scope), None) | (None, None, Some(scope)) => Bindings::In(scope),
        _ => return Err(Refusal::parameter("account", "`account`, `key` and `group` exclude each other")),
    };
    let ended = plane.store().affinity.flush(which).await?;
    tracing::info!(which = ?which, ended, admin.id = %caller.admin.id, "sticky sessions were ended");
    Ok(Json(EndedStickySessionsView { ended }))
}
