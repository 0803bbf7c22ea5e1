//! The two README files say the same: the same headings in the same order, the same commands. Only the language differs.

use super::Finding;
use super::tree::Tree;

/// The original and its translation.
const TWINS: (&str, &str) = ("README.md", "README.zh-CN.md");

/// Reports where the translation differs in its shape. Nothing is compared while one of the two is missing.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    match (tree.file(TWINS.0), tree.file(TWINS.1)) {
        (Some(original), Some(translation)) => judge(&original.text, &translation.text),
        _ => Vec::new(),
    }
}

fn judge(original: &str, translation: &str) -> Vec<Finding> {
    let (original, translation) = (Shape::of(original), Shape::of(translation));
    let headings = (original.headings != translation.headings).then(|| {
        let (here, there) = (original.headings.len(), translation.headings.len());
        Finding::new(TWINS.1, format!("its headings ({there}) are not those of {} ({here}), level by level", TWINS.0))
    });
    headings.into_iter().chain(first_difference(&original.code, &translation.code)).collect()
}

fn first_difference(original: &[String], translation: &[String]) -> Option<Finding> {
    let longest = original.len().max(translation.len());
    let at = (0..longest).find(|at| original.get(*at) != translation.get(*at))?;
    let text = |side: &[String]| side.get(at).cloned().unwrap_or_default();
    let text = format!("a line of code says `{}` where {} says `{}`", text(translation), TWINS.0, text(original));
    Some(Finding::new(TWINS.1, text))
}

/// What must not differ between the languages.
#[derive(Default)]
struct Shape {
    /// The level of each heading.
    headings: Vec<usize>,
    /// The lines of code, with their fences and without comments, which are translated.
    code: Vec<String>,
}

impl Shape {
    fn of(text: &str) -> Self {
        let mut shape = Self::default();
        let mut fenced = false;
        for line in text.lines() {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            if fenced || fence {
                shape.code.extend(without_comment(line));
            } else if line.starts_with('#') {
                shape.headings.push(line.bytes().take_while(|it| *it == b'#').count());
            }
        }
        shape
    }
}

fn without_comment(line: &str) -> Option<String> {
    let code = line.split(" #").next().unwrap_or_default().trim();
    (!code.is_empty() && !code.starts_with('#')).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "# Relay\n\n## Start\n\n```sh\ncargo xtask run   # builds it first\n```\n";

    #[test]
    fn a_true_translation_is_not_reported() {
        assert_eq!(judge(ENGLISH, "# 中继\n\n## 开始\n\n```sh\ncargo xtask run   # 先构建\n```\n"), []);
    }

    #[test]
    fn a_heading_that_is_missing_is_reported() {
        assert_eq!(judge(ENGLISH, "# 中继\n\n```sh\ncargo xtask run\n```\n").len(), 1);
    }

    #[test]
    fn another_command_is_reported() {
        assert_eq!(judge(ENGLISH, "# 中继\n\n## 开始\n\n```sh\ncargo run\n```\n").len(), 1);
    }

    #[test]
    fn a_command_that_is_missing_is_reported() {
        assert_eq!(judge(ENGLISH, "# 中继\n\n## 开始\n").len(), 1);
    }
}
