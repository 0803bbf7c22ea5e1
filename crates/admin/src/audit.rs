//! The audit log: who did what through this plane. Owners read it; nothing here changes or removes an entry.

mod layers;
mod recorder;
mod shown;
mod views;
mod witness;

pub(crate) use layers::{Recorded, keep, watch};
pub(crate) use recorder::{Recorder, admin, name, user};

use crate::{
    cursor,
    extract::{Params, PathId},
    listing,
    pages::Page,
    refusal::Refusal,
    state::{Plane, Shared, fresh_uuid},
    usage::records::instant,
    wire::AuditOutcomeWord,
};
use axum::{Json, extract::State};
use domain::{Account, AuditId, RequestId, Timestamp};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use store::{
    Record, Store, StoreError,
    audit::{AuditOutcome, AuditQuery, Changed, Shown},
};
use views::AuditEntryView;

const PATH: &str = "/admin/audit";

/// What cursors of this list are marked with.
const LIST: &str = "audit";

/// Longest name that entries are filtered by, in characters; an id has 64.
const FILTER_CHARS_MAX: usize = 200;

/// A question for entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Made at this instant or later; or on this day (`2026-11-23`, in the relay's time zone) or later.
    from: Option<String>,
    /// Made before this instant; or on this day or before.
    to: Option<String>,
    /// By whom, by id: an administrator's, a user's, `local-operator`, or `relay`.
    #[param(max_length = 200)]
    actor: Option<String>,
    /// What was done, as this document names its operations: `create_api_key`.
    #[param(max_length = 200)]
    operation: Option<String>,
    /// What was named or changed, by kind: `api_key`, `account`, `user`, `admin`, `session`.
    #[param(max_length = 200)]
    resource: Option<String>,
    /// Its id; `resource` says what it is.
    #[param(max_length = 200)]
    resource_id: Option<String>,
    /// How it went.
    #[param(inline)]
    outcome: Option<AuditOutcomeWord>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items at most; left out: 50. A page may be shorter while there is a next one.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists entries of the audit log, the newest first.
///
/// Every request of somebody who is signed in that may change something is in it, and every sign-in, done or refused. Secrets are
/// masked.
#[utoipa::path(get, path = PATH, tag = "Audit", operation_id = "list_audit_entries", params(AuditParams),
    responses((status = 200, body = Page<AuditEntryView>, description = "A page of entries.")))]
pub(crate) async fn list(
    State(plane): State<Shared>,
    Params(params): Params<AuditParams>,
) -> Result<Json<Page<AuditEntryView>>, Refusal> {
    let query = question(&plane, params)?;
    let page = plane.store().audit.page(&query).await?;
    Ok(Json(Page {
        items: page.entries.into_iter().map(AuditEntryView::from).collect(),
        next_cursor: page.next.map(|next| cursor::write(LIST, &next.as_str())),
    }))
}

/// Shows an entry of the audit log.
#[utoipa::path(get, path = "/admin/audit/{id}", tag = "Audit", operation_id = "read_audit_entry",
    params(("id" = String, Path, description = "The entry's id.")),
    responses((status = 200, body = AuditEntryView, description = "The entry.")))]
pub(crate) async fn read(
    State(plane): State<Shared>,
    PathId(id): PathId<AuditId>,
) -> Result<Json<AuditEntryView>, Refusal> {
    let entry = plane.store().audit.get(&id).await?;
    entry.map(|entry| Json(entry.into())).ok_or_else(|| Refusal::missing("entry", PATH))
}

/// Does `work` on `store` on behalf of the relay itself, and keeps what it changes in the audit log as `operation`. Where it changes
/// nothing, nothing is kept.
///
/// # Errors
///
/// When `work` fails, or what it is about to change cannot be recorded.
pub async fn recorded<T, E: From<StoreError>>(
    store: &Store,
    now: Timestamp,
    operation: &str,
    work: impl AsyncFnOnce(&Store) -> Result<T, E>,
) -> Result<T, E> {
    let origin = recorder::Origin {
        request: RequestId::from_uuid(fresh_uuid(now)),
        operation: operation.into(),
        address: "local".to_owned(),
        resource: None,
    };
    let recorder = Recorder::new(Arc::clone(&store.audit), origin, now);
    recorder.name(recorder::relay());
    let done = recorder.watch(work(&watched(store.clone()))).await;
    let outcome = if done.is_ok() { AuditOutcome::Done } else { AuditOutcome::Failed };
    recorder.conclude_changes(outcome).await?;
    done
}

/// A credential of `account` was shown to whoever this task serves.
pub(crate) fn revealed(account: &Account, field: &str) {
    let shown = [("revealed".to_owned(), Shown::Text(field.to_owned()))].into();
    let resource = shown::resource(account.family(), account.id.as_str());
    recorder::note(Changed { resource, before: BTreeMap::new(), after: shown });
}

/// `store` as operations are given it.
pub(crate) fn watched(store: Store) -> Store {
    witness::watched(store)
}

fn question(plane: &Plane, params: AuditParams) -> Result<AuditQuery, Refusal> {
    let calendar = (plane.given.calendar)();
    let after = params.cursor.as_deref().map(|text| cursor::read::<String>(LIST, text)).transpose()?;
    let after = after.map(|id| AuditId::parse(&id)).transpose();
    let resource = match (text("resource", params.resource)?, text("resource_id", params.resource_id)?) {
        (Some(kind), id) => Some((kind, id)),
        (None, None) => None,
        (None, Some(_)) => return Err(Refusal::parameter("resource_id", "say what it is as `resource` as well")),
    };
    Ok(AuditQuery {
        from: params.from.map(|text| instant("from", &text, 0, &calendar)).transpose()?,
        // A day as the end is included: the question ends before the next one.
        to: params.to.map(|text| instant("to", &text, 1, &calendar)).transpose()?,
        actor: text("actor", params.actor)?,
        operation: text("operation", params.operation)?,
        resource,
        outcome: params.outcome.map(|word| word.0),
        after: after.map_err(|_| Refusal::parameter("cursor", "it is not a cursor of this list"))?,
        limit: listing::limit(params.limit)?,
    })
}

fn text(name: &'static str, given: Option<String>) -> Result<Option<String>, Refusal> {
    match given {
        Some(text) if text.chars().count() > FILTER_CHARS_MAX || text.contains('\0') => {
            Err(Refusal::parameter(name, format!("write a name or an id of up to {FILTER_CHARS_MAX} characters")))
        }
        given => Ok(given),
    }
}
