//! Tokens times prices: exact in pico-dollars until the one rounding at the end, and never a panic, whatever an upstream counts.

use crate::{
    compile::{Prices, Rate},
    names::Match,
    published::{Factor, PriceTraits},
};
use domain::{Day, Dialect, NanoUsd, TokenUsage, money::div_half_even};
use std::{fmt::Write as _, sync::Arc};

/// Pico-dollars of a nano-dollar.
const PICO_PER_NANO: i128 = 1000;

/// What is to be priced.
#[derive(Debug, Clone, Copy)]
pub struct Pricing<'a> {
    /// The model that served: the name sent upstream, or the requested one where nothing was mapped.
    pub model: &'a str,
    /// The client's dialect; it decides what an unknown model costs.
    pub dialect: Dialect,
    /// The day of the accounting instant.
    pub day: Day,
    /// Tokens by class.
    pub usage: &'a TokenUsage,
    /// How it was served.
    pub traits: PriceTraits<'a>,
}

/// A cost, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The list price, rounded once, half to even.
    pub cost: NanoUsd,
    /// The model's name in the books: a name of the list, or [`domain::MODEL_OTHER`].
    pub model_key: Arc<str>,
    /// Which price it was: `label/model@day>tier`, `+service` where a service tier has its own, `*name=factor` per factor; an
    /// unknown model has `unknown-model:` before it.
    pub price: Arc<str>,
    /// By which rule the name was found; [`Match::Unknown`] is the flag of an unknown model.
    pub how: Match,
    /// The cost by class, before factors and rounding.
    pub classes: ClassCosts,
}

/// Exact pico-dollars by class. `cost` is their sum times the factors, rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCosts {
    /// Input at the full price.
    pub input_pico: i128,
    /// Output.
    pub output_pico: i128,
    /// Cache reads.
    pub cache_read_pico: i128,
    /// Writes to the five-minute cache.
    pub cache_write_5m_pico: i128,
    /// Writes to the one-hour cache.
    pub cache_write_1h_pico: i128,
}

/// The factors that a price is under: service tier, fast mode, region, each at most once.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Factors(pub(crate) [Option<Factor>; 3]);

impl ClassCosts {
    // The largest count (2^64) at the largest price (10^12) is below 2^104: neither product nor sum leaves an `i128`.
    pub(crate) fn new(prices: &Prices, usage: &TokenUsage) -> Self {
        let class = |tokens: u64, price: u64| i128::from(tokens) * i128::from(price);
        Self {
            input_pico: class(usage.input, prices.input),
            output_pico: class(usage.output, prices.output),
            cache_read_pico: class(usage.cache_read, prices.cache_read),
            cache_write_5m_pico: class(usage.cache_write_5m, prices.cache_write_5m),
            cache_write_1h_pico: class(usage.cache_write_1h, prices.cache_write_1h),
        }
    }

    /// All classes together.
    #[must_use]
    pub const fn sum_pico(&self) -> i128 {
        self.input_pico + self.output_pico + self.cache_read_pico + self.cache_write_5m_pico + self.cache_write_1h_pico
    }
}

impl Factors {
    fn each(&self) -> impl Iterator<Item = &Factor> {
        self.0.iter().flatten()
    }

    /// `pico` times all factors, rounded once. What no `i128` holds stays at the largest that does.
    pub(crate) fn round(&self, pico: i128) -> NanoUsd {
        let (mut value, mut divisor) = (pico, PICO_PER_NANO);
        for factor in self.each() {
            let (numerator, denominator) = factor.times.parts();
            value = value.saturating_mul(i128::from(numerator));
            divisor = divisor.saturating_mul(i128::from(denominator));
        }
        NanoUsd(div_half_even(value, divisor))
    }

    /// The rate's own text, shared; with factors behind it, a text of its own.
    pub(crate) fn text(&self, rate: &Rate) -> Arc<str> {
        if self.each().next().is_none() {
            return Arc::clone(&rate.text);
        }
        let mut text = String::with_capacity(rate.text.len() + 48);
        text.push_str(&rate.text);
        for factor in self.each() {
            write!(text, "*{}={}", factor.name, factor.times).expect("a String takes all that is written to it");
        }
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Multiplier;

    #[test]
    fn several_factors_are_rounded_once() {
        let factor = |numerator, denominator| {
            Some(Factor { name: "f", times: Multiplier::new(numerator, denominator).expect("not zero") })
        };
        // 3 nano-dollars x 0.5 x 1.1 = 1.65; rounded after each factor it would be 2 x 1.1 = 2.2, or 1.5 -> 2.
        assert_eq!(Factors([factor(5, 10), None, factor(11, 10)]).round(3000), NanoUsd(2));
        // 1 nano-dollar x 0.5 = 0.5 goes to the even 0, and x 1.1 more to 0.55, which is 1.
        assert_eq!(Factors([factor(5, 10), None, None]).round(1000), NanoUsd(0));
        assert_eq!(Factors([factor(5, 10), None, factor(11, 10)]).round(1000), NanoUsd(1));
    }

    #[test]
    fn factors_that_no_number_holds_stay_at_the_largest() {
        let huge = Some(Factor { name: "f", times: Multiplier::new(u32::MAX, 1).expect("not zero") });
        let cost = Factors([huge, huge, huge]).round(i128::MAX / 2);
        assert_eq!(cost, NanoUsd(div_half_even(i128::MAX, PICO_PER_NANO)));
    }
}
