//! The numbers of a `usage` object, and what they say in disjoint classes.

use crate::skim::{Fault, Value};
use domain::TokenUsage;

/// The numbers of the `usage` objects of one answer. Later objects are totals, not additions: a number that is given
/// replaces the earlier one, a missing or null one keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    /// Cache writes of both lives together.
    cache_write: Option<u64>,
    cache_write_5m: Option<u64>,
    cache_write_1h: Option<u64>,
}

impl Counts {
    /// Takes one member of a `usage` object, if it is one of the numbers.
    pub(super) fn take(&mut self, key: &[u8], value: &Value<'_>) -> Result<(), Fault> {
        match key {
            b"input_tokens" => self.input = value.count(),
            b"output_tokens" => self.output = value.count(),
            b"cache_read_input_tokens" => self.cache_read = value.count(),
            b"cache_creation_input_tokens" => self.cache_write = value.count(),
            b"cache_creation" => return self.take_split(value),
            _ => {}
        }
        Ok(())
    }

    fn take_split(&mut self, split: &Value<'_>) -> Result<(), Fault> {
        for member in split.members().into_iter().flatten() {
            let member = member?;
            match &*member.key {
                b"ephemeral_5m_input_tokens" => self.cache_write_5m = member.value.count(),
                b"ephemeral_1h_input_tokens" => self.cache_write_1h = member.value.count(),
                _ => {}
            }
        }
        Ok(())
    }

    /// Corrects these numbers by those of a later object.
    pub(super) fn correct_by(&mut self, later: &Self) {
        let renews_split = later.cache_write_5m.is_some() || later.cache_write_1h.is_some();
        if !renews_split && later.cache_write.is_some_and(|total| total < self.split_sum()) {
            // The old split speaks of more than there is: only the new total is known.
            (self.cache_write_5m, self.cache_write_1h) = (None, None);
        }
        self.input = later.input.or(self.input);
        self.output = later.output.or(self.output);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.cache_write_5m = later.cache_write_5m.or(self.cache_write_5m);
        self.cache_write_1h = later.cache_write_1h.or(self.cache_write_1h);
    }

    /// Whether the output is among the numbers. None at all is no count: gateways say so where they did not ask (claude-code-router).
    pub(super) fn has_output(&self) -> bool {
        self.output.is_some_and(|output| output > 0)
    }

    /// Whether there is any number.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The numbers by price class. `input_tokens` excludes the cache in this dialect. Cache writes that the split does
    /// not cover live five minutes, the provider's default; a split that covers more than the total is believed.
    pub(super) fn tokens(&self) -> TokenUsage {
        let uncovered = self.cache_write.unwrap_or(0).saturating_sub(self.split_sum());
        TokenUsage {
            input: self.input.unwrap_or(0),
            output: self.output.unwrap_or(0),
            cache_write_5m: self.cache_write_5m.unwrap_or(0) + uncovered,
            cache_write_1h: self.cache_write_1h.unwrap_or(0),
            cache_read: self.cache_read.unwrap_or(0),
        }
    }

    /// Cannot overflow: each count is at most [`TOKENS_MAX`](crate::TOKENS_MAX).
    fn split_sum(&self) -> u64 {
        self.cache_write_5m.unwrap_or(0) + self.cache_write_1h.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TOKENS_MAX, skim::Members};

    fn counts(usage: &str) -> Counts {
        let mut counts = Counts::default();
        for member in Members::of(usage.as_bytes()) {
            let member = member.expect("JSON");
            counts.take(&member.key, &member.value).expect("JSON");
        }
        counts
    }

    fn writes(counts: &Counts) -> (u64, u64) {
        (counts.tokens().cache_write_5m, counts.tokens().cache_write_1h)
    }

    #[test]
    fn cache_writes_are_split_as_far_as_the_split_goes() {
        for (usage, expected) in [
            (r#"{"cache_creation_input_tokens":10}"#, (10, 0)),
            (r#"{"cache_creation_input_tokens":10,"cache_creation":null}"#, (10, 0)),
            (r#"{"cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":7}}"#, (3, 7)),
            (r#"{"cache_creation":{"ephemeral_1h_input_tokens":7},"cache_creation_input_tokens":10}"#, (3, 7)),
            (r#"{"cache_creation":{"ephemeral_1h_input_tokens":12},"cache_creation_input_tokens":10}"#, (0, 12)),
        ] {
            assert_eq!(writes(&counts(usage)), expected, "{usage}");
        }
    }

    #[test]
    fn a_lower_total_without_a_split_voids_the_earlier_split() {
        let mut first =
            counts(r#"{"cache_creation_input_tokens":10,"cache_creation":{"ephemeral_1h_input_tokens":10}}"#);
        first.correct_by(&counts(r#"{"cache_creation_input_tokens":10}"#));
        assert_eq!(writes(&first), (0, 10));
        first.correct_by(&counts(r#"{"cache_creation_input_tokens":4}"#));
        assert_eq!(writes(&first), (4, 0));
    }

    #[test]
    fn odd_numbers_are_clamped_and_what_is_no_number_is_not_there() {
        for (number, expected) in [
            ("12.0", Some(12)),
            ("12.9", Some(12)),
            ("-3", Some(0)),
            ("-0.0", Some(0)),
            ("1e3", Some(1000)),
            ("1e999", Some(TOKENS_MAX)),
            ("18446744073709551616", Some(TOKENS_MAX)),
            ("999999999999", Some(TOKENS_MAX)),
            ("null", None),
            ("true", None),
            ("\"12\"", None),
            ("[12]", None),
        ] {
            let read = counts(&format!(r#"{{"input_tokens":{number}}}"#));
            assert_eq!(read.input, expected, "{number}");
        }
    }
}
