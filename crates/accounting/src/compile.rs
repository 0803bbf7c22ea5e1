//! Stated prices to complete ones: after this no class, no tier and no service tier is left open, and pricing only looks up.
//!
//! A class that a higher prompt tier or a service tier leaves out keeps its proportion to the input's price in the standard first
//! tier; where that leaves it out too, the provider's rule of [`Provider::cache_prices`] fills it in.

use crate::{
    model_price::{ClassPrices, PriceFrom, Tier},
    published::{Provider, ServiceTier},
};
use domain::PicoUsd;
use std::{collections::BTreeSet, sync::Arc};

/// Price of every class, pico-dollars per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write_5m: u64,
    pub(crate) cache_write_1h: u64,
}

/// One complete price, with the text that records name it by.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    pub(crate) prompt_above: u64,
    pub(crate) prices: Prices,
    pub(crate) text: Arc<str>,
}

/// Rates ascending by prompt length; the first is above 0.
#[derive(Debug, Clone)]
pub(crate) struct Rates(Vec<Rate>);

/// All rates that hold from one day on.
#[derive(Debug, Clone)]
pub(crate) struct CompiledPrice {
    pub(crate) standard: Rates,
    services: Vec<(ServiceTier, Rates)>,
}

impl Rates {
    /// The rate of the whole request for a prompt of so many tokens.
    pub(crate) fn of(&self, prompt_tokens: u64) -> &Rate {
        let above = self.0.iter().rev().find(|rate| prompt_tokens > rate.prompt_above);
        above.unwrap_or(&self.0[0])
    }
}

impl CompiledPrice {
    /// Completes `stated`. `name` is what a record calls it, `label/model@day`.
    pub(crate) fn new(stated: &PriceFrom, provider: Provider, name: &str) -> Self {
        let standard = standard(stated, provider);
        let services = stated.services.iter().map(|prices| {
            let tiers = service(&prices.tiers, stated, &standard, provider);
            (prices.service, rates(&tiers, |above| format!("{name}>{above}+{}", prices.service.as_str())))
        });
        let services = services.collect();
        Self { standard: rates(&standard, |above| format!("{name}>{above}")), services }
    }

    /// Every rate: the standard ones and those of service tiers.
    pub(crate) fn rates(&self) -> impl Iterator<Item = &Rate> {
        self.standard.0.iter().chain(self.services.iter().flat_map(|(_, rates)| &rates.0))
    }

    /// The prices that are stated for a service tier, if any are.
    pub(crate) fn service(&self, tier: ServiceTier) -> Option<&Rates> {
        self.services.iter().find(|(service, _)| *service == tier).map(|(_, rates)| rates)
    }
}

/// Prompt length and complete prices.
type Completed = (u64, Prices);

fn rates(tiers: &[Completed], text: impl Fn(u64) -> String) -> Rates {
    let rate = |&(prompt_above, prices)| Rate { prompt_above, prices, text: text(prompt_above).into() };
    Rates(tiers.iter().map(rate).collect())
}

fn standard(stated: &PriceFrom, provider: Provider) -> Vec<Completed> {
    let first = &stated.tiers[0].classes;
    stated.tiers.iter().map(|tier| (tier.prompt_above, complete(&tier.classes, first, provider))).collect()
}

/// A service tier at every prompt length that it or the standard tier knows.
fn service(own: &[Tier], stated: &PriceFrom, standard: &[Completed], provider: Provider) -> Vec<Completed> {
    let first = &stated.tiers[0].classes;
    let lengths: BTreeSet<u64> =
        own.iter().map(|tier| tier.prompt_above).chain(standard.iter().map(|&(above, _)| above)).collect();
    let at = |above: u64| {
        let tier = own.iter().rev().find(|tier| tier.prompt_above <= above).unwrap_or(&own[0]);
        let prices = complete(&tier.classes, first, provider);
        if tier.prompt_above == above {
            return (above, prices);
        }
        (above, prices.in_step(standard_at(standard, tier.prompt_above), standard_at(standard, above)))
    };
    lengths.into_iter().map(at).collect()
}

fn standard_at(standard: &[Completed], above: u64) -> &Prices {
    let tier = standard.iter().rev().find(|&&(length, _)| length <= above);
    &tier.unwrap_or(&standard[0]).1
}

/// Fills the classes that `stated` leaves out, in proportion to `first` or by the provider's rule.
fn complete(stated: &ClassPrices, first: &ClassPrices, provider: Provider) -> Prices {
    let input = stated.input.0;
    let by_rule = provider.cache_prices(input);
    let class = |own: Option<PicoUsd>, of_first: Option<PicoUsd>, rule: u64| match (own, of_first) {
        (Some(price), _) => price.0,
        (None, Some(price)) if first.input.0 > 0 => ClassPrices::scale(price.0, input, first.input.0),
        (None, _) => rule,
    };
    Prices {
        input,
        output: stated.output.0,
        cache_read: class(stated.cache_read, first.cache_read, by_rule.read),
        cache_write_5m: class(stated.cache_write_5m, first.cache_write_5m, by_rule.write_5m),
        cache_write_1h: class(stated.cache_write_1h, first.cache_write_1h, by_rule.write_1h),
    }
}

impl Prices {
    /// These prices raised as the standard ones rise `from` one prompt length `to` another.
    fn in_step(&self, from: &Self, to: &Self) -> Self {
        let class = |own: u64, from: u64, to: u64| if from == 0 { own } else { ClassPrices::scale(own, to, from) };
        Self {
            input: class(self.input, from.input, to.input),
            output: class(self.output, from.output, to.output),
            cache_read: class(self.cache_read, from.cache_read, to.cache_read),
            cache_write_5m: class(self.cache_write_5m, from.cache_write_5m, to.cache_write_5m),
            cache_write_1h: class(self.cache_write_1h, from.cache_write_1h, to.cache_write_1h),
        }
    }
}
