//! Packs a record. Never fails: every [`Attempt`] has a packed form.

use super::{
    VERSION,
    codes::{dialect, failure, flag, kind, outcome, platform, source},
};
use domain::{Attempt, TokenUsage};
use uuid::Uuid;

/// Bytes to make room for at once: more than nearly every record has.
const RECORD_BYTES_USUAL: usize = 256;

/// Heads of an id: what form the text after it has. Other heads are the text's length plus this many.
pub(super) const ID_UUID: u8 = 0;
/// A UUID without hyphens.
pub(super) const ID_HEX: u8 = 1;
/// Added to the length of an id that stands as it is.
pub(super) const ID_TEXT: u8 = 2;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;

pub(super) fn pack(attempt: &Attempt, bytes: &mut Vec<u8>) {
    bytes.reserve(RECORD_BYTES_USUAL);
    bytes.push(VERSION);
    let flags = flags_of(attempt);
    bytes.extend_from_slice(&flags.to_le_bytes());
    bytes.extend_from_slice(&[
        attempt.attempt_no,
        kind::code(attempt.kind),
        attempt.platform.map_or(0, platform::code),
        dialect::code(attempt.dialect),
        outcome::code(attempt.outcome),
        attempt.failure.map_or(0, failure::code),
        source::code(attempt.usage_source),
    ]);
    put_ids(attempt, bytes);
    put_texts(attempt, flags, bytes);
    put_times(attempt, bytes);
    if let Some(status) = attempt.status {
        put_varint(bytes, u128::from(status));
    }
    put_usage(&attempt.usage, bytes);
    put_signed(bytes, attempt.cost.0);
    if flags & flag::RATED_SAME == 0 {
        put_signed(bytes, attempt.cost_rated.0);
    }
}

fn flags_of(attempt: &Attempt) -> u16 {
    let set = [
        (attempt.is_final, flag::FINAL),
        (attempt.streamed, flag::STREAMED),
        (attempt.key.is_some(), flag::KEY),
        (attempt.user.is_some(), flag::USER),
        (attempt.account.is_some(), flag::ACCOUNT),
        (attempt.first_byte_ms.is_some(), flag::FIRST_BYTE),
        (attempt.status.is_some(), flag::STATUS),
        (attempt.model_requested == attempt.model, flag::REQUESTED_SAME),
        (attempt.model_upstream == attempt.model_requested, flag::UPSTREAM_SAME),
        (attempt.cost_rated == attempt.cost, flag::RATED_SAME),
    ];
    set.into_iter().filter(|(holds, _)| *holds).fold(0, |flags, (_, flag)| flags | flag)
}

fn put_ids(attempt: &Attempt, bytes: &mut Vec<u8>) {
    put_id(bytes, attempt.request_id.as_str());
    if let Some(key) = &attempt.key {
        put_id(bytes, key.as_str());
    }
    if let Some(user) = &attempt.user {
        put_id(bytes, user.as_str());
    }
    if let Some(account) = &attempt.account {
        put_id(bytes, account.as_str());
    }
}

fn put_texts(attempt: &Attempt, flags: u16, bytes: &mut Vec<u8>) {
    put_text(bytes, &attempt.model);
    if flags & flag::REQUESTED_SAME == 0 {
        put_text(bytes, &attempt.model_requested);
    }
    if flags & flag::UPSTREAM_SAME == 0 {
        put_text(bytes, &attempt.model_upstream);
    }
    for text in [&attempt.price, &attempt.client, &attempt.upstream_request_id, &attempt.note] {
        put_text(bytes, text);
    }
}

// Differences wrap, so that any two instants have one; the reader wraps back.
fn put_times(attempt: &Attempt, bytes: &mut Vec<u8>) {
    let admitted_ms = attempt.admitted_at.as_ms();
    put_signed(bytes, i128::from(admitted_ms));
    put_signed(bytes, i128::from(attempt.hour.number() - admitted_ms.div_euclid(HOUR_MS)));
    put_signed(bytes, i128::from(attempt.started_at.as_ms().wrapping_sub(admitted_ms)));
    put_signed(bytes, i128::from(attempt.ended_at.as_ms().wrapping_sub(admitted_ms)));
    if let Some(ms) = attempt.first_byte_ms {
        put_varint(bytes, u128::from(ms));
    }
}

fn put_usage(usage: &TokenUsage, bytes: &mut Vec<u8>) {
    for tokens in [usage.input, usage.output, usage.cache_write_5m, usage.cache_write_1h, usage.cache_read] {
        put_varint(bytes, u128::from(tokens));
    }
}

/// Ids are opaque: only a text that comes back the same from its 16 bytes is packed as a UUID.
fn put_id(bytes: &mut Vec<u8>, id: &str) {
    let uuid = Uuid::try_parse_ascii(id.as_bytes()).ok();
    let mut buffer = Uuid::encode_buffer();
    if let Some(uuid) = uuid.filter(|uuid| uuid.as_hyphenated().encode_lower(&mut buffer) == id) {
        bytes.push(ID_UUID);
        bytes.extend_from_slice(uuid.as_bytes());
    } else if let Some(uuid) = uuid.filter(|uuid| uuid.as_simple().encode_lower(&mut buffer) == id) {
        bytes.push(ID_HEX);
        bytes.extend_from_slice(uuid.as_bytes());
    } else {
        bytes.push(ID_TEXT + u8::try_from(id.len()).expect("an id has at most 64 bytes"));
        bytes.extend_from_slice(id.as_bytes());
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len() as u128);
    bytes.extend_from_slice(text.as_bytes());
}

fn put_signed(bytes: &mut Vec<u8>, value: i128) {
    put_varint(bytes, ((value << 1) ^ (value >> 127)).cast_unsigned());
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).expect("seven bits") | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("below 128"));
}
