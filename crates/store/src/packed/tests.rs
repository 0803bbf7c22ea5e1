//! Every record comes back; nothing else does.

use super::{
    codes::{dialect, failure, kind, outcome, platform, source},
    *,
};
use domain::{
    AccountId, AttemptKind, Dialect, FailureKind, Hour, KeyId, NanoUsd, Outcome, Platform, RequestId, Timestamp,
    TokenUsage, UsageSource, UserId,
};
use proptest::{option, prelude::*, sample::select};
use std::sync::Arc;

fn usual() -> Attempt {
    Attempt {
        request_id: RequestId::parse("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b").expect("an id"),
        attempt_no: 1,
        is_final: true,
        kind: AttemptKind::Message,
        key: Some(KeyId::parse("0123456789abcdef0123456789abcdef").expect("an id")),
        user: None,
        account: Some(AccountId::parse("019a2b3c-0000-7f60-8a9b-0c1d2e3f4a5b").expect("an id")),
        platform: Some(Platform::ClaudeConsole),
        dialect: Dialect::Anthropic,
        model: "claude-opus-5".into(),
        model_requested: "claude-opus-5".into(),
        model_upstream: "claude-opus-5".into(),
        streamed: true,
        admitted_at: Timestamp::from_ms(1_795_427_400_123),
        hour: Hour::parse("2026-11-23T09").expect("an hour"),
        started_at: Timestamp::from_ms(1_795_427_400_125),
        ended_at: Timestamp::from_ms(1_795_427_409_125),
        first_byte_ms: Some(640),
        outcome: Outcome::Completed,
        failure: None,
        status: Some(200),
        usage: TokenUsage { input: 12, output: 3456, cache_write_5m: 789, cache_write_1h: 0, cache_read: 98_765 },
        usage_source: UsageSource::Reported,
        cost: NanoUsd(123_456_789),
        cost_rated: NanoUsd(123_456_789),
        price: "e/claude-opus-5@2026".into(),
        client: "claude-cli/2.1".into(),
        upstream_request_id: "".into(),
        note: "".into(),
    }
}

fn packed(attempt: &Attempt) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(attempt, &mut bytes);
    bytes
}

fn text() -> impl Strategy<Value = Arc<str>> {
    ".{0,40}".prop_map(Arc::from)
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_-]{1,64}",
        "[0-9a-f]{32}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}",
    ]
}

prop_compose! {
    fn identity()(
        request in id(), key in option::of(id()), user in option::of(id()), account in option::of(id()),
        attempt_no: u8, is_final: bool, streamed: bool,
        kind in select(AttemptKind::ALL), platform in option::of(select(Platform::ALL)), dialect in select(Dialect::ALL),
    ) -> Attempt {
        Attempt {
            request_id: RequestId::parse(&request).expect("an id"),
            key: key.map(|id| KeyId::parse(&id).expect("an id")),
            user: user.map(|id| UserId::parse(&id).expect("an id")),
            account: account.map(|id| AccountId::parse(&id).expect("an id")),
            attempt_no, is_final, streamed, kind, platform, dialect,
            ..usual()
        }
    }
}

prop_compose! {
    fn texts()(
        attempt in identity(), model in text(), requested in option::of(text()), upstream in option::of(text()),
        price in text(), client in text(), upstream_request_id in text(), note in text(),
    ) -> Attempt {
        let model_requested = requested.unwrap_or_else(|| Arc::clone(&model));
        let model_upstream = upstream.unwrap_or_else(|| Arc::clone(&model_requested));
        Attempt { model, model_requested, model_upstream, price, client, upstream_request_id, note, ..attempt }
    }
}

