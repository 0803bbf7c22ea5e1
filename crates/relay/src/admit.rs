//! Room 2: a place in the books is taken before anything can cost. Whoever holds an admission can settle it, whatever happens.

use crate::{presence::Presence, read::Inbound, refuse::BUSY_RETRY_AFTER, relay::Relay};
use journal::AttemptSlot;
use protocol::Refusal;

/// A request that may go on, with its place in the journal.
pub(crate) struct Admission {
    /// The request.
    pub(crate) inbound: Inbound,
    /// Whether its client is still there.
    pub(crate) presence: Presence,
    /// The place for its first record; taken by the first attempt, or by the refusal of it.
    pub(crate) slot: Option<AttemptSlot>,
}

impl Relay {
    /// Takes the place. A full journal refuses here, before any upstream is called.
    pub(crate) fn admit(&self, inbound: Inbound) -> Result<Admission, Refusal> {
        let slot = self.journal.try_slot().map_err(|refusal| {
            tracing::warn!(reason = %refusal, "no place in the journal");
            Refusal::Busy { retry_after: BUSY_RETRY_AFTER }
        })?;
        Ok(Admission { inbound, presence: Presence::default(), slot: Some(slot) })
    }
}
