//! What the providers publish beside their figures: factors of service tiers, fast mode and regions, and the prices of cache
//! classes that a list leaves out. Each rule stands in the manual; none of them reads a model's name.

use crate::model_price::ClassPrices;
use domain::{Dialect, Multiplier};

/// Who sells a model, and by whose rules its price is completed and multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    /// Anthropic, on its own API and on Vertex.
    Anthropic,
    /// Claude models on AWS Bedrock.
    Bedrock,
    /// `OpenAI`, on its own API and on Azure.
    OpenAi,
    /// Google.
    Google,
    /// Anyone else: no rule but the list price.
    Other,
}

/// A service tier that a provider may charge by another price than its standard one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceTier {
    /// Faster, dearer.
    Priority,
    /// Slower, cheaper.
    Flex,
    /// Asynchronous, cheaper.
    Batch,
}

/// What a request or an answer says about how it was served, as the wire has it. Text that no rule names costs the list price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceTraits<'a> {
    /// `service_tier`: `priority`, `flex` and `batch` matter.
    pub service_tier: Option<&'a str>,
    /// `speed`: `fast` matters.
    pub speed: Option<&'a str>,
    /// `inference_geo`: `us` matters.
    pub inference_geo: Option<&'a str>,
}

/// A factor with the name that it has in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factor {
    pub(crate) name: &'static str,
    pub(crate) times: Multiplier,
}

const HALF: Multiplier = Multiplier::new(5, 10).expect("the denominator is not zero");
const DOUBLE: Multiplier = Multiplier::new(2, 1).expect("the denominator is not zero");
/// Anthropic's factor for `inference_geo: "us"`, on every class.
const GEO_US: Multiplier = Multiplier::new(11, 10).expect("the denominator is not zero");
/// Anthropic's dearest fast mode so far (30 / 150 over 5 / 25): for Claude models whose own factor is not stated.
const FAST_UNSTATED: Multiplier = Multiplier::new(6, 1).expect("the denominator is not zero");

impl Provider {
    /// Every one of them.
    pub const ALL: [Self; 5] = [Self::Anthropic, Self::Bedrock, Self::OpenAi, Self::Google, Self::Other];

    /// The name in price lists and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::OpenAi => "openai",
            Self::Google => "google",
            Self::Other => "other",
        }
    }

    /// Reads [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == text)
    }

    /// The prices of the cache classes that nothing states: Anthropic's published proportions, else the input's price.
    pub(crate) fn cache_prices(self, input_pico: u64) -> CachePrices {
        match self {
            Self::Anthropic | Self::Bedrock => CachePrices {
                read: ClassPrices::scale(input_pico, 1, 10),
                write_5m: ClassPrices::scale(input_pico, 5, 4),
                write_1h: ClassPrices::scale(input_pico, 2, 1),
            },
            Self::OpenAi | Self::Google | Self::Other => {
                CachePrices { read: input_pico, write_5m: input_pico, write_1h: input_pico }
            }
        }
    }

    /// The factor of a service tier that has no prices of its own; none: the list price.
    pub(crate) const fn service_factor(self, tier: ServiceTier) -> Option<Multiplier> {
        match (self, tier) {
            (Self::OpenAi, ServiceTier::Priority) => Some(DOUBLE),
            (Self::OpenAi, ServiceTier::Flex | ServiceTier::Batch) | (Self::Anthropic, ServiceTier::Batch) => {
                Some(HALF)
            }
            (Self::Anthropic, ServiceTier::Priority | ServiceTier::Flex)
            | (Self::Bedrock | Self::Google | Self::Other, _) => None,
        }
    }

    /// The factor of the fast mode, where the answer was fast.
    pub(crate) fn fast_factor(self, stated: Option<Multiplier>, traits: PriceTraits<'_>) -> Option<Factor> {
        let is_fast = traits.speed.is_some_and(|speed| speed.eq_ignore_ascii_case("fast"));
        let unstated = (self == Self::Anthropic).then_some(FAST_UNSTATED);
        let times = if is_fast { stated.or(unstated) } else { None };
        times.map(|times| Factor { name: "fast", times })
    }

    /// The factor of the region that served.
    pub(crate) fn geo_factor(self, traits: PriceTraits<'_>) -> Option<Factor> {
        let is_us = traits.inference_geo.is_some_and(|geo| geo.eq_ignore_ascii_case("us"));
        (self == Self::Anthropic && is_us).then_some(Factor { name: "geo-us", times: GEO_US })
    }
}

/// Prices of the three cache classes, pico-dollars per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachePrices {
    pub(crate) read: u64,
    pub(crate) write_5m: u64,
    pub(crate) write_1h: u64,
}

impl ServiceTier {
    /// Every one of them.
    pub const ALL: [Self; 3] = [Self::Priority, Self::Flex, Self::Batch];

    /// The name on the wire and in price lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Batch => "batch",
        }
    }

    /// Reads [`as_str`](Self::as_str), in any case; none for the standard tier and for what is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.as_str().eq_ignore_ascii_case(text))
    }
}

/// The entry of the price list that an unknown model is priced by.
pub(crate) const fn unknown_model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Anthropic => "unknown-anthropic",
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "unknown-openai",
        Dialect::Gemini => "unknown-google",
    }
}

/// Whether `model` names one of the entries for unknown models, which no client can ask for.
pub(crate) fn is_unknown_entry(model: &str) -> bool {
    Dialect::ALL.iter().any(|&dialect| unknown_model(dialect) == model)
}
