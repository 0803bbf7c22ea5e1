//! What a user may know and change of themselves.

use crate::{
    editing,
    extract::{Document, IfMatch},
    gate::OwnSession,
    me::{PasswordChange, wrong_field},
    passwords,
    person::{gate::Person, session::throttled},
    refusal::{Refusal, RefusalType},
    session,
    state::{Plane, Shared},
    users::{UserView, owned},
};
use axum::{Json, extract::State};
use domain::User;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use vault::Guesser;

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
    let gone = || Refusal::new(RefusalType::Unauthenticated, "This user was removed: sign in as another.");
    let user = editing::find::<User>(plane.store(), user.id.as_str()).await?.ok_or_else(gone)?;
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
    let new = passwords::parse(body.new_password.0).map_err(|reason| wrong_field("new_password", reason))?;
    let (name, current) = (throttled(&user.email), Some(user.password_hash.clone()));
    if !session::guess(&plane, Guesser::SignedIn, &name, current, body.current_password.0).await? {
        return Err(wrong_field("current_password", "is not your password; type it again"));
    }
    let password_hash = plane.passwords.hash(new).await?;
    store_password(&plane, &user, &password_hash).await?;
    plane.store().sessions.revoke_all(&own.subject, Some(&own.id)).await?;
    tracing::info!(user.id = %user.id, "a user's password was changed");
    Ok(StatusCode::NO_CONTENT)
}

async fn store_password(plane: &Plane, user: &User, password_hash: &str) -> Result<(), Refusal> {
    let now = plane.now();
    let changed = editing::edit::<User>(plane.store(), user.id.as_str(), &IfMatch::Any, |found| {
        if found.password_hash != user.password_hash {
            let message = "The password was changed elsewhere at the same time: sign in again.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        Ok(User { password_hash: password_hash.to_owned(), updated_at: now, ..found.clone() })
    });
    let gone = || Refusal::new(RefusalType::Unauthenticated, "This user was removed: sign in as another.");
    changed.await?.map(drop).ok_or_else(gone)
}
