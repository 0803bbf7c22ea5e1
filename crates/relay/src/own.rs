//! A key's holder asks about its own key: what it is, and what it has used. No other key is ever looked at, and nothing is written:
//! such a question is no use of the key, and begins no lifetime.
//!
//! A key that is switched off or has expired is still told so: its holder asks because it does not work. Every question is charged
//! as a guess before the key is looked up, and given back when the key is one.

mod question;
mod usage;
mod views;

use crate::{
    accept::presented_keys,
    body::RelayBody,
    keys::KnownKey,
    refuse::{BUSY_RETRY_AFTER, sign},
    relay::Relay,
    route::OwnCall,
};
use domain::{ApiKey, Dialect, KeyState, RequestId};
use http::{HeaderMap, HeaderValue, Response, header, request};
use protocol::Refusal;
use question::Question;
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};
use store::StoreError;
use vault::Guesser;
use views::{OwnKeyView, StatsView};

/// What all guesses at keys are charged to, beside their addresses.
const OVERALL: &str = "keys";

impl Relay {
    /// Answers a holder's question. Cancel-safe.
    pub(crate) async fn tell_own(
        &self,
        id: &RequestId,
        call: OwnCall,
        peer: IpAddr,
        head: &request::Parts,
    ) -> Response<RelayBody> {
        match self.own(call, peer, head).await {
            Ok(document) => {
                let mut response = Response::new(RelayBody::from(bytes::Bytes::from(document)));
                let headers = response.headers_mut();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
                sign(headers, id);
                response
            }
            Err(refusal) => self.refuse(id, Dialect::Anthropic, refusal.into()),
        }
    }

    async fn own(&self, call: OwnCall, peer: IpAddr, head: &request::Parts) -> Result<Vec<u8>, Refusal> {
        let key = self.own_key(peer, &head.headers).await?;
        let now = self.clock.now();
        let query = head.uri.query().unwrap_or_default();
        match call {
            OwnCall::KeyInfo => {
                question::without_parameters(query)?;
                document(&OwnKeyView::new(&key, now))
            }
            OwnCall::Usage => {
                let question = Question::parse(query, self.calendar.at(now), now, self.settings.retention_days)?;
                document(&self.own_usage(&key, &question).await?)
            }
            OwnCall::Stats => {
                let question = Question::parse(query, self.calendar.at(now), now, self.settings.retention_days)?;
                let usage = self.own_usage(&key, &question).await?;
                document(&StatsView { key: OwnKeyView::new(&key, now), usage })
            }
        }
    }

    /// The first presented key that is one.
    async fn own_key(&self, peer: IpAddr, headers: &HeaderMap) -> Result<Arc<ApiKey>, Refusal> {
        let forwarded = headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
        let address = protocol::client_address(forwarded, Some(peer), self.settings.trusted_hops);
        let guess = self.guesses.charge(OVERALL, Guesser::At(address), self.clock.now());
        let guess = guess.map_err(|retry_after| Refusal::TooManyGuesses { retry_after })?;
        // The hashes come first: what a client presented is not held across an await.
        let hashes: Vec<_> = presented_keys(headers, None).map(|key| vault::api_keys::hash(key.0)).collect();
        for hash in hashes {
            match self.keys.find(&hash).await {
                Ok(KnownKey::Known(key)) if !matches!(key.state, KeyState::Deleted { .. }) => {
                    self.guesses.was_not_made(&guess);
                    return Ok(key);
                }
                Ok(KnownKey::Known(_) | KnownKey::Unknown) => {}
                Err(error) => {
                    self.guesses.was_not_made(&guess);
                    return Err(unavailable(&error));
                }
            }
        }
        Err(Refusal::UnknownKey)
    }
}

/// The store could not answer: it may in a moment.
fn unavailable(error: &StoreError) -> Refusal {
    tracing::error!(error = %error, "a holder's question could not be answered");
    Refusal::Busy { retry_after: BUSY_RETRY_AFTER }
}

fn document(view: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(view).map_err(|error| {
        tracing::error!(error = %error, "an answer could not be written as JSON");
        Refusal::Internal
    })
}
