//! The audit log: who did what through the control plane, when, from where, and what it changed. No secret is ever in it.

mod document;

pub use document::{from_text, to_text};

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{AuditId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Entries on one page at most.
pub const PAGE_ENTRIES_MAX: usize = 500;

/// What kind of caller it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// An administrator, by session or by API token.
    Admin,
    /// A user.
    User,
    /// The operator on the relay's machine.
    LocalOperator,
    /// The relay itself, at a start.
    Relay,
    /// Somebody who could not sign in.
    Nobody,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Their id; none of nobody.
    pub id: Option<String>,
    /// What they were called then.
    pub name: Option<String>,
    /// The API token that they came by.
    pub token: Option<String>,
}

/// Something that can be changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// What it is, `api_key`.
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// What a field holds, as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// A whole number.
    Integer(i64),
    /// A text, or what stands for a secret.
    Text(String),
}

/// A resource that was changed: the fields that are not what they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub resource: Resource,
    /// What they held before; empty where it was made.
    pub before: BTreeMap<String, Shown>,
    /// What they hold now; empty where it was removed.
    pub after: BTreeMap<String, Shown>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It had begun. Where that stays, the relay ended in between: it may have been done or not.
    Begun,
    /// It was done.
    Done,
    /// It had been done before: the same answer was given again.
    Replayed,
    /// It was refused.
    Refused,
    /// The relay failed.
    Failed,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id, which says when.
    pub id: AuditId,
    /// The request's id, as its answer names it.
    pub request: String,
    /// Who.
    pub actor: Actor,
    /// The address it came from, or `local`.
    pub origin: String,
    /// The operation, as the API's document names it.
    pub operation: String,
    /// What the request named.
    pub resource: Option<Resource>,
    /// What was changed.
    pub changes: Vec<Changed>,
    /// How it went.
    pub outcome: AuditOutcome,
    /// The answer's HTTP status, once there is one.
    pub status: Option<u16>,
    /// The refusal's type.
    pub refusal: Option<String>,
}

/// A question for entries: all of these hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditQuery {
    /// Who, by id.
    pub actor: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// What was named or changed: a kind, and its id where one is meant.
    pub resource: Option<(String, Option<String>)>,
    /// How it went.
    pub outcome: Option<AuditOutcome>,
    /// Made then or later.
    pub from: Option<Timestamp>,
    /// Made before.
    pub to: Option<Timestamp>,
    /// Behind this one, which need not exist.
    pub after: Option<AuditId>,
    /// Entries at most, 1 to [`PAGE_ENTRIES_MAX`].
    pub limit: usize,
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The newest first.
    pub entries: Vec<AuditEntry>,
    /// Where the next page begins; none at the end.
    pub next: Option<AuditId>,
}

/// The port of the audit log.
///
/// * What was appended with success is found, also after a restart, until it is pruned.
/// * An entry whose outcome is [`AuditOutcome::Begun`] takes its outcome by being appended again. One that has an outcome never
///   changes: appending it again does nothing.
/// * Entries stand by their ids, the newest first. Pages hold each entry once; a page may be shorter than was asked, also empty,
///   and there is more as long as it says so.
/// * Nothing removes an entry but its age.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Appends an entry. Its id is a UUID, version 7: another is refused.
    async fn append(&self, entry: &AuditEntry) -> Result<(), StoreError>;

    /// The entry with this id.
    async fn get(&self, id: &AuditId) -> Result<Option<AuditEntry>, StoreError>;

    /// A page of entries.
    async fn page(&self, query: &AuditQuery) -> Result<AuditPage, StoreError>;

    /// Removes up to `limit` entries that were made before `before`, the oldest first; says how many.
    async fn prune(&self, before: Timestamp, limit: usize) -> Result<u64, StoreError>;
}

impl AuditOutcome {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Begun, Self::Done, Self::Replayed, Self::Refused, Self::Failed];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Replayed => "replayed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The outcome with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == name)
    }
}

impl ActorKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Admin, Self::User, Self::LocalOperator, Self::Relay, Self::Nobody];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::LocalOperator => "local_operator",
            Self::Relay => "relay",
            Self::Nobody => "nobody",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl AuditEntry {
    /// What it is about: what the request named, and what was changed; each once.
    #[must_use]
    pub fn resources(&self) -> BTreeSet<&Resource> {
        self.resource.iter().chain(self.changes.iter().map(|changed| &changed.resource)).collect()
    }
}

impl AuditQuery {
    /// Whether everything but the place in the list holds of `entry`.
    #[must_use]
    pub fn is_met_by(&self, entry: &AuditEntry) -> bool {
        let is_about = |(kind, id): &(String, Option<String>)| {
            let mut resources = entry.resources().into_iter();
            resources.any(|resource| resource.kind == *kind && id.as_ref().is_none_or(|id| resource.id == *id))
        };
        self.actor.as_ref().is_none_or(|actor| entry.actor.id.as_ref() == Some(actor))
            && self.operation.as_ref().is_none_or(|operation| entry.operation == *operation)
            && self.outcome.is_none_or(|outcome| entry.outcome == outcome)
            && self.resource.as_ref().is_none_or(is_about)
    }

    /// The ids between which the entries stand: from the first, and before the second; none: the end is open.
    #[must_use]
    pub fn bounds(&self) -> (Option<AuditId>, Option<AuditId>) {
        let to = self.to.map(AuditId::first_of);
        let before = match (&self.after, to) {
            (Some(after), Some(to)) => Some(to.min(after.clone())),
            (after, to) => to.or_else(|| after.clone()),
        };
        (self.from.map(AuditId::first_of), before)
    }
}
