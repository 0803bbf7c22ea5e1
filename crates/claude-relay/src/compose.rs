//! The one file that names every part: which engine, which clock, which settings go where. What the parts do stands in them.

use crate::{
    books::JournalBooks,
    cli::CommandError,
    config::{self, InForce, Loaded, Retention, Settings},
    data_dir::{DataDir, LockedDataDir},
    first_start::{self, KeyChecked, Prepared},
    front::Front,
    store_engine::OpenStore,
    telemetry::Telemetry,
    vitals::{Metrics, Vitals},
    zone,
};
use accounting::{PriceFile, PriceTable, Source};
use admin::{AdminState, SettingInForce, SystemFacts, TrustedHops};
use axum::Router;
use credentials::Credentials;
use domain::{Account, CalendarSchedule, Timestamp};
use journal::{Delivery, Journal, JournalOptions};
use prometheus_client::registry::Registry;
use relay::{Relay, RelayMetrics, RelaySettings, UpstreamSockets, WhenOut};
use scheduling::CooldownRules;
use std::{sync::Arc, time::Duration};
use store::{Clock, RecordError, Store, nouns::KeyCheckRecord, records::TypedRecords};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use upstream::{AwsChain, AwsVariables, Client, Timeouts, oauth::Calls};
use vault::{JwtSecret, Keyring};

/// Attempts open at once: as many as connections that the listener takes.
const ATTEMPTS_OPEN_MAX: usize = 16_384;

/// The journal's file at most: ten million attempts that the ledger did not take.
const JOURNAL_BYTES_MAX: u64 = 4 << 30;

/// How long the last records may take to reach the ledger when the relay stops; what is left is delivered by the next start.
const LAST_DELIVERY_MAX: Duration = Duration::from_secs(5);

/// How long changes of the control plane that have begun may take when the relay stops: they take milliseconds, but for the test
/// of an account, which is given up.
const LAST_CHANGES_MAX: Duration = Duration::from_secs(5);

/// How long refreshes of tokens that have begun may take when the relay stops: a provider answers within a second or two, and an answer
/// that is not waited for may cost the account a new sign-in.
const LAST_REFRESHES_MAX: Duration = Duration::from_secs(15);

/// A composed relay: what answers, and what must be ended in order.
pub(crate) struct House {
    pub(crate) front: Arc<Front>,
    /// The control plane for the operator on this machine.
    pub(crate) operator: Router,
    relay: Arc<Relay>,
    cellar: Cellar,
}

/// The control plane alone, for one command on a directory that no server works in.
pub(crate) struct Office {
    /// The control plane for the operator on this machine.
    pub(crate) operator: Router,
    cellar: Cellar,
}

/// What must be ended last: the records' way to the store, and the store.
struct Cellar {
    journal: Journal,
    engine: Arc<OpenStore>,
    tasks: TaskTracker,
    stop_tasks: CancellationToken,
    /// Requests of the control plane that change something.
    changes: TaskTracker,
    credentials: Credentials,
}

/// What a start knows when it composes.
pub(crate) struct Ground<'a> {
    pub(crate) dir: &'a LockedDataDir,
    pub(crate) loaded: &'a Loaded,
    pub(crate) engine: OpenStore,
    pub(crate) prepared: Prepared,
    pub(crate) node_clock: Arc<dyn Clock>,
}

/// Puts everything together.
pub(crate) async fn compose(
    ground: Ground<'_>,
    telemetry: Telemetry,
    stopping: CancellationToken,
) -> Result<House, CommandError> {
    let (settings, engine) = (&ground.loaded.settings, Arc::new(ground.engine));
    let clock = engine.clock(ground.node_clock);
    let now = clock.now();
    let store = check_store(ground.dir, &engine, &ground.prepared, now).await?;
    let calendar = zone::schedule(&settings.books.calendar, &*store.records, now).await?;
    let shared = share(ground.dir, settings, &engine, &ground.prepared, (store, clock, calendar))?;
    let mut registry = Registry::with_prefix("claude_relay");
    let relay = start_relay(&shared, settings, &mut registry, stopping.clone()).await?;
    let jwt_secret = ground.prepared.secrets.jwt_secret;
    let admin = admin::router(admin_state(ground.dir.dir(), ground.loaded, &shared, jwt_secret, &engine));
    let vitals = Vitals {
        started_at: now,
        clock: Arc::clone(&shared.clock),
        records: Arc::clone(&shared.store.records),
        engine: Arc::clone(&engine),
        journal: shared.journal.clone(),
        relay: Arc::clone(&relay),
        stopping,
        metrics_token: settings.metrics.token.clone(),
        metrics: Metrics::new(registry),
        telemetry: telemetry.clone(),
    };
    let cellar = Cellar::open(&shared, engine);
    start_cleanup(&shared, settings, &cellar);
    cellar.tasks.spawn(cellar.stop_tasks.clone().run_until_cancelled_owned(shared.credentials.clone().keep_fresh()));
    let http_debug = telemetry.http_debug().cloned();
    let operator = admin::for_local_operator(admin.clone());
    let front = Arc::new(Front { relay: Arc::clone(&relay), admin, vitals, http_debug });
    Ok(House { front, operator, relay, cellar })
}

