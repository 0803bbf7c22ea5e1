//! The journal as the control plane sees it.

use admin::{Books, HookError, OpenAttempt};
use async_trait::async_trait;
use domain::Attempt;
use journal::{AttemptSlot, Journal};
use std::time::Duration;

/// How long a question to the books waits for what was journaled before it.
const FRESHNESS_WAIT_MAX: Duration = Duration::from_secs(1);

/// This node's journal.
pub(crate) struct JournalBooks(pub(crate) Journal);

struct Opened(AttemptSlot);

#[async_trait]
impl Books for JournalBooks {
    async fn open(&self, attempt: &Attempt) -> Result<Box<dyn OpenAttempt>, HookError> {
        let mut slot = self.0.try_slot()?;
        slot.open(attempt);
        Ok(Box::new(Opened(slot)))
    }

    async fn delivered(&self) {
        // Older numbers are shown where the ledger is behind; the lag is a metric.
        let _ = self.0.delivered(FRESHNESS_WAIT_MAX).await;
    }

    fn waiting(&self) -> u64 {
        self.0.lag().undelivered
    }
}

#[async_trait]
impl OpenAttempt for Opened {
    async fn close(self: Box<Self>, attempt: Attempt) -> Result<(), HookError> {
        Ok(self.0.close(&attempt).await?)
    }
}
