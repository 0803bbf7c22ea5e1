//! The keys' names: the patterns of the keyspace table with their parts filled in. No other place makes a key.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{fmt::Write, sync::Arc};
use store::Family;

/// What stands as it is in a part: everything else, the separator and the braces first, is percent-encoded.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@');

/// Makes names under one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: Arc<str>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    /// The key of `family` whose parts are `parts`, in the order of the pattern: words in capitals are replaced.
    pub(crate) fn key(&self, family: Family, parts: &[&str]) -> String {
        let entry = family.entry();
        let mut key = String::with_capacity(self.prefix.len() + entry.pattern.len() + 48);
        key.push_str(&self.prefix);
        let mut parts = parts.iter();
        for (place, word) in entry.pattern.split(':').enumerate() {
            if place > 0 {
                key.push(':');
            }
            push_word(&mut key, word, &mut parts);
        }
        debug_assert!(parts.next().is_none(), "{} takes fewer parts", entry.pattern);
        key
    }

    /// The key of a call with this id on `key`, in the slot of that key (`Family::Call`).
    pub(crate) fn call(&self, key: &str, id: &str) -> String {
        let subject =
            key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(key, |(subject, _)| subject);
        format!("{}{}:{{{subject}}}:{id}", self.prefix, Family::Call.name())
    }

    /// The channel of change notices.
    pub(crate) fn notices(&self) -> String {
        format!("{}notices", self.prefix)
    }
}

fn push_word<'a>(key: &mut String, word: &str, parts: &mut impl Iterator<Item = &'a &'a str>) {
    let braced = word.strip_prefix('{').and_then(|word| word.strip_suffix('}'));
    let word = braced.unwrap_or(word);
    if braced.is_some() {
        key.push('{');
    }
    if word.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let part = parts.next().expect("a caller names every part of its family's pattern");
        write!(key, "{}", utf8_percent_encode(part, PLAIN)).expect("a String takes all that is written to it");
    } else {
        key.push_str(word);
    }
    if braced.is_some() {
        key.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_specification_with_literal_braces() {
        let names = Names::new("");
        assert_eq!(names.key(Family::ApiKey, &["0b9c"]), "api_key:{0b9c}");
        assert_eq!(
            names.key(Family::UsageDaily, &["2026-11-23", "0b9c", "claude-opus-5"]),
            "usage:daily:2026-11-23:{0b9c}:claude-opus-5"
        );
        assert_eq!(names.key(Family::AdminCredentials, &[]), "admin_credentials");
        assert_eq!(Names::new("team-a:").key(Family::UserEmail, &["a@b.c"]), "team-a:user_email:{a@b.c}");
    }

    #[test]
    fn a_call_s_key_is_in_the_slot_of_what_it_changes() {
        let names = Names::new("t:");
        assert_eq!(names.call(&names.key(Family::ApiKey, &["0b9c"]), "1"), "t:call:{0b9c}:1");
        assert_eq!(names.call(&names.key(Family::KeyCheck, &[]), "1"), "t:call:{t:key_check}:1");
    }

    #[test]
    fn a_part_cannot_break_out_of_its_place() {
        let key = Names::new("").key(Family::UsageDaily, &["2026-11-23", "k", "a:{b}/ü"]);
        assert_eq!(key, "usage:daily:2026-11-23:{k}:a%3A%7Bb%7D%2F%C3%BC");
    }
}
