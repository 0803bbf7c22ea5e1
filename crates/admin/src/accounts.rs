//! Accounts: list, create, read, change, delete, test, reset. A credential comes in and is sealed; it goes out in one place,
//! `reveal`.

mod credential;
mod documents;
mod examples;
pub(crate) mod health;
mod kinds;
pub(crate) mod oauth;
pub(crate) mod probe;
mod proxy;
pub(crate) mod reveal;
mod settings;
mod spelling;
mod views;

use crate::{
    account_groups,
    api_keys::refuse_bound,
    editing,
    extract::{Document, IfMatch, Params, PathId},
    gate::Caller,
    listing::{self, ListQuery, Order, OrderWord},
    pages::{DirectionWord, Page},
    refusal::Refusal,
    replies::{Created, Tagged},
    state::{Plane, Shared, fresh_uuid},
    wire::PlatformWord,
};
use axum::{Json, extract::State};
use documents::{AccountPatch, NewAccount};
use domain::{Account, AccountId, Binding};
use health::Health;
use http::StatusCode;
use serde::Deserialize;
pub(crate) use spelling::LISTED_KEY_BYTES_MAX;
use store::{
    Bindings, Record, RecordError,
    nouns::account::account_family,
    records::{Comparison, Filter, TypedRecords, Value, Versioned},
};
use utoipa::ToSchema;
use views::AccountView;

const PATH: &str = "/admin/accounts";

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AccountOrder {
    Name,
    Priority,
    #[default]
    CreatedAt,
    ExpiresAt,
}

/// A question for a list of accounts.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountParams {
    /// A text in name or note, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only accounts of this platform.
    #[param(inline)]
    platform: Option<PlatformWord>,
    /// Only those that requests may be sent to, or only those that they may not.
    schedulable: Option<bool>,
    /// What the list is ordered by; left out: `created_at`.
    #[param(inline)]
    order: Option<AccountOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists accounts with the state that each is in.
