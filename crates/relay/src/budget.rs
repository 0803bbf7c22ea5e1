//! The memory that all requests share: who wants to hold bytes takes them from here first, and a drop gives them back.

use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in pieces of this size, so that a count fits the semaphore and small requests cost one.
const PIECE_BYTES: u64 = 4096;

/// The shared budget.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pieces: Arc<Semaphore>,
    pieces_max: u32,
    wait_max: Duration,
}

/// Bytes held of the budget.
#[derive(Debug)]
pub(crate) struct Hold {
    permit: Option<OwnedSemaphorePermit>,
    bytes: u64,
}

/// No memory came free in time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BudgetSpent;

impl Budget {
    /// A budget of `bytes`; who cannot have some waits up to `wait_max`.
    pub(crate) fn new(bytes: u64, wait_max: Duration) -> Self {
        let pieces_max = u32::try_from((bytes / PIECE_BYTES).max(1)).unwrap_or(u32::MAX);
        Self { pieces: Arc::new(Semaphore::new(pieces_max as usize)), pieces_max, wait_max }
    }

    /// Holds nothing yet.
    pub(crate) const fn hold() -> Hold {
        Hold { permit: None, bytes: 0 }
    }

    /// Makes `hold` cover `bytes`. What is larger than the whole budget is treated as the whole. Cancel-safe.
    pub(crate) async fn cover(&self, hold: &mut Hold, bytes: u64) -> Result<(), BudgetSpent> {
        if self.try_cover(hold, bytes).is_err() {
            let taken = self.wait(self.lacking(hold, bytes)).await?;
            hold.add(taken, bytes);
        }
        Ok(())
    }

    /// The same, without waiting.
    pub(crate) fn try_cover(&self, hold: &mut Hold, bytes: u64) -> Result<(), BudgetSpent> {
        if bytes > hold.bytes {
            let taken = Arc::clone(&self.pieces).try_acquire_many_owned(self.lacking(hold, bytes));
            hold.add(taken.map_err(|_| BudgetSpent)?, bytes);
        }
        Ok(())
    }

    /// Pieces that `hold` lacks to cover `bytes`.
    fn lacking(&self, hold: &Hold, bytes: u64) -> u32 {
        let held = hold.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = u32::try_from(bytes.div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX).min(self.pieces_max);
        wanted.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX))
    }

    /// Bytes that nobody holds.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.pieces.available_permits() as u64 * PIECE_BYTES
    }

    async fn wait(&self, pieces: u32) -> Result<OwnedSemaphorePermit, BudgetSpent> {
        let waited = tokio::time::timeout(self.wait_max, Arc::clone(&self.pieces).acquire_many_owned(pieces)).await;
        waited.ok().and_then(Result::ok).ok_or(BudgetSpent)
    }
}

impl Hold {
    fn add(&mut self, taken: OwnedSemaphorePermit, bytes: u64) {
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            none => *none = Some(taken),
        }
        self.bytes = bytes.next_multiple_of(PIECE_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_held_comes_back_and_what_is_not_free_is_waited_for_in_bounds() {
        let budget = Budget::new(8 * PIECE_BYTES, Duration::from_secs(1));
        let mut first = Budget::hold();
        budget.cover(&mut first, 5 * PIECE_BYTES).await.expect("free");
        budget.cover(&mut first, 6 * PIECE_BYTES).await.expect("grows");
        assert_eq!(budget.free_bytes(), 2 * PIECE_BYTES);
        let mut second = Budget::hold();
        assert_eq!(budget.cover(&mut second, 3 * PIECE_BYTES).await, Err(BudgetSpent));
        drop(first);
        budget.cover(&mut second, 3 * PIECE_BYTES).await.expect("free again");
        drop(second);
        assert_eq!(budget.free_bytes(), 8 * PIECE_BYTES);
    }

    #[tokio::test]
    async fn one_request_larger_than_the_budget_takes_it_whole() {
        let budget = Budget::new(2 * PIECE_BYTES, Duration::from_secs(1));
        let mut hold = Budget::hold();
        budget.cover(&mut hold, 100 * PIECE_BYTES).await.expect("the whole");
        assert_eq!(budget.free_bytes(), 0);
    }
}
