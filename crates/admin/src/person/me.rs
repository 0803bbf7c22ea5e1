//! What a user may know and change of themselves.

use crate::{
    editing,
    extract::Document,
    gate::OwnSession,
    passwords::change::{self as passwords, PasswordChange},
    person::{gate::Person, session::throttled},
    refusal::Refusal,
    state::Shared,
    users::{UserView, owned},
};
use axum::{Json, extract::State};
use domain::User;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// The user who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserMe)]
pub(crate) struct PersonView {
    #[serde(flatten)]
    user: UserView,
    /// Keys that they have now.
    keys: u64,
}

/// Says who is signed in.
#[utoipa::path(get, path = "/user/me", tag = "User's session", operation_id = "user_read_me",
    responses((status = 200, body = PersonView, description = "Who is signed in.")))]
pub(crate) async fn read(State(plane): State<Shared>, Person(user): Person) -> Result<Json<PersonView>, Refusal> {
    let user = editing::find::<User>(plane.store(), user.id.as_str()).await?.ok_or_else(passwords::gone::<User>)?;
    let keys = owned::count(&plane, &user.record.id).await?;
    Ok(Json(PersonView { user: UserView::new(user), keys }))
}

/// Changes one's own password and ends all other sessions.
#[utoipa::path(post, path = "/user/me/password", tag = "User's session", operation_id = "user_change_password",
    request_body = PasswordChange, responses((status = 204, description = "Changed; all other sessions have ended.")))]
pub(crate) async fn change_password(
    State(plane): State<Shared>,
    Person(user): Person,
    OwnSession(own): OwnSession,
    Document(body): Document<PasswordChange>,
) -> Result<StatusCode, Refusal> {
    passwords::change_own(&plane, &user, &throttled(&user.email), &own, body).await?;
    tracing::info!(user.id = %user.id, "a user's password was changed");
    Ok(StatusCode::NO_CONTENT)
}
