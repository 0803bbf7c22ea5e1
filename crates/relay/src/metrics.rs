//! What the data plane counts. Labels come from closed sets, so that their number is bounded.

use domain::{Attempt, AttemptKind, Dialect, MODEL_OTHER, Outcome, UsageSource};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use protocol::Refusal;
use std::{fmt::Write, time::Duration};

/// Upper ends of the classes of durations, in seconds: from a cached answer to an hour of thinking.
const SECONDS: [f64; 13] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0];

/// The counters of the data plane.
#[derive(Debug)]
pub struct RelayMetrics {
    attempts: Family<AttemptLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    cost_nanos: Counter,
    estimated: Counter,
    unpriced: Counter,
    duration_seconds: Histogram,
    first_byte_seconds: Histogram,
    /// Streams that clients are receiving.
    pub(crate) streams_open: Gauge,
    /// WebSockets of clients.
    pub(crate) sockets_open: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    kind: Name,
    platform: Name,
    outcome: Name,
    failure: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenLabels {
    class: Name,
}

/// A name out of a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(&'static str);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0)
    }
}

impl RelayMetrics {
    /// Counters at zero, listed in `registry`.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            refusals: Family::default(),
            tokens: Family::default(),
            cost_nanos: Counter::default(),
            estimated: Counter::default(),
            unpriced: Counter::default(),
            duration_seconds: Histogram::new(SECONDS),
            first_byte_seconds: Histogram::new(SECONDS),
            streams_open: Gauge::default(),
            sockets_open: Gauge::default(),
        };
        registry.register("attempts", "Settled attempts, by how they ended", metrics.attempts.clone());
        registry.register("refusals", "Requests that the relay itself refused, by status", metrics.refusals.clone());
        registry.register("tokens", "Tokens in the books, by price class", metrics.tokens.clone());
        registry.register(
            "cost_nanodollars",
            "Cost in the books at list price, in 1e-9 USD",
            metrics.cost_nanos.clone(),
        );
        registry.register("usage_estimated", "Attempts whose usage had to be estimated", metrics.estimated.clone());
        registry.register(
            "model_unpriced",
            "Attempts with a model that has no price of its own",
            metrics.unpriced.clone(),
        );
        let help = "Time from an attempt's beginning to its settlement";
        registry.register_with_unit("attempt_duration", help, Unit::Seconds, metrics.duration_seconds.clone());
        let help = "Time from an attempt's beginning to the first byte of content";
        registry.register_with_unit("attempt_first_byte", help, Unit::Seconds, metrics.first_byte_seconds.clone());
        registry.register("streams_open", "Streams that clients are receiving", metrics.streams_open.clone());
        registry.register("websockets_open", "WebSockets that clients hold", metrics.sockets_open.clone());
        metrics
    }

    pub(crate) fn settled(&self, record: &Attempt, duration: Duration) {
        let labels = AttemptLabels {
            kind: Name(record.kind.as_str()),
            platform: Name(record.platform.map_or("none", |platform| platform.as_str())),
            outcome: Name(record.outcome.as_str()),
            failure: Name(record.failure.map_or("none", |failure| failure.as_str())),
        };
        self.attempts.get_or_create(&labels).inc();
        self.duration_seconds.observe(duration.as_secs_f64());
        if let Some(ms) = record.first_byte_ms {
            self.first_byte_seconds.observe(f64::from(ms) / 1000.0);
        }
        if matches!(record.kind, AttemptKind::Message | AttemptKind::Embeddings) {
            self.count_usage(record);
        }
    }

    pub(crate) fn refused(&self, refusal: &Refusal, dialect: Dialect) {
        let status = refusal.status(dialect);
        self.refusals.get_or_create(&RefusalLabels { status }).inc();
    }

    fn count_usage(&self, record: &Attempt) {
        let usage = &record.usage;
        for (class, tokens) in [
            ("input", usage.input),
            ("output", usage.output),
            ("cache_write_5m", usage.cache_write_5m),
            ("cache_write_1h", usage.cache_write_1h),
            ("cache_read", usage.cache_read),
        ] {
            if tokens > 0 {
                self.tokens.get_or_create(&TokenLabels { class: Name(class) }).inc_by(tokens);
            }
        }
        self.cost_nanos.inc_by(u64::try_from(record.cost.0).unwrap_or(0));
        self.estimated.inc_by(u64::from(record.usage_source == UsageSource::Estimated));
        let is_priced_as_other = record.outcome == Outcome::Completed && &*record.model == MODEL_OTHER;
        self.unpriced.inc_by(u64::from(is_priced_as_other));
    }
}
