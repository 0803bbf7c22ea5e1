//! Every package takes the workspace's lints: a package that forgets to is one where nothing is forbidden.

use super::Finding;
use super::tree::{TextFile, Tree};

/// What each manifest says.
const INHERITED: &str = "[lints]\nworkspace = true\n";

/// Reports every package manifest that does not inherit the lints.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")).filter_map(judge).collect()
}

fn judge(manifest: &TextFile) -> Option<Finding> {
    let inherits = manifest.text.contains(INHERITED);
    (!inherits).then(|| Finding::new(&*manifest.path, "does not say `[lints] workspace = true`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_with_lints_of_its_own_is_reported() {
        assert!(judge(&TextFile::new("crates/x/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n")).is_some());
    }

    #[test]
    fn a_manifest_that_inherits_them_is_not() {
        assert_eq!(judge(&TextFile::new("crates/x/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n")), None);
    }
}
