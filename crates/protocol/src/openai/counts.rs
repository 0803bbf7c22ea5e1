//! The numbers of a `usage` object in either dialect, and what they say in disjoint classes.

use crate::skim::{Fault, Value};
use domain::TokenUsage;

/// The numbers of the last `usage` object. Each object is a total: a later one takes the earlier one's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    prompt: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    written: Option<u64>,
}

impl Counts {
    /// Reads `usage`, by Chat's names (`prompt_tokens`, `completion_tokens`) or Responses' (`input_tokens`,
    /// `output_tokens`).
    pub(super) fn read(usage: &Value<'_>) -> Result<Self, Fault> {
        let mut counts = Self::default();
        for member in usage.members().into_iter().flatten() {
            let member = member?;
            match &*member.key {
                b"prompt_tokens" | b"input_tokens" => counts.prompt = member.value.count(),
                b"completion_tokens" | b"output_tokens" => counts.output = member.value.count(),
                b"total_tokens" => counts.total = member.value.count(),
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
            match &*member.key {
                b"cached_tokens" => self.cached = member.value.count().or(self.cached),
                // From GPT-5.6 on.
                b"cache_write_tokens" => self.written = member.value.count(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the output is among the numbers.
    pub(super) const fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// The numbers by price class; none when there are none.
    ///
    /// The prompt's count includes what was read from the cache and what was written to it, which takes the class of the
    /// shorter life: the provider's writes cost what that costs. Reasoning is part of the output; where an upstream leaves
    /// it out (Grok, Gemini's Chat API) only the total holds it.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        if *self == Self::default() {
            return None;
        }
        let prompt = self.prompt.unwrap_or(0);
        let cache_read = self.cached.unwrap_or(0).min(prompt);
        let cache_write_5m = self.written.unwrap_or(0).min(prompt - cache_read);
        let beyond_prompt = self.total.unwrap_or(0).saturating_sub(prompt);
        Some(TokenUsage {
            input: prompt - cache_read - cache_write_5m,
            output: self.output.map_or(0, |output| output.max(beyond_prompt)),
            cache_read,
            cache_write_5m,
            ..TokenUsage::ZERO
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skim::Members;

    fn classes(usage: &str) -> Option<[u64; 4]> {
        let text = format!(r#"{{"usage":{usage}}}"#);
        let member = Members::of(text.as_bytes()).next().expect("a member").expect("JSON");
        let usage = Counts::read(&member.value).expect("JSON").tokens()?;
        Some([usage.input, usage.output, usage.cache_read, usage.cache_write_5m])
    }

    #[test]
    fn each_token_counts_in_one_class() {
        for (usage, expected) in [
            (r#"{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29}"#, [19, 10, 0, 0]),
            (
                r#"{"prompt_tokens":2006,"completion_tokens":300,"total_tokens":2306,
                    "prompt_tokens_details":{"cached_tokens":1920,"audio_tokens":0},
                    "completion_tokens_details":{"reasoning_tokens":120,"audio_tokens":0}}"#,
                [86, 300, 1920, 0],
            ),
            (
                r#"{"input_tokens":18014,"input_tokens_details":{"cache_write_tokens":18011,"cached_tokens":0},
                    "output_tokens":44,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":18058}"#,
                [3, 44, 0, 18011],
            ),
            (
                r#"{"input_tokens":2600,"input_tokens_details":{"cached_tokens":2000,"cache_write_tokens":400},
                    "output_tokens":7,"total_tokens":2607}"#,
                [200, 7, 2000, 400],
            ),
            (r#"{"prompt_tokens":8,"total_tokens":8}"#, [8, 0, 0, 0]),
            (
                r#"{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":5}"#,
                [5, 5, 4, 0],
            ),
            (
                r#"{"prompt_tokens":12,"completion_tokens":9,"total_tokens":121,
                    "completion_tokens_details":{"reasoning_tokens":100}}"#,
                [12, 109, 0, 0],
            ),
        ] {
            assert_eq!(classes(usage), Some(expected), "{usage}");
        }
    }

    #[test]
    fn odd_numbers_never_count_more_than_the_prompt() {
        for (usage, expected) in [
            (r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}"#, [0, 1, 5, 0]),
            (
                r#"{"input_tokens":5,"output_tokens":1,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":4}}"#,
                [0, 1, 4, 1],
            ),
            (r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":null}"#, [5, 1, 0, 0]),
            (r#"{"prompt_tokens":-5,"completion_tokens":"7"}"#, [0, 0, 0, 0]),
        ] {
            assert_eq!(classes(usage), Some(expected), "{usage}");
        }
        assert_eq!(classes("{}"), None);
    }
}
