//! The numbers of a `usage` object in either dialect, and what they say in disjoint classes.

use crate::skim::{Fault, Value};
use domain::TokenUsage;

/// The numbers of the last `usage` object. Each object is a total: a later one takes the earlier one's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    prompt: Option<u64>,
    output: Option<u64>,
    cached: Option<u64>,
}

impl Counts {
    /// Reads `usage`, by Chat's names (`prompt_tokens`, `completion_tokens`) or Responses' (`input_tokens`, `output_tokens`).
    pub(super) fn read(usage: &Value<'_>) -> Result<Self, Fault> {
        let mut counts = Self::default();
        for member in usage.members().into_iter().flatten() {
            let member = member?;
            match &*member.key {
                b"prompt_tokens" | b"input_tokens" => counts.prompt = member.value.count(),
                b"completion_tokens" | b"output_tokens" => counts.output = member.value.count(),
                b"prompt_tokens_details" | b"input_tokens_details" => counts.read_details(&member.value)?,
                // What DeepSeek's API says in the place of the details.
                b"prompt_cache_hit_tokens" => counts.cached = counts.cached.or(member.value.count()),
                _ => {}
            }
        }
        Ok(counts)
    }

    fn read_details(&mut self, details: &Value<'_>) -> Result<(), Fault> {
        for member in details.members().into_iter().flatten() {
            let member = member?;
            if *member.key == *b"cached_tokens" {
                self.cached = member.value.count().or(self.cached);
            }
        }
        Ok(())
    }

    /// Whether there is any number.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the output is among the numbers.
    pub(super) const fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// The numbers by price class. The prompt's count includes what came from the cache; reasoning is part of the output.
    pub(super) fn tokens(&self) -> TokenUsage {
        let prompt = self.prompt.unwrap_or(0);
        let cached = self.cached.unwrap_or(0).min(prompt);
        TokenUsage { input: prompt - cached, output: self.output.unwrap_or(0), cache_read: cached, ..TokenUsage::ZERO }
    }
}
