//! Up to 500 keys at once: create, change, delete, restore. Each item succeeds or is refused by itself, and says so; a
//! document that cannot be read is refused whole, before anything is done.

use super::{
    documents::{ApiKeyPatch, NewApiKey},
    lifecycle, missing,
    views::{ApiKeyView, IssuedApiKeyView},
    with_totals,
};
use crate::{
    at_once::each,
    extract::{Document, IfMatch},
    faults::{Faults, Reason},
    gate::Caller,
    openapi,
    refusal::{ErrorContent, Fault, Refusal},
    state::{Plane, Shared},
};
use axum::{Json, extract::State};
use domain::{ApiKey, KeyId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::{Version, records::Versioned};
use utoipa::ToSchema;

/// Items of one batch: as many as a page of the list has.
const ITEMS_MAX: usize = 500;

/// Keys to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"keys": [{"name": "ada"}, {"name": "grace", "tags": ["team-b"]}]}))]
pub(crate) struct NewApiKeys {
    /// 1 to 500 of them.
    #[schema(min_items = 1, max_items = 500)]
    keys: Vec<NewApiKey>,
}

/// Changes of keys: one change for several, as `ids` and `patch`, or one for each, as `changes`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"ids": ["0198c0de-0000-7000-8000-000000000001"], "patch": {"active": false}}))]
pub(crate) struct ApiKeyChanges {
    /// Keys that are all changed in the same way, 1 to 500. Not beside `changes`.
    #[schema(min_items = 1, max_items = 500)]
    ids: Option<Vec<String>>,
    /// What shall be different about them. With `ids` only.
    patch: Option<ApiKeyPatch>,
    /// A change for each key, 1 to 500. Not beside `ids`.
    #[schema(min_items = 1, max_items = 500)]
    changes: Option<Vec<ApiKeyChange>>,
}

/// A change of one key among several.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ApiKeyChange {
    /// Which key.
    id: String,
    /// Change it only at this version; left out: at any.
    version: Option<u64>,
    /// What shall be different about it.
    patch: ApiKeyPatch,
}

/// Keys by their ids.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"ids": ["0198c0de-0000-7000-8000-000000000001"]}))]
pub(crate) struct ApiKeyIds {
    /// 1 to 500 of them.
    #[schema(min_items = 1, max_items = 500)]
    ids: Vec<String>,
}

/// What became of each item, in the order in which they were sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult<T> {
    /// One for each item.
    items: Vec<ItemResult<T>>,
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
struct ItemResult<T> {
    /// The status that a request for this item alone would have had.
    status: u16,
    /// The key's id; null where none was made.
    id: Option<String>,
    /// The key as it is now; null where it was refused or deleted.
    #[schema(schema_with = openapi::or_null::<T>)]
    api_key: Option<T>,
    /// Why it was refused; null where it was not.
    error: Option<ErrorContent>,
}

/// Creates up to 500 keys. The keys themselves stand in this answer and nowhere else.
#[utoipa::path(post, path = "/admin/api-keys/batch", tag = "API keys", operation_id = "create_api_keys",
    request_body = NewApiKeys,
    responses((status = 200, body = BatchResult<IssuedApiKeyView>, description = "What became of each.")))]
pub(crate) async fn create(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<NewApiKeys>,
) -> Result<Json<BatchResult<IssuedApiKeyView>>, Refusal> {
    check_count("keys", body.keys.len())?;
    let items = each(body.keys, async |key| match super::issued(&plane, &caller, key).await {
        Ok((id, _, view)) => ItemResult::done(StatusCode::CREATED, id.to_string(), Some(view)),
        Err(refusal) => ItemResult::refused(None, refusal),
    });
    Ok(Json(BatchResult { items: items.await }))
}

/// Changes up to 500 keys, all in the same way or each in its own.
#[utoipa::path(patch, path = "/admin/api-keys/batch", tag = "API keys", operation_id = "change_api_keys",
    request_body = ApiKeyChanges,
    responses((status = 200, body = BatchResult<ApiKeyView>, description = "What became of each.")))]
pub(crate) async fn change(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<ApiKeyChanges>,
) -> Result<Json<BatchResult<ApiKeyView>>, Refusal> {
    let outcomes = match body.parse()? {
        Changes::Alike(ids, patch) => {
            each(ids, async |id| {
                let changed = changed(&plane, &caller, &id, &IfMatch::Any, &patch).await;
                (id, changed)
            })
            .await
        }
        Changes::Each(changes) => {
            each(changes, async |ApiKeyChange { id, version, patch }| {
                let precondition = version.map_or(IfMatch::Any, |version| IfMatch::OneOf(vec![Version(version)]));
                let changed = changed(&plane, &caller, &id, &precondition, &patch).await;
                (id, changed)
            })
            .await
        }
    };
    shown(&plane, outcomes).await
}

/// Deletes up to 500 keys. A deleted one among them stays as it is.
#[utoipa::path(post, path = "/admin/api-keys/batch/delete", tag = "API keys", operation_id = "delete_api_keys",
    request_body = ApiKeyIds,
    responses((status = 200, body = BatchResult<ApiKeyView>, description = "What became of each.")))]
