//! API tokens: list, make, read, revoke. A token is shown once; it never does more than its maker may at that moment.

mod documents;
mod views;

use crate::{
    alone::alone,
    editing,
    extract::{Document, Params, PathId},
    gate::Caller,
    listing::{self, ListQuery, Order, OrderWord},
    local,
    pages::{DirectionWord, Page},
    refusal::{Refusal, RefusalType},
    replies::Created,
    sessions,
    state::{Plane, Shared, fresh_uuid},
};
use axum::{Json, extract::State};
use documents::NewApiToken;
use domain::{Admin, AdminId, ApiToken, Role, Timestamp, TokenId};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::time::Duration;
use store::{
    Family, RecordError, Version,
    records::{Changes, Comparison, Condition, Filter, TypedRecords, Value, Versioned},
};
use utoipa::ToSchema;
use vault::KeyPrefix;
use views::{ApiTokenView, IssuedApiTokenView};

const PATH: &str = "/admin/api-tokens";

/// What every token begins with.
pub(crate) const PREFIX: &str = "crt_";

/// Tokens of one administrator: many more than there are programs that one person looks after.
const TOKENS_MAX: u64 = 100;

/// How exactly the last use is known: a write a minute and token at most.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// What the list is ordered by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ApiTokenOrder {
    Name,
    #[default]
    CreatedAt,
    ExpiresAt,
}

/// A question for a list of tokens.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ApiTokenParams {
    /// A text in name or hint, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Only those that this administrator made, by id; left out: everybody's for an owner, one's own for others.
    admin: Option<String>,
    /// What the list is ordered by; left out: `created_at`.
    #[param(inline)]
    order: Option<ApiTokenOrder>,
    /// Which way; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists tokens.
