//! The records of decisions in `docs/adr` are numbered without gaps, complete, and listed in its README.

use super::Finding;
use super::tree::{TextFile, Tree};

/// Where they are.
const FOLDER: &str = "docs/adr/";

/// The list of them.
const INDEX: &str = "docs/adr/README.md";

/// The sections of each.
const SECTIONS: [&str; 3] = ["## Context", "## Decision", "## Consequences"];

/// Reports every record that breaks the form, and every gap.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    let index = tree.file(INDEX).map_or("", |file| file.text.as_str());
    let mut records: Vec<&TextFile> =
        tree.with_extension(&["md"]).filter(|file| file.path.starts_with(FOLDER) && file.path != INDEX).collect();
    records.sort_by(|a, b| a.path.cmp(&b.path));
    (1..).zip(records).flat_map(|(number, record)| judge(record, number, index)).collect()
}

fn judge(record: &TextFile, number: u32, index: &str) -> Vec<Finding> {
    let name = &record.path[FOLDER.len()..];
    let mut breaches = Vec::new();
    if !name.starts_with(&format!("{number:04}-")) {
        breaches.push(format!("is number {number:04} in order and its name does not begin with it"));
    }
    if !record.text.starts_with(&format!("# {number:04}. ")) {
        breaches.push(format!("does not open with `# {number:04}. ` and its title"));
    }
    let missing = SECTIONS.iter().filter(|section| !record.text.lines().any(|line| line == **section));
    breaches.extend(missing.map(|section| format!("has no section `{section}`")));
    if !index.contains(&format!("({name})")) {
        breaches.push(format!("is not listed in {INDEX}"));
    }
    breaches.into_iter().map(|text| Finding::new(&*record.path, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX_TEXT: &str = "- [0001](0001-sqlite.md)\n";

    fn record(path: &str, title: &str) -> TextFile {
        TextFile::new(path, format!("# {title}\n\n## Context\n\n## Decision\n\n## Consequences\n"))
    }

    #[test]
    fn a_complete_record_is_not_reported() {
        assert_eq!(judge(&record("docs/adr/0001-sqlite.md", "0001. SQLite"), 1, INDEX_TEXT), []);
    }

    #[test]
    fn a_gap_in_the_numbers_is_reported() {
        assert_eq!(judge(&record("docs/adr/0003-x.md", "0002. X"), 2, "(0003-x.md)").len(), 1);
    }

    #[test]
    fn a_title_with_another_number_is_reported() {
        assert_eq!(judge(&record("docs/adr/0001-sqlite.md", "0002. SQLite"), 1, INDEX_TEXT).len(), 1);
    }

    #[test]
    fn a_record_without_its_decision_is_reported() {
        let text = "# 0001. SQLite\n\n## Context\n\n## Consequences\n";

        assert_eq!(judge(&TextFile::new("docs/adr/0001-sqlite.md", text), 1, INDEX_TEXT).len(), 1);
    }

    #[test]
    fn a_record_that_the_index_does_not_list_is_reported() {
        assert_eq!(judge(&record("docs/adr/0001-sqlite.md", "0001. SQLite"), 1, "").len(), 1);
    }
}
