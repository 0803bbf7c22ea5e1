//! Sealing and opening of stored secrets with AES-256-GCM. A sealed value opens only where it was sealed.
//!
//! The additional data are family, id and field of the value's place, so that a ciphertext which somebody moves to
//! another record or field does not open there. The nonce is random: with 96 bits, 2^32 values may be sealed under
//! one key before two nonces collide with a chance of 2^-32 (NIST SP 800-38D, 8.3), far more than a relay writes.

use crate::{
    envelope::{Envelope, EnvelopeError, NONCE_BYTES, VERSION},
    random,
    secrets::{EncryptionKey, KeyFingerprint},
};
use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use domain::Sealed;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// Where a secret stands: `claude_console_account`, the account's id, `api_key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The family of the keyspace.
    pub family: &'a str,
    /// The record's id.
    pub id: &'a str,
    /// The field within the record.
    pub field: &'a str,
}

/// The keys that stored secrets may be sealed with. Wiped from memory on drop.
pub struct Keyring {
    current: DataKey,
    previous: Vec<DataKey>,
}

struct DataKey {
    fingerprint: KeyFingerprint,
    cipher: Aes256Gcm,
}

/// A stored secret that does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret in field `{field}` of `{family}:{id}` does not open: {fault}")]
pub struct OpenError {
    /// The family of the keyspace.
    pub family: String,
    /// The record's id.
    pub id: String,
    /// The field within the record.
    pub field: String,
    /// Why.
    pub fault: OpenFault,
}

/// Why a stored secret does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// Sealed with a key that is not at hand.
    #[error("it was sealed with another encryption key, the one with the fingerprint {0}")]
    UnknownKey(KeyFingerprint),
    /// Changed, or moved here from another place.
    #[error("it was changed, or moved here from another record or field")]
    Altered,
    /// Not in the form of a sealed secret.
    #[error("it is not in the form of a sealed secret")]
    Malformed,
    /// In a form that a later version writes.
    #[error("it has the form `{0}`, which this version of the relay does not know")]
    Version(String),
}

impl Keyring {
    /// Seals with `current`, opens with it and every one of `previous`.
    #[must_use]
    pub fn new(current: &EncryptionKey, previous: &[EncryptionKey]) -> Self {
        Self { current: DataKey::new(current), previous: previous.iter().map(DataKey::new).collect() }
    }

    /// Encrypts `clear` for `place`. Twice the same gives two different envelopes.
    #[must_use]
    pub fn seal(&self, place: Place<'_>, clear: &SecretString) -> Sealed {
        let nonce = *random::bytes();
        let ciphertext = self.current.encrypt(&nonce, &place.bound(), clear.expose_secret().as_bytes());
        Envelope { key: self.current.fingerprint, nonce, ciphertext }.to_sealed()
    }

    /// Decrypts what was sealed for `place`.
    ///
    /// # Errors
    ///
    /// When it was sealed with a key that is not in the ring, was changed or moved, or is no envelope of this version.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, OpenError> {
        self.try_open(place, sealed).map_err(|fault| OpenError {
            family: place.family.to_owned(),
            id: place.id.to_owned(),
            field: place.field.to_owned(),
            fault,
        })
    }

    /// Which key seals.
    #[must_use]
    pub const fn fingerprint(&self) -> KeyFingerprint {
        self.current.fingerprint
    }

    /// Whether `sealed` is already under the key that seals; else a rotation still has to seal it again.
    #[must_use]
    pub fn is_sealed_by_current(&self, sealed: &Sealed) -> bool {
        Envelope::parse(sealed).is_ok_and(|envelope| envelope.key == self.current.fingerprint)
    }

    fn try_open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretString, OpenFault> {
        let envelope = Envelope::parse(sealed)?;
        let key = self.key(envelope.key).ok_or(OpenFault::UnknownKey(envelope.key))?;
        let clear = key.decrypt(&envelope.nonce, &place.bound(), &envelope.ciphertext)?;
        std::str::from_utf8(&clear).map(SecretString::from).map_err(|_| OpenFault::Malformed)
    }

    fn key(&self, fingerprint: KeyFingerprint) -> Option<&DataKey> {
        std::iter::once(&self.current).chain(&self.previous).find(|key| key.fingerprint == fingerprint)
    }
}

