//! API keys: list, create, read, change, delete. A key itself is shown once, in the answer that makes it.

pub(crate) mod batch;
mod bindings;
mod documents;
pub(crate) mod lifecycle;
mod ranked;
mod references;
mod renewal;
mod views;

use crate::{
    editing,
    extract::{self, Document, IfMatch, Params, PathId},
    gate::Caller,
    listing::{ListQuery, Order, OrderWord},
    pages::DirectionWord,
    rankings::Question,
    refusal::Refusal,
    replies::{self, Tagged},
    state::{Plane, Shared, fresh_uuid},
    tags, texts,
    wire::Instant,
};
use axum::extract::State;
pub(crate) use bindings::{Names, refuse_bound};
use documents::{ApiKeyPatch, NewApiKey};
use domain::{ApiKey, Day, KeyId, Timestamp};
use http::StatusCode;
pub(crate) use ranked::prepare as prepare_rankings;
use ranked::{Books, RankedPage};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{
    Version,
    ledger::KeyTotals,
    rankings::Days,
    records::{Comparison, Filter, TypedRecords, Value, Versioned},
};
use utoipa::ToSchema;
pub(crate) use views::{ApiKeyView, IssuedApiKeyView};

const PATH: &str = "/admin/api-keys";

/// Which keys a list shows.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Shown {
    /// Active ones, ended ones included.
    Active,
    /// Active ones whose time is over.
    Expired,
    /// Those that were switched off.
    Disabled,
    /// Those that were deleted.
    Deleted,
    /// All.
    Any,
}

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ApiKeyOrder {
    Name,
    #[default]
    CreatedAt,
    ExpiresAt,
    /// By when a key was last used; unused ones are the lowest.
    LastUsed,
    /// By the rated cost from `from` to `to`; unused ones are the lowest.
    Cost,
}

/// A question for a list of keys.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApiKeyParams {
    /// A text in name, note or hint, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Which keys; left out: all but the deleted.
    #[param(inline)]
    state: Option<Shown>,
    /// The id of a user: only keys of this owner.
    #[param(max_length = 64)]
    owner: Option<String>,
    /// Only keys that are bound to this: `SERVICE:account:ID` or `SERVICE:group:ID`.
    #[param(max_length = 100, example = "claude:group:0198c0de-0000-7000-8000-000000000002")]
    binding: Option<String>,
    /// A label: only keys that have it. May be given several times: only keys that have all of them, up to 20.
    #[serde(default, deserialize_with = "extract::lines")]
    #[param(max_items = 20, example = json!(["team-b"]))]
    tag: Vec<String>,
    /// A model, by its name in the books: only keys that used it from `from` to `to`.
    #[param(max_length = 200, example = "claude-opus-5")]
    model: Option<String>,
    /// For `model` and the order `cost`: the first day, in the relay's time zone. Left out: 29 days before `to`. Days that are
    /// no longer kept count for nothing.
    #[param(max_length = 10, example = "2026-11-01")]
    from: Option<String>,
    /// The last day, included; at most 366 days from the first. Left out: today.
    #[param(max_length = 10, example = "2026-11-23")]
    to: Option<String>,
    /// What the list is ordered by; left out: `created_at`. What the books say for `last_used`, `cost` and `model` is at most
    /// ten seconds old, unless `books_as_of` says otherwise.
    #[param(inline)]
    order: Option<ApiKeyOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A page of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyPage {
    /// What is on it.
    items: Vec<ApiKeyView>,
    /// To be sent as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
    /// When the books were read that order or narrow this page, where that is more than ten seconds ago: the same list, asked for
    /// once more in a moment, has them as they are. The figures of each key are as of now in any case.
    books_as_of: Option<Instant>,
}

