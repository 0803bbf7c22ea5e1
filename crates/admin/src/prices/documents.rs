//! A model's price as it stands in documents of this API. The form is `accounting`'s; it is written out here so that the OpenAPI
//! document has it.

use super::ids::ModelName;
use crate::wire::Figure;
use accounting::{Entry, ModelPrice, PriceError, Source};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PriceSource)]
pub(crate) enum SourceWord {
    /// The list that the program carries.
    Embedded,
    /// The operator's price file.
    File,
    /// This API.
    Api,
}

/// A model's prices as the operator states them.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ModelPriceDocument, example = json!({"provider": "anthropic", "prices": [{"from": "2026-11-01",
    "tiers": [{"input": "3", "output": "15", "cache_read": "0.3", "cache_write_5m": "3.75", "cache_write_1h": "6"}]}]}))]
pub(crate) struct ModelPriceDocument {
    /// The model's name; left out, or the same as in the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// By whose rules the prices are completed and multiplied: `anthropic`, `bedrock`, `openai`, `google` or `other`.
    #[schema(example = "anthropic", pattern = "^(anthropic|bedrock|openai|google|other)$")]
    provider: String,
    /// Most tokens of a prompt, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    /// Most tokens of an answer, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    /// The prices by the day that they hold from.
    #[schema(min_items = 1, max_items = 100)]
    prices: Vec<PriceFromDocument>,
}

/// The prices of a model from a day on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PriceFrom)]
struct PriceFromDocument {
    /// The first day they hold, in the relay's time zone; left out: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-01", pattern = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
    from: Option<String>,
    /// By prompt length, ascending from 0. The whole request is priced by the highest tier that its prompt is above.
    #[schema(min_items = 1, max_items = 16)]
    tiers: Vec<TierDocument>,
    /// Prices of the provider's tier of this name, where they are stated apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    priority: Vec<TierDocument>,
    /// Prices of the provider's tier of this name, where they are stated apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    flex: Vec<TierDocument>,
    /// Prices of the provider's tier of this name, where they are stated apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    batch: Vec<TierDocument>,
    /// What everything is multiplied by in the fast mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    fast: Option<Figure>,
}

/// Prices for prompts above a length, in US dollars per million tokens. A class that is left out follows the provider's rules.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PriceTier)]
struct TierDocument {
    /// Tokens of the prompt that must be exceeded; 0 in the first tier.
    #[serde(default)]
    prompt_above: u64,
    input: Figure,
    output: Figure,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_5m: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<Figure>,
}

/// The prices of a model that are in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelPrice)]
pub(crate) struct ModelPriceView {
    /// Where the newest of the prices comes from.
    source: SourceWord,
    /// What records call that source.
    #[schema(example = "embedded-2026-11")]
    label: String,
    /// All of it, whatever its sources.
    price: ModelPriceDocument,
}

impl ModelPriceDocument {
    /// The price that it states for `model`.
    pub(crate) fn parse(mut self, model: &ModelName) -> Result<ModelPrice, PriceError> {
        let named = self.model.replace(model.as_str().to_owned());
        if named.is_some_and(|named| named != model.as_str()) {
            let (model, field) = (model.as_str().to_owned(), "model".to_owned());
            return Err(PriceError::Field { model, field, problem: accounting::Problem::NotAName });
        }
        let text = serde_json::to_string(&self).map_err(PriceError::Syntax)?;
        ModelPrice::parse_json(&text)
    }
}

impl ModelPriceView {
    /// An entry of the table, its newest price being from `source`.
    pub(crate) fn new(entry: &Entry, source: Source) -> Result<Self, serde_json::Error> {
        let label = entry.periods().last().map_or(String::new(), |period| period.label().to_string());
        let price = serde_json::from_str(&entry.to_model_price().to_json())?;
        Ok(Self { source: source.into(), label, price })
    }
}

impl From<Source> for SourceWord {
    fn from(source: Source) -> Self {
        match source {
            Source::Embedded => Self::Embedded,
            Source::File => Self::File,
            Source::Api => Self::Api,
        }
    }
}

impl From<SourceWord> for Source {
    fn from(word: SourceWord) -> Self {
        match word {
            SourceWord::Embedded => Self::Embedded,
            SourceWord::File => Self::File,
            SourceWord::Api => Self::Api,
        }
    }
}
