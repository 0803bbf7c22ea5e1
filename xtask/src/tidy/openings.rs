//! Every Rust file opens by saying what room it is: its first line is a `//!` sentence.

use super::Finding;
use super::tree::{TextFile, Tree};

/// Reports every Rust file whose first line is something else.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    tree.with_extension(&["rs"]).filter_map(judge).collect()
}

fn judge(file: &TextFile) -> Option<Finding> {
    let opens = file.text.strip_prefix("//! ").is_some_and(|rest| !rest.starts_with('\n'));
    (!opens).then(|| Finding::new(file.place(1), "the first line is not a `//!` sentence that says what this room is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_opens_with_an_import_is_reported() {
        assert!(judge(&TextFile::new("a.rs", "use std::fmt;\n//! Late.\n")).is_some());
    }

    #[test]
    fn a_file_that_opens_with_its_sentence_is_not() {
        assert_eq!(judge(&TextFile::new("a.rs", "//! The room of one thing.\n")), None);
    }
}