/// Lists keys with what each has used.
#[utoipa::path(get, path = PATH, tag = "API keys", operation_id = "list_api_keys", params(ApiKeyParams),
    responses((status = 200, body = ApiKeyPage, description = "A page of keys.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<ApiKeyParams>,
) -> Result<axum::Json<ApiKeyPage>, Refusal> {
    let now = plane.now();
    let mut filters = filters(params.state, now);
    filters.extend(params.owner.as_deref().map(of_owner).transpose()?);
    filters.extend(params.binding.as_deref().map(bindings::filter).transpose()?);
    filters.extend(with_tags(&params.tag)?);
    let books = params.books((plane.given.calendar)().day(now))?;
    let query = ListQuery {
        filters,
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let RankedPage { listed, age } = ranked::page(&plane, query, books).await?;
    let books_as_of = age.map(|age| Instant(plane.now().minus(age)));
    let items = with_totals(&plane, listed.records).await?;
    Ok(axum::Json(ApiKeyPage { items, next_cursor: listed.next_cursor, books_as_of }))
}

/// Creates a key. The key itself stands in this answer and nowhere else.
#[utoipa::path(post, path = PATH, tag = "API keys", operation_id = "create_api_key", request_body = NewApiKey,
    responses((status = 201, body = IssuedApiKeyView, description = "Created.", headers(
        ("Location" = String, description = "Where it is."), ("ETag" = String, description = "Its version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewApiKey>,
) -> Result<replies::Created<IssuedApiKeyView>, Refusal> {
    let (id, version, body) = issued(&plane, &caller, body).await?;
    Ok(replies::Created { location: format!("{PATH}/{id}"), version, body })
}

/// Shows a key, a deleted one too.
#[utoipa::path(get, path = "/admin/api-keys/{id}", tag = "API keys", operation_id = "read_api_key",
    params(("id" = String, Path, description = "The key's id.")),
    responses((status = 200, body = ApiKeyView, description = "The key.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<KeyId>,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let key = editing::find::<ApiKey>(plane.store(), id.as_str()).await?.ok_or_else(missing)?;
    tagged(&plane, key).await
}

/// Changes the fields that are given; `null` sets one back. (JSON Merge Patch, RFC 7396.)
#[utoipa::path(patch, path = "/admin/api-keys/{id}", tag = "API keys", operation_id = "change_api_key",
    request_body = ApiKeyPatch,
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Change it only at this version.")),
    responses((status = 200, body = ApiKeyView, description = "The key as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
    Document(patch): Document<ApiKeyPatch>,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let key = changed(&plane, &caller, &id, &precondition, &patch).await?;
    tagged(&plane, key).await
}

/// Deletes a key: it is refused until it is restored, and stays in the books. Deleting it again changes nothing.
#[utoipa::path(delete, path = "/admin/api-keys/{id}", tag = "API keys", operation_id = "delete_api_key",
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Delete it only at this version.")),
    responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    lifecycle::deleted(&plane, &caller, &id, &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a key as `body` says; it is shown with its secret.
async fn issued(
    plane: &Plane,
    caller: &Caller,
    body: NewApiKey,
) -> Result<(KeyId, Version, IssuedApiKeyView), Refusal> {
    let now = plane.now();
    let issued = vault::api_keys::generate(&plane.given.key_prefix);
    let clear = issued.clear.expose_secret().to_owned();
    let id = KeyId::from_uuid(fresh_uuid(now));
    let key = body.into_key(id.clone(), issued, &caller.admin, now)?;
    references::check(plane, key.owner.as_ref(), &key.bindings).await?;
    let version = plane.store().records.add(&key).await?;
    references::check_given(plane, &id, key.owner.as_ref()).await?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was created");
    let names = Names::of(plane, key.bindings.values()).await?;
    let view = ApiKeyView::new(Versioned { record: key, version }, &KeyTotals::default(), &names, now);
    Ok((id, version, IssuedApiKeyView::new(clear, view)))
}

/// Changes a key that is not deleted.
async fn changed(
    plane: &Plane,
    caller: &Caller,
    id: &KeyId,
    precondition: &IfMatch,
    patch: &ApiKeyPatch,
) -> Result<Versioned<ApiKey>, Refusal> {
    let (owner, bindings) = patch.references();
    references::check(plane, owner.as_ref(), &bindings).await?;
    let now = plane.now();
    let changed = editing::edit::<ApiKey>(plane.store(), id.as_str(), precondition, |key| {
        lifecycle::alive(key).and_then(|key| patch.apply(key, now))
    });
    let key = changed.await?.ok_or_else(missing)?;
    references::check_given(plane, id, owner.as_ref()).await?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was changed");
    Ok(key)
}

pub(crate) fn missing() -> Refusal {
    Refusal::missing("API key", PATH)
}

async fn tagged(plane: &Plane, key: Versioned<ApiKey>) -> Result<Tagged<ApiKeyView>, Refusal> {
    let version = key.version;
    let mut views = with_totals(plane, vec![key]).await?;
    let body = views.pop().ok_or_else(missing)?;
    Ok(Tagged { version, body })
}

/// The keys with what each has used and what the accounts and groups are called that they are bound to.
async fn with_totals(plane: &Plane, keys: Vec<Versioned<ApiKey>>) -> Result<Vec<ApiKeyView>, Refusal> {
    let names = Names::of(plane, keys.iter().flat_map(|key| key.record.bindings.values())).await?;
    with_names(plane, keys, &names).await
}

/// The keys with what each has used, asked for in one question.
pub(crate) async fn with_names(
    plane: &Plane,
    keys: Vec<Versioned<ApiKey>>,
    names: &Names,
) -> Result<Vec<ApiKeyView>, Refusal> {
    let now = plane.now();
    let ids: Vec<KeyId> = keys.iter().map(|key| key.record.id.clone()).collect();
    plane.given.books.delivered().await;
    let totals = plane.store().ledger.key_totals(&ids, (plane.given.calendar)().day(now)).await?;
    Ok(keys.into_iter().zip(&totals).map(|(key, totals)| ApiKeyView::new(key, totals, names, now)).collect())
}

fn filters(shown: Option<Shown>, now: Timestamp) -> Vec<Filter> {
    let state = |comparison, value: &str| Filter { column: "state", comparison, value: Value::from(value) };
    match shown {
        None => vec![state(Comparison::NotEqual, "deleted")],
        Some(Shown::Active) => vec![state(Comparison::Equal, "active")],
        Some(Shown::Disabled) => vec![state(Comparison::Equal, "disabled")],
        Some(Shown::Deleted) => vec![state(Comparison::Equal, "deleted")],
        Some(Shown::Any) => Vec::new(),
        Some(Shown::Expired) => {
            // A key has ended at the instant itself.
            let value = Value::Integer(now.as_ms().saturating_add(1));
            let ended = Filter { column: "expires_at", comparison: Comparison::Less, value };
            vec![state(Comparison::Equal, "active"), ended]
        }
    }
}

fn of_owner(id: &str) -> Result<Filter, Refusal> {
    let owner = texts::owner(id).map_err(|reason| Refusal::parameter("owner", reason))?;
    Ok(Filter { column: "owner", comparison: Comparison::Equal, value: Value::from(owner.as_str()) })
}

fn with_tags(tags: &[String]) -> Result<Vec<Filter>, Refusal> {
    let tags = texts::tags(tags).map_err(|reason| Refusal::parameter("tag", reason))?;
    Ok(tags.iter().map(|tag| tags::tagged(tag)).collect())
}

impl ApiKeyParams {
    /// What the books have to say about the list.
    fn books(&self, today: Day) -> Result<Books, Refusal> {
        let order = self.order.unwrap_or_default();
        let asks_for_days = self.model.is_some() || matches!(order, ApiKeyOrder::Cost);
        if let Some(name) =
            [self.from.as_ref().map(|_| "from"), self.to.as_ref().map(|_| "to")].into_iter().flatten().next()
            && !asks_for_days
        {
            let message = "it is for `model` and for the order `cost`; add one of them, or leave it out";
            return Err(Refusal::parameter(name, message));
        }
        let days = ranked::days(self.from.as_deref(), self.to.as_deref(), today)?;
        let model = self.model.as_deref().map(ranked::model).transpose()?;
        Ok(Books { order: order.question(days), model: model.map(|model| Question::OfModel(model, days)) })
    }
}

impl OrderWord for ApiKeyOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            // Where the books order the list, no column is asked for it.
            Self::CreatedAt | Self::LastUsed | Self::Cost => "created_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}

impl ApiKeyOrder {
    /// What the books are asked for the order, if they say it.
    const fn question(self, days: Days) -> Option<Question> {
        match self {
            Self::Name | Self::CreatedAt | Self::ExpiresAt => None,
            Self::LastUsed => Some(Question::LastUse),
            Self::Cost => Some(Question::RatedCost(days)),
        }
    }
}
