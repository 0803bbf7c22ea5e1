//! Codes of a second factor: six digits every thirty seconds (RFC 6238 with HMAC-SHA-1), and recovery codes for who lost the device.
//!
//! SHA-1 is what authenticator programs speak; as a keyed function (HMAC) it is not broken.

use crate::{api_keys, random};
use data_encoding::BASE32_NOPAD;
use domain::{KeyHash, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How long a code holds (RFC 6238, 5.2).
pub const STEP_SECONDS: i64 = 30;

/// Digits of a code.
pub const DIGITS: usize = 6;

/// Recovery codes that are issued at once.
pub const RECOVERY_CODES: usize = 10;

/// Bytes of a secret: as many as SHA-1 gives (RFC 4226, 4, R6).
const SECRET_BYTES: usize = 20;

/// Steps before and after the present one whose codes are taken: clocks differ, and people type slowly.
const DRIFT_STEPS: i64 = 1;

/// Characters of a recovery code: 79 bits, so that one round of SHA-256 is enough.
const RECOVERY_CHARS: usize = 16;

/// Small letters and digits that nobody takes for another: a code may be typed in capitals.
const RECOVERY_ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// The secret that an authenticator shares with the relay. Wiped from memory on drop; `Debug` does not show it.
pub struct TotpSecret {
    /// In base 32 without padding, as people and QR codes carry it.
    text: SecretString,
    bytes: Zeroizing<Vec<u8>>,
}

/// A text that is no secret of a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret of the second factor is not in base 32")]
pub struct TotpSecretError;

/// A stretch of thirty seconds, counted from 1970: the one a code belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub i64);

/// A recovery code that was just made.
#[derive(Debug)]
pub struct RecoveryCode {
    /// The code, `abcd-efgh-jkmn-pqrs`: to be shown once.
    pub clear: SecretString,
    /// What the store keeps of it.
    pub hash: KeyHash,
}

impl TotpSecret {
    /// Makes a secret of 160 random bits.
    #[must_use]
    pub fn generate() -> Self {
        let bytes = random::bytes::<SECRET_BYTES>();
        let text = Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()));
        Self { text: SecretString::from(text.as_str()), bytes: Zeroizing::new(bytes.to_vec()) }
    }

    /// Reads a secret in base 32.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn parse(text: SecretString) -> Result<Self, TotpSecretError> {
        let bytes = BASE32_NOPAD.decode(text.expose_secret().as_bytes()).map_err(|_| TotpSecretError)?;
        Ok(Self { text, bytes: Zeroizing::new(bytes) })
    }

    /// The secret in base 32.
    #[must_use]
    pub const fn expose(&self) -> &SecretString {
        &self.text
    }

    /// The step whose code `typed` is, if it is that of the present one or of one beside it.
    #[must_use]
    pub fn step_of(&self, typed: &str, now: Timestamp) -> Option<Step> {
        let present = now.as_ms().div_euclid(1000 * STEP_SECONDS);
        let mut found = None;
        // Every step is compared, so that the time taken does not tell which one it was.
        for step in present - DRIFT_STEPS..=present + DRIFT_STEPS {
            if self.code(Step(step)).as_bytes().ct_eq(typed.as_bytes()).into() {
                found = Some(Step(step));
            }
        }
        found
    }

    /// The code of a step (RFC 4226, 5.3).
    ///
    /// # Panics
    ///
    /// Never: HMAC takes a key of any length.
    #[must_use]
    pub fn code(&self, Step(step): Step) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.bytes).expect("HMAC takes a key of any length");
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let at = usize::from(digest[19] & 0x0f);
        let word = u32::from_be_bytes([digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]]);
        format!("{:0DIGITS$}", word % 1_000_000)
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

/// Makes ten recovery codes, each good for one use.
#[must_use]
pub fn recovery_codes() -> Vec<RecoveryCode> {
    let made = (0..RECOVERY_CODES).map(|_| {
        let text = random::text(RECOVERY_ALPHABET, RECOVERY_CHARS);
        let groups = text.expose_secret().as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>();
        let clear = SecretString::from(groups.join("-"));
        RecoveryCode { hash: recovery_hash(clear.expose_secret()), clear }
    });
    made.collect()
}

/// The hash of a recovery code as somebody types it: hyphens, spaces and capitals do not matter.
#[must_use]
pub fn recovery_hash(typed: &str) -> KeyHash {
    let plain = typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    api_keys::hash(&Zeroizing::new(plain.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn secret() -> TotpSecret {
        TotpSecret::parse(BASE32_NOPAD.encode(SECRET).into()).expect("a secret")
    }

    #[test]
    fn codes_are_the_last_six_digits_of_those_of_rfc_6238_appendix_b() {
        let published = [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ];
        for (seconds, published) in published {
            assert_eq!(secret().code(Step(seconds / STEP_SECONDS)), published[2..]);
            let step = secret().step_of(&published[2..], Timestamp::from_ms(seconds * 1000));
            assert_eq!(step, Some(Step(seconds / STEP_SECONDS)));
        }
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let published =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (step, published) in (0..).zip(published) {
            assert_eq!(secret().code(Step(step)), published);
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_not_two() {
        let at = |seconds: i64| Timestamp::from_ms(seconds * 1000);
        for (seconds, taken) in [(-31, false), (-30, true), (0, true), (59, true), (60, false)] {
            let step = secret().step_of("005924", at(1_234_567_890 + seconds));
            assert_eq!(step.is_some(), taken, "{seconds}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for typed in ["", "00592", "0059240", "00592é", "abcdef"] {
            assert_eq!(secret().step_of(typed, Timestamp::from_ms(1_234_567_890_000)), None, "{typed}");
        }
    }

    #[test]
    fn a_secret_reads_back_as_it_is_shown() {
        let made = TotpSecret::generate();
        assert_eq!(made.expose().expose_secret().len(), 32);
        assert!(TotpSecret::parse(made.expose().clone()).is_ok());
        assert!(TotpSecret::parse("not base 32!".into()).is_err());
        assert!(!format!("{made:?}").contains(made.expose().expose_secret()));
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let codes = recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        for code in &codes {
            let clear = code.clear.expose_secret();
            assert_eq!(clear.len(), RECOVERY_CHARS + 3);
            assert_eq!(recovery_hash(&clear.to_uppercase().replace('-', " ")), code.hash);
        }
        assert_ne!(codes[0].hash, codes[1].hash);
    }
}
