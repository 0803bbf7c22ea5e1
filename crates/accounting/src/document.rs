//! One model's prices as a JSON document: what the store keeps, the price API takes and gives, and a price file lists.
//!
//! Prices are US dollars per million tokens, read from numbers or strings, written as strings, so that no reader makes floats of them.

use crate::{
    decimal::{Unit, parse_price, usd_per_million},
    error::{PriceError, Problem},
    model_price::{ClassPrices, ModelPrice, ModelPriceParts, PriceFrom, ServicePrices, Tier},
    published::{Provider, ServiceTier},
};
use domain::{Day, Multiplier, PicoUsd};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

impl ModelPrice {
    /// Reads one model's document.
    ///
    /// # Errors
    ///
    /// When it is not JSON of this form, has a field that is not known, or states what [`ModelPrice::new`] refuses.
    pub fn parse_json(text: &str) -> Result<Self, PriceError> {
        serde_json::from_str::<ModelDocument>(text).map_err(PriceError::Syntax)?.parse()
    }

    /// Writes the document: the same text for the same prices, always; [`parse_json`](Self::parse_json) reads it back.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "strings and numbers always print")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&ModelDocument::from(self)).expect("strings and numbers only")
    }
}

/// `{"model", "provider", "max_input_tokens", "max_output_tokens", "prices"}`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelDocument {
    model: String,
    provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    prices: Vec<PriceDocument>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    tiers: Vec<TierDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    priority: Vec<TierDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flex: Vec<TierDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    batch: Vec<TierDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fast: Option<Figure>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierDocument {
    #[serde(default)]
    prompt_above: u64,
    input: Figure,
    output: Figure,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_read: Option<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_5m: Option<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<Figure>,
}

/// The text of a JSON number, or of a string that holds one.
#[derive(Debug, Serialize)]
pub(crate) struct Figure(String);

impl Figure {
    pub(crate) fn of(raw: &RawValue) -> Result<Self, serde_json::Error> {
        let text = raw.get();
        if text.starts_with('"') { serde_json::from_str(text).map(Self) } else { Ok(Self(text.to_owned())) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Figure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::of(&raw).map_err(serde::de::Error::custom)
    }
}

impl ModelDocument {
    pub(crate) fn parse(self) -> Result<ModelPrice, PriceError> {
        let provider = Provider::parse(&self.provider)
            .ok_or_else(|| PriceError::field(&self.model, "provider", Problem::NotAProvider))?;
        let prices: Result<_, _> = self.prices.iter().map(|price| price.parse(&self.model)).collect();
        ModelPrice::new(ModelPriceParts {
            prices: prices?,
            model: self.model,
            provider,
            input_tokens_max: self.max_input_tokens,
            output_tokens_max: self.max_output_tokens,
        })
    }
}

impl PriceDocument {
    fn parse(&self, model: &str) -> Result<PriceFrom, PriceError> {
        let refuse = |field: &str, problem| PriceError::field(model, field, problem);
        let day = |text: &String| Day::parse(text).ok_or_else(|| refuse("from", Problem::NotADay));
        let factor =
            |figure: &Figure| Multiplier::parse(figure.as_str()).ok_or_else(|| refuse("fast", Problem::NotAFactor));
        let mut services = Vec::new();
        for service in ServiceTier::ALL {
            let tiers = parse_tiers(model, service.as_str(), self.service(service))?;
            if !tiers.is_empty() {
                services.push(ServicePrices { service, tiers });
            }
        }
        Ok(PriceFrom {
            effective_from: self.from.as_ref().map(day).transpose()?,
            tiers: parse_tiers(model, "tiers", &self.tiers)?,
            services,
            fast: self.fast.as_ref().map(factor).transpose()?,
        })
    }

    fn service(&self, service: ServiceTier) -> &[TierDocument] {
        match service {
            ServiceTier::Priority => &self.priority,
            ServiceTier::Flex => &self.flex,
            ServiceTier::Batch => &self.batch,
        }
    }
}

fn parse_tiers(model: &str, list: &str, tiers: &[TierDocument]) -> Result<Vec<Tier>, PriceError> {
    let price = |class: &str, figure: &Figure| {
        parse_price(figure.as_str(), Unit::UsdPerMillion)
            .map_err(|problem| PriceError::field(model, format!("{list}.{class}"), problem))
    };
    let optional =
        |class: &str, figure: &Option<Figure>| figure.as_ref().map(|figure| price(class, figure)).transpose();
    let tier = |tier: &TierDocument| {
        Ok(Tier {
            prompt_above: tier.prompt_above,
            classes: ClassPrices {
                input: price("input", &tier.input)?,
                output: price("output", &tier.output)?,
                cache_read: optional("cache_read", &tier.cache_read)?,
                cache_write_5m: optional("cache_write_5m", &tier.cache_write_5m)?,
                cache_write_1h: optional("cache_write_1h", &tier.cache_write_1h)?,
            },
        })
    };
    tiers.iter().map(tier).collect()
}

impl From<&ModelPrice> for ModelDocument {
    fn from(model: &ModelPrice) -> Self {
        Self {
            model: model.model().to_owned(),
            provider: model.provider().as_str().to_owned(),
            max_input_tokens: model.input_tokens_max(),
            max_output_tokens: model.output_tokens_max(),
            prices: model.prices().iter().map(PriceDocument::from).collect(),
        }
    }
}

impl From<&PriceFrom> for PriceDocument {
    fn from(price: &PriceFrom) -> Self {
        let service = |service: ServiceTier| {
            let own = price.services.iter().filter(|prices| prices.service == service);
            own.flat_map(|prices| &prices.tiers).map(TierDocument::from).collect()
        };
        Self {
            from: price.effective_from.map(|day| day.to_string()),
            tiers: price.tiers.iter().map(TierDocument::from).collect(),
            priority: service(ServiceTier::Priority),
            flex: service(ServiceTier::Flex),
            batch: service(ServiceTier::Batch),
            fast: price.fast.map(|fast| Figure(fast.to_string())),
        }
    }
}

impl From<&Tier> for TierDocument {
    fn from(tier: &Tier) -> Self {
        let figure = |price: PicoUsd| Figure(usd_per_million(price));
        Self {
            prompt_above: tier.prompt_above,
            input: figure(tier.classes.input),
            output: figure(tier.classes.output),
            cache_read: tier.classes.cache_read.map(figure),
            cache_write_5m: tier.classes.cache_write_5m.map(figure),
            cache_write_1h: tier.classes.cache_write_1h.map(figure),
        }
    }
}
