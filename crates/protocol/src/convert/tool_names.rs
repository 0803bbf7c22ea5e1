//! Names of tools that fit the upstream, and the way back.

use std::{borrow::Cow, collections::HashMap};

/// What a dialect lets a tool be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct NameRule {
    /// Most characters.
    pub(super) length_max: usize,
    /// Whether a character besides letters, digits and `_` may stand in it.
    pub(super) also: &'static [u8],
    /// Whether the first character must be a letter or `_`.
    pub(super) first: First,
}

/// What a name begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// Any character that may stand in it.
    Any,
    /// A letter or `_`.
    Letter,
}

/// The names that were changed in one request.
#[derive(Debug, Clone)]
pub(super) struct ToolNames {
    rule: NameRule,
    /// By the name as sent, the name as the client has it.
    changed: HashMap<String, String>,
}

/// Characters of the digest behind a name that was changed, with its `_`.
const DIGEST_LENGTH: usize = 9;

impl ToolNames {
    /// No name is changed yet.
    pub(super) fn new(rule: NameRule) -> Self {
        Self { rule, changed: HashMap::new() }
    }

    /// The name as the upstream takes it, and remembers which it was.
    pub(super) fn fit<'n>(&mut self, name: &'n str) -> Cow<'n, str> {
        let sent = self.rule.fit(name);
        if sent != name {
            self.changed.insert(sent.clone().into_owned(), name.to_owned());
        }
        sent
    }

    /// The client's name for what the upstream calls `sent`.
    pub(super) fn original<'n>(&'n self, sent: &'n str) -> &'n str {
        self.changed.get(sent).map_or(sent, |original| original)
    }
}

impl NameRule {
    /// The name itself, or one that is like it and admitted. The same name always becomes the same.
    pub(super) fn fit(self, name: &str) -> Cow<'_, str> {
        if self.admits(name) { Cow::Borrowed(name) } else { Cow::Owned(self.changed(name)) }
    }

    fn admits(self, name: &str) -> bool {
        let fits = !name.is_empty() && name.len() <= self.length_max && self.starts_well(name);
        fits && name.bytes().all(|byte| self.admits_byte(byte))
    }

    fn starts_well(self, name: &str) -> bool {
        self.first == First::Any || name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
    }

    fn admits_byte(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || byte == b'_' || self.also.contains(&byte)
    }

    /// Two names that begin alike stay apart by a digest of the whole.
    fn changed(self, name: &str) -> String {
        let kept = name.bytes().map(|byte| if self.admits_byte(byte) { char::from(byte) } else { '_' });
        // An underscore in front makes any beginning one that is let in.
        let front = if self.starts_well(name) { "" } else { "_" };
        let stem: String = front.chars().chain(kept).take(self.length_max - DIGEST_LENGTH).collect();
        format!("{stem}_{:08x}", digest(name))
    }
}

/// FNV-1a with 32 bits: the same on every machine and in every version.
fn digest(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: NameRule = NameRule { length_max: 64, also: b"-", first: First::Letter };

    #[test]
    fn a_name_that_fits_stays() {
        let mut names = ToolNames::new(RULE);
        assert_eq!(names.fit("mcp__files__read-all"), "mcp__files__read-all");
        assert_eq!(names.original("mcp__files__read-all"), "mcp__files__read-all");
    }

    #[test]
    fn a_name_that_does_not_fit_is_found_again() {
        let long = "mcp__".to_owned() + &"x".repeat(90);
        let mut names = ToolNames::new(RULE);
        for name in [&*long, &format!("{long}2"), "files.read", "9lives", "名前", ""] {
            let sent = names.fit(name).into_owned();
            assert!(RULE.admits(&sent), "{sent}");
            assert_eq!(names.fit(name), sent, "the same again");
            assert_eq!(names.original(&sent), name);
        }
    }
}
