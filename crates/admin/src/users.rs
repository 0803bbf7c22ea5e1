//! Users as administrators see them: list, add, read, change, set a password, end sessions, remove.

mod documents;
pub(crate) mod owned;
mod views;

use crate::{
    admins::{PasswordReset, SetPasswordView},
    alone::alone,
    editing,
    extract::{Document, IfMatch, Params, PathId},
    faults::Faults,
    gate::Caller,
    listing::{self, ListQuery, Order, OrderWord},
    pages::{DirectionWord, Page},
    passwords::{self, Chosen},
    refusal::Refusal,
    replies::{Created, Tagged},
    sessions::EndedSessionsView,
    state::{Plane, Shared, fresh_uuid},
};
use axum::{Json, extract::State};
use documents::{NewUser, UserPatch};
use domain::{User, UserId, UserState};
use http::StatusCode;
use serde::Deserialize;
use store::{
    Family, RecordError,
    records::{Comparison, Filter, TypedRecords, Value, Versioned},
    sessions::SessionSubject,
};
use utoipa::ToSchema;
use views::AddedUserView;
pub(crate) use views::UserView;

const PATH: &str = "/admin/users";

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum UserOrder {
    Email,
    Name,
    #[default]
    CreatedAt,
}

/// A question for a list of users.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserParams {
    /// A text in address or name, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only those who may sign in, or only those who may not.
    active: Option<bool>,
    /// What the list is ordered by; left out: `created_at`.
    #[param(inline)]
    order: Option<UserOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists users.
