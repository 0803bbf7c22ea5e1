//! What was given back and is not confirmed yet, and the task that sends it. Giving back never waits and never fails.

use super::Stand;
use crate::{
    call::Call,
    engine::{Engine, Lane},
};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
    time::Duration,
};
use store::{LeaseId, StoreError};
use tokio::{
    runtime::Handle,
    sync::{Mutex as AsyncMutex, Notify},
    time::sleep,
};

/// Leases that wait to be given back at most. Servers that are away for longer than a lease lasts have nothing to give back.
const RETURNS_MAX: usize = 65_536;

/// The wait after a failure.
const RETRY_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Returns {
    engine: Engine,
    waiting: Mutex<Waiting>,
    arrived: Arc<Notify>,
    /// Held while something is being sent.
    sending: AsyncMutex<()>,
    /// Where tasks are started, wherever a drop happens.
    runtime: Handle,
}

#[derive(Default)]
struct Waiting {
    by_stand: HashMap<Stand, HashSet<LeaseId>>,
    count: usize,
}

impl Returns {
    /// Starts the task; it ends with the value.
    pub(super) fn start(engine: Engine) -> Arc<Self> {
        let arrived = Arc::new(Notify::new());
        let (waiting, sending) = (Mutex::default(), AsyncMutex::new(()));
        let runtime = Handle::current();
        let returns = Arc::new(Self { engine, waiting, arrived: Arc::clone(&arrived), sending, runtime });
        #[expect(clippy::disallowed_methods, reason = "it ends once the last owner of the returns is gone")]
        tokio::spawn(run(Arc::downgrade(&returns), arrived));
        returns
    }

    pub(super) fn give_back(&self, stand: Stand, id: LeaseId) {
        let mut waiting = self.waiting.lock();
        // What does not fit expires by itself.
        if waiting.count < RETURNS_MAX && waiting.by_stand.entry(stand).or_default().insert(id) {
            waiting.count += 1;
        }
        self.arrived.notify_one();
    }

    /// Gives `id` back once `call`, which takes it, is over: sent at once, the return might come first.
    pub(super) fn give_back_after(
        self: &Arc<Self>,
        call: impl Future<Output = Result<i64, StoreError>> + Send + 'static,
        stand: Stand,
        id: LeaseId,
    ) {
        let returns = Arc::clone(self);
        // Ends with its call, within the time that calls have.
        self.runtime.spawn(async move {
            // Whatever the reply is, and if there is none: giving back what was not taken does nothing.
            let _reply = call.await;
            returns.give_back(stand, id);
        });
    }

    /// What waits to be given back at `stand`.
    pub(super) fn of(&self, stand: &Stand) -> Vec<LeaseId> {
        self.waiting.lock().by_stand.get(stand).map(|ids| ids.iter().cloned().collect()).unwrap_or_default()
    }

    /// The same, before `id` is taken there: it is given back with that call, and never after it.
    pub(super) async fn before_taking(&self, stand: &Stand, id: &LeaseId) -> Vec<LeaseId> {
        let returned = self.of(stand);
        self.before_holding(stand, id).await;
        returned
    }

    /// Before `id` is held there by a call: if it waits to be given back, it is not given back after that call.
    pub(super) async fn before_holding(&self, stand: &Stand, id: &LeaseId) {
        let is_waiting = self.waiting.lock().by_stand.get(stand).is_some_and(|ids| ids.contains(id));
        if is_waiting {
            let _none_under_way = self.sending.lock().await;
            self.waiting.lock().remove(stand, std::slice::from_ref(id));
        }
    }

    /// Sends all that waits.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let _alone = self.sending.lock().await;
        let sent: Vec<_> = {
            let waiting = self.waiting.lock();
            waiting
                .by_stand
                .iter()
                .map(|(stand, ids)| (stand.clone(), ids.iter().cloned().collect::<Vec<_>>()))
                .collect()
        };
        let calls = sent.iter().flat_map(|(stand, ids)| {
            let keys = stand.keys(&self.engine).into_iter();
            keys.map(|key| ids.iter().fold(Call::command("ZREM").arg(key), |call, id| call.arg(&*id.0)))
        });
        self.engine.all(Lane::Bulk, "give slots back", calls.collect()).await?;
        let mut waiting = self.waiting.lock();
        for (stand, ids) in sent {
            waiting.remove(&stand, &ids);
        }
        Ok(())
    }
}

impl Waiting {
    fn remove(&mut self, stand: &Stand, ids: &[LeaseId]) {
        let Some(waiting) = self.by_stand.get_mut(stand) else { return };
        self.count -= ids.iter().filter(|id| waiting.remove(*id)).count();
        if waiting.is_empty() {
            self.by_stand.remove(stand);
        }
    }
}

async fn run(returns: Weak<Returns>, arrived: Arc<Notify>) {
    loop {
        arrived.notified().await;
        let Some(returns) = returns.upgrade() else { return };
        if let Err(error) = returns.flush().await {
            tracing::debug!(error = %error, "slots could not be given back; it is tried again");
            returns.arrived.notify_one();
            drop(returns);
            sleep(RETRY_AFTER).await;
        }
    }
}

impl Drop for Returns {
    fn drop(&mut self) {
        self.arrived.notify_one();
    }
}
