//! One upstream attempt, from its opening in the journal to its one settlement. Whatever is dropped, it settles.

use crate::{
    admit::Admission,
    directory::Seat,
    read::maker_s_name,
    relay::Relay,
    select::{Assignment, Lease, wanted},
    serve::answered_in,
};
use accounting::{PriceTraits, Pricing};
use domain::{
    ApiKey, Attempt, AttemptKind, FailureKind, Hour, MODEL_OTHER, Multiplier, NanoUsd, Outcome, Platform, TokenUsage,
    UsageSource, client_text,
};
use http::{HeaderMap, header};
use journal::{AttemptSlot, Written};
use protocol::{Answer, BYTES_PER_TOKEN, Reading, Tariff};
use scheduling::{Failure, cooldown_after};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Whether the client's answer comes from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finality {
    /// It does.
    Final,
    /// Another attempt follows.
    Superseded,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settlement {
    pub(crate) outcome: Outcome,
    pub(crate) failure: Option<FailureKind>,
    pub(crate) reading: Option<Reading>,
    pub(crate) finality: Finality,
}

/// An attempt that is owed a settlement. Dropping it settles it as far as is known.
pub(crate) struct OpenAttempt {
    relay: Arc<Relay>,
    owed: Option<Box<Owed>>,
    /// The account.
    pub(crate) seat: Arc<Seat>,
    key: Arc<ApiKey>,
    _lease: Option<Arc<Lease>>,
    asked: Tariff,
    /// Bytes of the request, once it was sent upstream.
    sent_bytes: Option<usize>,
    began: Instant,
}

struct Owed {
    slot: AttemptSlot,
    record: Attempt,
}

impl OpenAttempt {
    /// Opens attempt `number` in the journal. Nothing was sent upstream before.
    pub(crate) fn begin(
        relay: Arc<Relay>,
        mut slot: AttemptSlot,
        admission: &Admission,
        assignment: Assignment,
        number: u8,
    ) -> Self {
        let mut record = record(&relay, admission, number);
        let account = &assignment.seat.account;
        record.account = Some(account.id.clone());
        record.platform = Some(account.platform());
        record.model_upstream = upstream_model(admission, account).into();
        record.note = assignment.note;
        slot.open(&record);
        let asked = admission.inbound.scan.as_ref().map(|scan| scan.tariff.clone()).unwrap_or_default();
        let owed = Some(Box::new(Owed { slot, record }));
        Self {
            relay,
            owed,
            seat: assignment.seat,
            key: Arc::clone(&admission.inbound.key),
            _lease: assignment.lease,
            asked,
            sent_bytes: None,
            began: Instant::now(),
        }
    }

    /// Notes that the request goes upstream: from here on it may cost.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent_bytes = Some(bytes);
    }

    /// Notes the head of the upstream's answer.
    pub(crate) fn answered(&mut self, status: u16, headers: &HeaderMap) {
        self.relay.health.answered(&self.seat, headers, self.relay.clock.now());
        if let Some(owed) = &mut self.owed {
            owed.record.status = Some(status);
            let id = ["request-id", "x-request-id", "x-amzn-requestid", "apim-request-id"]
                .iter()
                .find_map(|name| headers.get(*name));
            owed.record.upstream_request_id = client_text(id.and_then(|id| id.to_str().ok()).unwrap_or_default());
        }
    }

    /// Notes the first byte of upstream content.
    pub(crate) fn first_byte(&mut self) {
        let elapsed = whole_ms(self.began.elapsed());
        if let Some(owed) = &mut self.owed {
            owed.record.first_byte_ms.get_or_insert(u32::try_from(elapsed).unwrap_or(u32::MAX));
        }
    }

    /// What the failure does to the account. Once per failed attempt, whoever settles it.
    pub(crate) fn blame(&self, failure: &Failure) {
        let relay = &self.relay;
        if let Some(cooldown) = cooldown_after(failure, &relay.settings.cooldowns, relay.clock.now()) {
            relay.health.cooled_down(&self.seat, cooldown);
        }
    }

    /// Settles, once: prices the usage and closes the record. What is returned resolves when the record is safe.
    pub(crate) fn settle(mut self, settlement: &Settlement) -> Option<Written> {
        self.close(settlement)
    }

    fn close(&mut self, settlement: &Settlement) -> Option<Written> {
        let Owed { slot, mut record } = *self.owed.take()?;
        let reading = settlement.reading.as_ref();
        record.outcome = settlement.outcome;
        record.failure = settlement.failure;
        record.is_final = settlement.finality == Finality::Final;
        record.ended_at = record.started_at.plus(self.began.elapsed());
        record.usage = reading.map_or(TokenUsage::ZERO, |reading| self.usage(reading));
        record.usage_source = reading.map_or(UsageSource::None, |reading| reading.source);
        self.price(&mut record, reading.map(|reading| &reading.answer));
        if settlement.outcome == Outcome::Completed {
            self.relay.health.served(&self.seat);
        }
        self.relay.metrics.settled(&record, self.began.elapsed());
        log(&record);
        Some(slot.close(&record))
    }

    /// What was used. Where a stream was cut before its upstream told what it had read, that is estimated by the request.
    fn usage(&self, reading: &Reading) -> TokenUsage {
        let usage = reading.usage;
        let is_read_unknown = TokenUsage { output: 0, ..usage } == TokenUsage::ZERO && usage.output > 0;
        match self.sent_bytes {
            Some(bytes) if is_read_unknown && reading.source == UsageSource::Estimated => {
                TokenUsage { output: usage.output, ..estimate(bytes).usage }
            }
            Some(_) | None => usage,
        }
    }

    fn price(&self, record: &mut Attempt, answer: Option<&Answer>) {
        if !matches!(record.kind, AttemptKind::Message | AttemptKind::Embeddings) {
            (record.usage, record.usage_source) = (TokenUsage::ZERO, UsageSource::None);
            return;
        }
        let told = answer.map(|answer| &answer.tariff);
        let either = |field: fn(&Tariff) -> &Option<String>| {
            told.and_then(|tariff| field(tariff).as_deref()).or(field(&self.asked).as_deref())
        };
        let traits = PriceTraits {
            service_tier: either(|tariff| &tariff.service_tier),
            speed: either(|tariff| &tariff.speed),
            inference_geo: either(|tariff| &tariff.inference_geo),
        };
        // What a model costs that the table does not know, its maker says: whose account answered, not how the client asked.
        let dialect = answered_in(self.seat.account.platform(), record.dialect);
        let (day, usage) = (record.hour.day(), &record.usage);
        let served = Pricing { model: &record.model_upstream, dialect, day, usage, traits };
        let priced = self.relay.prices.current().price_mapped(&served, wanted(&record.model_requested).1);
        if &*record.model == MODEL_OTHER {
            record.model = priced.model_key;
        }
        record.cost = priced.cost;
        let times = self.relay.rates.of(self.seat.account.platform(), &self.key.rate_multipliers);
        record.cost_rated = times.of(priced.cost);
        record.price = if times == Multiplier::ONE { priced.price } else { format!("{}~{times}", priced.price).into() };
    }
}

