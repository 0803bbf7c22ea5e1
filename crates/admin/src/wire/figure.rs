//! A decimal number that must stay exact: a price per million tokens, a factor.

use accounting::PRICE_PICO_MAX;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

/// A decimal number: read from a number or a text, written as a text. Whether it is one is found by who parses it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure(String);

impl Figure {
    /// The number with this text.
    pub(crate) const fn of(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("write a decimal number such as \"3.75\"")),
        }
    }
}

/// The highest price that is taken, in US dollars per million tokens.
const USD_PER_MILLION_MAX: usize = (PRICE_PICO_MAX / 1_000_000) as usize;

/// A number without a sign and no finer than prices are kept.
const DECIMAL: &str = r"^[0-9]{1,7}(\.[0-9]{1,6})?$";

/// Longest text of it, in bytes.
const DECIMAL_BYTES_MAX: usize = 14;

impl PartialSchema for Figure {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(DECIMAL));
        let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(USD_PER_MILLION_MAX));
        OneOfBuilder::new()
            .item(text.max_length(Some(DECIMAL_BYTES_MAX)).examples([serde_json::json!("3.75")]))
            .item(number)
            .description(Some("A decimal number as a text or a number; answers give a text, which is exact."))
            .into()
    }
}

impl ToSchema for Figure {}
