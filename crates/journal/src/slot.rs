//! The place of one attempt in the journal, taken before the attempt begins. Nothing here waits or fails.

use crate::{
    error::NotWritten,
    inbox::{Closing, Core, Permit},
};
use domain::{Attempt, Outcome};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use store::packed;
use tokio::sync::oneshot;

/// The right to journal one attempt: what is told to it is queued at once, from any place, a `Drop` included.
///
/// Dropped unopened it returns its place. Dropped opened but not closed it closes with the opening's record.
pub struct AttemptSlot {
    /// None only while it is being closed or dropped.
    permit: Option<Permit>,
    opening: Option<u64>,
}

/// Resolves once the record is handed to the operating system: it survives the process from then on.
///
/// The write begins when this is polled or dropped. While little goes on, the first poll does the write itself (some 20
/// microseconds, no sync). Cancel-safe: dropping it loses nothing.
#[must_use = "the client may see the end of its answer only when the record is written"]
pub struct Written {
    told: oneshot::Receiver<Result<(), NotWritten>>,
    /// None once the write was asked for.
    core: Option<Arc<Core>>,
}

impl AttemptSlot {
    pub(crate) fn new(permit: Permit) -> Self {
        Self { permit: Some(permit), opening: None }
    }

    /// Queues the beginning: `attempt` as it would read if the process died now, with the outcome [`Outcome::Crashed`]. It is
    /// written within some milliseconds, unless the attempt is closed before. A second call changes nothing.
    pub fn open(&mut self, attempt: &Attempt) {
        debug_assert_eq!(attempt.outcome, Outcome::Crashed, "an opening is the record of a crash");
        if let (None, Some(permit)) = (self.opening, &self.permit) {
            self.opening = Some(permit.core().inbox.push_opening(packed_record(attempt)));
        }
    }

    /// Queues the end, opened or not.
    pub fn close(mut self, attempt: &Attempt) -> Written {
        let (written, told) = oneshot::channel();
        let core = self.queue(Some(packed_record(attempt)), Some(written));
        Written { told, core }
    }

    fn queue(
        &mut self,
        record: Option<Vec<u8>>,
        written: Option<oneshot::Sender<Result<(), NotWritten>>>,
    ) -> Option<Arc<Core>> {
        let (permit, opening) = (self.permit.take()?, self.opening.take());
        let core = permit.core();
        core.inbox.push_closing(Closing { opening, record, permit, written });
        Some(core)
    }
}

impl Drop for AttemptSlot {
    fn drop(&mut self) {
        if self.opening.is_some()
            && let Some(core) = self.queue(None, None)
        {
            core.inbox.wake_up();
        }
    }
}

impl Future for Written {
    type Output = Result<(), NotWritten>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(core) = self.core.take() {
            core.write_soon();
        }
        // The sender is dropped untold only when the journal was closed first.
        Pin::new(&mut self.told).poll(context).map(|told| told.unwrap_or(Err(NotWritten)))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(core) = self.core.take() {
            core.inbox.wake_up();
        }
    }
}

fn packed_record(attempt: &Attempt) -> Vec<u8> {
    let mut record = Vec::new();
    packed::pack(attempt, &mut record);
    record
}