impl Place<'_> {
    /// The additional data: each part behind its length, so that no two places give the same bytes.
    fn bound(self) -> Vec<u8> {
        let mut bound = Vec::with_capacity(64);
        for part in [VERSION, self.family, self.id, self.field] {
            bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bound.extend_from_slice(part.as_bytes());
        }
        bound
    }
}

impl DataKey {
    fn new(key: &EncryptionKey) -> Self {
        Self { fingerprint: key.fingerprint(), cipher: Aes256Gcm::new((&*key.data_key()).into()) }
    }

    fn encrypt(&self, nonce: &[u8; NONCE_BYTES], bound: &[u8], clear: &[u8]) -> Vec<u8> {
        self.cipher
            .encrypt(nonce.into(), Payload { msg: clear, aad: bound })
            .expect("GCM refuses only what is longer than 64 GiB, and no such secret fits into memory")
    }

    fn decrypt(
        &self,
        nonce: &[u8; NONCE_BYTES],
        bound: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenFault> {
        let clear = self.cipher.decrypt(nonce.into(), Payload { msg: ciphertext, aad: bound });
        clear.map(Zeroizing::new).map_err(|_| OpenFault::Altered)
    }
}

impl From<EnvelopeError> for OpenFault {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Version(version) => Self::Version(version),
            EnvelopeError::Malformed => Self::Malformed,
        }
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let previous: Vec<_> = self.previous.iter().map(|key| key.fingerprint).collect();
        f.debug_struct("Keyring").field("current", &self.current.fingerprint).field("previous", &previous).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding};

    const PLACE: Place<'static> = Place { family: "claude_console_account", id: "a1", field: "api_key" };

    /// Sealed by a few lines of Python on `cryptography`, from the rules that this crate states and not by this code.
    const KNOWN_ENVELOPE: &str =
        concat!("v1:6719fb744400591c:AAECAwQFBgcICQoL:q-NViZuS729fPRoPu7W1Wa_3oZ6yB", "3RYBrYJ24jbbs-MTaHg9W9J-pU");

    fn key(text: &str) -> EncryptionKey {
        EncryptionKey::parse(text).expect("a key")
    }

    fn ring() -> Keyring {
        Keyring::new(&key("0123456789abcdef0123456789ABCDEF"), &[])
    }

    fn fault(ring: &Keyring, place: Place<'_>, sealed: &Sealed) -> OpenFault {
        ring.open(place, sealed).expect_err("must not open").fault
    }

    #[test]
    fn aes_256_gcm_gives_the_output_of_test_case_16_of_its_specification() {
        let cipher_key: [u8; 32] = decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let key = DataKey { cipher: Aes256Gcm::new((&cipher_key).into()), fingerprint: ring().fingerprint() };
        let clear: [u8; 60] = decode(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let bound: [u8; 20] = decode("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let nonce: [u8; 12] = decode("cafebabefacedbaddecaf888");
        let ciphertext = key.encrypt(&nonce, &bound, &clear);
        assert_eq!(
            hex::encode(&ciphertext),
            concat!(
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
                "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                "76fc6ece0f4e1768cddf8853bb2d551b"
            )
        );
        assert_eq!(key.decrypt(&nonce, &bound, &ciphertext).expect("opens").as_slice(), clear);
    }

    fn decode<const N: usize>(digits: &str) -> [u8; N] {
        hex::decode(digits).expect("hex").try_into().expect("the length")
    }

    #[test]
    fn an_envelope_that_another_program_sealed_by_the_written_rules_opens() {
        let sealed = Sealed::from_envelope(KNOWN_ENVELOPE.to_owned());
        let clear = ring().open(PLACE, &sealed).expect("opens");
        assert_eq!(clear.expose_secret(), "sk-ant-api03-known-answer");
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_and_no_two_envelopes_are_equal() {
        let ring = ring();
        for clear in ["", "sk-ant-api03-x", &"ключ🔑".repeat(2000)] {
            let (one, other) = (ring.seal(PLACE, &clear.into()), ring.seal(PLACE, &clear.into()));
            assert_ne!(one, other);
            assert_eq!(ring.open(PLACE, &one).expect("opens").expose_secret(), clear);
        }
    }

    #[test]
    fn a_secret_changed_in_any_byte_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(PLACE, &"sk-ant-api03-secret".into());
        for at in 0..sealed.as_envelope().len() {
            let mut bytes = sealed.as_envelope().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = Sealed::from_envelope(String::from_utf8(bytes).expect("ASCII"));
            assert!(ring.open(PLACE, &changed).is_err(), "byte {at} changed");
        }
    }

    #[test]
    fn a_ciphertext_changed_in_any_bit_is_told_as_altered() {
        let ring = ring();
        let envelope = Envelope::parse(&ring.seal(PLACE, &"secret".into())).expect("an envelope");
        for bit in 0..envelope.ciphertext.len() * 8 {
            let mut ciphertext = envelope.ciphertext.clone();
            ciphertext[bit / 8] ^= 1 << (bit % 8);
            let changed = Envelope { ciphertext, ..envelope }.to_sealed();
            assert_eq!(fault(&ring, PLACE, &changed), OpenFault::Altered, "bit {bit}");
        }
    }

    #[test]
    fn a_secret_cut_short_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(PLACE, &"secret".into());
        for end in 0..sealed.as_envelope().len() {
            let cut = Sealed::from_envelope(sealed.as_envelope()[..end].to_owned());
            assert!(ring.open(PLACE, &cut).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_secret_moved_to_another_family_id_or_field_does_not_open() {
        let ring = ring();
        let sealed = ring.seal(PLACE, &"secret".into());
        let elsewhere = [
            Place { family: "ccr_account", ..PLACE },
            Place { id: "a2", ..PLACE },
            Place { field: "proxy", ..PLACE },
            Place { id: "a1a", field: "pi_key", ..PLACE },
            Place { family: "claude_console_accounta", id: "1", ..PLACE },
        ];
        for place in elsewhere {
            assert_eq!(fault(&ring, place, &sealed), OpenFault::Altered, "{place:?}");
        }
    }

    #[test]
    fn another_key_does_not_open_and_the_error_names_the_one_that_would() {
        let sealed = ring().seal(PLACE, &"secret".into());
        let other = Keyring::new(&EncryptionKey::generate(), &[]);
        let error = other.open(PLACE, &sealed).expect_err("another key");
        assert_eq!(error.fault, OpenFault::UnknownKey(ring().fingerprint()));
        assert_eq!(
            error.to_string(),
            format!(
                "the secret in field `api_key` of `claude_console_account:a1` does not open: it was sealed with another \
                 encryption key, the one with the fingerprint {}",
                ring().fingerprint()
            )
        );
    }

    #[test]
    fn a_previous_key_opens_and_the_current_one_seals() {
        let old = key("0123456789abcdef0123456789ABCDEF");
        let new = EncryptionKey::generate();
        let rotating = Keyring::new(&new, &[EncryptionKey::generate(), old]);
        let sealed_before = ring().seal(PLACE, &"secret".into());
        assert_eq!(rotating.open(PLACE, &sealed_before).expect("opens").expose_secret(), "secret");
        let sealed_now = rotating.seal(PLACE, &"secret".into());
        assert!(Keyring::new(&new, &[]).open(PLACE, &sealed_now).is_ok());
    }

    #[test]
    fn what_is_no_envelope_or_of_a_later_version_is_told_so() {
        let ring = ring();
        let plain = Sealed::from_envelope("sk-ant-in-clear".to_owned());
        assert_eq!(fault(&ring, PLACE, &plain), OpenFault::Malformed);
        let later = Sealed::from_envelope("v2:whatever".to_owned());
        assert_eq!(fault(&ring, PLACE, &later), OpenFault::Version("v2".to_owned()));
    }

    #[test]
    fn neither_an_envelope_nor_debug_shows_the_secret() {
        let ring = ring();
        let sealed = ring.seal(PLACE, &"sk-ant-clear".into());
        let encoded = Base64UrlUnpadded::encode_string(b"sk-ant-clear");
        let shown = format!("{} {sealed:?} {ring:?}", sealed.as_envelope());
        assert!(!shown.contains("sk-ant-clear") && !shown.contains(&encoded) && !shown.contains("0123456789abcdef01"));
    }
}
