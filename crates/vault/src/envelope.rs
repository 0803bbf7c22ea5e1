//! The text form of a sealed secret, `v1:<key id>:<nonce>:<ciphertext and tag>`. No key is at hand here.

use crate::secrets::KeyFingerprint;
use base64ct::{Base64UrlUnpadded, Encoding};
use domain::Sealed;

/// The version in front: AES-256-GCM with the key and the place bound as `keyring` does it.
pub(crate) const VERSION: &str = "v1";

/// Bytes of a nonce (NIST SP 800-38D, 5.2.1.1: 96 bits).
pub(crate) const NONCE_BYTES: usize = 12;

/// An envelope taken apart.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Envelope {
    /// Which key sealed it.
    pub(crate) key: KeyFingerprint,
    /// Random; never twice with one key.
    pub(crate) nonce: [u8; NONCE_BYTES],
    /// Ciphertext with the tag behind it.
    pub(crate) ciphertext: Vec<u8>,
}

/// A text that is no envelope of this version.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum EnvelopeError {
    /// A version that is not known here.
    Version(String),
    /// No envelope at all.
    Malformed,
}

impl Envelope {
    pub(crate) fn to_sealed(&self) -> Sealed {
        let nonce = Base64UrlUnpadded::encode_string(&self.nonce);
        let ciphertext = Base64UrlUnpadded::encode_string(&self.ciphertext);
        Sealed::from_envelope(format!("{VERSION}:{}:{nonce}:{ciphertext}", self.key))
    }

    pub(crate) fn parse(sealed: &Sealed) -> Result<Self, EnvelopeError> {
        let (version, rest) = sealed.as_envelope().split_once(':').ok_or(EnvelopeError::Malformed)?;
        if version != VERSION {
            return Err(version_error(version));
        }
        Self::parse_parts(rest).ok_or(EnvelopeError::Malformed)
    }

    fn parse_parts(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (key, nonce, ciphertext) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            key: KeyFingerprint::parse(key)?,
            nonce: Base64UrlUnpadded::decode_vec(nonce).ok()?.try_into().ok()?,
            ciphertext: Base64UrlUnpadded::decode_vec(ciphertext).ok()?,
        })
    }
}

/// `v` and a number is a version; anything else in its place is no envelope, and is not repeated in a message.
fn version_error(text: &str) -> EnvelopeError {
    let number = text.strip_prefix('v').unwrap_or_default();
    if (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()) {
        EnvelopeError::Version(text.to_owned())
    } else {
        EnvelopeError::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Envelope, EnvelopeError> {
        Envelope::parse(&Sealed::from_envelope(text.to_owned()))
    }

    #[test]
    fn an_envelope_reads_as_it_prints() {
        let key = KeyFingerprint::parse("00112233445566ff").expect("a fingerprint");
        let envelope = Envelope { key, nonce: [7; NONCE_BYTES], ciphertext: vec![0xff; 17] };
        let sealed = envelope.to_sealed();
        assert!(sealed.as_envelope().starts_with("v1:00112233445566ff:BwcHBwcHBwcHBwcH:____"));
        assert_eq!(Envelope::parse(&sealed), Ok(envelope));
    }

    #[test]
    fn an_unknown_version_is_told_from_what_is_no_envelope() {
        assert_eq!(parse("v2:x"), Err(EnvelopeError::Version("v2".to_owned())));
        let wrong = [
            "",
            "v1",
            "sk-ant-secret:x",
            "v1:00112233445566ff:BwcHBwcHBwcHBwcH",
            "v1:00112233445566ff:BwcHBwcHBwcHBwcH:AAAA:AAAA",
            "v1:00112233445566ff:BwcH:AAAA",
            "v1:00112233445566FF:BwcHBwcHBwcHBwcH:AAAA",
            "v1:00112233445566ff:BwcHBwcHBwcHBwcH:AAAA=",
            "v1:00112233445566ff:BwcHBwcHBwcHBwcH:AAAB!",
        ];
        for text in wrong {
            assert_eq!(parse(text), Err(EnvelopeError::Malformed), "{text:?}");
        }
    }

    #[test]
    fn unused_bits_at_the_end_of_base64_are_refused() {
        assert!(parse("v1:00112233445566ff:BwcHBwcHBwcHBwcH:AA").is_ok());
        assert_eq!(parse("v1:00112233445566ff:BwcHBwcHBwcHBwcH:AB"), Err(EnvelopeError::Malformed));
    }
}
