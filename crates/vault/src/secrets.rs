//! The two secrets of an installation, checked once at the door. Their text is never decoded, logged or printed.

use crate::random;
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// Characters of an encryption key.
pub const ENCRYPTION_KEY_CHARS: usize = 32;

/// Characters of an encryption key in hex digits: what the earlier service's set-up wrote.
pub const ENCRYPTION_KEY_HEX_DIGITS: usize = 64;

/// Fewest characters of a JWT secret: 256 bits even at 8 bits a character (RFC 7518, 3.2).
pub const JWT_SECRET_CHARS_MIN: usize = 32;

/// How the values begin that the earlier service's sample configuration has in their place; they are public.
const PLACEHOLDER_START: &str = "change-this";

/// `info` of HKDF for the key that encrypts. Changing it makes everything stored unreadable.
const DATA_KEY_PURPOSE: &[u8] = b"claude-relay data key v1";

/// `info` of HKDF for the fingerprint; another one than for the data key, so that the fingerprint tells nothing of it.
const FINGERPRINT_PURPOSE: &[u8] = b"claude-relay key id v1";

/// `ENCRYPTION_KEY`: 32 characters, or 64 hex digits. Wiped from memory on drop.
#[derive(Clone)]
pub struct EncryptionKey(SecretString);

/// `JWT_SECRET`: 32 characters or more. Wiped from memory on drop.
#[derive(Clone)]
pub struct JwtSecret(SecretString);

/// Which encryption key this is, without telling anything of it: 16 hex digits. Safe to show, log and store.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFingerprint([u8; 8]);

/// A text that is no encryption key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionKeyError {
    /// Neither of the two lengths, or 64 characters that are not all hex digits.
    #[error("an encryption key has exactly 32 characters, or 64 hex digits; this one has {chars} characters")]
    Length {
        /// Characters it has.
        chars: usize,
    },
    /// 64 characters that are not all hex digits.
    #[error(
        "an encryption key has exactly 32 characters, or 64 hex digits; this one has 64 that are not all hex digits"
    )]
    NotHex,
    /// A sample configuration's public value.
    #[error("this encryption key is the placeholder of a sample configuration, which everybody knows")]
    Placeholder,
}

/// A text that is no JWT secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtSecretError {
    /// Too short.
    #[error("a JWT secret has 32 characters or more; this one has {chars}")]
    Length {
        /// Characters it has.
        chars: usize,
    },
    /// A sample configuration's public value.
    #[error("this JWT secret is the placeholder of a sample configuration, which everybody knows")]
    Placeholder,
}

impl EncryptionKey {
    /// Takes over a key as given: hex digits stay text and are not decoded.
    ///
    /// # Errors
    ///
    /// When it has neither 32 characters nor 64 hex digits, or is a known placeholder.
    pub fn parse(text: &str) -> Result<Self, EncryptionKeyError> {
        let chars = text.chars().count();
        if is_placeholder(text) {
            return Err(EncryptionKeyError::Placeholder);
        }
        match chars {
            ENCRYPTION_KEY_CHARS => Ok(Self(text.into())),
            ENCRYPTION_KEY_HEX_DIGITS if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => Ok(Self(text.into())),
            ENCRYPTION_KEY_HEX_DIGITS => Err(EncryptionKeyError::NotHex),
            _ => Err(EncryptionKeyError::Length { chars }),
        }
    }

    /// Makes a new one: 32 random letters and digits (190 bits).
    #[must_use]
    pub fn generate() -> Self {
        Self(random::text(random::ALPHANUMERIC, ENCRYPTION_KEY_CHARS))
    }

    /// The key's text: for the secrets file, and as the pepper of keys taken over from the earlier service.
    #[must_use]
    pub const fn expose(&self) -> &SecretString {
        &self.0
    }

    /// Which key this is.
    #[must_use]
    pub fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint(*self.derive(FINGERPRINT_PURPOSE))
    }

    /// The key for AES-256.
    pub(crate) fn data_key(&self) -> Zeroizing<[u8; 32]> {
        self.derive(DATA_KEY_PURPOSE)
    }

    fn derive<const N: usize>(&self, purpose: &[u8]) -> Zeroizing<[u8; N]> {
        let mut derived = Zeroizing::new([0; N]);
        Hkdf::<Sha256>::new(None, self.0.expose_secret().as_bytes())
            .expand(purpose, derived.as_mut_slice())
            .expect("HKDF-SHA-256 gives up to 8,160 bytes, and no key here is longer than 32");
        derived
    }
}

impl JwtSecret {
    /// Takes over a secret as given.
    ///
    /// # Errors
    ///
    /// When it has fewer than 32 characters, or is a known placeholder.
    pub fn parse(text: &str) -> Result<Self, JwtSecretError> {
        let chars = text.chars().count();
        if is_placeholder(text) {
            return Err(JwtSecretError::Placeholder);
        }
        if chars < JWT_SECRET_CHARS_MIN {
            return Err(JwtSecretError::Length { chars });
        }
        Ok(Self(text.into()))
    }

