//! Sign-in sessions: list and end one's own, and as an owner anybody's. No token is shown; a session opens nothing without its own.

use crate::{
    extract::{Params, PathId},
    gate::{Caller, OwnSession},
    pages::Page,
    refusal::{Refusal, RefusalType},
    state::Shared,
    wire::Instant,
};
use axum::{Json, extract::State};
use domain::{AdminId, Role, SessionId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::{Session, sessions::SessionSubject};
use utoipa::ToSchema;

const PATH: &str = "/admin/sessions";

/// Sessions in one answer: as many as one person can have open.
const LISTED_MAX: usize = crate::session::SESSIONS_MAX;

/// Whose sessions are meant.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionParams {
    /// The administrator's id, which only an owner may give; left out: whoever is signed in.
    admin: Option<String>,
}

/// A sign-in that is open.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenSession)]
pub(crate) struct OpenSessionView {
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    created_at: Instant,
    expires_at: Instant,
    /// Where it was opened from; empty when that is not known.
    #[schema(example = "203.0.113.9")]
    address: String,
    /// The program that it was opened with.
    #[schema(example = "Mozilla/5.0")]
    user_agent: String,
}

/// What was ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EndedSessions)]
pub(crate) struct EndedSessionsView {
    /// How many sessions.
    pub(crate) ended: u64,
}

/// Lists open sessions, the newest first: at most 100, which is all that one person can have.
#[utoipa::path(get, path = PATH, tag = "Session", operation_id = "list_sessions", params(SessionParams),
    responses((status = 200, body = Page<OpenSessionView>, description = "The open sessions.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    caller: Caller,
    OwnSession(own): OwnSession,
    Params(params): Params<SessionParams>,
) -> Result<Json<Page<OpenSessionView>>, Refusal> {
    let subject = SessionSubject::Admin(whose(&caller, params.admin.as_deref())?);
    let open = plane.store().sessions.list(&subject, plane.now(), LISTED_MAX).await?;
    let items = open.into_iter().map(|session| OpenSessionView::new(session, &own.id)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Ends all sessions: one's own but the one that asks, or all of somebody else.
#[utoipa::path(delete, path = PATH, tag = "Session", operation_id = "end_sessions", params(SessionParams),
    responses((status = 200, body = EndedSessionsView, description = "Ended.")))]
pub(crate) async fn end_all(
    State(plane): State<Shared>,
    caller: Caller,
    OwnSession(own): OwnSession,
    Params(params): Params<SessionParams>,
) -> Result<Json<EndedSessionsView>, Refusal> {
    let subject = SessionSubject::Admin(whose(&caller, params.admin.as_deref())?);
    let keep = (subject == own.subject).then_some(&own.id);
    let ended = plane.store().sessions.revoke_all(&subject, keep).await?;
    tracing::info!(subject = ?subject, ended, admin.id = %caller.admin.id, "sessions were ended");
    Ok(Json(EndedSessionsView { ended }))
}

/// Ends one session: one's own, or as an owner any administrator's.
#[utoipa::path(delete, path = "/admin/sessions/{id}", tag = "Session", operation_id = "end_session",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "Ended; its token opens nothing any more.")))]
pub(crate) async fn end(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Refusal> {
    // Somebody else's is as good as none, so that ids tell nothing.
    let missing = || Refusal::missing("session", PATH);
    let session = plane.store().sessions.get(&id, plane.now()).await?.ok_or_else(missing)?;
    let SessionSubject::Admin(of) = &session.subject else { return Err(missing()) };
    if *of != caller.admin.id && caller.admin.role != Role::Owner {
        return Err(missing());
    }
    plane.store().sessions.revoke(&id).await?;
    tracing::info!(session.id = %id, of.id = %of, admin.id = %caller.admin.id, "a session was ended");
    Ok(StatusCode::NO_CONTENT)
}

/// The administrator who is asked for, if `caller` may ask for them.
pub(crate) fn whose(caller: &Caller, asked: Option<&str>) -> Result<AdminId, Refusal> {
    let Some(asked) = asked else { return Ok(caller.admin.id.clone()) };
    let id = AdminId::parse(asked).map_err(|_| Refusal::parameter("admin", "take an id from `GET /admin/admins`"))?;
    if id == caller.admin.id || caller.admin.role == Role::Owner {
        return Ok(id);
    }
    Err(Refusal::new(RefusalType::Forbidden, "Only an owner may ask for what is somebody else's: leave `admin` out."))
}

impl OpenSessionView {
    pub(crate) fn new(session: Session, current: &SessionId) -> Self {
        Self {
            current: session.id == *current,
            id: session.id.to_string(),
            created_at: Instant(session.created_at),
            expires_at: Instant(session.expires_at),
            address: session.address,
            user_agent: session.user_agent,
        }
    }
}
