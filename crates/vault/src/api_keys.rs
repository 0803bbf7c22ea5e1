//! Making and hashing the keys that clients hold. The relay keeps hashes only; a key is seen once, when it is made.
//!
//! One round of SHA-256 is enough here, unlike for passwords: a key has 256 random bits, so nobody can try them.

use crate::random;
use domain::KeyHash;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Longest prefix, in characters: a name, not a text.
pub const PREFIX_CHARS_MAX: usize = 16;

/// Random bytes of a key; two hex digits each.
const KEY_BYTES: usize = 32;

/// Hex digits at the beginning of a key that its hint shows.
const HINT_FIRST_DIGITS: usize = 4;

/// Hex digits at the end of a key that its hint shows.
const HINT_LAST_DIGITS: usize = 2;

/// What every issued key begins with: 1 to 16 characters out of `A-Z`, `a-z`, `0-9`, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

/// A text that is no key prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key prefix has 1 to 16 characters out of A-Z, a-z, 0-9, `_` and `-`")]
pub struct KeyPrefixError;

/// A key just made.
#[derive(Debug)]
pub struct IssuedKey {
    /// The key itself, to be shown once and then forgotten.
    pub clear: SecretString,
    /// What the store keeps of it.
    pub hash: KeyHash,
    /// First and last characters, `cr_1a2b…9f`, for people to recognise it.
    pub hint: String,
}

impl KeyPrefix {
    /// Takes over a prefix.
    ///
    /// # Errors
    ///
    /// When it is empty, too long, or has another character.
    pub fn parse(text: &str) -> Result<Self, KeyPrefixError> {
        let fits = (1..=PREFIX_CHARS_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if fits && plain { Ok(Self(text.to_owned())) } else { Err(KeyPrefixError) }
    }

    /// The prefix's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for KeyPrefix {
    /// `cr_`.
    fn default() -> Self {
        Self("cr_".to_owned())
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes a key: the prefix and 64 hex digits of 256 random bits.
#[must_use]
pub fn generate(prefix: &KeyPrefix) -> IssuedKey {
    let digits = random::hex_digits::<KEY_BYTES>();
    let clear = Zeroizing::new(format!("{prefix}{}", digits.as_str()));
    let (first, last) = (&digits[..HINT_FIRST_DIGITS], &digits[digits.len() - HINT_LAST_DIGITS..]);
    IssuedKey {
        hash: hash(&clear), hint: format!("{prefix}{first}…{last}"), clear: SecretString::from(clear.as_str())
    }
}

/// SHA-256 of a whole key, prefix included: how the relay hashes.
#[must_use]
pub fn hash(clear: &str) -> KeyHash {
    KeyHash(Sha256::digest(clear).into())
}

/// SHA-256 of a whole key with `pepper` behind it: how the earlier service hashed, its encryption key being the pepper.
#[must_use]
pub fn hash_peppered(clear: &str, pepper: &SecretString) -> KeyHash {
    KeyHash(Sha256::new().chain_update(clear).chain_update(pepper.expose_secret()).finalize().into())
}

/// Whether two hashes are equal, in a time that does not tell where they differ.
#[must_use]
pub fn hashes_match(one: &KeyHash, other: &KeyHash) -> bool {
    one.0.ct_eq(&other.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_the_sha_256_of_fips_180_4() {
        assert_eq!(hash("abc").to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_peppered_hash_is_that_of_key_and_pepper_in_a_row() {
        assert_eq!(hash_peppered("ab", &"c".into()), hash("abc"));
        assert_ne!(hash_peppered("ab", &"c".into()), hash("ab"));
    }

    #[test]
    fn a_key_is_its_prefix_and_64_hex_digits_and_its_hash_is_of_all_of_it() {
        let key = generate(&KeyPrefix::default());
        let clear = key.clear.expose_secret();
        let digits = clear.strip_prefix("cr_").expect("the prefix");
        assert!(digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        assert_eq!(hash(clear), key.hash);
        assert_eq!(key.hint, format!("cr_{}…{}", &digits[..4], &digits[62..]));
    }

    #[test]
    fn no_two_keys_are_equal() {
        let prefix = KeyPrefix::default();
        assert_ne!(generate(&prefix).hash, generate(&prefix).hash);
    }

    #[test]
    fn hashes_match_only_when_every_byte_does() {
        let one = hash("a");
        for at in 0..32 {
            let mut other = one;
            other.0[at] ^= 1;
            assert!(!hashes_match(&one, &other), "byte {at}");
        }
        assert!(hashes_match(&one, &hash("a")));
    }

    #[test]
    fn a_prefix_is_a_short_plain_name() {
        for text in ["c", "cr_", "team-a_", "ABCDEFGHIJ012345"] {
            assert_eq!(KeyPrefix::parse(text).map(|prefix| prefix.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "ABCDEFGHIJ0123456", "a b", "a:", "ä", "a\n"] {
            assert_eq!(KeyPrefix::parse(text), Err(KeyPrefixError), "{text:?}");
        }
    }

    #[test]
    fn debug_prints_no_key() {
        let key = generate(&KeyPrefix::default());
        let printed = format!("{key:?}");
        assert!(!printed.contains(&key.clear.expose_secret()[7..65]), "{printed}");
    }
}
