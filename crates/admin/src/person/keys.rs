//! A user's own API keys: list, create within the quota, read, rename, switch off, delete. Another's are as good as none.

use crate::{
    alone::alone,
    api_keys::{self, ApiKeyView, IssuedApiKeyView, Names},
    editing,
    extract::{Document, IfMatch, Params, PathId},
    faults::Faults,
    listing::{self, ListQuery, Order},
    pages::{self, DirectionWord, Page},
    passwords::change::gone,
    person::gate::Person,
    refusal::{Refusal, RefusalType},
    replies::{Created, Tagged},
    state::{Plane, Shared, fresh_uuid},
    texts,
    users::{keys_lock, owned},
    wire::{Instant, Patch},
};
use axum::{Json, extract::State};
use domain::{ApiKey, Expiry, HashScheme, KeyId, KeyState, Permissions, RateMultipliers, Timestamp, User, UserId};
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::collections::BTreeMap;
use store::{
    Family, Version,
    ledger::KeyTotals,
    records::{TypedRecords, Versioned},
};
use utoipa::ToSchema;
use vault::IssuedKey;

const PATH: &str = "/user/api-keys";

/// A question for a list of one's own keys.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OwnKeyParams {
    /// A text in name, note or hint, whatever its case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Which way, by when they were made; left out: `desc`.
    #[param(inline)]
    direction: Option<DirectionWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A key to be made for oneself.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "laptop", "expires_at": "2027-01-01T00:00:00Z"}))]
pub(crate) struct NewOwnKey {
    /// What it is called; need not be unique.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// A note.
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// When it stops to work; left out: it does not.
    expires_at: Option<Instant>,
}

/// What shall be different about one of one's keys. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"name": "old laptop", "active": false}))]
pub(crate) struct OwnKeyPatch {
    /// What it is called; cannot be cleared.
    #[serde(default)]
    #[schema(value_type = String, min_length = 1, max_length = 100)]
    name: Patch<String>,
    /// A note.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    description: Patch<String>,
    /// `false` switches it off. Only an administrator switches it on again.
    active: Option<bool>,
}

/// Lists one's own keys with what each has used.
#[utoipa::path(get, path = PATH, tag = "User's API keys", operation_id = "user_list_api_keys", params(OwnKeyParams),
    responses((status = 200, body = Page<ApiKeyView>, description = "A page of keys.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Person(user): Person,
    Params(params): Params<OwnKeyParams>,
) -> Result<Json<Page<ApiKeyView>>, Refusal> {
    let query = ListQuery {
        filters: owned::filters(&user.id),
        search: params.q,
        order: Order { column: "created_at", direction: pages::direction(params.direction) },
        cursor: params.cursor,
        limit: params.limit,
    };
    let listed = listing::page::<ApiKey>(&plane, &[Family::ApiKey], query).await?;
    let items = api_keys::with_names(&plane, listed.records, &Names::default()).await?;
    Ok(Json(Page { items, next_cursor: listed.next_cursor }))
}

/// Creates a key of one's own, if the quota has room. The key itself stands in this answer and nowhere else.
#[utoipa::path(post, path = PATH, tag = "User's API keys", operation_id = "user_create_api_key", request_body = NewOwnKey,
    responses((status = 201, body = IssuedApiKeyView, description = "Created.", headers(
        ("Location" = String, description = "Where it is."), ("ETag" = String, description = "Its version.")))))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    Person(user): Person,
    Document(body): Document<NewOwnKey>,
) -> Result<Created<IssuedApiKeyView>, Refusal> {
    let now = plane.now();
    let issued = vault::api_keys::generate(&plane.given.key_prefix);
    let clear = issued.clear.expose_secret().to_owned();
    let key = body.into_key(KeyId::from_uuid(fresh_uuid(now)), issued, &user, now)?;
    let version = alone(plane.store(), &*plane.given.clock, &keys_lock(&user.id), add(&plane, &user.id, &key)).await?;
    tracing::info!(key.id = %key.id, user.id = %user.id, "a user created an API key");
    let location = format!("{PATH}/{}", key.id);
    let view = ApiKeyView::new(Versioned { record: key, version }, &KeyTotals::default(), &Names::default(), now);
    Ok(Created { location, version, body: IssuedApiKeyView::new(clear, view) })
}

