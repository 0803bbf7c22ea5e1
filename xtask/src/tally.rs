//! Counts what cargo's test harness reports, line by line. It runs nothing and hides nothing.

use std::fmt;

use crate::failure::Failure;

/// The sums over all `test result:` lines of one run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    binaries: u64,
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Adds one line of output, if it is a result line such as
    /// `test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s`.
    pub(crate) fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        self.binaries += 1;
        self.passed += count(result, "passed");
        self.failed += count(result, "failed");
    }

    /// Whether a test failed.
    pub(crate) fn has_failures(&self) -> bool {
        self.failed > 0
    }

    /// Fails when a test failed, and when no test ran at all: a filter that matches nothing proves nothing.
    pub(crate) fn verdict(&self) -> Result<(), Failure> {
        match (self.failed, self.passed) {
            (0, 0) => Err(Failure::new("no test ran: does any test's name contain the filter?")),
            (0, _) => Ok(()),
            (failed, _) => Err(Failure::new(format!("{failed} tests failed"))),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} tests passed, {} failed, in {} test programs", self.passed, self.failed, self.binaries)
    }
}

/// The number in front of `word`; 0 when the word is not there.
fn count(result: &str, word: &str) -> u64 {
    let parts = result.split([';', '.']).map(str::trim);
    parts.filter_map(|part| part.strip_suffix(word)).find_map(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.01s";
    const BAD: &str =
        "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s";

    fn tally_of(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.add(line);
        }
        tally
    }

    #[test]
    fn result_lines_are_summed_and_others_are_not() {
        assert_eq!(tally_of(&[GOOD, "test a_key_opens ... ok", BAD]), Tally { binaries: 2, passed: 16, failed: 2 });
    }

    #[test]
    fn one_failed_test_is_a_failure() {
        assert_eq!(tally_of(&[GOOD, BAD]).verdict().expect_err("two failed").to_string(), "2 tests failed");
    }

    #[test]
    fn a_run_without_any_test_is_a_failure() {
        assert!(tally_of(&["running 0 tests"]).verdict().is_err());
    }
}
