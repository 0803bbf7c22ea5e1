//! What whoever is signed in may know and change of themselves.

use crate::{
    extract::Document,
    gate::{Caller, OwnSession},
    local,
    passwords::change::{self as passwords, PasswordChange},
    refusal::{Refusal, RefusalType},
    state::Shared,
    wire::{Instant, RoleWord},
};
use axum::{Json, extract::State};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(crate) struct MeView {
    id: String,
    /// The name one signs in with.
    username: String,
    role: RoleWord,
    created_at: Instant,
    /// The session that the token belongs to.
    session: SessionView,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    id: String,
    created_at: Instant,
    expires_at: Instant,
}

/// Says who is signed in.
#[utoipa::path(get, path = "/admin/me", tag = "Session", operation_id = "read_me",
    responses((status = 200, body = MeView, description = "Who is signed in.")))]
pub(crate) async fn read(Caller { admin }: Caller, OwnSession(session): OwnSession) -> Json<MeView> {
    Json(MeView {
        id: admin.id.to_string(),
        username: admin.username,
        role: RoleWord::from(admin.role),
        created_at: Instant(admin.created_at),
        session: SessionView {
            id: session.id.to_string(),
            created_at: Instant(session.created_at),
            expires_at: Instant(session.expires_at),
        },
    })
}

/// Changes one's own password and ends all other sessions.
#[utoipa::path(post, path = "/admin/me/password", tag = "Session", operation_id = "change_password",
    request_body = PasswordChange, responses((status = 204, description = "Changed; all other sessions have ended.")))]
pub(crate) async fn change_password(
    State(plane): State<Shared>,
    caller: Caller,
    OwnSession(session): OwnSession,
    Document(body): Document<PasswordChange>,
) -> Result<StatusCode, Refusal> {
    if local::is_local(&caller.admin) {
        let message = "The local operator has no password: sign in as the administrator whose password shall change.";
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    let (who, name) = (&caller.admin, &caller.admin.username);
    let admin = passwords::change_own(&plane, who, name, &session, body).await?;
    tracing::info!(admin.id = %admin.id, "an administrator's password was changed");
    plane.tell_changed(admin).await;
    Ok(StatusCode::NO_CONTENT)
}
