//! Rate multipliers as they stand in documents: an object from platforms to decimals.

use super::{Figure, PlatformWord};
use crate::faults::Faults;
use domain::{Multiplier, Platform, RateMultipliers, rates::RATE_MAX};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

/// Longest decimal that is a factor, in characters: `1000.000000`.
const CHARS_MAX: usize = 11;

/// Factors by platform. Answers give each as a text, which is exact.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RatesWord(BTreeMap<PlatformWord, Figure>);

impl RatesWord {
    /// The factors that it means; what is none is noted below `field`.
    pub(crate) fn parse(&self, field: &str, faults: &mut Faults) -> RateMultipliers {
        let mut rates = Vec::new();
        for (platform, figure) in &self.0 {
            match factor(figure.as_str()) {
                Some(times) => rates.push((platform.0, times)),
                None => faults.add(
                    format!("{field}.{}", platform.0),
                    format!(
                        "is no factor; write a decimal from 0 to {RATE_MAX} with up to six digits behind the point"
                    ),
                ),
            }
        }
        rates.into_iter().collect()
    }
}

fn factor(text: &str) -> Option<Multiplier> {
    let times = Multiplier::parse(text)?;
    let (numerator, denominator) = times.parts();
    (u64::from(numerator) <= u64::from(RATE_MAX) * u64::from(denominator)).then_some(times)
}

impl From<&RateMultipliers> for RatesWord {
    fn from(rates: &RateMultipliers) -> Self {
        Self(rates.iter().map(|(platform, times)| (platform.into(), Figure::of(times.to_string()))).collect())
    }
}

impl PartialSchema for RatesWord {
    fn schema() -> RefOr<Schema> {
        let text = || {
            let pattern = r"^[0-9]{1,4}(\.[0-9]{0,6})?$";
            ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).max_length(Some(CHARS_MAX))
        };
        let number = || ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(RATE_MAX));
        let factor = || OneOfBuilder::new().item(text()).item(number());
        let object = ObjectBuilder::new().schema_type(Type::Object).examples([serde_json::json!({"claude": "1.5"})]);
        let object = object.description(Some(
            "Factors from 0 to 1000 by the platform of the account that serves; answers give each as a text.",
        ));
        Platform::ALL.iter().fold(object, |object, platform| object.property(platform.as_str(), factor())).into()
    }
}

impl ToSchema for RatesWord {
    fn name() -> Cow<'static, str> {
        "RateMultipliers".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_an_exact_decimal_up_to_a_thousand() {
        for (text, written) in
            [("1.50", "1.5"), ("0", "0"), ("1000", "1000"), ("1000.000000", "1000"), ("0.000001", "0.000001")]
        {
            assert_eq!(factor(text).map(|times| times.to_string()).as_deref(), Some(written));
        }
        for wrong in ["", "-1", "1000.000001", "1001", "1.0000001", "1e3", "one", "99999999999"] {
            assert_eq!(factor(wrong), None, "{wrong:?}");
        }
    }
}
