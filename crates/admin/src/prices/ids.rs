//! Names of models as ids of records. A name may hold nearly any character, an id only `A-Z`, `a-z`, `0-9`, `_` and `-`.
//!
//! Letters, digits and `-` stay as they are; every other byte, `_` included, becomes `_` and two upper-case hex digits.
//! Two names never share an id, because `_` always begins such a triple.

use crate::texts;
use std::{fmt::Write as _, str::FromStr};

/// The name of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ModelName(String);

/// A text that is no name of a model.
pub(crate) struct NoName;

impl ModelName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of the record that holds its price: `claude-opus-5`, `zai_2Fglm-5`.
    pub(crate) fn record_id(&self) -> String {
        self.0.bytes().fold(String::new(), |mut id, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' => id.push(char::from(byte)),
                _ => write!(id, "_{byte:02X}").expect("a string takes everything"),
            }
            id
        })
    }
}

impl FromStr for ModelName {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        match texts::model(text) {
            Ok(name) if name == text => Ok(Self(name)),
            _ => Err(NoName),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> String {
        name.parse::<ModelName>().ok().expect("a name").record_id()
    }

    #[test]
    fn a_plain_name_is_its_own_id() {
        assert_eq!(id("claude-opus-5"), "claude-opus-5");
        assert_eq!(id("zai/glm_5.1"), "zai_2Fglm_5F5_2E1");
    }

    proptest::proptest! {
        #[test]
        fn two_names_never_share_an_id(one in "[a_/.é0-9-]{1,8}", other in "[a_/.é0-9-]{1,8}") {
            proptest::prop_assert_eq!(id(&one) == id(&other), one == other);
        }

        #[test]
        fn an_id_has_only_characters_of_ids(name in "[^\\s\\p{Cc}]{1,40}") {
            let id = id(&name);
            proptest::prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
        }
    }
}
