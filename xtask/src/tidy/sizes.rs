//! No source file is longer than a reader's patience. What is generated is not read and not counted.

use super::Finding;
use super::tree::{TextFile, Tree};

/// The most lines a source file may have; 80 to 300 are usual.
const FILE_LINES_MAX: usize = 800;

/// What counts as source.
const SOURCES: [&str; 3] = ["rs", "ts", "tsx"];

/// Generated from `openapi.json`.
const GENERATED: [&str; 1] = ["schema.ts"];

/// Reports every source file over the limit.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    tree.with_extension(&SOURCES)
        .filter(|file| !GENERATED.iter().any(|it| file.path.ends_with(it)))
        .filter_map(judge)
        .collect()
}

fn judge(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let text = || format!("{lines} lines, more than {FILE_LINES_MAX}: which room of it is one of its own?");
    (lines > FILE_LINES_MAX).then(|| Finding::new(&*file.path, text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_801_lines_is_too_long() {
        assert!(judge(&TextFile::new("long.ts", "line\n".repeat(801))).is_some());
    }

    #[test]
    fn a_file_of_800_lines_is_not() {
        assert_eq!(judge(&TextFile::new("long.ts", "line\n".repeat(800))), None);
    }
}
