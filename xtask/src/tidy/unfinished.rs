//! Nothing is left for later: no mark of unfinished work, no test that is switched off.

use super::Finding;
use super::tree::{TextFile, Tree};

/// The marks, in two halves each, so that this list does not report itself.
const MARKS: [(&str, &str); 9] = [
    ("TO", "DO"),
    ("FIX", "ME"),
    ("XX", "X"),
    ("#[ig", "nore"),
    ("test.sk", "ip("),
    ("it.sk", "ip("),
    ("describe.sk", "ip("),
    ("test.on", "ly("),
    ("describe.on", "ly("),
];

/// Reports every mark in a source file.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    tree.with_extension(&["rs", "ts", "tsx"]).flat_map(judge).collect()
}

fn judge(file: &TextFile) -> Vec<Finding> {
    let marks = MARKS.map(|(start, end)| format!("{start}{end}"));
    let marked = file.text.lines().enumerate().filter_map(|(at, line)| {
        let mark = marks.iter().find(|mark| line.contains(mark.as_str()))?;
        Some(Finding::new(file.place(at + 1), format!("`{mark}`: finish it, or take it out")))
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_switched_off_is_reported_with_its_line() {
        let text = concat!("//! Tests.\n#[ig", "nore]\nfn a_test() {}\n");

        assert_eq!(judge(&TextFile::new("a.rs", text))[0].place, "a.rs:2");
    }

    #[test]
    fn a_word_that_only_resembles_a_mark_is_not() {
        assert_eq!(judge(&TextFile::new("a.rs", "// the ledger ignores what it saw before\n")), []);
    }
}
