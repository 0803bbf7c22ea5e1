//! What each class of a record's tokens cost: the record names its price, and here that price is found again. Nothing is priced anew:
//! a breakdown that would not sum up to the recorded cost is none.

use crate::{compile::Prices, cost::Factors, published::Factor, table::PriceTable};
use domain::{Multiplier, NanoUsd, PicoUsd, TokenUsage};

/// What stands before the price of an unknown model.
const UNKNOWN: &str = "unknown-model:";

/// A cost, class by class. The classes' costs sum up to the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakdown {
    /// Input at the full price.
    pub input: ClassCost,
    /// Output.
    pub output: ClassCost,
    /// Writes to the five-minute cache.
    pub cache_write_5m: ClassCost,
    /// Writes to the one-hour cache.
    pub cache_write_1h: ClassCost,
    /// Cache reads.
    pub cache_read: ClassCost,
    /// What every class was multiplied by; at most three.
    pub factors: Vec<NamedFactor>,
}

/// What a price was multiplied by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFactor {
    /// The name that records use.
    pub name: String,
    /// By how much, as records write it: `1.1`, or `1/3`.
    pub text: String,
    times: Multiplier,
}

/// What the tokens of one class cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassCost {
    /// How many there were.
    pub tokens: u64,
    /// The price of one, before factors.
    pub price: PicoUsd,
    /// Their part of the cost, factors included: exact to a nano-dollar, and such that the parts sum up to the cost.
    pub cost: NanoUsd,
}

impl PriceTable {
    /// The parts of `cost`, which `usage` had at the price that a record calls `price`. None when nothing was priced, or when this
    /// table does not have that price any more.
    #[must_use]
    pub fn break_down(&self, price: &str, usage: &TokenUsage, cost: NanoUsd) -> Option<Breakdown> {
        let mut parts = price.split('*');
        let rate = without_label(parts.next()?)?;
        let factors = parts.map(factor).collect::<Option<Vec<_>>>()?;
        let (model, _) = rate.rsplit_once('@')?;
        let found = self.rates_of(model).find(|candidate| without_label(&candidate.text) == Some(rate))?;
        let (broken_down, whole) = divide(&found.prices, usage, factors)?;
        (whole == cost).then_some(broken_down)
    }
}

/// `model@day>tier` of `label/model@day>tier`: a later release may have the same price under another label.
fn without_label(text: &str) -> Option<&str> {
    text.strip_prefix(UNKNOWN).unwrap_or(text).split_once('/').map(|(_, rate)| rate)
}

/// Reads `name=1.1` or `name=1/3`.
fn factor(text: &str) -> Option<NamedFactor> {
    let (name, text) = text.split_once('=')?;
    let times = match text.split_once('/') {
        Some((numerator, denominator)) => Multiplier::new(numerator.parse().ok()?, denominator.parse().ok()?)?,
        None => Multiplier::parse(text)?,
    };
    Some(NamedFactor { name: name.to_owned(), text: text.to_owned(), times })
}

/// The parts and the whole. Each part is what the running sum grows by when it is rounded, so that the parts meet the whole.
fn divide(prices: &Prices, usage: &TokenUsage, factors: Vec<NamedFactor>) -> Option<(Breakdown, NanoUsd)> {
    let mut slots = [None; 3];
    if factors.len() > slots.len() {
        return None;
    }
    for (slot, factor) in slots.iter_mut().zip(&factors) {
        *slot = Some(Factor { name: "", times: factor.times });
    }
    let rounding = Factors(slots);
    let (mut sum_pico, mut told) = (0, NanoUsd::ZERO);
    let mut class = |tokens: u64, price: u64| {
        sum_pico += i128::from(tokens) * i128::from(price);
        let before = std::mem::replace(&mut told, rounding.round(sum_pico));
        ClassCost { tokens, price: PicoUsd(price), cost: NanoUsd(told.0 - before.0) }
    };
    let broken_down = Breakdown {
        input: class(usage.input, prices.input),
        output: class(usage.output, prices.output),
        cache_write_5m: class(usage.cache_write_5m, prices.cache_write_5m),
        cache_write_1h: class(usage.cache_write_1h, prices.cache_write_1h),
        cache_read: class(usage.cache_read, prices.cache_read),
        factors,
    };
    Some((broken_down, told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PriceTraits, Priced, Pricing};
    use domain::{Day, Dialect};

    const USAGE: TokenUsage =
        TokenUsage { input: 1001, output: 333, cache_write_5m: 77, cache_write_1h: 13, cache_read: 250_007 };

    fn priced(model: &str, traits: PriceTraits<'_>) -> Priced {
        let day = Day::parse("2026-11-23").expect("a day");
        let (dialect, usage) = (Dialect::Anthropic, &USAGE);
        PriceTable::embedded().price(&Pricing { model, dialect, day, usage, traits })
    }

    fn sum(parts: &Breakdown) -> i128 {
        [parts.input, parts.output, parts.cache_write_5m, parts.cache_write_1h, parts.cache_read]
            .iter()
            .map(|class| class.cost.0)
            .sum()
    }

    #[test]
    fn the_parts_of_every_model_s_cost_sum_up_to_it() {
        let table = PriceTable::embedded();
        for entry in table.entries() {
            for geo in [None, Some("us")] {
                let priced = priced(entry.model(), PriceTraits { inference_geo: geo, ..PriceTraits::default() });
                let parts = table.break_down(&priced.price, &USAGE, priced.cost);
                assert_eq!(parts.as_ref().map(sum), Some(priced.cost.0), "{}", priced.price);
            }
        }
    }

    #[test]
    fn an_unknown_model_s_cost_is_broken_down_too() {
        let priced = priced("nobody-knows-it", PriceTraits::default());
        assert!(PriceTable::embedded().break_down(&priced.price, &USAGE, priced.cost).is_some(), "{}", priced.price);
    }

    #[test]
    fn a_price_that_is_gone_or_has_changed_has_no_parts() {
        let (table, priced) = (PriceTable::embedded(), priced("claude-opus-4-5", PriceTraits::default()));
        assert_eq!(table.break_down("api-0123/no-such-model@always>0", &USAGE, priced.cost), None);
        assert_eq!(table.break_down(&priced.price, &USAGE, NanoUsd(priced.cost.0 + 1)), None);
        assert_eq!(table.break_down("", &USAGE, NanoUsd::ZERO), None);
    }
}
