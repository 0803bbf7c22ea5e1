//! `/health` and `/metrics`: whether the relay lives, whether it may be sent work, and what it counts.

use crate::{
    front::text,
    store_engine::OpenStore,
    telemetry::{Output, Telemetry},
};
use bytes::Bytes;
use domain::Timestamp;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use journal::Journal;
use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode,
    metrics::{family::Family as Labelled, gauge::Gauge},
    registry::Registry,
};
use relay::Relay;
use secrecy::{ExposeSecret, SecretString};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use store::{Clock, Family, Records};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// How long the store may take to answer before the relay counts as not ready.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// Headers that a proxy puts on a request: what comes through one does not come from this machine.
const FORWARDED: [&str; 8] = [
    "cf-connecting-ip",
    "forwarded",
    "true-client-ip",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

/// What the two pages are made of.
pub(crate) struct Vitals {
    pub(crate) started_at: Timestamp,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) records: Arc<dyn Records>,
    pub(crate) engine: Arc<OpenStore>,
    pub(crate) journal: Journal,
    pub(crate) relay: Arc<Relay>,
    pub(crate) stopping: CancellationToken,
    pub(crate) metrics_token: Option<SecretString>,
    pub(crate) metrics: Metrics,
    pub(crate) telemetry: Telemetry,
}

/// The registry, and the gauges that are read when it is asked.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    buffer_bytes_free: Gauge,
    accounts: Gauge,
    accounts_cooling: Gauge,
    journal_open: Gauge,
    journal_undelivered: Gauge,
    store_round_trips: Gauge,
    log_lines_dropped: Labelled<[(&'static str, &'static str); 1], Gauge>,
}

impl Metrics {
    /// The registry that everything else is listed in.
    pub(crate) fn new(mut registry: Registry) -> Self {
        let log_lines_dropped = Labelled::default();
        let help = "Log lines that did not fit in memory or could not be written";
        registry.register("log_lines_dropped", help, Labelled::clone(&log_lines_dropped));
        let mut gauge = |name, help| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            buffer_bytes_free: gauge("buffer_bytes_free", "Memory for bodies that no request holds, in bytes"),
            accounts: gauge("accounts", "Accounts that can be used"),
            accounts_cooling: gauge("accounts_cooling", "Accounts that cool down"),
            journal_open: gauge("journal_open", "Attempts that are under way"),
            journal_undelivered: gauge("journal_undelivered", "Records that are not yet in the ledger"),
            store_round_trips: gauge(
                "store_round_trips",
                "Times that a request or a person has waited for Redis since the start",
            ),
            log_lines_dropped,
            registry: Mutex::new(registry),
        }
    }
}

impl Vitals {
    /// The answer, if the path is one of these pages.
    pub(crate) async fn answer<B>(&self, request: &Request<B>, peer: SocketAddr) -> Option<Response<Bytes>> {
        let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
        match request.uri().path() {
            "/health" | "/health/ready" if is_read => Some(self.health().await),
            "/health/live" if is_read => Some(text(StatusCode::OK, "live\n")),
            "/metrics" if is_read && self.may_read_metrics(request, peer) => Some(self.metrics_page()),
            "/metrics" if is_read => {
                Some(text(StatusCode::FORBIDDEN, "Metrics are for this machine, or for who has the token.\n"))
            }
            _ => None,
        }
    }

    async fn health(&self) -> Response<Bytes> {
        let reading = self.records.count(Family::Setting, &[]);
        let store = matches!(tokio::time::timeout(STORE_TIMEOUT, reading).await, Ok(Ok(_)));
        let journal = self.journal.lag().available;
        let stopping = self.stopping.is_cancelled();
        let ready = store && journal && !stopping;
        let word = |ok| if ok { "ok" } else { "failing" };
        let document = serde_json::json!({
            "status": if ready { "healthy" } else { "unhealthy" },
            "live": true,
            "ready": ready,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_seconds": self.clock.now().since(self.started_at).as_secs(),
            "components": { "store": word(store), "journal": word(journal) },
            "stopping": stopping,
        });
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let mut response = text(status, format!("{document}\n"));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// With a token configured, who has it; else only who comes from this machine, and not through a proxy on it.
    fn may_read_metrics<B>(&self, request: &Request<B>, peer: SocketAddr) -> bool {
        let headers = request.headers();
        match &self.metrics_token {
            None => peer.ip().to_canonical().is_loopback() && !FORWARDED.iter().any(|name| headers.contains_key(*name)),
            Some(token) => {
                let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
                let (scheme, given) = given.split_at_checked(b"Bearer ".len()).unwrap_or_default();
                if !scheme.eq_ignore_ascii_case(b"Bearer ") {
                    return false;
                }
                given.ct_eq(token.expose_secret().as_bytes()).into()
            }
        }
    }

    fn metrics_page(&self) -> Response<Bytes> {
        let metrics = &self.metrics;
        let (lag, (accounts, cooling)) = (self.journal.lag(), self.relay.account_counts());
        for (gauge, value) in [
            (&metrics.buffer_bytes_free, self.relay.buffer_bytes_free()),
            (&metrics.accounts, accounts as u64),
            (&metrics.accounts_cooling, cooling as u64),
            (&metrics.journal_open, lag.open as u64),
            (&metrics.journal_undelivered, lag.undelivered),
            (&metrics.store_round_trips, self.engine.round_trips()),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        for output in Output::ALL {
            let dropped = i64::try_from(self.telemetry.dropped_lines(output)).unwrap_or(i64::MAX);
            metrics.log_lines_dropped.get_or_create(&[("output", output.as_str())]).set(dropped);
        }
        let mut page = String::new();
        encode(&mut page, &metrics.registry.lock()).expect("a String takes all that is written to it");
        let mut response = text(StatusCode::OK, page);
        let content_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }
}
