//! What besides the model chooses a price. Texts as they stand on the wire; nothing here knows a price.

use crate::skim::Value;

/// Longest text of a tariff that is kept, in bytes; the providers' own words have at most 13.
const TARIFF_BYTES_MAX: usize = 64;

/// What besides the model chooses a price, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tariff {
    /// `service_tier`: `standard`, `default`, `priority`, `flex`, `batch` in an answer; `auto`, `standard_only` too in a
    /// request.
    pub service_tier: Option<String>,
    /// `speed`: `standard`, `fast`.
    pub speed: Option<String>,
    /// `inference_geo`: `global`, `us`, ….
    pub inference_geo: Option<String>,
}

impl Tariff {
    /// The field that `key` names, if it is one of these.
    pub(crate) fn field_mut(&mut self, key: &[u8]) -> Option<&mut Option<String>> {
        match key {
            b"service_tier" => Some(&mut self.service_tier),
            b"speed" => Some(&mut self.speed),
            b"inference_geo" => Some(&mut self.inference_geo),
            _ => None,
        }
    }

    /// Takes `value` when `key` names a field; what is no short text leaves the field as it is.
    pub(crate) fn take(&mut self, key: &[u8], value: &Value<'_>) {
        if let Some(field) = self.field_mut(key) {
            value.renew(field, TARIFF_BYTES_MAX);
        }
    }
}
