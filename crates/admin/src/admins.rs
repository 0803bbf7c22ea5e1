//! Administrators: list, add, read, change, set a password, remove. There is always an owner, whoever changes what at once.

mod documents;
mod owners;
mod views;

use crate::{
    api_tokens, editing,
    extract::{Document, IfMatch, Params, PathId},
    faults::Faults,
    gate::Caller,
    listing::{self, ListQuery, Order, OrderWord},
    pages::{DirectionWord, Page},
    passwords::{self, Chosen},
    refusal::Refusal,
    replies::{Created, Tagged},
    state::{Plane, Shared, fresh_uuid},
    texts, totp,
    wire::RoleWord,
};
use axum::{Json, extract::State};
pub(crate) use documents::PasswordReset;
use documents::{AdminPatch, NewAdmin};
use domain::{Admin, AdminId};
use http::StatusCode;
use serde::Deserialize;
use store::{
    Family, RecordError,
    records::{Comparison, Filter, TypedRecords, Value, Versioned},
    sessions::SessionSubject,
};
use utoipa::ToSchema;
pub(crate) use views::SetPasswordView;
use views::{AddedAdminView, AdminView};

const PATH: &str = "/admin/admins";

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AdminOrder {
    Username,
    #[default]
    CreatedAt,
}

/// A question for a list of administrators.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdminParams {
    /// A text in the user name, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only those with this role.
    #[param(inline)]
    role: Option<RoleWord>,
    /// What the list is ordered by; left out: `created_at`.
    #[param(inline)]
    order: Option<AdminOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists administrators.