/// Puts the control plane together, and nothing that serves clients. The settings of this process may be another shell's: the
/// time zone of the books stays as it is.
pub(crate) async fn compose_office(ground: Ground<'_>) -> Result<Office, CommandError> {
    let (settings, engine) = (&ground.loaded.settings, Arc::new(ground.engine));
    let clock = engine.clock(ground.node_clock);
    let store = check_store(ground.dir, &engine, &ground.prepared, clock.now()).await?;
    let calendar = zone::read(&settings.books.calendar, &*store.records).await?;
    let shared = share(ground.dir, settings, &engine, &ground.prepared, (store, clock, calendar))?;
    let jwt_secret = ground.prepared.secrets.jwt_secret;
    let admin = admin::router(admin_state(ground.dir.dir(), ground.loaded, &shared, jwt_secret, &engine));
    Ok(Office { operator: admin::for_local_operator(admin), cellar: Cellar::open(&shared, engine) })
}

/// What both planes are given.
struct Shared {
    store: Store,
    journal: Journal,
    client: Client,
    clock: Arc<dyn Clock>,
    keyring: Arc<Keyring>,
    credentials: Credentials,
    aws: Arc<AwsChain>,
    prices: Arc<PriceTable>,
    calendar: CalendarSchedule,
    /// Requests of the control plane that change something.
    changes: TaskTracker,
}

fn share(
    dir: &LockedDataDir,
    settings: &Settings,
    engine: &OpenStore,
    prepared: &Prepared,
    (store, clock, calendar): (Store, Arc<dyn Clock>, CalendarSchedule),
) -> Result<Shared, CommandError> {
    let (client, keyring) = (client(settings), Arc::new(prepared.secrets.keyring()));
    Ok(Shared {
        journal: open_journal(dir.dir(), engine)?,
        credentials: open_credentials(&store, &clock, &keyring, &client),
        aws: Arc::new(AwsChain::new(&client, aws_variables())),
        client,
        keyring,
        prices: Arc::new(price_table(settings)?),
        store,
        clock,
        calendar,
        changes: TaskTracker::new(),
    })
}

async fn start_relay(
    shared: &Shared,
    settings: &Settings,
    registry: &mut Registry,
    leaving: CancellationToken,
) -> Result<Arc<Relay>, CommandError> {
    let parts = relay::Parts {
        store: shared.store.clone(),
        journal: shared.journal.clone(),
        client: shared.client.clone(),
        credentials: shared.credentials.clone(),
        aws: Arc::clone(&shared.aws),
        clock: Arc::clone(&shared.clock),
        keyring: Arc::clone(&shared.keyring),
        prices: Arc::clone(&shared.prices),
        calendar: shared.calendar.clone(),
        settings: relay_settings(settings),
        metrics: Arc::new(RelayMetrics::new(registry)),
        leaving,
    };
    Ok(Relay::start(parts).await?)
}

/// AWS's own variables, for accounts that use what the environment gives: the names are AWS's, and so is their meaning.
#[expect(clippy::disallowed_methods, reason = "no settings of the relay: what AWS's programs read on this machine")]
fn aws_variables() -> AwsVariables {
    AwsVariables::read(|name| std::env::var(name).ok())
}

fn open_credentials(store: &Store, clock: &Arc<dyn Clock>, keyring: &Arc<Keyring>, client: &Client) -> Credentials {
    let (client, opened_with) = (client.clone(), Arc::clone(keyring));
    // An account's tokens take the way that its calls take.
    let way = move |account: &Account| -> Result<Arc<dyn Calls>, String> {
        let proxy = credentials::proxy_of(account, &opened_with)?;
        Ok(Arc::new(client.line(proxy.as_ref())))
    };
    Credentials::new(credentials::Parts {
        store: store.clone(),
        clock: Arc::clone(clock),
        keyring: Arc::clone(keyring),
        ways: Arc::new(way),
        node: uuid::Uuid::now_v7().to_string(),
    })
}

