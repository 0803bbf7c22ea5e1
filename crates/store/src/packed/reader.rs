//! Unpacks a record. Any bytes give a record or an error, never a panic.

use super::{
    PackedError, VERSION,
    codes::{dialect, failure, flag, kind, outcome, platform, source},
    writer::{HOUR_MS, ID_HEX, ID_TEXT, ID_UUID},
};
use domain::{
    AccountId, Attempt, AttemptKind, Dialect, FailureKind, Hour, KeyId, NanoUsd, Outcome, Platform, RequestId,
    Timestamp, TokenUsage, UsageSource, UserId,
};
use std::sync::Arc;
use uuid::Uuid;

type Read<T> = Result<T, PackedError>;

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

/// The fixed part: flags and codes.
struct Head {
    flags: u16,
    attempt_no: u8,
    kind: AttemptKind,
    platform: Option<Platform>,
    dialect: Dialect,
    outcome: Outcome,
    failure: Option<FailureKind>,
    usage_source: UsageSource,
}

struct Ids {
    request: RequestId,
    key: Option<KeyId>,
    user: Option<UserId>,
    account: Option<AccountId>,
}

struct Texts {
    model: Arc<str>,
    requested: Arc<str>,
    upstream: Arc<str>,
    price: Arc<str>,
    client: Arc<str>,
    upstream_request_id: Arc<str>,
    note: Arc<str>,
}

struct Times {
    admitted: Timestamp,
    hour: Hour,
    started: Timestamp,
    ended: Timestamp,
    first_byte_ms: Option<u32>,
}

pub(super) fn unpack(bytes: &[u8]) -> Read<Attempt> {
    let mut reader = Reader(bytes);
    let head = reader.head()?;
    let ids = reader.ids(head.flags)?;
    let texts = reader.texts(head.flags)?;
    let times = reader.times(head.flags)?;
    let status = reader.when(head.flags & flag::STATUS, |reader| reader.number("status"))?;
    let usage = reader.usage()?;
    let cost = NanoUsd(reader.signed("cost")?);
    let rated = reader.when(!head.flags & flag::RATED_SAME, |reader| reader.signed("rated cost"))?;
    if !reader.0.is_empty() {
        return Err(PackedError::Damaged("end"));
    }
    Ok(Attempt {
        request_id: ids.request,
        attempt_no: head.attempt_no,
        is_final: head.flags & flag::FINAL != 0,
        kind: head.kind,
        key: ids.key,
        user: ids.user,
        account: ids.account,
        platform: head.platform,
        dialect: head.dialect,
        model: texts.model,
        model_requested: texts.requested,
        model_upstream: texts.upstream,
        streamed: head.flags & flag::STREAMED != 0,
        admitted_at: times.admitted,
        hour: times.hour,
        started_at: times.started,
        ended_at: times.ended,
        first_byte_ms: times.first_byte_ms,
        outcome: head.outcome,
        failure: head.failure,
        status,
        usage,
        usage_source: head.usage_source,
        cost,
        cost_rated: rated.map_or(cost, NanoUsd),
        price: texts.price,
        client: texts.client,
        upstream_request_id: texts.upstream_request_id,
        note: texts.note,
    })
}

impl<'a> Reader<'a> {
    fn head(&mut self) -> Read<Head> {
        let [version] = self.array("version")?;
        match version {
            VERSION => {}
            newer if newer > VERSION => return Err(PackedError::Newer(newer)),
            _ => return Err(PackedError::Damaged("version")),
        }
        let flags = u16::from_le_bytes(self.array("flags")?);
        if flags & !flag::ALL != 0 {
            return Err(PackedError::Damaged("flags"));
        }
        let [attempt_no, kind, platform, dialect, outcome, failure, source] = self.array("codes")?;
        Ok(Head {
            flags,
            attempt_no,
            kind: known(kind::named(kind), "kind")?,
            platform: optional(platform, platform::named, "platform")?,
            dialect: known(dialect::named(dialect), "dialect")?,
            outcome: known(outcome::named(outcome), "outcome")?,
            failure: optional(failure, failure::named, "failure")?,
            usage_source: known(source::named(source), "usage source")?,
        })
    }

    fn ids(&mut self, flags: u16) -> Read<Ids> {
        Ok(Ids {
            request: self.id("request", RequestId::parse)?,
            key: self.when(flags & flag::KEY, |reader| reader.id("key", KeyId::parse))?,
            user: self.when(flags & flag::USER, |reader| reader.id("user", UserId::parse))?,
            account: self.when(flags & flag::ACCOUNT, |reader| reader.id("account", AccountId::parse))?,
        })
    }

