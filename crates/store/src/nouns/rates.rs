//! Rate multipliers as texts: in a key's record, and as the runtime setting of the whole relay.

use domain::{Multiplier, Platform, RateMultipliers};
use std::collections::BTreeMap;

/// The name of the setting that keeps those of the whole relay.
pub const RATE_MULTIPLIERS: &str = "rate_multipliers";

/// A JSON object from platforms to decimals, `{"claude-console":"1.5"}`.
#[must_use]
pub fn rates_to_text(rates: &RateMultipliers) -> String {
    let entries =
        rates.iter().map(|(platform, times)| (platform.to_string(), serde_json::Value::from(times.to_string())));
    serde_json::Value::Object(entries.collect()).to_string()
}

/// Reads [`rates_to_text`].
#[must_use]
pub fn rates_from_text(text: &str) -> Option<RateMultipliers> {
    let entries: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
    entries.iter().map(|(platform, times)| Some((Platform::parse(platform)?, Multiplier::parse(times)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_they_are_written() {
        let half = Multiplier::parse("0.5").expect("a decimal");
        let rates: RateMultipliers = [(Platform::Claude, half), (Platform::Ccr, Multiplier::ONE)].into_iter().collect();
        assert_eq!(rates_to_text(&rates), r#"{"ccr":"1","claude":"0.5"}"#);
        assert_eq!(rates_from_text(&rates_to_text(&rates)), Some(rates));
        for wrong in ["", "[]", r#"{"other":"1"}"#, r#"{"claude":"x"}"#, r#"{"claude":1}"#] {
            assert_eq!(rates_from_text(wrong), None, "{wrong}");
        }
    }
}
