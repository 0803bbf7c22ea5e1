//! The numbers of `usageMetadata`, and what they say in disjoint classes.

use crate::skim::{Fault, Value};
use domain::TokenUsage;

/// The numbers of the `usageMetadata` objects of one answer. Later ones are totals: a number that is given replaces the
/// earlier one, a missing one keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    prompt: Option<u64>,
    cached: Option<u64>,
    candidates: Option<u64>,
    thoughts: Option<u64>,
    tool_use: Option<u64>,
}

impl Counts {
    /// Takes one member of the object, if it is one of the numbers.
    pub(super) fn take(&mut self, key: &[u8], value: &Value<'_>) {
        match key {
            b"promptTokenCount" => self.prompt = value.count(),
            b"cachedContentTokenCount" => self.cached = value.count(),
            b"candidatesTokenCount" => self.candidates = value.count(),
            b"thoughtsTokenCount" => self.thoughts = value.count(),
            b"toolUsePromptTokenCount" => self.tool_use = value.count(),
            _ => {}
        }
    }

    /// Reads the whole object.
    pub(super) fn read(usage: &Value<'_>) -> Result<Self, Fault> {
        let mut counts = Self::default();
        for member in usage.members().into_iter().flatten() {
            let member = member?;
            counts.take(&member.key, &member.value);
        }
        Ok(counts)
    }

    /// Corrects these numbers by those of a later object.
    pub(super) fn correct_by(&mut self, later: &Self) {
        self.prompt = later.prompt.or(self.prompt);
        self.cached = later.cached.or(self.cached);
        self.candidates = later.candidates.or(self.candidates);
        self.thoughts = later.thoughts.or(self.thoughts);
        self.tool_use = later.tool_use.or(self.tool_use);
    }

    /// Whether output is among the numbers.
    pub(super) const fn has_output(&self) -> bool {
        self.candidates.is_some() || self.thoughts.is_some()
    }

    /// The numbers by price class; none when there are none.
    ///
    /// The prompt's count includes the cached content and not what tools brought; thoughts are output beside the
    /// candidates' tokens.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        if *self == Self::default() {
            return None;
        }
        let prompt = self.prompt.unwrap_or(0);
        let cache_read = self.cached.unwrap_or(0).min(prompt);
        Some(TokenUsage {
            input: prompt - cache_read + self.tool_use.unwrap_or(0),
            output: self.candidates.unwrap_or(0) + self.thoughts.unwrap_or(0),
            cache_read,
            ..TokenUsage::ZERO
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skim::Members;

    fn counts(usage: &str) -> Counts {
        let text = format!(r#"{{"usageMetadata":{usage}}}"#);
        let member = Members::of(text.as_bytes()).next().expect("a member").expect("JSON");
        Counts::read(&member.value).expect("JSON")
    }

    #[test]
    fn each_token_counts_in_one_class() {
        for (usage, expected) in [
            (r#"{"promptTokenCount":8,"candidatesTokenCount":2,"totalTokenCount":10}"#, [8, 2, 0]),
            (
                r#"{"promptTokenCount":5000,"cachedContentTokenCount":4096,"candidatesTokenCount":10,
                    "thoughtsTokenCount":90,"toolUsePromptTokenCount":300,"totalTokenCount":5400,
                    "promptTokensDetails":[{"modality":"TEXT","tokenCount":5000}]}"#,
                [1204, 100, 4096],
            ),
            (r#"{"promptTokenCount":8,"totalTokenCount":8}"#, [8, 0, 0]),
            (r#"{"promptTokenCount":8,"cachedContentTokenCount":9}"#, [0, 0, 8]),
        ] {
            let usage_read = counts(usage).tokens().expect(usage);
            assert_eq!([usage_read.input, usage_read.output, usage_read.cache_read], expected, "{usage}");
        }
        assert_eq!(counts("{}").tokens(), None);
    }

    #[test]
    fn a_later_object_corrects_what_it_names() {
        let mut read = counts(r#"{"promptTokenCount":8,"candidatesTokenCount":2,"thoughtsTokenCount":5}"#);
        read.correct_by(&counts(r#"{"promptTokenCount":9,"totalTokenCount":9}"#));
        let usage = read.tokens().expect("numbers");
        assert_eq!((usage.input, usage.output), (9, 7));
    }
}