    fn texts(&mut self, flags: u16) -> Read<Texts> {
        let model = self.text("model")?;
        let requested = self.when(!flags & flag::REQUESTED_SAME, |reader| reader.text("requested model"))?;
        let requested = requested.unwrap_or_else(|| Arc::clone(&model));
        let upstream = self.when(!flags & flag::UPSTREAM_SAME, |reader| reader.text("upstream model"))?;
        let upstream = upstream.unwrap_or_else(|| Arc::clone(&requested));
        Ok(Texts {
            model,
            requested,
            upstream,
            price: self.text("price")?,
            client: self.text("client")?,
            upstream_request_id: self.text("upstream request id")?,
            note: self.text("note")?,
        })
    }

    fn times(&mut self, flags: u16) -> Read<Times> {
        let admitted_ms: i64 = self.signed_number("admitted at")?;
        let hour_offset: i64 = self.signed_number("hour")?;
        let hour = admitted_ms.div_euclid(HOUR_MS).checked_add(hour_offset).and_then(Hour::from_number);
        let mut later = |field| {
            let after: i64 = self.signed_number(field)?;
            Ok(Timestamp::from_ms(admitted_ms.wrapping_add(after)))
        };
        Ok(Times {
            admitted: Timestamp::from_ms(admitted_ms),
            hour: known(hour, "hour")?,
            started: later("started at")?,
            ended: later("ended at")?,
            first_byte_ms: self.when(flags & flag::FIRST_BYTE, |reader| reader.number("first byte"))?,
        })
    }

    fn usage(&mut self) -> Read<TokenUsage> {
        Ok(TokenUsage {
            input: self.number("input tokens")?,
            output: self.number("output tokens")?,
            cache_write_5m: self.number("cache writes of 5 minutes")?,
            cache_write_1h: self.number("cache writes of 1 hour")?,
            cache_read: self.number("cache reads")?,
        })
    }

    /// Reads by `read` if the flag is set.
    fn when<T>(&mut self, flag: u16, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if flag == 0 { Ok(None) } else { read(self).map(Some) }
    }

    fn id<T, E>(&mut self, field: &'static str, parse: impl Fn(&str) -> Result<T, E>) -> Read<T> {
        let mut buffer = Uuid::encode_buffer();
        let [form] = self.array(field)?;
        let text = match form {
            ID_UUID => &*Uuid::from_bytes(self.array(field)?).as_hyphenated().encode_lower(&mut buffer),
            ID_HEX => &*Uuid::from_bytes(self.array(field)?).as_simple().encode_lower(&mut buffer),
            long => self.str(usize::from(long - ID_TEXT), field)?,
        };
        known(parse(text).ok(), field)
    }

    fn text(&mut self, field: &'static str) -> Read<Arc<str>> {
        let bytes = self.number(field)?;
        self.str(bytes, field).map(Arc::from)
    }

    fn str(&mut self, bytes: usize, field: &'static str) -> Read<&'a str> {
        let (text, rest) = known(self.0.split_at_checked(bytes), field)?;
        self.0 = rest;
        known(str::from_utf8(text).ok(), field)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Read<[u8; N]> {
        let (array, rest) = known(self.0.split_first_chunk(), field)?;
        self.0 = rest;
        Ok(*array)
    }

    fn number<T: TryFrom<u128>>(&mut self, field: &'static str) -> Read<T> {
        known(T::try_from(self.varint(field)?).ok(), field)
    }

    fn signed_number<T: TryFrom<i128>>(&mut self, field: &'static str) -> Read<T> {
        known(T::try_from(self.signed(field)?).ok(), field)
    }

    fn signed(&mut self, field: &'static str) -> Read<i128> {
        let zigzag = self.varint(field)?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    fn varint(&mut self, field: &'static str) -> Read<u128> {
        let mut value = 0;
        for shift in (0..u128::BITS).step_by(7) {
            let [byte] = self.array(field)?;
            let bits = u128::from(byte & 0x7f);
            // The last byte has room for two bits only; more would be lost.
            if bits.leading_zeros() < shift {
                return Err(PackedError::Damaged(field));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(PackedError::Damaged(field))
    }
}

fn known<T>(value: Option<T>, field: &'static str) -> Read<T> {
    value.ok_or(PackedError::Damaged(field))
}

fn optional<T>(code: u8, named: impl Fn(u8) -> Option<T>, field: &'static str) -> Read<Option<T>> {
    if code == 0 { Ok(None) } else { known(named(code), field).map(Some) }
}
