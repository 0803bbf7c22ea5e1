//! A call that takes something, and its caller's wait. The call is carried through even when the caller is gone: what was taken
//! for nobody is given back, and never before it was taken.

use super::{Returns, Stand};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use store::{LeaseId, StoreError};

/// The call under way.
type Call = Pin<Box<dyn Future<Output = Result<i64, StoreError>> + Send>>;

/// Resolves with the call's reply. Dropped before, it leaves the rest of the call to a task.
pub(super) struct Taking {
    call: Option<Call>,
    returns: Arc<Returns>,
    stand: Stand,
    id: LeaseId,
}

impl Taking {
    /// `call` takes `id` at `stand`.
    pub(super) fn new(
        call: impl Future<Output = Result<i64, StoreError>> + Send + 'static,
        returns: Arc<Returns>,
        stand: Stand,
        id: LeaseId,
    ) -> Self {
        Self { call: Some(Box::pin(call)), returns, stand, id }
    }
}

impl Future for Taking {
    type Output = Result<i64, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else { return Poll::Pending };
        let reply = std::task::ready!(call.as_mut().poll(context));
        self.call = None;
        Poll::Ready(reply)
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        self.returns.give_back_after(call, self.stand.clone(), self.id.clone());
    }
}