/// Shows one of one's own keys.
#[utoipa::path(get, path = "/user/api-keys/{id}", tag = "User's API keys", operation_id = "user_read_api_key",
    params(("id" = String, Path, description = "The key's id.")),
    responses((status = 200, body = ApiKeyView, description = "The key.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    Person(user): Person,
    PathId(id): PathId<KeyId>,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let key = editing::find::<ApiKey>(plane.store(), id.as_str()).await?;
    tagged(&plane, key.filter(|key| is_of(&key.record, &user.id)).ok_or_else(missing)?).await
}

/// Renames one of one's own keys, or switches it off. (JSON Merge Patch, RFC 7396.)
#[utoipa::path(patch, path = "/user/api-keys/{id}", tag = "User's API keys", operation_id = "user_change_api_key",
    request_body = OwnKeyPatch,
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Change it only at this version.")),
    responses((status = 200, body = ApiKeyView, description = "The key as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    Person(user): Person,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
    Document(patch): Document<OwnKeyPatch>,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let key = edit(&plane, &user.id, &id, &precondition, |key, now| patch.apply(key, now)).await?;
    tracing::info!(key.id = %id, user.id = %user.id, "a user changed an API key");
    tagged(&plane, key).await
}

/// Deletes one of one's own keys: it is refused from now on and stays in the books.
#[utoipa::path(delete, path = "/user/api-keys/{id}", tag = "User's API keys", operation_id = "user_delete_api_key",
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Delete it only at this version.")),
    responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    Person(user): Person,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let deleted =
        |key: &ApiKey, now| Ok(ApiKey { state: KeyState::Deleted { at: now }, updated_at: now, ..key.clone() });
    edit(&plane, &user.id, &id, &precondition, deleted).await?;
    tracing::info!(key.id = %id, user.id = %user.id, "a user deleted an API key");
    Ok(StatusCode::NO_CONTENT)
}

/// A key as its owner sees it: whose accounts serve it is not told.
async fn tagged(plane: &Plane, key: Versioned<ApiKey>) -> Result<Tagged<ApiKeyView>, Refusal> {
    let version = key.version;
    let mut views = api_keys::with_names(plane, vec![key], &Names::default()).await?;
    let body = views.pop().ok_or_else(missing)?;
    Ok(Tagged { version, body })
}

/// Changes a key that is one of `user`'s.
async fn edit(
    plane: &Plane,
    user: &UserId,
    id: &KeyId,
    precondition: &IfMatch,
    change: impl Fn(&ApiKey, Timestamp) -> Result<ApiKey, Refusal>,
) -> Result<Versioned<ApiKey>, Refusal> {
    let found = editing::find::<ApiKey>(plane.store(), id.as_str()).await?;
    // Before the precondition: of another's key not even the version is told.
    found.filter(|key| is_of(&key.record, user)).ok_or_else(missing)?;
    let changed = editing::edit::<ApiKey>(plane.store(), id.as_str(), precondition, |key| {
        if is_of(key, user) { change(key, plane.now()) } else { Err(missing()) }
    });
    changed.await?.ok_or_else(missing)
}

/// Adds a key, while nobody else adds one of the same user.
async fn add(plane: &Plane, user: &UserId, key: &ApiKey) -> Result<Version, Refusal> {
    let keys_max = editing::find::<User>(plane.store(), user.as_str()).await?.ok_or_else(gone::<User>)?.record.keys_max;
    if owned::count(plane, user).await? >= u64::from(keys_max) {
        let message =
            format!("You may have {keys_max} keys and have them: delete one, or ask an administrator for more.");
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    Ok(plane.store().records.add(key).await?)
}

/// Whether a key is one of `user`'s that was not deleted.
fn is_of(key: &ApiKey, user: &UserId) -> bool {
    key.owner.as_ref() == Some(user) && !matches!(key.state, KeyState::Deleted { .. })
}

fn missing() -> Refusal {
    Refusal::missing("API key", PATH)
}

impl NewOwnKey {
    /// The key that this makes of a fresh `issued` one.
    fn into_key(self, id: KeyId, issued: IssuedKey, of: &User, now: Timestamp) -> Result<ApiKey, Refusal> {
        let mut faults = Faults::default();
        let key = ApiKey {
            id,
            name: faults.check("name", texts::name(&self.name)),
            description: faults.check("description", texts::description(&self.description.unwrap_or_default())),
            hash: issued.hash,
            hash_scheme: HashScheme::Plain,
            hint: issued.hint,
            permissions: Permissions::All,
            allowed_clients: Vec::new(),
            restricted_models: Vec::new(),
            tags: Vec::new(),
            owner: Some(of.id.clone()),
            bindings: BTreeMap::new(),
            rate_multipliers: RateMultipliers::default(),
            icon: None,
            expiry: self.expires_at.map_or(Expiry::Never, |Instant(at)| Expiry::At(at)),
            state: KeyState::Active,
            created_at: now,
            created_by: of.email.clone(),
            updated_at: now,
        };
        faults.settle().map(|()| key)
    }
}

impl OwnKeyPatch {
    /// `key` with the changes.
    fn apply(&self, key: &ApiKey, now: Timestamp) -> Result<ApiKey, Refusal> {
        let mut faults = Faults::default();
        let mut key = key.clone();
        faults.patch_required(&mut key.name, "name", &self.name, |text| texts::name(text));
        faults.patch(&mut key.description, "description", &self.description, |text| texts::description(text));
        match self.active {
            Some(false) => key.state = KeyState::Disabled,
            Some(true) if key.state != KeyState::Active => {
                faults.add("active", "is switched on by administrators only; ask one, or make another key");
            }
            Some(true) | None => (),
        }
        key.updated_at = now;
        faults.settle().map(|()| key)
    }
}
