//! Work that must not be under way twice at once, on any node: done under a lock of the store, which is waited for within a bound.

use crate::{
    refusal::{Refusal, RefusalType},
    state::fresh_uuid,
};
use std::{future::Future, time::Duration};
use store::{Clock, Store};

/// How long a lock outlives a node that dies with it: whoever waits then waits no longer than a person does.
const HELD_MAX: Duration = Duration::from_secs(10);

/// How long the work may take: half of [`HELD_MAX`], so that it has ended before another can begin.
const WORK_MAX: Duration = Duration::from_secs(5);

/// Tries to take a lock, [`PAUSE`] apart: somewhat more than [`HELD_MAX`] in all.
const TRIES_MAX: usize = 240;

const PAUSE: Duration = Duration::from_millis(50);

/// Does `work` while nobody else does work under the same `name`.
///
/// # Errors
///
/// When the work refuses, takes too long, or has to wait too long for its turn.
pub(crate) async fn alone<T: Send>(
    store: &Store,
    clock: &dyn Clock,
    name: &str,
    work: impl Future<Output = Result<T, Refusal>> + Send,
) -> Result<T, Refusal> {
    let holder = fresh_uuid(clock.now()).to_string();
    take(store, clock, name, &holder).await?;
    let done = tokio::time::timeout(WORK_MAX, work).await;
    if let Err(error) = store.locks.release(name, &holder).await {
        tracing::info!(lock = name, %error, "a lock could not be given back; it ends by itself");
    }
    done.unwrap_or_else(|_elapsed| Err(busy()))
}

async fn take(store: &Store, clock: &dyn Clock, name: &str, holder: &str) -> Result<(), Refusal> {
    for _ in 0..TRIES_MAX {
        if store.locks.acquire(name, holder, HELD_MAX, clock.now()).await?.is_some() {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(busy())
}

fn busy() -> Refusal {
    Refusal::new(RefusalType::Unavailable, "Another change of this kind takes long: send yours again in a moment.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use parking_lot::Mutex;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_ms(1_795_426_200_000)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_pieces_of_work_of_one_name_do_not_overlap() {
        let (store, steps) = (store::memory::store(), Mutex::new(Vec::new()));
        let work = |label: &'static str| {
            let steps = &steps;
            async move {
                steps.lock().push(label);
                tokio::time::sleep(Duration::from_secs(1)).await;
                steps.lock().push(label);
                Ok(())
            }
        };
        let (first, second) = (alone(&store, &Still, "n", work("a")), alone(&store, &Still, "n", work("b")));
        let (one, other) = tokio::join!(first, second);
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(*steps.lock(), ["a", "a", "b", "b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_takes_too_long_is_given_up_and_the_lock_given_back() {
        let store = store::memory::store();
        let endless = alone(&store, &Still, "n", std::future::pending::<Result<(), Refusal>>()).await;
        assert_eq!(endless.expect_err("given up").r#type, RefusalType::Unavailable);
        alone(&store, &Still, "n", async { Ok(()) }).await.expect("its turn");
    }
}