#[utoipa::path(get, path = PATH, tag = "API tokens", operation_id = "list_api_tokens", params(ApiTokenParams),
    responses((status = 200, body = Page<ApiTokenView>, description = "A page of tokens.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    caller: Caller,
    Params(params): Params<ApiTokenParams>,
) -> Result<Json<Page<ApiTokenView>>, Refusal> {
    let now = plane.now();
    let everybody = params.admin.is_none() && caller.admin.role == Role::Owner;
    let maker = if everybody { None } else { Some(sessions::whose(&caller, params.admin.as_deref())?) };
    let query = ListQuery {
        filters: maker.iter().map(made_by).collect(),
        search: params.q,
        order: Order::asked(params.order, params.direction),
        cursor: params.cursor,
        limit: params.limit,
    };
    let listed = listing::page::<ApiToken>(&plane, &[Family::ApiToken], query).await?;
    let items = listed.records.into_iter().map(|token| ApiTokenView::new(token, now)).collect();
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// Makes a token. The token itself stands in this answer and nowhere else.
#[utoipa::path(post, path = PATH, tag = "API tokens", operation_id = "create_api_token", request_body = NewApiToken,
    responses((status = 201, body = IssuedApiTokenView, description = "Made.", headers(
        ("Location" = String, description = "Where it is."), ("ETag" = String, description = "Its version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewApiToken>,
) -> Result<Created<IssuedApiTokenView>, Refusal> {
    if local::is_local(&caller.admin) {
        let message = "The local operator needs no token: sign in as the administrator for whom it shall act.";
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    let now = plane.now();
    let issued = vault::api_keys::generate(&KeyPrefix::parse(PREFIX).map_err(Refusal::internal)?);
    let clear = issued.clear.expose_secret().to_owned();
    let token = body.into_token(TokenId::from_uuid(fresh_uuid(now)), issued, &caller.admin, now)?;
    let lock = format!("api-tokens:{}", caller.admin.id);
    let version = alone(plane.store(), &*plane.given.clock, &lock, add(&plane, &token)).await?;
    tracing::info!(token.id = %token.id, admin.id = %caller.admin.id, "an API token was made");
    let location = format!("{PATH}/{}", token.id);
    let view = ApiTokenView::new(Versioned { record: token, version }, now);
    Ok(Created { location, version, body: IssuedApiTokenView::new(clear, view) })
}

/// Shows a token: one's own, or as an owner anybody's.
#[utoipa::path(get, path = "/admin/api-tokens/{id}", tag = "API tokens", operation_id = "read_api_token",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 200, body = ApiTokenView, description = "The token.")))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<Json<ApiTokenView>, Refusal> {
    let token = find(&plane, &caller, &id).await?;
    Ok(Json(ApiTokenView::new(token, plane.now())))
}

/// Revokes a token: one's own, or as an owner anybody's.
#[utoipa::path(delete, path = "/admin/api-tokens/{id}", tag = "API tokens", operation_id = "delete_api_token",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Revoked; it opens nothing any more.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<TokenId>,
) -> Result<StatusCode, Refusal> {
    find(&plane, &caller, &id).await?;
    remove(&plane, id.as_str()).await?;
    tracing::info!(token.id = %id, admin.id = %caller.admin.id, "an API token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// The token with this text, unless it has ended, and that it was used.
pub(crate) async fn used(plane: &Plane, clear: &str, now: Timestamp) -> Result<Option<ApiToken>, Refusal> {
    let hash = vault::api_keys::hash(clear).to_string();
    let Some(row) = plane.store().records.find(Family::ApiTokenHash, &hash).await? else { return Ok(None) };
    let token = Versioned::<ApiToken>::read(Family::ApiToken, &row)?.record;
    if token.has_ended(now) {
        return Ok(None);
    }
    if token.last_used_at.is_none_or(|last| now.since(last) >= USE_NOTED_EVERY) {
        let noted = Changes::from([("last_used_at", Some(Value::from(now)))]);
        let id = token.id.as_str();
        if let Err(error) = plane.store().records.update(Family::ApiToken, id, noted, Condition::Exists).await {
            tracing::info!(token.id = %token.id, %error, "the use of an API token was not noted");
        }
    }
    Ok(Some(token))
}

/// Removes every token that `maker` made.
pub(crate) async fn remove_all(plane: &Plane, maker: &AdminId) -> Result<(), Refusal> {
    loop {
        let query = ListQuery::walk(vec![made_by(maker)], None);
        let listed = listing::page::<ApiToken>(plane, &[Family::ApiToken], query).await?;
        for token in &listed.records {
            remove(plane, token.record.id.as_str()).await?;
        }
        if listed.next_cursor.is_none() {
            return Ok(());
        }
    }
}

async fn add(plane: &Plane, token: &ApiToken) -> Result<Version, Refusal> {
    if plane.store().records.count(Family::ApiToken, &[made_by(&token.maker)]).await? >= TOKENS_MAX {
        let message = format!("You have {TOKENS_MAX} tokens, and more are not kept: revoke one that nobody uses.");
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    Ok(plane.store().records.add(token).await?)
}

async fn find(plane: &Plane, caller: &Caller, id: &TokenId) -> Result<Versioned<ApiToken>, Refusal> {
    let token = editing::find::<ApiToken>(plane.store(), id.as_str()).await?.ok_or_else(missing)?;
    let Admin { id, role, .. } = &caller.admin;
    // Somebody else's is as good as none, so that ids tell nothing.
    if token.record.maker == *id || *role == Role::Owner { Ok(token) } else { Err(missing()) }
}

async fn remove(plane: &Plane, id: &str) -> Result<(), Refusal> {
    match plane.store().records.remove(Family::ApiToken, id, None).await {
        Ok(()) | Err(RecordError::Missing) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn made_by(maker: &AdminId) -> Filter {
    Filter { column: "admin_id", comparison: Comparison::Equal, value: Value::from(maker.as_str()) }
}

fn missing() -> Refusal {
    Refusal::missing("API token", PATH)
}

impl OrderWord for ApiTokenOrder {
    fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::CreatedAt => "created_at",
            Self::ExpiresAt => "expires_at",
        }
    }
}
