//! Links between the documents resolve: each names a file that is there and, after `#`, one of its headings.

use std::path::{Component, Path, PathBuf};

use super::Finding;
use super::tree::{TextFile, Tree};

/// Reports every link of a Markdown file that leads nowhere.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    tree.with_extension(&["md"]).flat_map(|file| judge(file, tree)).collect()
}

fn judge(file: &TextFile, tree: &Tree<'_>) -> Vec<Finding> {
    let links = links(&file.text).filter(|(_, target)| !leads_outside(target));
    links.filter_map(|(line, target)| Some(Finding::new(file.place(line), breach(file, target, tree)?))).collect()
}

fn leads_outside(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

fn breach(file: &TextFile, target: &str, tree: &Tree<'_>) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path) };
    let Some(aim) = tree.file(&path) else {
        let exists = tree.workspace.root.join(&path).exists();
        return (!exists).then(|| format!("`{target}` leads nowhere"));
    };
    let found = anchor.is_empty() || !aim.has_extension("md") || anchors(&aim.text).any(|it| it == anchor);
    (!found).then(|| format!("`{target}`: {path} has no such heading"))
}

/// The path from the root of what `from` calls `target`.
fn resolve(from: &str, target: &str) -> String {
    let mut path = PathBuf::from(from);
    path.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.to_string_lossy().into_owned()
}

/// Every `](target)`, with its line; code is left out.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(line, text)| {
        let ends = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        ends.map(move |target| (line, target))
    })
}

/// The anchors that headings get: lower case, spaces as hyphens, other punctuation dropped.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    })
}

/// The lines outside of fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    let lines = text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.map(|(at, line)| (at + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    /// What is wrong with `text` in `docs/a.md`, beside a `docs/b.md` and a `README.md`.
    fn findings(text: &str) -> Vec<Finding> {
        let root = PathBuf::from("there-is-no-such-folder");
        let workspace = Workspace { root, target: PathBuf::new(), packages: Vec::new() };
        let files = vec![
            TextFile::new("docs/a.md", text),
            TextFile::new("docs/b.md", "# Keys, and 账户\n"),
            TextFile::new("README.md", "# Start\n"),
        ];
        let tree = Tree { workspace: &workspace, files };
        check(&tree)
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_reported() {
        assert_eq!(findings("one\n[c](c.md)\n"), [Finding::new("docs/a.md:2", "`c.md` leads nowhere")]);
    }

    #[test]
    fn a_link_to_a_heading_that_is_not_there_is_reported() {
        assert_eq!(findings("[b](b.md#accounts)\n").len(), 1);
    }

    #[test]
    fn links_to_files_headings_and_the_outside_are_not() {
        assert_eq!(findings("[b](b.md#keys-and-账户) [up](../README.md#start) [out](https://example.org/x)\n"), []);
    }

    #[test]
    fn what_looks_like_a_link_in_code_is_not() {
        assert_eq!(findings("```rust\nlet x = f[0](c);\n```\n"), []);
    }
}
