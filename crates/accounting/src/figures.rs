//! The embedded price list: read once from the text that the crate carries, never from disk.

use crate::{
    decimal::{Unit, parse_price},
    error::{PriceError, Problem},
    model_price::{ClassPrices, ModelPrice, ModelPriceParts, PriceFrom, ServicePrices, Tier},
    published::{Provider, ServiceTier},
};
use domain::{Day, Multiplier, PicoUsd};
use std::collections::BTreeMap;

/// The providers' list prices; the header of the file says from when and how to read it.
pub(crate) const LIST: &str = include_str!("../prices/list.tsv");

/// The providers' other names for models of the list.
const ALIASES: &str = include_str!("../prices/aliases.tsv");

/// What records call the embedded list.
pub(crate) fn label() -> &'static str {
    LIST.lines().find_map(|line| line.strip_prefix("# label: ")).unwrap_or("embedded")
}

/// Alias and model, in the order of the file.
pub(crate) fn aliases() -> impl Iterator<Item = (&'static str, &'static str)> {
    rows(ALIASES).filter_map(|row| row.split_once('\t'))
}

/// Reads the embedded list, by model.
///
/// # Errors
///
/// When a row is wrong: with the model and the column.
pub(crate) fn embedded() -> Result<Vec<ModelPrice>, PriceError> {
    parse(LIST)
}

fn parse(list: &'static str) -> Result<Vec<ModelPrice>, PriceError> {
    let mut models: BTreeMap<&str, ModelPriceParts> = BTreeMap::new();
    for row in rows(list).map(Row::new) {
        let provider =
            Provider::parse(row.cell(PROVIDER)).ok_or_else(|| row.refuse(PROVIDER, Problem::NotAProvider))?;
        let parts = models.entry(row.cell(MODEL)).or_insert_with(|| ModelPriceParts {
            model: row.cell(MODEL).to_owned(),
            provider,
            input_tokens_max: None,
            output_tokens_max: None,
            prices: Vec::new(),
        });
        parts.input_tokens_max = parts.input_tokens_max.or(row.count(INPUT_TOKENS_MAX)?);
        parts.output_tokens_max = parts.output_tokens_max.or(row.count(OUTPUT_TOKENS_MAX)?);
        row.add_to(&mut parts.prices)?;
    }
    models.into_values().map(ModelPrice::new).collect()
}

/// Rows without comments and without the heading.
fn rows(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1)
}

/// A column of the list: its place and its heading.
type Column = (usize, &'static str);

const MODEL: Column = (0, "model");
const PROVIDER: Column = (1, "provider");
const FROM: Column = (2, "from");
const PROMPT_ABOVE: Column = (3, "prompt_above");
const SERVICE: Column = (4, "service");
const INPUT: Column = (5, "input");
const OUTPUT: Column = (6, "output");
const CACHE_READ: Column = (7, "cache_read");
const CACHE_WRITE_5M: Column = (8, "cache_write_5m");
const CACHE_WRITE_1H: Column = (9, "cache_write_1h");
const FAST: Column = (10, "fast");
const INPUT_TOKENS_MAX: Column = (11, "max_input_tokens");
const OUTPUT_TOKENS_MAX: Column = (12, "max_output_tokens");

/// One row of the list.
struct Row(Vec<&'static str>);

impl Row {
    fn new(line: &'static str) -> Self {
        Self(line.split('\t').collect())
    }

    fn cell(&self, column: Column) -> &'static str {
        self.0.get(column.0).copied().unwrap_or("")
    }

    fn refuse(&self, column: Column, problem: Problem) -> PriceError {
        PriceError::field(self.cell(MODEL), column.1, problem)
    }

    fn price(&self, column: Column) -> Result<Option<PicoUsd>, PriceError> {
        match self.cell(column) {
            "" => Ok(None),
            text => parse_price(text, Unit::UsdPerMillion).map(Some).map_err(|problem| self.refuse(column, problem)),
        }
    }

    fn count(&self, column: Column) -> Result<Option<u64>, PriceError> {
        match self.cell(column) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| self.refuse(column, Problem::NotANumber)),
        }
    }

    fn tier(&self) -> Result<Tier, PriceError> {
        let needed = |column| self.price(column)?.ok_or_else(|| self.refuse(column, Problem::Missing));
        Ok(Tier {
            prompt_above: self.count(PROMPT_ABOVE)?.ok_or_else(|| self.refuse(PROMPT_ABOVE, Problem::Missing))?,
            classes: ClassPrices {
                input: needed(INPUT)?,
                output: needed(OUTPUT)?,
                cache_read: self.price(CACHE_READ)?,
                cache_write_5m: self.price(CACHE_WRITE_5M)?,
                cache_write_1h: self.price(CACHE_WRITE_1H)?,
            },
        })
    }

    /// Adds this row to the prices of its day: rows of one day follow each other, the standard ones first.
    fn add_to(&self, prices: &mut Vec<PriceFrom>) -> Result<(), PriceError> {
        let effective_from = match self.cell(FROM) {
            "" => None,
            text => Some(Day::parse(text).ok_or_else(|| self.refuse(FROM, Problem::NotADay))?),
        };
        if prices.last().is_none_or(|price| price.effective_from != effective_from) {
            prices.push(PriceFrom { effective_from, tiers: Vec::new(), services: Vec::new(), fast: None });
        }
        let price = prices.last_mut().expect("one was pushed above if there was none");
        match self.cell(SERVICE) {
            "" => price.tiers.push(self.tier()?),
            name => {
                let service = ServiceTier::parse(name).ok_or_else(|| self.refuse(SERVICE, Problem::NotAName))?;
                add_service_tier(&mut price.services, service, self.tier()?);
            }
        }
        if !self.cell(FAST).is_empty() {
            let fast = Multiplier::parse(self.cell(FAST));
            price.fast = Some(fast.ok_or_else(|| self.refuse(FAST, Problem::NotAFactor))?);
        }
        Ok(())
    }
}

