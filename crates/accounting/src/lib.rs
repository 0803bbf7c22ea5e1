//! Prices a usage: the price table, the rules for names and multipliers, the cost. No I/O, no clock, no floats for money.
//!
//! [`PriceTable::embedded`] holds the providers' published list prices; [`PriceTable::with_overrides`] lays the operator's own
//! over them, read by [`PriceFile::parse`] or [`ModelPrice::parse_json`]. [`PriceTable::price`] says what an attempt cost and
//! which price that was; [`PriceTable::break_down`] finds that price again and tells the classes' parts. The rules, for people: `docs/prices.md`.

mod breakdown;
mod compile;
mod cost;
mod decimal;
mod digest;
mod document;
mod error;
mod figures;
mod litellm;
mod model_price;
mod names;
mod price_file;
mod published;
mod table;

pub use breakdown::{Breakdown, ClassCost, NamedFactor};
pub use cost::{ClassCosts, Priced, Pricing};
pub use error::{PriceError, Problem};
pub use model_price::{ClassPrices, ModelPrice, ModelPriceParts, PRICE_PICO_MAX, PriceFrom, ServicePrices, Tier};
pub use names::{Match, Resolved};
pub use price_file::PriceFile;
pub use published::{PriceTraits, Provider, ServiceTier};
pub use table::{Entry, Period, PriceTable, Source};
