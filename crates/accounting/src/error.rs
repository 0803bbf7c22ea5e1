//! Why a price list is refused: always with the model and the field, so that a person finds the line.

use std::fmt;

/// A price list, or one model's prices, that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The text is not JSON of a form that is known.
    #[error("the price list cannot be read")]
    Syntax(#[source] serde_json::Error),
    /// The text is longer than a price list may be.
    #[error("the price list has {bytes} bytes; at most {max} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The list holds no price at all.
    #[error("the price list holds no model with a price per token")]
    Empty,
    /// The list names a model twice.
    #[error("the price list names {model} twice")]
    DuplicateModel {
        /// The model.
        model: String,
    },
    /// One figure or name is wrong.
    #[error("the price of {model}: {field} {problem}")]
    Field {
        /// The model as the list names it.
        model: String,
        /// The field as the list names it.
        field: String,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with one field of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// It is empty, too long, or holds spaces or control characters.
    NotAName,
    /// The books use this name themselves.
    Reserved,
    /// It is not a decimal number.
    NotANumber,
    /// It is below zero.
    Negative,
    /// It is more than a dollar per token.
    AboveMax,
    /// It is above zero, yet less than half a pico-dollar per token.
    BelowMin,
    /// It is not a factor above 0 and up to 100.
    NotAFactor,
    /// It is not a day such as `2026-11-23`.
    NotADay,
    /// It is not a provider that is known.
    NotAProvider,
    /// It is missing.
    Missing,
    /// The same day stands there twice.
    DuplicateDay,
    /// The first tier does not start at zero tokens.
    NoFirstTier,
    /// The tiers do not ascend.
    TiersUnsorted,
    /// There are more of them than are kept.
    TooMany,
}

impl PriceError {
    pub(crate) fn field(model: &str, field: impl Into<String>, problem: Problem) -> Self {
        Self::Field { model: model.to_owned(), field: field.into(), problem }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAName => "is no name: 1 to 200 bytes without spaces or control characters",
            Self::Reserved => "is a name that the books use themselves",
            Self::NotANumber => "is not a decimal number",
            Self::Negative => "is below zero",
            Self::AboveMax => "is more than one dollar per token",
            Self::BelowMin => "is above zero, yet less than half a pico-dollar per token",
            Self::NotAFactor => "is not a factor above 0 and up to 100",
            Self::NotADay => "is not a day such as 2026-11-23",
            Self::NotAProvider => "is not one of anthropic, bedrock, openai, google, other",
            Self::Missing => "is missing",
            Self::DuplicateDay => "stands there twice",
            Self::NoFirstTier => "has no tier for prompts above 0 tokens",
            Self::TiersUnsorted => "does not ascend from tier to tier",
            Self::TooMany => "has more entries than are kept",
        })
    }
}
