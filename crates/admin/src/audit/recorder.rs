//! What one request leaves in the audit log, as it becomes known: who, what, and what was changed. The entry is written before
//! the first change, and again with its outcome.

use crate::{refusal::RefusalType, state::fresh_uuid};
use domain::{Admin, ApiToken, AuditId, RequestId, Timestamp, User};
use parking_lot::Mutex;
use std::{future::Future, sync::Arc};
use store::{
    Audit, AuditEntry, StoreError,
    audit::{Actor, ActorKind, AuditOutcome, Changed, Resource},
};

tokio::task_local! {
    /// The recorder of the request that this task serves. Nobody records outside of one.
    static RECORDER: Arc<Recorder>;
}

/// The entry of one request.
pub(crate) struct Recorder {
    id: AuditId,
    request: RequestId,
    operation: Arc<str>,
    origin: String,
    resource: Option<Resource>,
    notes: Mutex<Notes>,
    log: Arc<dyn Audit>,
    /// Held while the entry is written, so that of changes side by side each waits until it stands.
    begun: tokio::sync::Mutex<Begun>,
}

/// What a request says of itself.
pub(crate) struct Origin {
    pub(crate) request: RequestId,
    pub(crate) operation: Arc<str>,
    pub(crate) address: String,
    pub(crate) resource: Option<Resource>,
}

#[derive(Default)]
struct Notes {
    actor: Option<Actor>,
    changes: Vec<Changed>,
    is_replay: bool,
}

/// Whether the entry stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
}

impl Recorder {
    pub(crate) fn new(log: Arc<dyn Audit>, origin: Origin, now: Timestamp) -> Arc<Self> {
        let Origin { request, operation, address, resource } = origin;
        Arc::new(Self {
            id: AuditId::from_uuid(fresh_uuid(now)),
            request,
            operation,
            origin: address,
            resource,
            notes: Mutex::default(),
            log,
            begun: tokio::sync::Mutex::new(Begun::No),
        })
    }

    /// Whatever `work` changes through the store is this request's.
    pub(crate) async fn watch<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        RECORDER.scope(Arc::clone(self), work).await
    }

    /// Says who it is.
    pub(crate) fn name(&self, actor: Actor) {
        self.notes.lock().actor = Some(actor);
    }

    /// Who it is, once that is known.
    pub(crate) fn actor(&self) -> Option<Actor> {
        self.notes.lock().actor.clone()
    }

    /// The answer is one that was given before.
    pub(crate) fn replays(&self) {
        self.notes.lock().is_replay = true;
    }

    pub(crate) fn request(&self) -> &RequestId {
        &self.request
    }

    /// Writes how it ended, with the answer's status.
    ///
    /// # Errors
    ///
    /// When the entry does not stand in the log at all: then nothing was changed.
    pub(crate) async fn conclude(&self, status: u16, refusal: Option<RefusalType>) -> Result<(), StoreError> {
        let outcome = match status {
            _ if self.notes.lock().is_replay => AuditOutcome::Replayed,
            ..400 => AuditOutcome::Done,
            400..500 => AuditOutcome::Refused,
            500.. => AuditOutcome::Failed,
        };
        let entry = AuditEntry { status: Some(status), refusal: refusal.map(RefusalType::word), ..self.entry(outcome) };
        let begun = self.begun.lock().await;
        match self.log.append(&entry).await {
            Err(error) if *begun == Begun::Yes => {
                tracing::error!(audit.id = %self.id, %error, "an entry of the audit log stays without its outcome");
                Ok(())
            }
            written => written,
        }
    }

    /// Writes how work without an answer ended, if it was about to change something.
    ///
    /// # Errors
    ///
    /// When the store refuses.
    pub(super) async fn conclude_changes(&self, outcome: AuditOutcome) -> Result<(), StoreError> {
        if *self.begun.lock().await == Begun::No {
            return Ok(());
        }
        self.log.append(&self.entry(outcome)).await
    }

    /// Sees to it that the entry stands before something is changed.
    async fn begin(&self) -> Result<(), StoreError> {
        let mut begun = self.begun.lock().await;
        if *begun == Begun::No {
            self.log.append(&self.entry(AuditOutcome::Begun)).await?;
            *begun = Begun::Yes;
        }
        Ok(())
    }

    fn entry(&self, outcome: AuditOutcome) -> AuditEntry {
        let notes = self.notes.lock();
        AuditEntry {
            id: self.id.clone(),
            request: self.request.to_string(),
            actor: notes.actor.clone().unwrap_or_else(nobody),
            origin: self.origin.clone(),
            operation: self.operation.to_string(),
            resource: self.resource.clone(),
            changes: notes.changes.clone(),
            outcome,
            status: None,
            refusal: None,
        }
    }

    fn note(&self, changed: Changed) {
        let mut notes = self.notes.lock();
        match notes.changes.iter_mut().find(|known| known.resource == changed.resource) {
            Some(known) => merge(known, changed),
            None => notes.changes.push(changed),
        }
    }
}

/// What was changed twice is told once: as it was at first, and as it is at last.
fn merge(known: &mut Changed, then: Changed) {
    known.after.retain(|name, _| !then.before.contains_key(name) || then.after.contains_key(name));
    for (name, value) in then.before {
        known.before.entry(name).or_insert(value);
    }
    known.after.extend(then.after);
}

/// The recorder of this task, if it serves a request.
pub(super) fn current() -> Option<Arc<Recorder>> {
    RECORDER.try_with(Arc::clone).ok()
}

/// To be called before a change.
///
/// # Errors
///
/// When the entry cannot be written: then nothing may be changed.
pub(super) async fn begin() -> Result<(), StoreError> {
    match current() {
        Some(recorder) => recorder.begin().await,
        None => Ok(()),
    }
}

/// To be called after a change.
pub(super) fn note(changed: Changed) {
    if let Some(recorder) = current() {
        recorder.note(changed);
    }
}

/// Says who tries to sign in, where that is somebody who exists.
pub(crate) fn name(actor: impl FnOnce() -> Actor) {
    if let Some(recorder) = current() {
        recorder.name(actor());
    }
}

/// An administrator, and the token that they came by.
pub(crate) fn admin(admin: &Admin, token: Option<&ApiToken>) -> Actor {
    let kind = if crate::local::is_local(admin) { ActorKind::LocalOperator } else { ActorKind::Admin };
    let (id, name) = (Some(admin.id.to_string()), Some(admin.username.clone()));
    Actor { kind, id, name, token: token.map(|token| token.id.to_string()) }
}

/// A user.
pub(crate) fn user(user: &User) -> Actor {
    Actor { kind: ActorKind::User, id: Some(user.id.to_string()), name: Some(user.email.clone()), token: None }
}

/// The relay itself.
pub(super) fn relay() -> Actor {
    Actor { kind: ActorKind::Relay, id: Some("relay".to_owned()), name: None, token: None }
}

fn nobody() -> Actor {
    Actor { kind: ActorKind::Nobody, id: None, name: None, token: None }
}
