//! Sign-in sessions: known by the `jti` of their token, listable and revocable. No token is ever stored.

use crate::error::StoreError;
use async_trait::async_trait;
use domain::{SessionId, Timestamp};

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SessionSubject {
    /// An administrator, by id (`session:{token}`).
    Admin(domain::AdminId),
    /// A user, by id (`user_session:{token}`).
    User(domain::UserId),
}

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The token's `jti`.
    pub id: SessionId,
    /// Who.
    pub subject: SessionSubject,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; not renewed.
    pub expires_at: Timestamp,
    /// The address it was opened from, for people.
    pub address: String,
    /// The program it was opened with, for people.
    pub user_agent: String,
}

/// The port of sign-in sessions.
///
/// * A session that was created is found until it is revoked or `now` reaches its end, also after a restart.
/// * A revoked session is not found by any call that starts after the revocation returned.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Stores a session. Creating the same id again replaces it.
    async fn create(&self, session: &Session) -> Result<(), StoreError>;

    /// The session with this id, unless it has ended at `now`.
    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<Session>, StoreError>;

    /// Ends a session; says whether there was one.
    async fn revoke(&self, id: &SessionId) -> Result<bool, StoreError>;

    /// Ends all sessions of `subject` but `keep`; says how many.
    async fn revoke_all(&self, subject: &SessionSubject, keep: Option<&SessionId>) -> Result<u64, StoreError>;

    /// The open sessions of `subject` at `now`, newest first, at most `limit`.
    async fn list(&self, subject: &SessionSubject, now: Timestamp, limit: usize) -> Result<Vec<Session>, StoreError>;

    /// Removes up to `limit` sessions that have ended at `now`; says how many.
    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError>;
}
