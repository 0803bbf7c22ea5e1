//! What the control plane is given to work with, and the little that it keeps in memory beside it.

use crate::{
    address::TrustedHops, audit, passwords::PasswordChecks, rankings::KeptRankings, settings::SettingInForce,
    system::SystemSource, tokens::TokenKeys,
};
use accounting::PriceTable;
use async_trait::async_trait;
use domain::{Admin, Attempt, Calendar, Timestamp};
use std::{error::Error, future::Future, num::NonZeroU32, pin::Pin, sync::Arc, time::Duration};
use store::{Clock, Store};
use tokio_util::task::TaskTracker;
use vault::{JwtSecret, KeyPrefix, Keyring, Throttle};

/// A future of the composition root.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Why the composition root could not do what it was asked; the text goes to the log.
pub type HookError = Box<dyn Error + Send + Sync>;

/// The calendar in force.
pub type CalendarSource = Arc<dyn Fn() -> Calendar + Send + Sync>;

/// The price table in force without the operator's own prices from the store: what came with the relay and with its price file.
pub type PriceSource = Arc<dyn Fn() -> Arc<PriceTable> + Send + Sync>;

/// Called after an administrator's password or name changed, so that `data/init.json` says the same. The change stands either way.
pub type PasswordHook = Arc<dyn Fn(Admin) -> BoxFuture<Result<(), HookError>> + Send + Sync>;

/// The node's journal, as far as the control plane needs it.
///
/// A trait because this crate must not see the journal's engine; the composition root implements it over the journal.
#[async_trait]
pub trait Books: Send + Sync {
    /// Journals that `attempt` begins, before anything is sent: if the relay dies, the journal knows of it.
    async fn open(&self, attempt: &Attempt) -> Result<Box<dyn OpenAttempt>, HookError>;

    /// Waits until what was journaled before the call is in the ledger, or for a second at most. Cancel-safe.
    async fn delivered(&self);

    /// Records that are journaled and not yet in the ledger.
    fn waiting(&self) -> u64;
}

/// An attempt that was opened in the journal.
#[async_trait]
pub trait OpenAttempt: Send {
    /// Journals how it ended.
    async fn close(self: Box<Self>, attempt: Attempt) -> Result<(), HookError>;
}

/// What the control plane is given. The composition root makes one and gives it to [`router`](crate::router).
pub struct AdminState {
    /// The store.
    pub store: Store,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Seals the credentials of accounts.
    pub keyring: Arc<Keyring>,
    /// Signs the tokens of sign-ins.
    pub jwt_secret: JwtSecret,
    /// How long a sign-in lasts.
    pub session_lifetime: Duration,
    /// Days, hours and months of the books.
    pub calendar: CalendarSource,
    /// Days before today whose daily sums and records are kept; none: all.
    pub retention_days: Option<NonZeroU32>,
    /// What new API keys begin with.
    pub key_prefix: KeyPrefix,
    /// Where account tests are recorded, and what the books wait for.
    pub books: Arc<dyn Books>,
    /// Sends account tests.
    pub upstream: upstream::Client,
    /// The tokens of accounts that sign in by OAuth.
    pub credentials: credentials::Credentials,
    /// AWS keys of accounts that use what the environment gives.
    pub aws: Arc<upstream::AwsChain>,
    /// Prices before the operator's own.
    pub prices: PriceSource,
    /// The operator's own proxies in front of the relay.
    pub trusted_hops: TrustedHops,
    /// What `GET /admin/system` tells of this installation.
    pub system: SystemSource,
    /// The settings of the start.
    pub settings: Vec<SettingInForce>,
    /// See [`PasswordHook`].
    pub on_password_changed: PasswordHook,
    /// Requests that change something run here, so that they end also when their clients have gone. Whoever closes the store
    /// waits for them first.
    pub tasks: TaskTracker,
}

/// The state with what belongs to it in memory.
pub(crate) struct Plane {
    pub(crate) given: AdminState,
    pub(crate) tokens: TokenKeys,
    pub(crate) throttle: Throttle,
    pub(crate) passwords: PasswordChecks,
    pub(crate) rankings: KeptRankings,
}

/// What every operation is given.
pub(crate) type Shared = Arc<Plane>;

impl Plane {
    pub(crate) fn new(given: AdminState) -> Self {
        let given = AdminState { store: audit::watched(given.store), ..given };
        let tokens = TokenKeys::new(&given.jwt_secret);
        let rankings = KeptRankings::new(Arc::clone(&given.store.rankings));
        Self { given, tokens, throttle: Throttle::for_passwords(), passwords: PasswordChecks::default(), rankings }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.given.clock.now()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.given.store
    }

    /// Tells the composition root that `admin` signs in with another name or password now.
    pub(crate) async fn tell_changed(&self, admin: Admin) {
        if let Err(error) = (self.given.on_password_changed)(admin).await {
            tracing::warn!(%error, "a changed name or password could not be written to data/init.json; it holds all the same");
        }
    }
}

/// A UUID, version 7, of this instant.
pub(crate) fn fresh_uuid(now: Timestamp) -> uuid::Uuid {
    let ms = u64::try_from(now.as_ms()).unwrap_or(0);
    let nanos = u32::try_from(ms % 1000 * 1_000_000).expect("less than a second");
    uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1000, nanos))
}
