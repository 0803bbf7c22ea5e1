//! What happens to one key after it was made, but for changes of its fields: restore, purge, regenerate, renew.

use super::{
    missing,
    renewal::Renewal,
    tagged,
    views::{ApiKeyView, IssuedApiKeyView},
};
use crate::{
    editing,
    extract::{Document, IfMatch, PathId},
    gate::Caller,
    refusal::{Refusal, RefusalType},
    replies::Tagged,
    state::{Plane, Shared},
};
use axum::extract::State;
use domain::{ApiKey, HashScheme, KeyId, KeyState, Timestamp};
use http::StatusCode;
use secrecy::ExposeSecret;
use store::{RecordError, records::Versioned};

/// Takes back a deletion: the key works again, switched on, as far as its time is not over. Of a key that is not deleted
/// nothing is changed.
#[utoipa::path(post, path = "/admin/api-keys/{id}/restore", tag = "API keys", operation_id = "restore_api_key",
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Restore it only at this version.")),
    responses((status = 200, body = ApiKeyView, description = "The key as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn restore(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let key = restored(&plane, &caller, &id, &precondition).await?;
    tagged(&plane, key).await
}

/// Removes a deleted key for good. What it used stays in the books, under its id; nothing else is left of it.
#[utoipa::path(post, path = "/admin/api-keys/{id}/purge", tag = "API keys", operation_id = "purge_api_key",
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Remove it only at this version.")),
    responses((status = 204, description = "Removed for good.")))]
pub(crate) async fn purge(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
) -> Result<StatusCode, Refusal> {
    let found = editing::find::<ApiKey>(plane.store(), id.as_str()).await?.ok_or_else(missing)?;
    precondition.check(found.version)?;
    if !is_deleted(&found.record) {
        let message = "Only a deleted key can be removed for good: delete it first.";
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    // At the version that was looked at: a key that is restored meanwhile stays.
    match plane.store().records.remove(store::Family::ApiKey, id.as_str(), Some(found.version)).await {
        Ok(()) => (),
        Err(RecordError::Missing) => return Err(missing()),
        Err(error) => return Err(error.into()),
    }
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was removed for good");
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a key another secret. The new one stands in this answer and nowhere else; the old one is refused from now on.
#[utoipa::path(post, path = "/admin/api-keys/{id}/regenerate", tag = "API keys", operation_id = "regenerate_api_key",
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Do it only at this version.")),
    responses((status = 200, body = IssuedApiKeyView, description = "The key with its new secret.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn regenerate(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
) -> Result<Tagged<IssuedApiKeyView>, Refusal> {
    let now = plane.now();
    let issued = vault::api_keys::generate(&plane.given.key_prefix);
    let changed = editing::edit::<ApiKey>(plane.store(), id.as_str(), &precondition, |key| {
        let (hash, hint) = (issued.hash, issued.hint.clone());
        alive(key).map(|key| ApiKey { hash, hash_scheme: HashScheme::Plain, hint, updated_at: now, ..key.clone() })
    });
    let key = changed.await?.ok_or_else(missing)?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was given another secret");
    let Tagged { version, body } = tagged(&plane, key).await?;
    let clear = issued.clear.expose_secret().to_owned();
    Ok(Tagged { version, body: IssuedApiKeyView::new(clear, body) })
}

/// Lets a key live longer: by a span, or until an instant. One that has ended works again.
#[utoipa::path(post, path = "/admin/api-keys/{id}/renew", tag = "API keys", operation_id = "renew_api_key",
    request_body = Renewal,
    params(("id" = String, Path, description = "The key's id."),
        ("If-Match" = String, Header, description = "Renew it only at this version.")),
    responses((status = 200, body = ApiKeyView, description = "The key as it is now.",
        headers(("ETag" = String, description = "Its version.")))))]
pub(crate) async fn renew(
    State(plane): State<Shared>,
    caller: Caller,
    PathId(id): PathId<KeyId>,
    precondition: IfMatch,
    Document(renewal): Document<Renewal>,
) -> Result<Tagged<ApiKeyView>, Refusal> {
    let now = plane.now();
    let changed = editing::edit::<ApiKey>(plane.store(), id.as_str(), &precondition, |key| {
        let expiry = renewal.apply(alive(key)?.expiry, now)?;
        Ok(ApiKey { expiry, updated_at: now, ..key.clone() })
    });
    let key = changed.await?.ok_or_else(missing)?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was renewed");
    tagged(&plane, key).await
}

/// Takes back the deletion of a key; one that is not deleted is given back as it is.
pub(super) async fn restored(
    plane: &Plane,
    caller: &Caller,
    id: &KeyId,
    precondition: &IfMatch,
) -> Result<Versioned<ApiKey>, Refusal> {
    let now = plane.now();
    let found = editing::find::<ApiKey>(plane.store(), id.as_str()).await?.ok_or_else(missing)?;
    if !is_deleted(&found.record) {
        return Ok(found);
    }
    let restored = editing::edit::<ApiKey>(plane.store(), id.as_str(), precondition, |key| Ok(undeleted(key, now)));
    let key = restored.await?.ok_or_else(missing)?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was restored");
    Ok(key)
}

/// Deletes a key; a deleted one stays as it is.
pub(super) async fn deleted(plane: &Plane, caller: &Caller, id: &KeyId, precondition: &IfMatch) -> Result<(), Refusal> {
    let now = plane.now();
    let found = editing::find::<ApiKey>(plane.store(), id.as_str()).await?.ok_or_else(missing)?;
    if is_deleted(&found.record) {
        return Ok(());
    }
    let deleted = editing::edit::<ApiKey>(plane.store(), id.as_str(), precondition, |key| {
        Ok(ApiKey { state: KeyState::Deleted { at: now }, updated_at: now, ..key.clone() })
    });
    deleted.await?.ok_or_else(missing)?;
    tracing::info!(key.id = %id, admin.id = %caller.admin.id, "an API key was deleted");
    Ok(())
}

/// The key, unless it was deleted.
pub(super) fn alive(key: &ApiKey) -> Result<&ApiKey, Refusal> {
    if is_deleted(key) {
        let message = "This key was deleted and cannot be changed: restore it first, or create another.";
        return Err(Refusal::new(RefusalType::Conflict, message));
    }
    Ok(key)
}

const fn is_deleted(key: &ApiKey) -> bool {
    matches!(key.state, KeyState::Deleted { .. })
}

/// `key` switched on; one that somebody else restored meanwhile, and perhaps switched off, stays so.
fn undeleted(key: &ApiKey, now: Timestamp) -> ApiKey {
    let state = if is_deleted(key) { KeyState::Active } else { key.state };
    ApiKey { state, updated_at: now, ..key.clone() }
}