#[utoipa::path(get, path = PATH, tag = "Administrators", operation_id = "list_admins", params(AdminParams),
    responses((status = 200, body = Page<AdminView>, description = "A page of administrators.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<AdminParams>,
) -> Result<Json<Page<AdminView>>, Refusal> {
    let role =
        |role: RoleWord| Filter { column: "role", comparison: Comparison::Equal, value: Value::from(role.0.as_str()) };
    let query = ListQuery {
        filters: params.role.map(role).into_iter().collect(),
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let listed = listing::page::<Admin>(&plane, &[Family::Admin], query).await?;
    let items = listed.records.into_iter().map(AdminView::new).collect();
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// Adds an administrator. A password that is generated stands in this answer and nowhere else.
#[utoipa::path(post, path = PATH, tag = "Administrators", operation_id = "create_admin", request_body = NewAdmin,
    responses((status = 201, body = AddedAdminView, description = "Added.", headers(
        ("Location" = String, description = "Where they are."), ("ETag" = String, description = "Their version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewAdmin>,
) -> Result<Created<AddedAdminView>, Refusal> {
    let mut faults = Faults::default();
    let username = faults.check("username", texts::username(&body.username));
    let chosen = Chosen::parse(body.password, "password", &mut faults);
    faults.settle()?;
    let Chosen { password, shown } = chosen;
    let (now, password_hash) = (plane.now(), plane.passwords.hash(password).await?);
    let id = AdminId::from_uuid(fresh_uuid(now));
    let admin = Admin { id, username, password_hash, role: body.role.0, created_at: now, updated_at: now };
    let version = plane.store().records.add(&admin).await?;
    tracing::info!(of.id = %admin.id, role = %admin.role, admin.id = %caller.admin.id, "an administrator was added");
    let location = format!("{PATH}/{}", admin.id);
    let view = AdminView::new(Versioned { record: admin, version });
    Ok(Created { location, version, body: AddedAdminView::new(shown, view) })
}

/// Shows an administrator.
#[utoipa::path(get, path = "/admin/admins/{id}", tag = "Administrators", operation_id = "read_admin",
    params(("id" = String, Path, description = "The administrator's id.")),
    responses((status = 200, body = AdminView, description = "The administrator.",
        headers(("ETag" = String, description = "Their version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<AdminId>,
) -> Result<Tagged<AdminView>, Refusal> {
    Ok(tagged(find(&plane, &id).await?))
}

/// Changes name or role; a role that is taken away is gone at once. (JSON Merge Patch, RFC 7396.)
#[utoipa::path(patch, path = "/admin/admins/{id}", tag = "Administrators", operation_id = "change_admin",
    request_body = AdminPatch,
    params(("id" = String, Path, description = "The administrator's id."),
        ("If-Match" = String, Header, description = "Change them only at this version.")),
    responses((status = 200, body = AdminView, description = "The administrator as they are now.",
        headers(("ETag" = String, description = "Their version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AdminId>,
    precondition: IfMatch,
    Document(patch): Document<AdminPatch>,
) -> Result<Tagged<AdminView>, Refusal> {
    let work = apply(&plane, &id, &precondition, &patch);
    let (before, after) = if patch.says_role() { owners::alone(&plane, work).await? } else { work.await? };
    tracing::info!(of.id = %id, role = %after.record.role, admin.id = %caller.admin.id, "an administrator was changed");
    if before.username != after.record.username {
        plane.tell_changed(after.record.clone()).await;
    }
    Ok(tagged(after))
}

/// Sets somebody's password and ends all their sessions.
#[utoipa::path(post, path = "/admin/admins/{id}/password", tag = "Administrators", operation_id = "set_admin_password",
    request_body = PasswordReset, params(("id" = String, Path, description = "The administrator's id.")),
    responses((status = 200, body = SetPasswordView, description = "Set; their sessions have ended.")))]
pub(crate) async fn set_password(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AdminId>,
    Document(body): Document<PasswordReset>,
) -> Result<Json<SetPasswordView>, Refusal> {
    let (admin, shown) = passwords::change::set::<Admin>(&plane, id.as_str(), body.password, missing).await?;
    tracing::info!(of.id = %id, admin.id = %caller.admin.id, "an administrator's password was set by an owner");
    plane.tell_changed(admin).await;
    Ok(Json(SetPasswordView { password: shown }))
}

/// Removes an administrator, ends all their sessions and revokes their API tokens.
#[utoipa::path(delete, path = "/admin/admins/{id}", tag = "Administrators", operation_id = "delete_admin",
    params(("id" = String, Path, description = "The administrator's id."),
        ("If-Match" = String, Header, description = "Remove them only at this version.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AdminId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    owners::alone(&plane, remove(&plane, &id, &precondition)).await?;
    plane.store().sessions.revoke_all(&SessionSubject::Admin(id.clone()), None).await?;
    api_tokens::remove_all(&plane, &id).await?;
    totp::remove(&plane, &id).await?;
    tracing::info!(of.id = %id, admin.id = %caller.admin.id, "an administrator was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Changes an administrator; gives them as they were and as they are.
async fn apply(
    plane: &Plane,
    id: &AdminId,
    precondition: &IfMatch,
    patch: &AdminPatch,
) -> Result<(Admin, Versioned<Admin>), Refusal> {
    let now = plane.now();
    let before = find(plane, id).await?;
    precondition.check(before.version)?;
    if patch.apply(&before.record, now)?.role != before.record.role {
        owners::check_not_last(plane, &before.record).await?;
    }
    let changed = editing::edit::<Admin>(plane.store(), id.as_str(), precondition, |admin| patch.apply(admin, now));
    Ok((before.record, changed.await?.ok_or_else(missing)?))
}

async fn remove(plane: &Plane, id: &AdminId, precondition: &IfMatch) -> Result<(), Refusal> {
    let found = find(plane, id).await?;
    precondition.check(found.version)?;
    owners::check_not_last(plane, &found.record).await?;
    let expected = (*precondition != IfMatch::Any).then_some(found.version);
    match plane.store().records.remove(Family::Admin, id.as_str(), expected).await {
        Ok(()) => Ok(()),
        Err(RecordError::Missing) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

async fn find(plane: &Plane, id: &AdminId) -> Result<Versioned<Admin>, Refusal> {
    editing::find(plane.store(), id.as_str()).await?.ok_or_else(missing)
}

fn tagged(admin: Versioned<Admin>) -> Tagged<AdminView> {
    Tagged { version: admin.version, body: AdminView::new(admin) }
}

fn missing() -> Refusal {
    Refusal::missing("administrator", PATH)
}

impl OrderWord for AdminOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::CreatedAt => "created_at",
        }
    }
}
