//! The `model_prices_and_context_window.json` shape of `LiteLLM`, in dollars per token: what is a price per token in it, and nothing else.
//!
//! A price's field says all in its name: `input_cost_per_token`, then `_above_1hr` (one-hour cache), `_above_200k_tokens` (any prompt
//! length), `_priority`, `_flex` or `_batches`. A field that ends otherwise is no price per token.

use crate::{
    decimal::{Unit, parse_price},
    document::Figure,
    error::{PriceError, Problem},
    model_price::{ClassPrices, ModelPrice, ModelPriceParts, PriceFrom, ServicePrices, Tier},
    price_file::PriceFile,
    published::{Provider, ServiceTier},
};
use domain::{Multiplier, PicoUsd};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The fields of an object, unread.
pub(crate) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Kinds of calls that are priced per token; an entry without a kind is one of them.
const MODES: [&str; 3] = ["chat", "responses", "completion"];

/// Reads all entries. The file covers hundreds of providers that nobody here asked for, so a wrong entry is left out and reported
/// instead of refusing the rest.
pub(crate) fn parse(entries: &Fields<'_>) -> PriceFile {
    let mut file = PriceFile::default();
    for (model, raw) in entries {
        match parse_entry(model, raw) {
            Ok(Some(price)) => file.models.push(price),
            Ok(None) => file.entries_skipped += 1,
            Err(error) => file.entries_refused.push(error),
        }
    }
    file
}

fn parse_entry(model: &str, raw: &RawValue) -> Result<Option<ModelPrice>, PriceError> {
    // The file's own documentation entry, with texts where numbers belong.
    if model == "sample_spec" {
        return Ok(None);
    }
    let fields: Fields<'_> = serde_json::from_str(raw.get()).map_err(PriceError::Syntax)?;
    if text(&fields, "mode").is_some_and(|mode| !MODES.contains(&mode.as_str())) {
        return Ok(None);
    }
    let stated = Stated::read(model, &fields)?;
    let Some(tiers) = stated.tiers(None) else { return Ok(None) };
    let services = ServiceTier::ALL.into_iter();
    let services = services.filter_map(|service| Some(ServicePrices { service, tiers: stated.tiers(Some(service))? }));
    let price = PriceFrom { effective_from: None, tiers, services: services.collect(), fast: fast(model, &fields)? };
    ModelPrice::new(ModelPriceParts {
        model: model.to_owned(),
        provider: provider(model, text(&fields, "litellm_provider").as_deref()),
        input_tokens_max: count(&fields, "max_input_tokens"),
        output_tokens_max: count(&fields, "max_output_tokens"),
        prices: vec![price],
    })
    .map(Some)
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

fn count(fields: &Fields<'_>, name: &str) -> Option<u64> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// `provider_specific_entry.fast`.
fn fast(model: &str, fields: &Fields<'_>) -> Result<Option<Multiplier>, PriceError> {
    let Some(raw) = fields.get("provider_specific_entry").filter(|raw| raw.get() != "null") else { return Ok(None) };
    let specific: Fields<'_> = serde_json::from_str(raw.get()).map_err(PriceError::Syntax)?;
    let Some(raw) = specific.get("fast") else { return Ok(None) };
    let factor = Multiplier::parse(raw.get());
    let refused = || PriceError::field(model, "provider_specific_entry.fast", Problem::NotAFactor);
    factor.map(Some).ok_or_else(refused)
}

fn provider(model: &str, name: Option<&str>) -> Provider {
    let is_claude = model.to_ascii_lowercase().contains("claude");
    match name.unwrap_or_default() {
        "anthropic" | "vertex_ai-anthropic_models" => Provider::Anthropic,
        "bedrock" | "bedrock_converse" if is_claude => Provider::Bedrock,
        "openai" | "text-completion-openai" | "azure" | "azure_text" => Provider::OpenAi,
        "gemini" | "vertex_ai-language-models" | "vertex_ai-chat-models" | "vertex_ai-text-models" => Provider::Google,
        _ => Provider::Other,
    }
}

/// A class of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Input,
    Output,
    CacheRead,
    CacheWrite5m,
    CacheWrite1h,
}

/// What one field prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Slot {
    service: Option<ServiceTier>,
    prompt_above: u64,
    class: Class,
}

