//! No trace of the machine a change was made on: no package registry's host, no path of a person's folder.

use std::path::Path;

use super::Finding;
use super::tree::{TextFile, Tree};

/// Words in a host's name that say it is a registry or a mirror of one.
const REGISTRY_WORDS: [&str; 2] = ["registry", "mirror"];

/// Where operating systems keep the folders of people.
const HOMES: [&str; 2] = ["/home/", "/Users/"];

/// Reports every such line, in all files but cargo's own lock file, which names crates.io by its public address.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    let checkout = checkout_path(&tree.workspace.root);
    let files = tree.files.iter().filter(|file| file.path != "Cargo.lock");
    files.flat_map(|file| judge(file, checkout.as_deref())).collect()
}

/// The path of this checkout, unless it is as short as `/src`, which a file may well say for reasons of its own.
fn checkout_path(root: &Path) -> Option<String> {
    // The root directory counts as a component.
    (root.components().count() > 2).then(|| root.display().to_string())
}

fn judge(file: &TextFile, checkout: Option<&str>) -> Vec<Finding> {
    let traces = file.text.lines().enumerate().filter_map(|(at, line)| {
        let text = trace(line, checkout)?;
        Some(Finding::new(file.place(at + 1), text))
    });
    traces.collect()
}

fn trace(line: &str, checkout: Option<&str>) -> Option<&'static str> {
    if names_registry(line) {
        return Some("names the host of a package registry, which each user chooses");
    }
    let names_home = HOMES.iter().any(|home| followed_by_name(line, home));
    let names_checkout = checkout.is_some_and(|path| line.contains(path));
    (names_home || names_checkout).then_some("names a folder of the machine it was written on")
}

/// An address whose host says registry or mirror.
fn names_registry(line: &str) -> bool {
    let mut addresses =
        line.split("://").skip(1).map(|rest| rest.split(['/', '"', '\'', ' ']).next().unwrap_or_default());
    addresses.any(|host| REGISTRY_WORDS.iter().any(|word| host.contains(word)))
}

fn followed_by_name(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| line[at + home.len()..].starts_with(|next: char| next.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(line: &str) -> usize {
        judge(&TextFile::new("notes.md", line), Some("/builds/relay")).len()
    }

    #[test]
    fn a_resolved_address_of_a_lock_file_is_reported() {
        assert_eq!(findings(concat!("\"resolved\": \"https:/", "/registry.example.org/sdk.tgz\"")), 1);
    }

    #[test]
    fn the_folder_of_a_person_is_reported() {
        assert_eq!(findings(concat!("see /ho", "me/ada/relay")), 1);
    }

    #[test]
    fn the_path_of_the_checkout_is_reported() {
        assert_eq!(findings("see /builds/relay/target"), 1);
    }

    #[test]
    fn an_ordinary_address_is_not() {
        assert_eq!(findings("https://docs.rs/hyper, and the registry in the next sentence"), 0);
    }

    #[test]
    fn a_checkout_in_a_top_folder_is_not_searched_for() {
        assert_eq!(checkout_path(Path::new("/src")), None);
    }
}
