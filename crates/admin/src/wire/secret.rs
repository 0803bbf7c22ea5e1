//! A secret that a client sends. It is never sent back: there is no way to serialise it.

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use std::fmt;

/// A secret in clear text, wiped from memory on drop; `Debug` does not show it.
#[derive(Debug, Clone)]
pub(crate) struct ClearText(pub(crate) SecretString);

impl<'de> Deserialize<'de> for ClearText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

/// Several of them. What is no list is refused without repeating it.
#[derive(Debug, Clone)]
pub(crate) struct ClearTexts(pub(crate) Vec<ClearText>);

impl<'de> Deserialize<'de> for ClearTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Vec<ClearText>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom("is one text; write a list of texts"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_list_of_secrets_is_refused_without_repeating_it() {
        let read = |text: &str| serde_json::from_str::<ClearTexts>(text);
        assert_eq!(read(r#"["a","b"]"#).expect("a list").0.len(), 2);
        let refused = read(r#""sk-secret""#).expect_err("no list").to_string();
        assert!(refused.contains("a list of texts") && !refused.contains("sk-secret"), "{refused}");
    }
}
