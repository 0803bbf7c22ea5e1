//! Many pieces of one request's work, some at a time. What each is is decided elsewhere.

use futures_util::future::join_all;
use std::future::Future;

/// Pieces that are under way at once: enough for the store to do them together, few beside everybody else's.
const AT_ONCE_MAX: usize = 32;

/// What `act` makes of each item, in their order.
pub(crate) async fn each<I, O, F: Future<Output = O>>(items: Vec<I>, act: impl Fn(I) -> F) -> Vec<O> {
    let mut outcomes = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    while items.len() > 0 {
        outcomes.extend(join_all(items.by_ref().take(AT_ONCE_MAX).map(&act)).await);
    }
    outcomes
}
