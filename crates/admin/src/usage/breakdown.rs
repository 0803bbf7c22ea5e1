//! A cost class by class, as it is shown.

use crate::wire::Usd;
use accounting::{Breakdown, ClassCost, NamedFactor};
use domain::NanoUsd;
use serde::Serialize;
use utoipa::ToSchema;

/// Nano-dollars of a million tokens at one pico-dollar each.
const NANOS_PER_MILLION: i128 = 1000;

/// A cost at list price, class by class; the classes' costs sum up to it exactly.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostBreakdown)]
pub(crate) struct BreakdownView {
    /// Input at the full price.
    input: ClassCostView,
    /// Output.
    output: ClassCostView,
    /// Writes to the five-minute prompt cache.
    cache_write_5m: ClassCostView,
    /// Writes to the one-hour prompt cache.
    cache_write_1h: ClassCostView,
    /// Reads from a prompt cache.
    cache_read: ClassCostView,
    /// What every class was multiplied by.
    factors: Vec<FactorView>,
}

/// What the tokens of one class cost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClassCost)]
struct ClassCostView {
    tokens: u64,
    /// Price of a million tokens, before factors.
    price_per_million_usd: Usd,
    /// Their part of the cost, factors included.
    cost_usd: Usd,
}

/// What a price was multiplied by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CostFactor)]
struct FactorView {
    /// Why: a service tier, the fast mode, a region.
    #[schema(example = "us")]
    name: String,
    /// By how much: a decimal, or a fraction such as `1/3` where none is exact.
    #[schema(example = "1.1")]
    times: String,
}

impl From<Breakdown> for BreakdownView {
    fn from(parts: Breakdown) -> Self {
        let factor = |factor: NamedFactor| FactorView { name: factor.name, times: factor.text };
        Self {
            input: parts.input.into(),
            output: parts.output.into(),
            cache_write_5m: parts.cache_write_5m.into(),
            cache_write_1h: parts.cache_write_1h.into(),
            cache_read: parts.cache_read.into(),
            factors: parts.factors.into_iter().map(factor).collect(),
        }
    }
}

impl From<ClassCost> for ClassCostView {
    fn from(class: ClassCost) -> Self {
        Self {
            tokens: class.tokens,
            price_per_million_usd: Usd(NanoUsd(i128::from(class.price.0) * NANOS_PER_MILLION)),
            cost_usd: Usd(class.cost),
        }
    }
}