fn open_journal(dir: &DataDir, engine: &OpenStore) -> Result<Journal, CommandError> {
    Ok(Journal::open(&JournalOptions {
        path: dir.path().join("journal.db"),
        slots_max: ATTEMPTS_OPEN_MAX,
        kept_delivered: engine.kept_delivered(),
        bytes_max: JOURNAL_BYTES_MAX,
    })?)
}

fn client(settings: &Settings) -> Client {
    Client::new(Timeouts { connect: settings.upstream.connect_timeout, head: settings.upstream.answer_timeout })
}

fn admin_state(
    dir: &DataDir,
    loaded: &Loaded,
    shared: &Shared,
    jwt_secret: JwtSecret,
    engine: &Arc<OpenStore>,
) -> AdminState {
    let settings = &loaded.settings;
    AdminState {
        store: shared.store.clone(),
        clock: Arc::clone(&shared.clock),
        keyring: Arc::clone(&shared.keyring),
        jwt_secret,
        session_lifetime: settings.admin.session_lifetime,
        calendar: calendar_source(&shared.calendar, &shared.clock),
        retention_days: retention_days(settings.books.retention),
        key_prefix: settings.api_key_prefix.clone(),
        books: Arc::new(JournalBooks(shared.journal.clone())),
        upstream: shared.client.clone(),
        credentials: shared.credentials.clone(),
        aws: Arc::clone(&shared.aws),
        prices: price_source(&shared.prices),
        trusted_hops: TrustedHops(settings.listen.trusted_hops),
        system: system_source(dir, engine, shared.clock.now()),
        settings: loaded.in_force.iter().map(setting_in_force).collect(),
        on_password_changed: password_hook(dir, &shared.store, &shared.clock),
        tasks: shared.changes.clone(),
    }
}

fn setting_in_force(setting: &InForce) -> SettingInForce {
    SettingInForce {
        name: setting.name.to_owned(),
        value: setting.value.clone(),
        source: setting.source.clone(),
        secret: setting.is_secret,
    }
}

fn start_cleanup(shared: &Shared, settings: &Settings, cellar: &Cellar) {
    let cleanup = jobs::Cleanup {
        store: shared.store.clone(),
        clock: Arc::clone(&shared.clock),
        calendar: shared.calendar.clone(),
        retention_days: retention_days(settings.books.retention),
        audit_days: retention_days(settings.audit.retention),
        node: uuid::Uuid::now_v7().to_string(),
    };
    cellar.tasks.spawn(cellar.stop_tasks.clone().run_until_cancelled_owned(cleanup.run()));
}

impl House {
    /// Ends everything in order: what clients set in motion, the last records, the files.
    pub(crate) async fn close(self, grace: Duration) {
        self.relay.stop(grace).await;
        self.cellar.close().await;
    }
}

impl Office {
    /// Ends everything in order: the last records, the files.
    pub(crate) async fn close(self) {
        self.cellar.close().await;
    }
}

impl Cellar {
    /// Begins to deliver what is journaled.
    fn open(shared: &Shared, engine: Arc<OpenStore>) -> Self {
        let (tasks, stop_tasks) = (TaskTracker::new(), CancellationToken::new());
        let (journal, ledger) = (shared.journal.clone(), Arc::clone(&shared.store.ledger));
        tasks.spawn(Delivery::run(journal.clone(), ledger, stop_tasks.clone().cancelled_owned()));
        let (changes, credentials) = (shared.changes.clone(), shared.credentials.clone());
        Self { journal, engine, tasks, stop_tasks, changes, credentials }
    }

    async fn close(self) {
        self.changes.close();
        if tokio::time::timeout(LAST_CHANGES_MAX, self.changes.wait()).await.is_err() {
            tracing::warn!("a change of the control plane did not end; the audit log has what is known of it");
        }
        if tokio::time::timeout(LAST_REFRESHES_MAX, self.credentials.stop()).await.is_err() {
            tracing::warn!("the refresh of a token did not end; the next start takes it up again");
        }
        if self.journal.delivered(LAST_DELIVERY_MAX).await.is_err() {
            tracing::warn!("some records are still in the journal; the next start delivers them");
        }
        self.stop_tasks.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.journal.close().await {
            tracing::error!(error = %error, "the journal could not be closed");
        }
        self.engine.shutdown().await;
    }
}

/// The ports, once the store is known to be the one that belongs here, its data opens, and it has the first administrator.
async fn check_store(
    dir: &LockedDataDir,
    engine: &OpenStore,
    prepared: &Prepared,
    now: Timestamp,
) -> Result<Store, CommandError> {
    let store = fitting_store(dir, engine, prepared, now).await?;
    if let Some(file) = &prepared.init_file {
        let take_over = async |store: &Store| first_start::take_over(file, &*store.records, now).await;
        admin::recorded(&store, now, "apply_init_file", take_over).await?;
    }
    Ok(store)
}

