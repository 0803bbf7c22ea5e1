//! What is stated about one model's price: a history of days, each with tiers by prompt length. What exists is valid.

use crate::{
    error::{PriceError, Problem},
    published::{Provider, ServiceTier},
};
use domain::{Day, MODEL_OTHER, Multiplier, PicoUsd, money::div_half_even};
use std::collections::BTreeSet;

/// The highest price that is believed: a dollar per token, a thousand times the dearest model so far.
pub const PRICE_PICO_MAX: u64 = 1_000_000_000_000;

/// Longest name of a model, in bytes; the longest real ones (ARNs) have 150.
pub(crate) const NAME_BYTES_MAX: usize = 200;

/// Price changes of one model that are kept: ten a year for ten years.
const PERIODS_MAX: usize = 100;

/// Prompt-length tiers of one price; providers have two.
const TIERS_MAX: usize = 16;

/// The largest factor of a fast mode that is believed.
const FAST_MAX: u32 = 100;

/// Prices per token by class. An absent one is completed by the rules of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassPrices {
    /// Input tokens at the full price.
    pub input: PicoUsd,
    /// Output tokens.
    pub output: PicoUsd,
    /// Tokens read from a prompt cache.
    pub cache_read: Option<PicoUsd>,
    /// Tokens written to a prompt cache that lives five minutes.
    pub cache_write_5m: Option<PicoUsd>,
    /// Tokens written to a prompt cache that lives one hour.
    pub cache_write_1h: Option<PicoUsd>,
}

/// Prices for prompts above a length. The whole request is priced by the highest tier that its prompt is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Tokens of the prompt (input, cache reads, cache writes) that must be exceeded; 0 in the first tier, which also holds
    /// for an empty prompt.
    pub prompt_above: u64,
    /// The prices.
    pub classes: ClassPrices,
}

/// Prices of a service tier that are stated apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrices {
    /// Which service tier.
    pub service: ServiceTier,
    /// Its prompt-length tiers.
    pub tiers: Vec<Tier>,
}

/// The prices of a model from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceFrom {
    /// The first day they hold; none: always.
    pub effective_from: Option<Day>,
    /// Standard prices by prompt length, ascending from 0.
    pub tiers: Vec<Tier>,
    /// Service tiers with prices of their own, each at most once.
    pub services: Vec<ServicePrices>,
    /// What every class is multiplied by in the fast mode; none: not stated.
    pub fast: Option<Multiplier>,
}

/// What [`ModelPrice::new`] checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPriceParts {
    /// The model's name in the books.
    pub model: String,
    /// By whose rules the price is completed and multiplied.
    pub provider: Provider,
    /// Most tokens of a prompt, where known.
    pub input_tokens_max: Option<u64>,
    /// Most tokens of an answer, where known.
    pub output_tokens_max: Option<u64>,
    /// The prices, in any order.
    pub prices: Vec<PriceFrom>,
}

/// One model's prices: a valid document of the price list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPrice(ModelPriceParts);

impl ModelPrice {
    /// Checks and sorts by day.
    ///
    /// # Errors
    ///
    /// When the name is none or reserved, there is no price, a day stands twice, tiers do not ascend from zero, a price is above
    /// [`PRICE_PICO_MAX`], or a factor is out of range.
    pub fn new(mut parts: ModelPriceParts) -> Result<Self, PriceError> {
        check_name(&parts.model)?;
        let refuse = |field: &str, problem| Err(PriceError::field(&parts.model, field, problem));
        match parts.prices.len() {
            0 => return refuse("prices", Problem::Missing),
            1..=PERIODS_MAX => (),
            _ => return refuse("prices", Problem::TooMany),
        }
        parts.prices.sort_by_key(|price| price.effective_from);
        if parts.prices.windows(2).any(|pair| pair[0].effective_from == pair[1].effective_from) {
            return Err(PriceError::field(&parts.model, "from", Problem::DuplicateDay));
        }
        for price in &parts.prices {
            price.check(&parts.model)?;
        }
        Ok(Self(parts))
    }

