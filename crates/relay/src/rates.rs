//! The factors of the rated cost that hold for the whole relay, as the operator has set them.

use arc_swap::ArcSwap;
use domain::{Multiplier, Platform, RateMultipliers};
use std::sync::Arc;
use store::{
    Records, StoreError,
    nouns::{RATE_MULTIPLIERS, Setting, rates_from_text},
    records::TypedRecords,
};

/// The factors in force.
#[derive(Default)]
pub(crate) struct Rates(ArcSwap<RateMultipliers>);

impl Rates {
    /// The factor of what an account of `platform` served to a key with these factors of its own.
    pub(crate) fn of(&self, platform: Platform, own: &RateMultipliers) -> Multiplier {
        own.of(platform).or_else(|| self.0.load().of(platform)).unwrap_or(Multiplier::ONE)
    }

    /// Reads them again. What does not parse is told, and those known before stay in force.
    pub(crate) async fn reload(&self, records: &dyn Records) -> Result<(), StoreError> {
        let rates = match records.read::<Setting>(RATE_MULTIPLIERS).await? {
            None => Some(RateMultipliers::default()),
            Some(setting) => rates_from_text(&setting.record.value),
        };
        if let Some(rates) = rates {
            self.0.store(Arc::new(rates));
        } else {
            tracing::error!("the rate multipliers in the store cannot be read; set them anew");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_s_own_factor_stands_in_the_place_of_the_relay_s() {
        let factor = |text: &str| Multiplier::parse(text).expect("a decimal");
        let of = |entries: &[(Platform, &str)]| -> RateMultipliers {
            entries.iter().map(|(platform, text)| (*platform, factor(text))).collect()
        };
        let rates = Rates::default();
        rates.0.store(Arc::new(of(&[(Platform::Ccr, "2"), (Platform::ClaudeConsole, "3")])));
        let own = of(&[(Platform::Ccr, "0.5")]);
        assert_eq!(rates.of(Platform::Ccr, &own), factor("0.5"));
        assert_eq!(rates.of(Platform::ClaudeConsole, &own), factor("3"));
        assert_eq!(rates.of(Platform::Gemini, &own), Multiplier::ONE);
    }
}