#[utoipa::path(get, path = PATH, tag = "Accounts", operation_id = "list_accounts", params(AccountParams),
    responses((status = 200, body = Page<AccountView>, description = "A page of accounts.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<AccountParams>,
) -> Result<Json<Page<AccountView>>, Refusal> {
    let now = plane.now();
    let only = |schedulable| Filter {
        column: "schedulable",
        comparison: Comparison::Equal,
        value: Value::Integer(i64::from(schedulable)),
    };
    let query = ListQuery {
        filters: params.schedulable.map(only).into_iter().collect(),
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let wanted = params.platform.map(|platform| account_family(platform.0));
    let is_wanted = |family: &&store::Family| wanted.is_none_or(|wanted| wanted == **family);
    let families = Account::FAMILIES.iter().filter(is_wanted).copied().collect::<Vec<_>>();
    let listed = listing::page::<Account>(&plane, &families, query).await?;
    let mut known = health::read(&plane, listed.records.iter().map(|account| &account.record.id), now).await?;
    let view = |account: Versioned<Account>| {
        let health = known.remove(&account.record.id).unwrap_or_default();
        AccountView::new(account, health, &plane.given.keyring, now)
    };
    Ok(Json(Page { items: listed.records.into_iter().map(view).collect(), next_cursor: listed.next_cursor }))
}

/// Adds an account. Its credential is encrypted before it is stored.
#[utoipa::path(post, path = PATH, tag = "Accounts", operation_id = "create_account", request_body = NewAccount,
    responses((status = 201, body = AccountView, description = "Added.", headers(
        ("Location" = String, description = "Where it is."), ("ETag" = String, description = "Its version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewAccount>,
) -> Result<Created<AccountView>, Refusal> {
    let now = plane.now();
    let id = AccountId::from_uuid(fresh_uuid(now));
    let account = body.into_account(&id, &plane.given.keyring, now)?;
    let version = plane.store().records.add(&account).await?;
    tracing::info!(account.id = %account.id, admin.id = %caller.admin.id, "an account was added");
    let location = format!("{PATH}/{}", account.id);
    let body = AccountView::new(Versioned { record: account, version }, Health::default(), &plane.given.keyring, now);
    Ok(Created { location, version, body })
}

/// Shows an account with the state that it is in.
#[utoipa::path(get, path = "/admin/accounts/{id}", tag = "Accounts", operation_id = "read_account",
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = AccountView, description = "The account.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<AccountId>,
) -> Result<Tagged<AccountView>, Refusal> {
    tagged(&plane, find(&plane, &id).await?).await
}

/// Changes the fields that are given; `null` sets one back. (JSON Merge Patch, RFC 7396; `models` is replaced as a whole.)
#[utoipa::path(patch, path = "/admin/accounts/{id}", tag = "Accounts", operation_id = "change_account",
    request_body = AccountPatch,
    params(("id" = String, Path, description = "The account's id."),
        ("If-Match" = String, Header, description = "Change it only at this version.")),
    responses((status = 200, body = AccountView, description = "The account as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    precondition: IfMatch,
    Document(patch): Document<AccountPatch>,
) -> Result<Tagged<AccountView>, Refusal> {
    let now = plane.now();
    let changed = editing::edit::<Account>(plane.store(), id.as_str(), &precondition, |account| {
        patch.apply(account, &plane.given.keyring, now)
    });
    let account = changed.await?.ok_or_else(missing)?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "an account was changed");
    tagged(&plane, account).await
}

/// Removes an account with its credential, its cooldowns and the sessions bound to it; it leaves its groups. One that
/// keys are bound to alone is not removed. The books keep its id.
#[utoipa::path(delete, path = "/admin/accounts/{id}", tag = "Accounts", operation_id = "delete_account",
    params(("id" = String, Path, description = "The account's id."),
        ("If-Match" = String, Header, description = "Remove it only at this version.")),
    responses((status = 204, description = "Removed.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let account = find(&plane, &id).await?;
    precondition.check(account.version)?;
    refuse_bound(&plane, &Binding::Account(id.clone())).await?;
    let expected = (precondition != IfMatch::Any).then_some(account.version);
    match plane.store().records.remove(account.record.family(), id.as_str(), expected).await {
        Ok(()) => (),
        Err(RecordError::Missing) => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    plane.store().affinity.flush(Bindings::To(&id)).await?;
    plane.store().health.end(&id, None).await?;
    account_groups::leave(&plane, &id).await?;
    oauth::forget(&plane, &id).await?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "an account was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all cooldowns of an account, so that it may be chosen again at once.
#[utoipa::path(post, path = "/admin/accounts/{id}/reset", tag = "Accounts", operation_id = "reset_account",
    params(("id" = String, Path, description = "The account's id.")),
    responses((status = 200, body = AccountView, description = "The account as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn reset(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<AccountId>,
) -> Result<Tagged<AccountView>, Refusal> {
    let account = find(&plane, &id).await?;
    plane.store().health.end(&id, None).await?;
    tracing::info!(account.id = %id, admin.id = %caller.admin.id, "an account's cooldowns were ended");
    tagged(&plane, account).await
}

async fn find(plane: &Plane, id: &AccountId) -> Result<Versioned<Account>, Refusal> {
    editing::find(plane.store(), id.as_str()).await?.ok_or_else(missing)
}

async fn tagged(plane: &Plane, account: Versioned<Account>) -> Result<Tagged<AccountView>, Refusal> {
    let now = plane.now();
    let mut known = health::read(plane, std::iter::once(&account.record.id), now).await?;
    let health = known.remove(&account.record.id).unwrap_or_default();
    Ok(Tagged { version: account.version, body: AccountView::new(account, health, &plane.given.keyring, now) })
}

fn missing() -> Refusal {
    Refusal::missing("account", PATH)
}

impl OrderWord for AccountOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Priority => "priority",
            Self::CreatedAt => "created_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}