async fn fitting_store(
    dir: &LockedDataDir,
    engine: &OpenStore,
    prepared: &Prepared,
    now: Timestamp,
) -> Result<Store, CommandError> {
    dir.check_store(engine.identity())?;
    let store = engine.store();
    loop {
        let stored = store.records.read::<KeyCheckRecord>(KeyCheckRecord::ID).await?;
        let sealed = stored.as_ref().map(|stored| &stored.record.sealed);
        match first_start::check_key(&prepared.secrets, sealed, dir.dir().path().to_owned())? {
            KeyChecked::Fits => return Ok(store),
            KeyChecked::FitsPrevious => {
                tracing::warn!("the data is sealed with ENCRYPTION_KEY_PREVIOUS; it stays needed");
                return Ok(store);
            }
            KeyChecked::New(sealed) => {
                match store.records.add(&KeyCheckRecord { sealed, created_at: now }).await {
                    Ok(_) => return Ok(store),
                    // Another node was first: its key must fit.
                    Err(RecordError::Duplicate { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

fn price_table(settings: &Settings) -> Result<PriceTable, CommandError> {
    let table = PriceTable::embedded();
    let Some(path) = &settings.books.model_prices else { return Ok(table) };
    let cannot = |error: &dyn std::fmt::Display| format!("cannot use the price file {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    let file = PriceFile::parse(&text).map_err(|error| cannot(&error))?;
    for refused in &file.entries_refused {
        tracing::warn!(file = %path.display(), error = %refused, "an entry of the price file is left out");
    }
    Ok(table.with_overrides(Source::File, &file.models))
}

fn relay_settings(settings: &Settings) -> RelaySettings {
    let config::CooldownSettings {
        unavailable,
        upstream,
        overloaded,
        credential,
        timeout,
        rate_limit,
        quota,
        provider_max,
    } = settings.cooldowns;
    RelaySettings {
        body_bytes_max: settings.requests.bytes_max,
        buffer_bytes_max: settings.requests.buffered_bytes_max,
        buffer_wait_max: settings.requests.wait_max,
        body_timeout: settings.requests.body_timeout,
        attempts_max: settings.relay.attempts_max,
        stall_max: settings.upstream.stall_timeout,
        keepalive_every: settings.relay.keep_alive_every,
        drain_max: settings.relay.drain.time_max,
        upstream_sockets: if settings.upstream.websocket { UpstreamSockets::Tried } else { UpstreamSockets::Off },
        when_bound_is_out: if settings.relay.bound_keys_fall_back { WhenOut::FallBack } else { WhenOut::Refuse },
        sticky_ttl: settings.relay.sticky_ttl,
        drain_tokens_max: u64::from(settings.relay.drain.tokens_max),
        store_grace: settings.store.grace,
        trusted_hops: settings.listen.trusted_hops,
        retention_days: retention_days(settings.books.retention),
        cooldowns: CooldownRules {
            credential,
            rate_limit,
            overloaded,
            unavailable,
            upstream,
            timeout,
            quota,
            provider_max,
        },
    }
}

const fn retention_days(retention: Retention) -> Option<std::num::NonZeroU32> {
    match retention {
        Retention::Forever => None,
        Retention::Days(days) => Some(days),
    }
}

fn calendar_source(calendar: &CalendarSchedule, clock: &Arc<dyn Clock>) -> admin::CalendarSource {
    let (calendar, clock) = (calendar.clone(), Arc::clone(clock));
    Arc::new(move || calendar.at(clock.now()).clone())
}

fn price_source(table: &Arc<PriceTable>) -> admin::PriceSource {
    let table = Arc::clone(table);
    Arc::new(move || Arc::clone(&table))
}

fn password_hook(dir: &DataDir, store: &Store, clock: &Arc<dyn Clock>) -> admin::PasswordHook {
    let (dir, records, clock) = (dir.clone(), Arc::clone(&store.records), Arc::clone(clock));
    Arc::new(move |changed| {
        let (dir, records, clock) = (dir.clone(), Arc::clone(&records), Arc::clone(&clock));
        Box::pin(async move { Ok(first_start::write_back(&changed, &dir, &*records, clock.now()).await?) })
    })
}

fn system_source(dir: &DataDir, engine: &Arc<OpenStore>, started_at: Timestamp) -> admin::SystemSource {
    let (dir, engine) = (dir.clone(), Arc::clone(engine));
    Arc::new(move || SystemFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at,
        store_engine: engine.engine().to_owned(),
        schema_version: engine.schema_version(),
        store_id: engine.identity().store_id.to_owned(),
        store_warnings: engine.warnings(),
        files: engine.files(&dir),
    })
}
