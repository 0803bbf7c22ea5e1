//! Records, attempts and random numbers to test with.

use crate::{
    AffinityKey, LeaseId, Session,
    records::{Fields, Value},
    sessions::SessionSubject,
};
use domain::{
    AccountId, AdminId, Attempt, AttemptKind, Calendar, Cooldown, CooldownCause, CooldownScope, Dialect, FailureKind,
    KeyId, NanoUsd, Outcome, Platform, RequestId, SessionId, Timestamp, TokenUsage, UsageSource, UserId,
};

/// 2026-11-23T00:00:00Z, a Monday: an hour to start from.
pub(super) const START: Timestamp = Timestamp::from_ms(1_795_392_000_000);

/// A small generator of pseudo-random numbers (splitmix64, public domain): the same seed gives the same calls.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, which is not zero.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// One of `items`, which are not none.
    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let place = usize::try_from(self.below(items.len() as u64)).expect("a place in a slice");
        &items[place]
    }
}

/// `START` and so many milliseconds.
pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(START.as_ms() + ms)
}

pub(super) fn request(number: u64) -> RequestId {
    RequestId::parse(&format!("request-{number:06}")).expect("an id")
}

pub(super) fn key(number: u64) -> KeyId {
    KeyId::parse(&format!("key-{number}")).expect("an id")
}

pub(super) fn user(number: u64) -> UserId {
    UserId::parse(&format!("user-{number}")).expect("an id")
}

pub(super) fn account(number: u64) -> AccountId {
    AccountId::parse(&format!("account-{number}")).expect("an id")
}

pub(super) fn lease(number: u64) -> LeaseId {
    LeaseId(format!("request-{number}.1").into())
}

pub(super) fn affinity_key(number: u64) -> AffinityKey {
    AffinityKey::parse(&format!("{number:064x}")).expect("64 hex digits")
}

pub(super) fn admin(number: u64) -> SessionSubject {
    SessionSubject::Admin(AdminId::parse(&format!("admin-{number}")).expect("an id"))
}

pub(super) fn session(number: u64, subject: SessionSubject, ends_at: Timestamp) -> Session {
    Session {
        id: SessionId::parse(&format!("session-{number}")).expect("an id"),
        subject,
        created_at: at(i64::try_from(number).expect("a small number")),
        expires_at: ends_at,
        address: "192.0.2.7".to_owned(),
        user_agent: "a browser".to_owned(),
    }
}

pub(super) fn cooldown(scope: CooldownScope, until: Timestamp) -> Cooldown {
    Cooldown {
        scope,
        cause: CooldownCause::RateLimit,
        since: START,
        until,
        source: "retry-after".into(),
        status: Some(429),
    }
}

/// Fields of an API key; `hash` is unique.
pub(super) fn key_fields(name: &str, hash: &str) -> Fields {
    let fields = [("name", name), ("hash", hash), ("state", "active")];
    let texts = fields.map(|(column, text)| (column, Value::from(text)));
    texts.into_iter().chain([("created_at", Value::Integer(START.as_ms()))]).collect()
}

/// An attempt that a random request may have left: few keys, accounts and models, instants over four days, ties among them.
pub(super) fn attempt(number: u64, random: &mut Random) -> Attempt {
    let admitted_at = at(i64::try_from(random.below(4 * 24 * 60)).expect("minutes") * 60_000);
    let cost = NanoUsd(i128::from(random.below(5_000_000_000)));
    Attempt {
        request_id: request(number),
        attempt_no: u8::try_from(random.below(3)).expect("a small number"),
        is_final: random.below(4) > 0,
        kind: *random.one_of(AttemptKind::ALL),
        key: (random.below(8) > 0).then(|| key(random.below(3))),
        user: (random.below(2) > 0).then(|| user(random.below(2))),
        account: (random.below(8) > 0).then(|| account(random.below(3))),
        platform: (random.below(8) > 0).then(|| *random.one_of(&[Platform::ClaudeConsole, Platform::Ccr])),
        dialect: Dialect::Anthropic,
        model: (*random.one_of(&["claude-opus-5", "claude-haiku-5", "other"])).into(),
        model_requested: "claude-opus-5-20260901".into(),
        model_upstream: "glm-5".into(),
        streamed: random.below(2) > 0,
        admitted_at,
        hour: Calendar::utc().hour(admitted_at),
        started_at: admitted_at,
        ended_at: Timestamp::from_ms(admitted_at.as_ms() + 900),
        first_byte_ms: (random.below(2) > 0).then_some(120),
        outcome: *random.one_of(Outcome::ALL),
        failure: (random.below(2) > 0).then(|| *random.one_of(FailureKind::ALL)),
        status: (random.below(2) > 0).then_some(200),
        usage: TokenUsage {
            input: random.below(100_000),
            output: random.below(10_000),
            cache_write_5m: random.below(1000),
            cache_write_1h: random.below(1000),
            cache_read: random.below(200_000),
        },
        usage_source: *random.one_of(&[UsageSource::Reported, UsageSource::Estimated, UsageSource::None]),
        cost,
        cost_rated: NanoUsd(cost.0 + cost.0 / 10),
        price: "embedded/claude-opus-5@2026-09-01".into(),
        client: "claude-cli/2.0 (ü)".into(),
        upstream_request_id: "req_011".into(),
        note: "priority 50".into(),
    }
}

/// So many attempts by few keys over few accounts, numbered from `first` on.
#[must_use]
pub fn attempts(first: u64, count: u64, random: &mut Random) -> Vec<Attempt> {
    (first..first + count).map(|number| attempt(number, random)).collect()
}
