//! The data plane as a whole: what its rooms share, and the tasks that keep it right.

use crate::{
    affinity::{self, Affinities},
    budget::Budget,
    directory::Directory,
    groups::Groups,
    health::{self, HealthReports},
    keys::Keys,
    metrics::RelayMetrics,
    prices::Prices,
    rates::Rates,
    select::{HeldLeases, LEASE_RENEWAL, LEASE_TTL},
    settings::RelaySettings,
    socket::Places,
};
use accounting::PriceTable;
use credentials::Credentials;
use domain::CalendarSchedule;
use journal::Journal;
use std::{sync::Arc, time::Duration};
use store::{Clock, Store, StoreError};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use upstream::{AwsChain, Client};
use vault::{Keyring, Throttle};

/// How long tasks may take to settle once they are cut off: they wait for nothing then.
const CUT_MAX: Duration = Duration::from_secs(2);

/// What a relay is put together from.
pub struct Parts {
    /// The store.
    pub store: Store,
    /// This node's journal.
    pub journal: Journal,
    /// The way to the providers.
    pub client: Client,
    /// Access tokens of accounts that sign in by OAuth.
    pub credentials: Credentials,
    /// AWS keys of accounts that use what the environment gives.
    pub aws: Arc<AwsChain>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The keys of the stored credentials.
    pub keyring: Arc<Keyring>,
    /// Prices, before those that were set through the API.
    pub prices: Arc<PriceTable>,
    /// In which zone days are counted.
    pub calendar: CalendarSchedule,
    /// Bounds and times.
    pub settings: RelaySettings,
    /// Where it counts.
    pub metrics: Arc<RelayMetrics>,
    /// Cancelled when the process begins to stop: WebSockets close behind the response that runs on them.
    pub leaving: CancellationToken,
}

/// The data plane of one node.
pub struct Relay {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) credentials: Credentials,
    pub(crate) aws: Arc<AwsChain>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) prices: Prices,
    pub(crate) rates: Rates,
    pub(crate) calendar: CalendarSchedule,
    pub(crate) settings: RelaySettings,
    pub(crate) metrics: Arc<RelayMetrics>,
    pub(crate) keys: Keys,
    pub(crate) accounts: Directory,
    pub(crate) groups: Groups,
    pub(crate) buffers: Budget,
    pub(crate) health: HealthReports,
    pub(crate) held: HeldLeases,
    pub(crate) affinities: Arc<Affinities>,
    /// Slows down guessing of keys where an answer costs nothing.
    pub(crate) guesses: Throttle,
    /// The places for WebSockets.
    pub(crate) places: Arc<Places>,
    /// Cancelled when the process begins to stop.
    pub(crate) leaving: CancellationToken,
    /// What clients have set in motion.
    pub(crate) tasks: TaskTracker,
    /// The tasks that run as long as the relay.
    upkeep: TaskTracker,
    /// Ends the tasks that run as long as the relay.
    stop: CancellationToken,
    /// Ends what goes on at the end of the grace.
    pub(crate) cut: CancellationToken,
}

impl Relay {
    /// Reads what it needs to serve and begins to follow changes.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StoreError> {
        let Parts {
            store,
            journal,
            client,
            credentials,
            aws,
            clock,
            keyring,
            prices,
            calendar,
            settings,
            metrics,
            leaving,
        } = parts;
        let (reports, writer) = health::reports();
        let (affinities, affinity_writer) = affinity::affinities(Arc::clone(&store.affinity), settings.sticky_ttl);
        // Subscribed before the first reading: what changes in between is heard afterwards.
        let subscription = store.events.subscribe();
        let relay = Arc::new(Self {
            keys: Keys::new(Arc::clone(&store.records), settings.store_grace),
            accounts: Directory::new(store.clone(), keyring, client),
            groups: Groups::default(),
            buffers: Budget::new(settings.buffer_bytes_max, settings.buffer_wait_max),
            prices: Prices::new(prices),
            rates: Rates::default(),
            health: reports,
            held: HeldLeases::default(),
            affinities,
            guesses: Throttle::for_keys(),
            places: Arc::default(),
            leaving,
            tasks: TaskTracker::new(),
            upkeep: TaskTracker::new(),
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
            store,
            journal,
            credentials,
            aws,
            clock,
            calendar,
            settings,
            metrics,
        });
        relay.accounts.reload(relay.clock.now()).await?;
        relay.groups.reload(&*relay.store.records).await?;
        relay.prices.reload(&*relay.store.records).await?;
        relay.rates.reload(&*relay.store.records).await?;
        relay.keep_up(Arc::clone(&relay).follow(subscription));
        relay.keep_up(Arc::clone(&relay).renew_leases());
        let (clock, health) = (Arc::clone(&relay.clock), Arc::clone(&relay.store.health));
        relay.upkeep.spawn(writer.run(health, move || clock.now(), relay.stop.clone()));
        let (clock, affinities) = (Arc::clone(&relay.clock), Arc::clone(&relay.affinities));
        relay.upkeep.spawn(affinity_writer.run(affinities, move || clock.now(), relay.stop.clone()));
        Ok(relay)
    }

    /// Waits up to `grace` for what clients have set in motion, then ends everything. No request may come after it.
    pub async fn stop(&self, grace: Duration) {
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                open = self.tasks.len(),
                "not everything ended within the grace; it is cut off, and settled as far as it is known"
            );
            self.cut.cancel();
            if tokio::time::timeout(CUT_MAX, self.tasks.wait()).await.is_err() {
                tracing::error!(open = self.tasks.len(), "tasks do not end");
            }
        }
        // Last, because what ended just now still had something to say about its account, and held its slot.
        self.stop.cancel();
        self.upkeep.close();
        if tokio::time::timeout(CUT_MAX, self.upkeep.wait()).await.is_err() {
            tracing::error!(open = self.upkeep.len(), "the relay's own tasks do not end");
        }
    }

    /// Goes on with `work` for a client that has left, as long as that is worth it; none when it was cut off.
    pub(crate) async fn unattended<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = tokio::time::sleep(self.settings.drain_max) => None,
            () = self.cut.cancelled() => None,
        }
    }

    /// Free bytes of the memory that requests share.
    #[must_use]
    pub fn buffer_bytes_free(&self) -> u64 {
        self.buffers.free_bytes()
    }

    /// How many accounts there are, and how many of them cool down.
    #[must_use]
    pub fn account_counts(&self) -> (usize, usize) {
        (self.accounts.len(), self.accounts.cooling(self.clock.now()))
    }

    /// Runs `task` until it ends or the relay stops.
    fn keep_up(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.upkeep.spawn(self.stop.clone().run_until_cancelled_owned(task));
    }

    /// Renews the slots that are held, so that only a dead node's expire.
    async fn renew_leases(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LEASE_RENEWAL);
        loop {
            ticks.tick().await;
            let held = self.held.snapshot();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.store.leases.renew(held.slots(), LEASE_TTL, self.clock.now()).await {
                tracing::warn!(error = %error, slots = held.slots().len(), "slots could not be renewed");
            }
            // The renewal may have taken again what was given back while it was under way.
            for (subject, id) in held.given_back() {
                self.store.leases.release(subject, id);
            }
        }
    }
}
