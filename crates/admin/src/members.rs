//! Finds members that stand twice in a JSON document, which a map of its members no longer shows. Reads no values.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::{collections::BTreeSet, fmt};

/// Names that stand twice or more at the top of `document`, each once; none when it is no object.
pub(crate) fn repeated(document: &[u8]) -> BTreeSet<String> {
    serde_json::from_slice(document).map_or_else(|_| BTreeSet::new(), |Repeated(names)| names)
}

struct Repeated(BTreeSet<String>);

struct Names;

impl<'de> Deserialize<'de> for Repeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Names).map(Self)
    }
}

impl<'de> Visitor<'de> for Names {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
        while let Some((name, IgnoredAny)) = members.next_entry::<String, IgnoredAny>()? {
            if let Some(name) = seen.replace(name) {
                repeated.insert(name);
            }
        }
        Ok(repeated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_named_once_however_it_is_written() {
        let document = br#"{"a": 1, "b": {"c": 1}, "\u0061": 2, "c": 3, "a": 4}"#;
        assert_eq!(repeated(document), ["a".to_owned()].into());
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for document in ["[1, 1]", "null", "{", "7"] {
            assert!(repeated(document.as_bytes()).is_empty(), "{document}");
        }
    }
}
