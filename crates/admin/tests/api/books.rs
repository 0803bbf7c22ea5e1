//! A journal that delivers at once, in order, and an attempt for the books.

use admin::{Books, HookError, OpenAttempt};
use domain::{
    AccountId, Attempt, AttemptKind, Calendar, Dialect, KeyId, NanoUsd, Outcome, Platform, RequestId, Timestamp,
    TokenUsage, UsageSource,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{Batch, Epoch, Ledger};

/// Writes what is closed straight into the ledger.
pub(crate) struct TestBooks(Arc<Inner>);

struct Inner {
    ledger: Arc<dyn Ledger>,
    applied: AtomicU64,
}

struct Opened(Arc<Inner>);

impl TestBooks {
    pub(crate) fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self(Arc::new(Inner { ledger, applied: AtomicU64::new(0) }))
    }
}

#[async_trait::async_trait]
impl Books for TestBooks {
    async fn open(&self, attempt: &Attempt) -> Result<Box<dyn OpenAttempt>, HookError> {
        assert_eq!(attempt.outcome, Outcome::Crashed, "until it ends, an attempt is what a crash would leave");
        Ok(Box::new(Opened(Arc::clone(&self.0))))
    }

    async fn delivered(&self) {}

    fn waiting(&self) -> u64 {
        0
    }
}

#[async_trait::async_trait]
impl OpenAttempt for Opened {
    async fn close(self: Box<Self>, attempt: Attempt) -> Result<(), HookError> {
        let number = self.0.applied.fetch_add(1, Ordering::SeqCst) + 1;
        let batch = Batch { epoch: Epoch("tests".into()), number, attempts: vec![attempt] };
        self.0.ledger.apply(&batch).await?;
        Ok(())
    }
}

/// A completed message that cost 1,250,000 nano-dollars.
pub(crate) fn message(request: &str, key: &str, account: &str, admitted_at: Timestamp) -> Attempt {
    Attempt {
        request_id: RequestId::parse(request).expect("an id"),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::Message,
        key: KeyId::parse(key).ok(),
        user: None,
        account: AccountId::parse(account).ok(),
        platform: Some(Platform::ClaudeConsole),
        dialect: Dialect::Anthropic,
        model: "claude-opus-5".into(),
        model_requested: "claude-opus-5".into(),
        model_upstream: "claude-opus-5".into(),
        streamed: true,
        admitted_at,
        hour: Calendar::utc().hour(admitted_at),
        started_at: admitted_at,
        ended_at: admitted_at.plus(std::time::Duration::from_millis(1500)),
        first_byte_ms: Some(300),
        outcome: Outcome::Completed,
        failure: None,
        status: Some(200),
        usage: TokenUsage { input: 10, output: 5, cache_write_5m: 3, cache_write_1h: 2, cache_read: 1 },
        usage_source: UsageSource::Reported,
        cost: NanoUsd(1_250_000),
        cost_rated: NanoUsd(1_250_000),
        price: "embedded-2026-11/claude-opus-5@always>0".into(),
        client: "claude-cli/2.0".into(),
        upstream_request_id: "req_1".into(),
        note: "".into(),
    }
}