#[utoipa::path(get, path = PATH, tag = "Users", operation_id = "list_users", params(UserParams),
    responses((status = 200, body = Page<UserView>, description = "A page of users.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<UserParams>,
) -> Result<Json<Page<UserView>>, Refusal> {
    let only = |active: bool| {
        let state = if active { UserState::Active } else { UserState::Disabled };
        Filter { column: "state", comparison: Comparison::Equal, value: Value::from(state.as_str()) }
    };
    let query = ListQuery {
        filters: params.active.map(only).into_iter().collect(),
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let listed = listing::page::<User>(&plane, &[Family::User], query).await?;
    let items = listed.records.into_iter().map(UserView::new).collect();
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// Adds a user. A password that is generated stands in this answer and nowhere else.
#[utoipa::path(post, path = PATH, tag = "Users", operation_id = "create_user", request_body = NewUser,
    responses((status = 201, body = AddedUserView, description = "Added.", headers(
        ("Location" = String, description = "Where they are."), ("ETag" = String, description = "Their version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewUser>,
) -> Result<Created<AddedUserView>, Refusal> {
    let mut faults = Faults::default();
    let (email, name, keys_max, state) = body.parse(&mut faults);
    let Chosen { password, shown } = Chosen::parse(body.password, "password", &mut faults);
    faults.settle()?;
    let (now, password_hash) = (plane.now(), plane.passwords.hash(password).await?);
    let id = UserId::from_uuid(fresh_uuid(now));
    let user = User { id, email, name, password_hash, state, keys_max, created_at: now, updated_at: now };
    let version = plane.store().records.add(&user).await?;
    tracing::info!(user.id = %user.id, admin.id = %caller.admin.id, "a user was added");
    let location = format!("{PATH}/{}", user.id);
    let view = UserView::new(Versioned { record: user, version });
    Ok(Created { location, version, body: AddedUserView::new(shown, view) })
}

/// Shows a user.
#[utoipa::path(get, path = "/admin/users/{id}", tag = "Users", operation_id = "read_user",
    params(("id" = String, Path, description = "The user's id.")),
    responses((status = 200, body = UserView, description = "The user.",
        headers(("ETag" = String, description = "Their version.")))))]
pub(crate) async fn read(State(plane): State<Shared>, PathId(id): PathId<UserId>) -> Result<Tagged<UserView>, Refusal> {
    Ok(tagged(find(&plane, &id).await?))
}

/// Changes the fields that are given. Who may not sign in any more is signed out at once; their keys stay as they are.
#[utoipa::path(patch, path = "/admin/users/{id}", tag = "Users", operation_id = "change_user", request_body = UserPatch,
    params(("id" = String, Path, description = "The user's id."),
        ("If-Match" = String, Header, description = "Change them only at this version.")),
    responses((status = 200, body = UserView, description = "The user as they are now.",
        headers(("ETag" = String, description = "Their version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    precondition: IfMatch,
    Document(patch): Document<UserPatch>,
) -> Result<Tagged<UserView>, Refusal> {
    let now = plane.now();
    let changed =
        editing::edit::<User>(plane.store(), id.as_str(), &precondition, |user| patch.apply(user, now)).await?;
    let user = changed.ok_or_else(missing)?;
    if user.record.state == UserState::Disabled {
        plane.store().sessions.revoke_all(&SessionSubject::User(id.clone()), None).await?;
    }
    tracing::info!(user.id = %id, admin.id = %caller.admin.id, "a user was changed");
    Ok(tagged(user))
}

/// Sets a user's password and ends all their sessions.
#[utoipa::path(post, path = "/admin/users/{id}/password", tag = "Users", operation_id = "set_user_password",
    request_body = PasswordReset, params(("id" = String, Path, description = "The user's id.")),
    responses((status = 200, body = SetPasswordView, description = "Set; their sessions have ended.")))]
pub(crate) async fn set_password(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    Document(body): Document<PasswordReset>,
) -> Result<Json<SetPasswordView>, Refusal> {
    let (_user, shown) = passwords::change::set::<User>(&plane, id.as_str(), body.password, missing).await?;
    tracing::info!(user.id = %id, admin.id = %caller.admin.id, "a user's password was set by an administrator");
    Ok(Json(SetPasswordView { password: shown }))
}

/// Ends all sessions of a user.
#[utoipa::path(delete, path = "/admin/users/{id}/sessions", tag = "Users", operation_id = "end_user_sessions",
    params(("id" = String, Path, description = "The user's id.")),
    responses((status = 200, body = EndedSessionsView, description = "Ended.")))]
pub(crate) async fn end_sessions(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
) -> Result<Json<EndedSessionsView>, Refusal> {
    find(&plane, &id).await?;
    let ended = plane.store().sessions.revoke_all(&SessionSubject::User(id.clone()), None).await?;
    tracing::info!(user.id = %id, ended, admin.id = %caller.admin.id, "a user's sessions were ended");
    Ok(Json(EndedSessionsView { ended }))
}

/// Removes a user, ends their sessions and deletes their keys. The books keep their id.
#[utoipa::path(delete, path = "/admin/users/{id}", tag = "Users", operation_id = "delete_user",
    params(("id" = String, Path, description = "The user's id."),
        ("If-Match" = String, Header, description = "Remove them only at this version.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<UserId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    // Alone, so that no key is made for somebody who is just removed.
    let work = remove(&plane, &id, &precondition);
    alone(plane.store(), &*plane.given.clock, &keys_lock(&id), work).await?;
    plane.store().sessions.revoke_all(&SessionSubject::User(id.clone()), None).await?;
    tracing::info!(user.id = %id, admin.id = %caller.admin.id, "a user was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// The lock under which keys of a user are made.
pub(crate) fn keys_lock(user: &UserId) -> String {
    format!("user-keys:{user}")
}

async fn remove(plane: &Plane, id: &UserId, precondition: &IfMatch) -> Result<(), Refusal> {
    let found = find(plane, id).await?;
    precondition.check(found.version)?;
    let expected = (*precondition != IfMatch::Any).then_some(found.version);
    // The keys first: a user who is still there can be removed again, keys without one would go on.
    owned::delete_all(plane, id).await?;
    match plane.store().records.remove(Family::User, id.as_str(), expected).await {
        // Once more: a key that was given to them between the two is found here, or its maker finds them gone.
        Ok(()) => owned::delete_all(plane, id).await,
        Err(RecordError::Missing) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

async fn find(plane: &Plane, id: &UserId) -> Result<Versioned<User>, Refusal> {
    editing::find(plane.store(), id.as_str()).await?.ok_or_else(missing)
}

fn tagged(user: Versioned<User>) -> Tagged<UserView> {
    Tagged { version: user.version, body: UserView::new(user) }
}

fn missing() -> Refusal {
    Refusal::missing("user", PATH)
}

impl OrderWord for UserOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Name => "name",
            Self::CreatedAt => "created_at",
        }
    }
}
