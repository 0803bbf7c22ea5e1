//! Tokens by price class.

use std::{iter::Sum, ops::AddAssign};

/// Tokens by price class. The classes are disjoint: a cached input token stands in `cache_read`, never also in `input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TokenUsage {
    /// Input tokens at the full price.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Input tokens written to a prompt cache that lives five minutes.
    pub cache_write_5m: u64,
    /// Input tokens written to a prompt cache that lives one hour.
    pub cache_write_1h: u64,
    /// Input tokens read from a prompt cache.
    pub cache_read: u64,
}

/// Where the numbers of a record come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageSource {
    /// The upstream's final count.
    Reported,
    /// The last count that the upstream gave, plus an estimate of what came after it.
    Estimated,
    /// Nothing was used, or nothing is known to have been.
    None,
}

impl TokenUsage {
    /// No tokens.
    pub const ZERO: Self = Self { input: 0, output: 0, cache_write_5m: 0, cache_write_1h: 0, cache_read: 0 };

    /// Tokens of all classes.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// Tokens of the prompt: what a prompt-length price tier looks at.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }
}

impl UsageSource {
    /// The name in the books and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::None => "none",
        }
    }

    /// Reads [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Reported, Self::Estimated, Self::None].into_iter().find(|source| source.as_str() == text)
    }
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cache_write_5m = self.cache_write_5m.saturating_add(other.cache_write_5m);
        self.cache_write_1h = self.cache_write_1h.saturating_add(other.cache_write_1h);
        self.cache_read = self.cache_read.saturating_add(other.cache_read);
    }
}

impl Sum for TokenUsage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::ZERO, |mut sum, usage| {
            sum += usage;
            sum
        })
    }
}