pub(crate) async fn delete(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<ApiKeyIds>,
) -> Result<Json<BatchResult<ApiKeyView>>, Refusal> {
    check_ids(&body.ids)?;
    let items = each(body.ids, async |id| {
        let deleted = match parsed(&id) {
            Ok(key) => lifecycle::deleted(&plane, &caller, &key, &IfMatch::Any).await,
            Err(refusal) => Err(refusal),
        };
        match deleted {
            Ok(()) => ItemResult::done(StatusCode::NO_CONTENT, id, None),
            Err(refusal) => ItemResult::refused(Some(id), refusal),
        }
    });
    Ok(Json(BatchResult { items: items.await }))
}

/// Takes back the deletion of up to 500 keys. One that is not deleted stays as it is.
#[utoipa::path(post, path = "/admin/api-keys/batch/restore", tag = "API keys", operation_id = "restore_api_keys",
    request_body = ApiKeyIds,
    responses((status = 200, body = BatchResult<ApiKeyView>, description = "What became of each.")))]
pub(crate) async fn restore(
    State(plane): State<Shared>,
    caller: Caller,
    Document(body): Document<ApiKeyIds>,
) -> Result<Json<BatchResult<ApiKeyView>>, Refusal> {
    check_ids(&body.ids)?;
    let outcomes = each(body.ids, async |id| {
        let restored = match parsed(&id) {
            Ok(key) => lifecycle::restored(&plane, &caller, &key, &IfMatch::Any).await,
            Err(refusal) => Err(refusal),
        };
        (id, restored)
    });
    shown(&plane, outcomes.await).await
}

/// The changes that were asked for.
enum Changes {
    Alike(Vec<String>, Box<ApiKeyPatch>),
    Each(Vec<ApiKeyChange>),
}

impl ApiKeyChanges {
    fn parse(self) -> Result<Changes, Refusal> {
        match (self.ids, self.patch, self.changes) {
            (Some(ids), Some(patch), None) => {
                check_ids(&ids)?;
                Ok(Changes::Alike(ids, Box::new(patch)))
            }
            (None, None, Some(changes)) => {
                check_count("changes", changes.len())?;
                check_once(changes.iter().map(|change| change.id.as_str()), |place| format!("changes[{place}].id"))?;
                Ok(Changes::Each(changes))
            }
            (_, _, Some(_)) => Err(refused("changes", "stands beside `ids` or `patch`; write one or the other".into())),
            (Some(_), None, None) => Err(refused("patch", "is missing; write what shall be different".into())),
            (None, _, None) => Err(refused("ids", "is missing; write the keys' ids, or `changes`".into())),
        }
    }
}

impl<T> ItemResult<T> {
    fn done(status: StatusCode, id: String, api_key: Option<T>) -> Self {
        Self { status: status.as_u16(), id: Some(id), api_key, error: None }
    }

    fn refused(id: Option<String>, refusal: Refusal) -> Self {
        Self { status: refusal.r#type.status().as_u16(), id, api_key: None, error: Some(refusal.into_content()) }
    }
}

async fn changed(
    plane: &Plane,
    caller: &Caller,
    id: &str,
    precondition: &IfMatch,
    patch: &ApiKeyPatch,
) -> Result<Versioned<ApiKey>, Refusal> {
    super::changed(plane, caller, &parsed(id)?, precondition, patch).await
}

/// The keys with what each has used, beside the refusals.
async fn shown(
    plane: &Plane,
    outcomes: Vec<(String, Result<Versioned<ApiKey>, Refusal>)>,
) -> Result<Json<BatchResult<ApiKeyView>>, Refusal> {
    let keys = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok().cloned()).collect();
    let mut views = with_totals(plane, keys).await?.into_iter();
    let items = outcomes.into_iter().map(|(id, outcome)| match outcome {
        Ok(_) => ItemResult::done(StatusCode::OK, id, views.next()),
        Err(refusal) => ItemResult::refused(Some(id), refusal),
    });
    Ok(Json(BatchResult { items: items.collect() }))
}

fn parsed(id: &str) -> Result<KeyId, Refusal> {
    KeyId::parse(id).map_err(|_| missing())
}

fn check_ids(ids: &[String]) -> Result<(), Refusal> {
    check_count("ids", ids.len())?;
    check_once(ids.iter().map(String::as_str), |place| format!("ids[{place}]"))
}

fn check_count(field: &'static str, count: usize) -> Result<(), Refusal> {
    if (1..=ITEMS_MAX).contains(&count) {
        return Ok(());
    }
    Err(refused(field, format!("has {count} items; write 1 to {ITEMS_MAX}").into()))
}

/// Refuses an id that stands twice: which of its two changes comes last cannot be known.
fn check_once<'a>(ids: impl Iterator<Item = &'a str>, name: impl Fn(usize) -> String) -> Result<(), Refusal> {
    let (mut seen, mut faults) = (BTreeSet::new(), Faults::default());
    for (place, id) in ids.enumerate() {
        if !seen.insert(id) {
            faults.add(name(place), "stands there twice; write each id once");
        }
    }
    faults.settle()
}

fn refused(field: &'static str, reason: Reason) -> Refusal {
    Refusal::unprocessable(vec![Fault::new(field, reason)])
}
