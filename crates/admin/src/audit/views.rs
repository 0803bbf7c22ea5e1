//! Entries of the audit log as documents.

use crate::wire::{ActorKindWord, AuditOutcomeWord, Instant};
use domain::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use store::{
    AuditEntry,
    audit::{Actor, Changed, Resource, Shown},
};
use utoipa::ToSchema;

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditEntryView {
    #[schema(example = "019ae3c2-7a50-7c3e-9a53-0c6b3a5f7d11")]
    id: String,
    at: Instant,
    /// The request, as the header `x-request-id` of its answer named it.
    #[schema(example = "019ae3c2-7a4f-7b1d-8f1e-52a1d0c9b7aa")]
    request_id: String,
    actor: ActorView,
    /// The address it came from; `local` from the relay's own machine; empty when it is not known.
    #[schema(example = "203.0.113.9")]
    origin: String,
    /// What was done, as this document names its operations; `first_start` by the relay itself.
    #[schema(example = "change_api_key")]
    operation: String,
    /// What the request named.
    resource: Option<ResourceView>,
    /// What was changed.
    changes: Vec<ChangedView>,
    outcome: AuditOutcomeWord,
    /// The answer's HTTP status; null as long as there is none.
    #[schema(example = 200)]
    status: Option<u16>,
    /// The type of the refusal, where it was refused.
    #[schema(example = "forbidden")]
    refusal: Option<String>,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorView {
    kind: ActorKindWord,
    /// Their id; null of nobody.
    id: Option<String>,
    /// What they were called then.
    #[schema(example = "admin")]
    name: Option<String>,
    /// The API token that they came by, by id.
    token_id: Option<String>,
}

/// Something that can be changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resource)]
pub(crate) struct ResourceView {
    #[schema(example = "api_key")]
    kind: String,
    id: String,
}

/// A resource that was changed: the fields that are not what they were.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changed)]
pub(crate) struct ChangedView {
    resource: ResourceView,
    /// What they held before; empty where it was made. Secrets and hashes are `***`.
    before: BTreeMap<String, ShownView>,
    /// What they hold now; empty where it was removed.
    after: BTreeMap<String, ShownView>,
}

/// What a field holds.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Shown)]
pub(crate) enum ShownView {
    /// A whole number.
    Integer(i64),
    /// A text; lists are JSON, instants RFC 3339.
    Text(String),
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        let Actor { kind, id, name, token } = entry.actor;
        Self {
            at: Instant(entry.id.at().unwrap_or(Timestamp::from_ms(0))),
            id: entry.id.to_string(),
            request_id: entry.request,
            actor: ActorView { kind: kind.into(), id, name, token_id: token },
            origin: entry.origin,
            operation: entry.operation,
            resource: entry.resource.map(ResourceView::from),
            changes: entry.changes.into_iter().map(ChangedView::from).collect(),
            outcome: entry.outcome.into(),
            status: entry.status,
            refusal: entry.refusal,
        }
    }
}

impl From<Resource> for ResourceView {
    fn from(Resource { kind, id }: Resource) -> Self {
        Self { kind, id }
    }
}

impl From<Changed> for ChangedView {
    fn from(Changed { resource, before, after }: Changed) -> Self {
        let shown = |fields: BTreeMap<String, Shown>| {
            let shown = fields.into_iter().map(|(name, value)| match value {
                Shown::Integer(number) => (name, ShownView::Integer(number)),
                Shown::Text(text) => (name, ShownView::Text(text)),
            });
            shown.collect()
        };
        Self { resource: resource.into(), before: shown(before), after: shown(after) }
    }
}
