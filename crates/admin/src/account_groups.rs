//! Groups of accounts: list, create, read, change, delete, and who is in them. Which keys are bound to one stands at the keys.

mod documents;
pub(crate) mod members;
mod views;

use crate::{
    api_keys::refuse_bound,
    editing,
    extract::{Document, IfMatch, Params, PathId},
    gate::Caller,
    listing::{self, ListQuery, Order, OrderWord},
    pages::{DirectionWord, Page},
    refusal::{Refusal, RefusalType},
    replies::{Created, Tagged},
    state::{Plane, Shared, fresh_uuid},
};
use axum::{Json, extract::State};
use documents::{AccountGroupPatch, NewAccountGroup};
use domain::{AccountGroup, Binding, GroupId};
use http::StatusCode;
pub(crate) use members::leave;
use serde::Deserialize;
use store::{
    Family, RecordError,
    nouns::GROUPS_MAX,
    records::{TypedRecords, Versioned},
};
use utoipa::ToSchema;
use views::AccountGroupView;

const PATH: &str = "/admin/account-groups";

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AccountGroupOrder {
    Name,
    #[default]
    CreatedAt,
}

/// A question for a list of groups.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountGroupParams {
    /// A text in name or note, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// What the list is ordered by; left out: `created_at`.
    #[param(inline)]
    order: Option<AccountGroupOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists groups of accounts with their members.
#[utoipa::path(get, path = PATH, tag = "Account groups", operation_id = "list_account_groups",
    params(AccountGroupParams),
    responses((status = 200, body = Page<AccountGroupView>, description = "A page of groups.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<AccountGroupParams>,
) -> Result<Json<Page<AccountGroupView>>, Refusal> {
    let query = ListQuery {
        filters: Vec::new(),
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let listed = listing::page::<AccountGroup>(&plane, &[Family::AccountGroup], query).await?;
    let items = listed.records.into_iter().map(AccountGroupView::new).collect();
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// Makes a group. Its members have to exist; there may be none yet.
#[utoipa::path(post, path = PATH, tag = "Account groups", operation_id = "create_account_group",
    request_body = NewAccountGroup,
    responses((status = 201, body = AccountGroupView, description = "Made.", headers(
        ("Location" = String, description = "Where it is."), ("ETag" = String, description = "Its version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewAccountGroup>,
) -> Result<Created<AccountGroupView>, Refusal> {
    let now = plane.now();
    let group = body.into_group(&plane, GroupId::from_uuid(fresh_uuid(now)), now).await?;
    if plane.store().records.count(Family::AccountGroup, &[]).await? >= GROUPS_MAX {
        let message = format!("There are {GROUPS_MAX} groups already: delete those that are not needed.");
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    let version = plane.store().records.add(&group).await?;
    tracing::info!(group.id = %group.id, admin.id = %caller.admin.id, "a group of accounts was made");
    let location = format!("{PATH}/{}", group.id);
    Ok(Created { location, version, body: AccountGroupView::new(Versioned { record: group, version }) })
}

/// Shows a group with its members.
#[utoipa::path(get, path = "/admin/account-groups/{id}", tag = "Account groups", operation_id = "read_account_group",
    params(("id" = String, Path, description = "The group's id.")),
    responses((status = 200, body = AccountGroupView, description = "The group.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<GroupId>,
) -> Result<Tagged<AccountGroupView>, Refusal> {
    Ok(tagged(find(&plane, &id).await?))
}

/// Changes the fields that are given; `null` sets one back. (JSON Merge Patch, RFC 7396; `members` is replaced as a whole.)
#[utoipa::path(patch, path = "/admin/account-groups/{id}", tag = "Account groups",
    operation_id = "change_account_group", request_body = AccountGroupPatch,
    params(("id" = String, Path, description = "The group's id."),
        ("If-Match" = String, Header, description = "Change it only at this version.")),
    responses((status = 200, body = AccountGroupView, description = "The group as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<GroupId>,
    precondition: IfMatch,
    Document(patch): Document<AccountGroupPatch>,
) -> Result<Tagged<AccountGroupView>, Refusal> {
    let (change, now) = (patch.parse(&plane).await?, plane.now());
    let changed =
        editing::edit::<AccountGroup>(plane.store(), id.as_str(), &precondition, |group| Ok(change.apply(group, now)));
    let group = changed.await?.ok_or_else(missing)?;
    tracing::info!(group.id = %id, admin.id = %caller.admin.id, "a group of accounts was changed");
    Ok(tagged(group))
}

/// Deletes a group; its accounts stay. One that keys are bound to is not deleted.
#[utoipa::path(delete, path = "/admin/account-groups/{id}", tag = "Account groups",
    operation_id = "delete_account_group",
    params(("id" = String, Path, description = "The group's id."),
        ("If-Match" = String, Header, description = "Delete it only at this version.")),
    responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<GroupId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let group = find(&plane, &id).await?;
    precondition.check(group.version)?;
    refuse_bound(&plane, &Binding::Group(id.clone())).await?;
    let expected = (precondition != IfMatch::Any).then_some(group.version);
    match plane.store().records.remove(Family::AccountGroup, id.as_str(), expected).await {
        Ok(()) => (),
        Err(RecordError::Missing) => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(group.id = %id, admin.id = %caller.admin.id, "a group of accounts was deleted");
    Ok(StatusCode::NO_CONTENT)
}

async fn find(plane: &Plane, id: &GroupId) -> Result<Versioned<AccountGroup>, Refusal> {
    editing::find(plane.store(), id.as_str()).await?.ok_or_else(missing)
}

fn tagged(group: Versioned<AccountGroup>) -> Tagged<AccountGroupView> {
    Tagged { version: group.version, body: AccountGroupView::new(group) }
}

fn missing() -> Refusal {
    Refusal::missing("group of accounts", PATH)
}

impl OrderWord for AccountGroupOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::CreatedAt => "created_at",
        }
    }
}