prop_compose! {
    fn numbers()(
        attempt in texts(), at: (i64, i64, i64), hour in -80_000_000_i64..60_000_000,
        first_byte_ms: Option<u32>, status: Option<u16>, tokens: [u64; 5], cost: i128, rated: Option<i128>,
    ) -> Attempt {
        let [input, output, cache_write_5m, cache_write_1h, cache_read] = tokens;
        Attempt {
            admitted_at: Timestamp::from_ms(at.0),
            started_at: Timestamp::from_ms(at.1),
            ended_at: Timestamp::from_ms(at.2),
            hour: Hour::from_number(hour).expect("in the calendar"),
            usage: TokenUsage { input, output, cache_write_5m, cache_write_1h, cache_read },
            cost: NanoUsd(cost),
            cost_rated: NanoUsd(rated.unwrap_or(cost)),
            first_byte_ms, status,
            ..attempt
        }
    }
}

prop_compose! {
    fn any_attempt()(
        attempt in numbers(), outcome in select(Outcome::ALL), failure in option::of(select(FailureKind::ALL)),
        usage_source in select(&[UsageSource::Reported, UsageSource::Estimated, UsageSource::None][..]),
    ) -> Attempt {
        Attempt { outcome, failure, usage_source, ..attempt }
    }
}

proptest! {
    #[test]
    fn a_record_comes_back_as_it_was(attempt in any_attempt()) {
        prop_assert_eq!(unpack(&packed(&attempt)), Ok(attempt));
    }

    #[test]
    fn a_record_cut_anywhere_is_damaged(attempt in any_attempt(), place: prop::sample::Index) {
        let bytes = packed(&attempt);
        prop_assert!(matches!(unpack(&bytes[..place.index(bytes.len())]), Err(PackedError::Damaged(_))));
    }

    #[test]
    fn a_changed_byte_never_panics(attempt in any_attempt(), place: prop::sample::Index, byte: u8) {
        let mut bytes = packed(&attempt);
        let at = place.index(bytes.len());
        bytes[at] = byte;
        let _ = unpack(&bytes);
    }

    #[test]
    fn noise_never_panics(mut bytes: Vec<u8>) {
        let _ = unpack(&bytes);
        bytes.insert(0, VERSION);
        let _ = unpack(&bytes);
    }
}

#[test]
fn a_record_with_something_after_it_is_damaged() {
    let mut bytes = packed(&usual());
    bytes.push(0);
    assert_eq!(unpack(&bytes), Err(PackedError::Damaged("end")));
}

#[test]
fn a_later_version_is_refused_by_name() {
    let mut bytes = packed(&usual());
    bytes[0] = VERSION + 1;
    assert_eq!(unpack(&bytes), Err(PackedError::Newer(2)));
}

#[test]
fn the_bytes_of_version_1_never_change() {
    let head = "01f70301010201010001";
    let ids = "00019a2b3c4d5e7f608a9b0c1d2e3f4a5b010123456789abcdef0123456789abcdef00019a2b3c00007f608a9b0c1d2e3f4a5b";
    let model_and_price = "0d636c617564652d6f7075732d3514652f636c617564652d6f7075732d354032303236";
    let other_texts = "0e636c617564652d636c692f322e310000";
    let times = "f6e6fffcc0680004d48c018005";
    let status_tokens_cost = "c8010c801b950600cd8306aab4de75";
    let expected = [head, ids, model_and_price, other_texts, times, status_tokens_cost].concat();
    let expected: Vec<_> =
        (0..expected.len()).step_by(2).map(|at| u8::from_str_radix(&expected[at..at + 2], 16)).collect();
    assert_eq!(packed(&usual()).into_iter().map(Ok).collect::<Vec<_>>(), expected);
}

#[test]
fn codes_never_change_their_meaning() {
    assert_eq!(AttemptKind::ALL.iter().map(|v| kind::code(*v)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(Outcome::ALL.iter().map(|v| outcome::code(*v)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!(FailureKind::ALL.iter().map(|v| failure::code(*v)).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(Platform::ALL.iter().map(|v| platform::code(*v)).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(Dialect::ALL.iter().map(|v| dialect::code(*v)).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!([UsageSource::Reported, UsageSource::Estimated, UsageSource::None].map(source::code), [1, 2, 3]);
}