fn add_service_tier(services: &mut Vec<ServicePrices>, service: ServiceTier, tier: Tier) {
    match services.iter_mut().find(|prices| prices.service == service) {
        Some(prices) => prices.tiers.push(tier),
        None => services.push(ServicePrices { service, tiers: vec![tier] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;

    fn refusal(row: &'static str) -> String {
        // The first line is taken for the heading.
        let list = format!("heading\n{row}").leak();
        parse(list).expect_err("the row is wrong").to_string()
    }

    #[test]
    fn the_embedded_list_holds_every_model_of_the_sources() {
        let models = embedded().expect("the list that we ship");
        let of = |provider| models.iter().filter(|model| model.provider() == provider).count();
        // Of the sources, 178 models, and three entries for unknown ones.
        assert_eq!(
            [Provider::Anthropic, Provider::Bedrock, Provider::Google, Provider::OpenAi].map(of),
            [38, 1, 54, 88]
        );
        assert_eq!(rows(LIST).count(), 243);
    }

    #[test]
    fn a_label_means_one_set_of_figures_for_ever() {
        // A change of the list needs a new label; then this line changes with it.
        assert_eq!((label(), digest::short(rows(LIST))), ("embedded-2026-11", "c5e148ab".to_owned()));
    }

    #[test]
    fn every_alias_leads_to_a_model_of_the_list() {
        let models = embedded().expect("the list that we ship");
        for (alias, target) in aliases() {
            assert!(models.iter().any(|model| model.model() == target), "{alias} leads to {target}");
            assert!(models.iter().all(|model| model.model() != alias), "{alias} is a model itself");
        }
    }

    #[test]
    fn a_wrong_row_is_refused_with_its_model_and_column() {
        for (row, said) in [
            ("m\tnobody\t\t0\t\t1\t2", "the price of m: provider is not one of"),
            ("m\tother\t\t0\t\t-1\t2", "the price of m: input is below zero"),
            ("m\tother\t\t0\t\t1", "the price of m: output is missing"),
            ("m\tother\t\tx\t\t1\t2", "the price of m: prompt_above is not a decimal number"),
            ("m\tother\t2026-13-01\t0\t\t1\t2", "the price of m: from is not a day"),
            ("m\tother\t\t5\t\t1\t2", "the price of m: tiers has no tier for prompts above 0 tokens"),
            ("m\tother\t\t0\tslow\t1\t2", "the price of m: service is no name"),
            ("m\tother\t\t0\tflex\t1\t2", "the price of m: tiers is missing"),
            ("m\tother\t\t0\t\t1\t2\t\t\t\tquick", "the price of m: fast is not a factor"),
        ] {
            assert!(refusal(row).starts_with(said), "{row:?}: {}", refusal(row));
        }
    }
}
