//! Instants and money.

use domain::{NanoUsd, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

/// An instant, written in RFC 3339 in UTC with milliseconds; read with any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant(pub(crate) Timestamp);

/// US dollars as a decimal text with nine digits behind the point: exact, where a JSON number would be a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usd(pub(crate) NanoUsd);

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let at = Timestamp::parse_rfc3339(&text).map(Self);
        at.ok_or_else(|| D::Error::custom("write an instant such as 2026-11-23T09:30:00Z"))
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("An instant (RFC 3339). Answers give it in UTC with milliseconds."))
            .examples([serde_json::json!("2099-11-23T09:30:00.000Z")])
            .into()
    }
}

impl ToSchema for Instant {}

impl PartialSchema for Usd {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^-?\d+\.\d{9}$"))
            .description(Some("US dollars as a decimal text with nine digits behind the point: exact."))
            .examples([serde_json::json!("0.001250000")])
            .into()
    }
}

impl ToSchema for Usd {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_a_text_with_nano_digits() {
        assert_eq!(serde_json::to_value(Usd(NanoUsd(1_250_000))).expect("serialises"), "0.001250000");
    }

    #[test]
    fn an_instant_is_read_with_any_offset_and_written_in_utc() {
        let at: Instant = serde_json::from_str("\"2026-11-23T17:30:00+08:00\"").expect("an instant");
        assert_eq!(serde_json::to_value(at).expect("serialises"), "2026-11-23T09:30:00.000Z");
    }
}