impl Slot {
    /// Reads a field's name; none when it is not the name of a price per token.
    fn parse(field: &str) -> Option<Self> {
        const CLASSES: [(&str, Class); 4] = [
            ("input_cost_per_token", Class::Input),
            ("output_cost_per_token", Class::Output),
            ("cache_read_input_token_cost", Class::CacheRead),
            ("cache_creation_input_token_cost", Class::CacheWrite5m),
        ];
        const SERVICES: [(&str, ServiceTier); 3] =
            [("_priority", ServiceTier::Priority), ("_flex", ServiceTier::Flex), ("_batches", ServiceTier::Batch)];

        let (mut rest, mut class) =
            CLASSES.into_iter().find_map(|(name, class)| Some((field.strip_prefix(name)?, class)))?;
        if let (Class::CacheWrite5m, Some(after)) = (class, rest.strip_prefix("_above_1hr")) {
            (rest, class) = (after, Class::CacheWrite1h);
        }
        let mut prompt_above = 0;
        if let Some((thousands, after)) = rest.strip_prefix("_above_").and_then(|rest| rest.split_once("k_tokens")) {
            prompt_above = thousands.parse::<u64>().ok()?.checked_mul(1000)?;
            rest = after;
        }
        let mut service = None;
        if let Some((after, tier)) =
            SERVICES.into_iter().find_map(|(name, tier)| Some((rest.strip_prefix(name)?, tier)))
        {
            (rest, service) = (after, Some(tier));
        }
        rest.is_empty().then_some(Self { service, prompt_above, class })
    }
}

/// Every price per token of one entry.
struct Stated(BTreeMap<Slot, PicoUsd>);

impl Stated {
    fn read(model: &str, fields: &Fields<'_>) -> Result<Self, PriceError> {
        let mut prices = BTreeMap::new();
        for (field, raw) in fields {
            let Some(slot) = Slot::parse(field).filter(|_| raw.get() != "null") else { continue };
            let figure = Figure::of(raw).map_err(PriceError::Syntax)?;
            let price = parse_price(figure.as_str(), Unit::UsdPerToken);
            prices.insert(slot, price.map_err(|problem| PriceError::field(model, field, problem))?);
        }
        Ok(Self(prices))
    }

    /// The prompt-length tiers of a service tier; none unless input and output are both stated for its shortest prompts. A
    /// longer tier that leaves one of the two out has it from the tier below.
    fn tiers(&self, service: Option<ServiceTier>) -> Option<Vec<Tier>> {
        let of_service = self.0.keys().filter(|slot| slot.service == service);
        let mut lengths: Vec<u64> = of_service.map(|slot| slot.prompt_above).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let at = |prompt_above, class| self.0.get(&Slot { service, prompt_above, class }).copied();
        let (mut input, mut output) = (at(0, Class::Input)?, at(0, Class::Output)?);
        let tier = |above| {
            input = at(above, Class::Input).unwrap_or(input);
            output = at(above, Class::Output).unwrap_or(output);
            let classes = ClassPrices {
                input,
                output,
                cache_read: at(above, Class::CacheRead),
                cache_write_5m: at(above, Class::CacheWrite5m),
                cache_write_1h: at(above, Class::CacheWrite1h),
            };
            Tier { prompt_above: above, classes }
        };
        Some(lengths.into_iter().map(tier).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_s_name_says_what_it_prices() {
        let slot = |service, prompt_above, class| Some(Slot { service, prompt_above, class });
        for (field, meant) in [
            ("input_cost_per_token", slot(None, 0, Class::Input)),
            ("output_cost_per_token_above_272k_tokens", slot(None, 272_000, Class::Output)),
            ("cache_creation_input_token_cost_above_1hr", slot(None, 0, Class::CacheWrite1h)),
            ("cache_creation_input_token_cost_above_1hr_above_200k_tokens", slot(None, 200_000, Class::CacheWrite1h)),
            ("cache_read_input_token_cost_flex", slot(Some(ServiceTier::Flex), 0, Class::CacheRead)),
            (
                "input_cost_per_token_above_200k_tokens_priority",
                slot(Some(ServiceTier::Priority), 200_000, Class::Input),
            ),
            ("input_cost_per_token_batches", slot(Some(ServiceTier::Batch), 0, Class::Input)),
            ("input_cost_per_token_cache_hit", None),
            ("input_cost_per_token_above_xk_tokens", None),
            ("input_cost_per_token_above_1hr", None),
            ("output_cost_per_image", None),
        ] {
            assert_eq!(Slot::parse(field), meant, "{field}");
        }
    }
}