    /// Makes a new one: 64 hex digits of 256 random bits.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::hex_digits::<32>().as_str().into())
    }

    /// The secret's text: for the secrets file, and as the key of HMAC.
    #[must_use]
    pub const fn expose(&self) -> &SecretString {
        &self.0
    }
}

impl KeyFingerprint {
    /// Reads 16 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        // One spelling per fingerprint: upper-case digits would make a second envelope for the same value.
        (!text.bytes().any(|byte| byte.is_ascii_uppercase())).then_some(Self(bytes))
    }
}

fn is_placeholder(text: &str) -> bool {
    text.get(..PLACEHOLDER_START.len()).is_some_and(|start| start.eq_ignore_ascii_case(PLACEHOLDER_START))
}

impl fmt::Display for KeyFingerprint {
    /// 16 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyFingerprint({self})")
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncryptionKey({})", self.fingerprint())
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_gives_the_output_of_rfc_5869_test_case_1() {
        let salt: Vec<u8> = (0x00..=0x0c).collect();
        let purpose: Vec<u8> = (0xf0..=0xf9).collect();
        let mut output = [0; 42];
        Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22]).expand(&purpose, &mut output).expect("42 bytes");
        assert_eq!(
            hex::encode(output),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn an_encryption_key_has_32_characters_or_64_hex_digits() {
        for text in ["0123456789abcdef0123456789ABCDEF", &"é".repeat(32), &"0aF9".repeat(16)] {
            let key = EncryptionKey::parse(text).expect("a key");
            assert_eq!(key.expose().expose_secret(), text, "the text is kept as given");
        }
    }

    #[test]
    fn another_length_is_no_encryption_key_and_the_error_says_which_it_has() {
        for chars in [0, 31, 33, 63, 65, 128] {
            let error = EncryptionKey::parse(&"a".repeat(chars)).expect_err("a wrong length");
            assert_eq!(error, EncryptionKeyError::Length { chars });
        }
        assert_eq!(
            EncryptionKeyError::Length { chars: 12 }.to_string(),
            "an encryption key has exactly 32 characters, or 64 hex digits; this one has 12 characters"
        );
        assert_eq!(EncryptionKey::parse(&"g".repeat(64)).expect_err("no hex"), EncryptionKeyError::NotHex);
    }

    #[test]
    fn a_sample_configuration_s_placeholder_is_no_secret() {
        let key = EncryptionKey::parse("CHANGE-THIS-32-CHARACTER-KEY-NOW");
        assert_eq!(key.expect_err("public"), EncryptionKeyError::Placeholder);
        let secret = JwtSecret::parse("CHANGE-THIS-JWT-SECRET-IN-PRODUCTION");
        assert_eq!(secret.expect_err("public"), JwtSecretError::Placeholder);
    }

    #[test]
    fn a_jwt_secret_has_32_characters_or_more() {
        assert!(JwtSecret::parse(&"s".repeat(32)).is_ok() && JwtSecret::parse(&"s".repeat(128)).is_ok());
        let error = JwtSecret::parse(&"s".repeat(31)).expect_err("too short");
        assert_eq!(error.to_string(), "a JWT secret has 32 characters or more; this one has 31");
    }

    #[test]
    fn generated_secrets_parse_and_differ() {
        let (one, other) = (EncryptionKey::generate(), EncryptionKey::generate());
        assert!(EncryptionKey::parse(one.expose().expose_secret()).is_ok());
        assert_ne!(one.expose().expose_secret(), other.expose().expose_secret());
        let secret = JwtSecret::generate();
        assert_eq!(secret.expose().expose_secret().len(), 64);
        assert!(JwtSecret::parse(secret.expose().expose_secret()).is_ok());
    }

    #[test]
    fn a_fingerprint_reads_as_it_prints_and_names_one_key() {
        let fingerprint = EncryptionKey::parse("0123456789abcdef0123456789ABCDEF").expect("a key").fingerprint();
        assert_eq!(KeyFingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_ne!(EncryptionKey::generate().fingerprint(), fingerprint);
        for wrong in ["", "00", "00112233445566FF", "zz112233445566ff"] {
            assert_eq!(KeyFingerprint::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn debug_prints_no_secret() {
        let key = EncryptionKey::parse("0123456789abcdef0123456789ABCDEF").expect("a key");
        let secret = JwtSecret::parse("a-very-secret-text-of-forty-characters!!").expect("a secret");
        let printed = format!("{key:?} {secret:?}");
        assert!(!printed.contains("0123456789abcdef0123") && !printed.contains("very"), "{printed}");
    }
}