    /// Parts that were taken from valid prices, in their order.
    pub(crate) const fn of_valid(parts: ModelPriceParts) -> Self {
        Self(parts)
    }

    /// The model's name in the books.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.0.model
    }

    /// By whose rules the price is completed and multiplied.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        self.0.provider
    }

    /// Most tokens of a prompt, where known.
    #[must_use]
    pub const fn input_tokens_max(&self) -> Option<u64> {
        self.0.input_tokens_max
    }

    /// Most tokens of an answer, where known.
    #[must_use]
    pub const fn output_tokens_max(&self) -> Option<u64> {
        self.0.output_tokens_max
    }

    /// The prices, ascending by day; never empty.
    #[must_use]
    pub fn prices(&self) -> &[PriceFrom] {
        &self.0.prices
    }
}

impl PriceFrom {
    fn check(&self, model: &str) -> Result<(), PriceError> {
        check_tiers(model, "tiers", &self.tiers)?;
        let mut seen = BTreeSet::new();
        for prices in &self.services {
            let name = prices.service.as_str();
            check_tiers(model, name, &prices.tiers)?;
            if !seen.insert(prices.service) {
                return Err(PriceError::field(model, name, Problem::TooMany));
            }
        }
        let in_range = |(numerator, denominator): (u32, u32)| {
            numerator > 0 && u64::from(numerator) <= u64::from(FAST_MAX) * u64::from(denominator)
        };
        match self.fast {
            Some(fast) if !in_range(fast.parts()) => Err(PriceError::field(model, "fast", Problem::NotAFactor)),
            _ => Ok(()),
        }
    }
}

impl ClassPrices {
    /// `price` times `numerator / denominator`, rounded half to even and at most [`PRICE_PICO_MAX`].
    pub(crate) fn scale(price: u64, numerator: u64, denominator: u64) -> u64 {
        let scaled = div_half_even(i128::from(price) * i128::from(numerator), i128::from(denominator.max(1)));
        u64::try_from(scaled).map_or(PRICE_PICO_MAX, |pico| pico.min(PRICE_PICO_MAX))
    }

    fn named(&self) -> [(&'static str, Option<PicoUsd>); 5] {
        [
            ("input", Some(self.input)),
            ("output", Some(self.output)),
            ("cache_read", self.cache_read),
            ("cache_write_5m", self.cache_write_5m),
            ("cache_write_1h", self.cache_write_1h),
        ]
    }
}

fn check_name(model: &str) -> Result<(), PriceError> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    if model.is_empty() || model.len() > NAME_BYTES_MAX || !model.chars().all(plain) {
        let shown: String = model.chars().filter(|&c| plain(c)).take(NAME_BYTES_MAX).collect();
        return Err(PriceError::field(&shown, "model", Problem::NotAName));
    }
    if model.eq_ignore_ascii_case(MODEL_OTHER) {
        return Err(PriceError::field(model, "model", Problem::Reserved));
    }
    Ok(())
}

fn check_tiers(model: &str, list: &str, tiers: &[Tier]) -> Result<(), PriceError> {
    let refuse = |field: String, problem| Err(PriceError::field(model, field, problem));
    match tiers.first() {
        None => return refuse(list.to_owned(), Problem::Missing),
        Some(first) if first.prompt_above != 0 => return refuse(list.to_owned(), Problem::NoFirstTier),
        Some(_) if tiers.len() > TIERS_MAX => return refuse(list.to_owned(), Problem::TooMany),
        Some(_) => (),
    }
    if tiers.windows(2).any(|pair| pair[0].prompt_above >= pair[1].prompt_above) {
        return refuse(format!("{list}.prompt_above"), Problem::TiersUnsorted);
    }
    for tier in tiers {
        for (class, price) in tier.classes.named() {
            if price.is_some_and(|price| price.0 > PRICE_PICO_MAX) {
                return refuse(format!("{list}.{class}"), Problem::AboveMax);
            }
        }
    }
    Ok(())
}
