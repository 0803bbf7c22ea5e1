//! What whoever is signed in may know and change of themselves.

use crate::{
    editing,
    extract::{Document, IfMatch},
    faults::Reason,
    gate::{Caller, OwnSession},
    local, passwords,
    refusal::{Fault, Refusal, RefusalType},
    session,
    state::{Plane, Shared},
    wire::{ClearText, Instant, RoleWord},
};
use axum::{Json, extract::State};
use domain::Admin;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vault::Guesser;

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

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordChange,
    example = json!({"current_password": "correct horse battery staple", "new_password": "a longer horse"}))]
pub(crate) struct PasswordChange {
    /// The password that holds now.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(crate) current_password: ClearText,
    /// The password that shall hold: 8 characters to 1,024 bytes.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1024)]
    pub(crate) new_password: ClearText,
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
    let new = passwords::parse(body.new_password.0).map_err(|reason| wrong_field("new_password", reason))?;
    let current = Some(caller.admin.password_hash.clone());
    if !session::guess(&plane, Guesser::SignedIn, &caller.admin.username, current, body.current_password.0).await? {
        return Err(wrong_field("current_password", "is not your password; type it again"));
    }
    let password_hash = plane.passwords.hash(new).await?;
    let admin = store_password(&plane, &caller, password_hash).await?;
    plane.store().sessions.revoke_all(&session.subject, Some(&session.id)).await?;
    tracing::info!(admin.id = %admin.id, "an administrator's password was changed");
    plane.tell_changed(admin).await;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn wrong_field(field: &'static str, reason: impl Into<Reason>) -> Refusal {
    Refusal::unprocessable(vec![Fault::new(field, reason)])
}

async fn store_password(plane: &Plane, caller: &Caller, password_hash: String) -> Result<Admin, Refusal> {
    let now = plane.now();
    let changed = editing::edit::<Admin>(plane.store(), caller.admin.id.as_str(), &IfMatch::Any, |admin| {
        if admin.password_hash != caller.admin.password_hash {
            let message = "The password was changed elsewhere at the same time: sign in again.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        Ok(Admin { password_hash: password_hash.clone(), updated_at: now, ..admin.clone() })
    });
    let gone = || Refusal::new(RefusalType::Unauthenticated, "This administrator was removed: sign in as another.");
    Ok(changed.await?.ok_or_else(gone)?.record)
}
