//! Users sign in and out. An unknown address, a wrong password and a user who is switched off are told apart by nothing.

use crate::{
    address::Visitor,
    audit,
    extract::{Document, Params, PathId},
    faults::Faults,
    gate::OwnSession,
    pages::Page,
    person::gate::Person,
    refusal::{Refusal, RefusalType},
    session::{self, SESSIONS_MAX, SignedIn},
    sessions::{EndedSessionsView, OpenSessionView},
    state::{Plane, Shared},
    texts,
    wire::ClearText,
};
use axum::{Json, extract::State};
use domain::{SessionId, User, UserState};
use http::StatusCode;
use serde::Deserialize;
use store::{
    Family,
    records::{TypedRecords, Versioned},
    sessions::SessionSubject,
};
use utoipa::ToSchema;
use vault::Guesser;

/// An e-mail address and its password.
#[derive(Deserialize, ToSchema)]
#[schema(as = UserSignIn, example = json!({"email": "mira@example.com", "password": "correct horse battery staple"}))]
pub(crate) struct UserSignIn {
    /// The address; capitals do not matter.
    #[schema(max_length = 254)]
    email: String,
    /// The password.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    password: ClearText,
}

/// No parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Opens a user's session.
///
/// After five wrong guesses for an address, or thirty from where they come, there is a wait that grows.
#[utoipa::path(post, path = "/user/session", tag = "User's session", operation_id = "user_sign_in",
    request_body = UserSignIn, responses((status = 200, body = SignedIn, description = "Signed in.")))]
pub(crate) async fn sign_in(
    State(plane): State<Shared>,
    visitor: Visitor,
    Document(body): Document<UserSignIn>,
) -> Result<Json<SignedIn>, Refusal> {
    let mut faults = Faults::default();
    if body.email.len() > texts::EMAIL_BYTES_MAX {
        faults.add("email", "is too long for an e-mail address; correct it");
    }
    faults.settle()?;
    let wrong = || Refusal::new(RefusalType::Unauthenticated, "The address or the password is wrong: try again.");
    // What is no address belongs to nobody, and is charged as such.
    let email = texts::email(&body.email).unwrap_or_else(|_| body.email.trim().to_owned());
    let user = read_user(&plane, &email).await?;
    if let Some(user) = &user {
        audit::name(|| audit::user(user));
    }
    let user = user.filter(|user| user.state == UserState::Active);
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let guesser = Guesser::At(visitor.address);
    if !session::guess(&plane, guesser, &throttled(&email), stored, body.password.0).await? {
        tracing::warn!(address = ?visitor.address, "a user's sign-in with a wrong address or password");
        return Err(wrong());
    }
    let user = user.ok_or_else(wrong)?;
    let (opened, signed_in) = session::open(&plane, SessionSubject::User(user.id.clone()), None, &visitor).await?;
    check_unchanged(&plane, &user, &opened).await?;
    tracing::info!(user.id = %user.id, session.id = %opened, "a user signed in");
    Ok(Json(signed_in))
}

/// Ends the session of the token.
#[utoipa::path(delete, path = "/user/session", tag = "User's session", operation_id = "user_sign_out",
    responses((status = 204, description = "Signed out; the token opens nothing any more.")))]
pub(crate) async fn sign_out(
    State(plane): State<Shared>,
    OwnSession(session): OwnSession,
) -> Result<StatusCode, Refusal> {
    plane.store().sessions.revoke(&session.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists one's open sessions, the newest first: at most 100, which is all that one person can have.
#[utoipa::path(get, path = "/user/sessions", tag = "User's session", operation_id = "user_list_sessions",
    responses((status = 200, body = Page<OpenSessionView>, description = "The open sessions.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    OwnSession(own): OwnSession,
    Params(Nothing {}): Params<Nothing>,
) -> Result<Json<Page<OpenSessionView>>, Refusal> {
    let open = plane.store().sessions.list(&own.subject, plane.now(), SESSIONS_MAX).await?;
    let items = open.into_iter().map(|session| OpenSessionView::new(session, &own.id)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

/// Ends all one's sessions but the one that asks.
#[utoipa::path(delete, path = "/user/sessions", tag = "User's session", operation_id = "user_end_sessions",
    responses((status = 200, body = EndedSessionsView, description = "Ended.")))]
pub(crate) async fn end_all(
    State(plane): State<Shared>,
    OwnSession(own): OwnSession,
) -> Result<Json<EndedSessionsView>, Refusal> {
    let ended = plane.store().sessions.revoke_all(&own.subject, Some(&own.id)).await?;
    Ok(Json(EndedSessionsView { ended }))
}

/// Ends one of one's sessions.
#[utoipa::path(delete, path = "/user/sessions/{id}", tag = "User's session", operation_id = "user_end_session",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "Ended; its token opens nothing any more.")))]
pub(crate) async fn end(
    State(plane): State<Shared>,
    Person(user): Person,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Refusal> {
    let missing = || Refusal::missing("session", "/user/sessions");
    let session = plane.store().sessions.get(&id, plane.now()).await?.ok_or_else(missing)?;
    if session.subject != SessionSubject::User(user.id) {
        return Err(missing());
    }
    plane.store().sessions.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The name under which guesses for an address are counted: no administrator's, which has no such character.
pub(super) fn throttled(email: &str) -> String {
    format!("user\0{email}")
}

async fn read_user(plane: &Plane, email: &str) -> Result<Option<User>, Refusal> {
    let row = plane.store().records.find(Family::UserEmail, email).await?;
    Ok(row.map(|row| Versioned::<User>::read(Family::User, &row)).transpose()?.map(|user| user.record))
}

/// Ends the new session again where the password was changed since it was checked: whoever changed it has ended the others.
async fn check_unchanged(plane: &Plane, user: &User, session: &SessionId) -> Result<(), Refusal> {
    let found = plane.store().records.read::<User>(user.id.as_str()).await?;
    if found.is_some_and(|found| found.record.password_hash == user.password_hash) {
        return Ok(());
    }
    plane.store().sessions.revoke(session).await?;
    Err(Refusal::new(RefusalType::Unauthenticated, "The password was changed at this moment: sign in again."))
}