impl Drop for OpenAttempt {
    fn drop(&mut self) {
        let settlement = Settlement {
            outcome: Outcome::Abandoned,
            failure: None,
            reading: self.sent_bytes.map(estimate),
            finality: Finality::Final,
        };
        if self.close(&settlement).is_some() {
            tracing::debug!(account.id = %self.seat.account.id, "an attempt was dropped before its end");
        }
    }
}

/// What a request cost of which no number ever came: its own bytes as input, and no output.
fn estimate(sent_bytes: usize) -> Reading {
    let input = (sent_bytes as u64).div_ceil(BYTES_PER_TOKEN);
    let usage = TokenUsage { input, ..TokenUsage::ZERO };
    Reading { usage, source: UsageSource::Estimated, answer: Answer::default() }
}

/// The record of a request that came to no attempt.
pub(crate) fn settle_unserved(relay: &Relay, slot: AttemptSlot, admission: &Admission, reasons: &str) -> Written {
    let mut record = record(relay, admission, 0);
    record.outcome = if admission.presence.has_left() { Outcome::Abandoned } else { Outcome::Refused };
    record.failure = Some(FailureKind::NoAccount);
    record.is_final = true;
    record.ended_at = relay.clock.now();
    record.note = client_text(reasons);
    relay.metrics.settled(&record, record.ended_at.since(record.started_at));
    log(&record);
    slot.close(&record)
}

/// The record as it would read if the process died now.
fn record(relay: &Relay, admission: &Admission, number: u8) -> Attempt {
    let inbound = &admission.inbound;
    let requested = inbound.scan.as_ref().map_or("", |scan| scan.model.as_str());
    let now = relay.clock.now();
    Attempt {
        request_id: inbound.id.clone(),
        attempt_no: number,
        is_final: true,
        kind: inbound.call.operation.kind(),
        key: Some(inbound.key.id.clone()),
        user: inbound.key.owner.clone(),
        account: None,
        platform: None,
        dialect: inbound.call.operation.dialect(),
        model: relay.prices.model_key(wanted(requested).1),
        model_requested: client_text(requested),
        model_upstream: Arc::default(),
        streamed: inbound.wants_stream(),
        admitted_at: inbound.at,
        hour: hour(relay, inbound.at),
        started_at: now,
        ended_at: now,
        first_byte_ms: None,
        outcome: Outcome::Crashed,
        failure: None,
        status: None,
        usage: TokenUsage::ZERO,
        usage_source: UsageSource::None,
        cost: NanoUsd::ZERO,
        cost_rated: NanoUsd::ZERO,
        price: Arc::default(),
        client: client_text(header_text(&inbound.head.headers, &header::USER_AGENT)),
        upstream_request_id: Arc::default(),
        note: Arc::default(),
    }
}

fn hour(relay: &Relay, at: domain::Timestamp) -> Hour {
    relay.calendar.at(at).hour(at)
}

/// The model as `account` is asked for it.
pub(crate) fn upstream_model(admission: &Admission, account: &domain::Account) -> String {
    let inbound = &admission.inbound;
    let (_, requested) = wanted(inbound.scan.as_ref().map_or("", |scan| scan.model.as_str()));
    let model = account.upstream_model(requested);
    // Clients of Bedrock ask by its names, which no other API knows.
    let is_bedrock_s = inbound.call.is_bedrock && model == requested && account.platform() != Platform::Bedrock;
    if is_bedrock_s { maker_s_name(model) } else { model }.to_owned()
}

fn header_text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// One line per attempt, with the field names of the books.
fn log(record: &Attempt) {
    tracing::info!(
        request.id = %record.request_id,
        attempt = record.attempt_no,
        kind = %record.kind,
        key.id = record.key.as_ref().map(domain::KeyId::as_str),
        account.id = record.account.as_ref().map(domain::AccountId::as_str),
        model = &*record.model,
        outcome = %record.outcome,
        failure = record.failure.map(FailureKind::as_str),
        status = record.status,
        tokens = record.usage.total(),
        cost_usd = %record.cost,
        first_byte_ms = record.first_byte_ms,
        duration_ms = whole_ms(record.ended_at.since(record.started_at)),
        "{}",
        if &*record.model == MODEL_OTHER && record.kind == AttemptKind::Message { "settled; the model has no price of its own" } else { "settled" },
    );
}
