//! Sign-in sessions in memory.

use crate::{Session, Sessions, StoreError, sessions::SessionSubject};
use async_trait::async_trait;
use domain::{SessionId, Timestamp};
use parking_lot::Mutex;
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Debug, Default)]
pub(super) struct MemorySessions(Mutex<BTreeMap<SessionId, Session>>);

#[async_trait]
impl Sessions for MemorySessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        self.0.lock().insert(session.id.clone(), session.clone());
        Ok(())
    }

    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        Ok(self.0.lock().get(id).filter(|session| now < session.expires_at).cloned())
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool, StoreError> {
        Ok(self.0.lock().remove(id).is_some())
    }

    async fn revoke_all(&self, subject: &SessionSubject, keep: Option<&SessionId>) -> Result<u64, StoreError> {
        let mut sessions = self.0.lock();
        let before = sessions.len();
        sessions.retain(|id, session| session.subject != *subject || Some(id) == keep);
        Ok((before - sessions.len()) as u64)
    }

    async fn list(&self, subject: &SessionSubject, now: Timestamp, limit: usize) -> Result<Vec<Session>, StoreError> {
        let sessions = self.0.lock();
        let open = sessions.values().filter(|session| session.subject == *subject && now < session.expires_at);
        let mut open: Vec<_> = open.cloned().collect();
        open.sort_by_key(|session| Reverse((session.created_at, session.id.clone())));
        open.truncate(limit);
        Ok(open)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let mut sessions = self.0.lock();
        let over = sessions.values().filter(|session| session.expires_at <= now);
        let mut over: Vec<_> = over.map(|session| (session.expires_at, session.id.clone())).collect();
        over.sort();
        over.truncate(limit);
        for (_, id) in &over {
            sessions.remove(id);
        }
        Ok(over.len() as u64)
    }
}
