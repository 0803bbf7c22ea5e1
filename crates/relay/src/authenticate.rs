//! Room 1: whose key it is, and whether it may be used like this. Before the body is read: a stranger's bytes cost nothing.

use crate::{
    accept::{Arrival, client_kind, presented_keys},
    keys::KnownKey,
    relay::Relay,
};
use domain::{ApiKey, AttemptKind, Expiry, KeyState, Timestamp};
use protocol::Refusal;
use std::sync::Arc;

/// A request whose sender is known and may ask.
pub(crate) struct Caller<B> {
    /// The key.
    pub(crate) key: Arc<ApiKey>,
    /// The request.
    pub(crate) arrival: Arrival<B>,
}

impl Relay {
    /// Finds the key and checks all of it that needs no body. Cancel-safe.
    pub(crate) async fn authenticate<B>(&self, arrival: Arrival<B>) -> Result<Caller<B>, Refusal> {
        let key = self.find_key(&arrival).await?;
        let key = if is_first_use(&key) { self.begin_lifetime(key, arrival.at).await? } else { key };
        Ok(Caller { key, arrival })
    }

    /// The first presented key that may be used like this; else why the first known one may not.
    async fn find_key<B>(&self, arrival: &Arrival<B>) -> Result<Arc<ApiKey>, Refusal> {
        // The hashes come first: what a client presented is not held across an await.
        let hashes: Vec<_> = presented_keys(&arrival.head.headers, arrival.head.uri.query())
            .map(|key| vault::api_keys::hash(key.0))
            .collect();
        let mut refusal = None;
        for hash in hashes {
            match self.keys.find(&hash).await {
                Ok(KnownKey::Known(key)) => match check(&key, arrival) {
                    Ok(()) => return Ok(key),
                    Err(why) => refusal = refusal.or(Some(why)),
                },
                Ok(KnownKey::Unknown) => {}
                Err(error) => {
                    tracing::error!(error = %error, "an API key could not be looked up");
                    return Err(Refusal::Busy { retry_after: crate::refuse::BUSY_RETRY_AFTER });
                }
            }
        }
        Err(refusal.unwrap_or(Refusal::UnknownKey))
    }

    /// The first use of a key whose life is counted from it. Written before the request goes on, once in a key's life.
    async fn begin_lifetime(&self, key: Arc<ApiKey>, now: Timestamp) -> Result<Arc<ApiKey>, Refusal> {
        let begun = self.keys.begin_lifetime(&key, now).await;
        begun.map_err(|error| {
            tracing::error!(key.id = %key.id, error = %error, "the first use of an API key could not be written");
            Refusal::Busy { retry_after: crate::refuse::BUSY_RETRY_AFTER }
        })
    }
}

fn check<B>(key: &ApiKey, arrival: &Arrival<B>) -> Result<(), Refusal> {
    match key.state {
        KeyState::Active => {}
        KeyState::Disabled => return Err(Refusal::KeyDisabled),
        KeyState::Deleted { .. } => return Err(Refusal::UnknownKey),
    }
    if key.expiry.has_ended(arrival.at) {
        return Err(Refusal::KeyExpired);
    }
    if may_ask(key, arrival) { Ok(()) } else { Err(Refusal::ClientNotAllowed) }
}

/// Whether the client program is one that the key is restricted to. Lists of models are for any: Claude Code asks for them
/// without the headers that it is known by.
fn may_ask<B>(key: &ApiKey, arrival: &Arrival<B>) -> bool {
    let allowed = &key.allowed_clients;
    let is_free = allowed.is_empty() || arrival.call.operation.kind() == AttemptKind::ModelList;
    is_free || client_kind(&arrival.head.headers).is_some_and(|client| allowed.contains(&client))
}

const fn is_first_use(key: &ApiKey) -> bool {
    matches!(key.expiry, Expiry::AfterFirstUse { first_used_at: None, .. })
}
