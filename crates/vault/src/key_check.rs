//! A sealed constant that stands in the store, so that a wrong encryption key is found at start and not at first use.

use crate::{
    keyring::{Keyring, OpenError, OpenFault, Place},
    secrets::KeyFingerprint,
};
use domain::Sealed;
use secrecy::ExposeSecret;

/// The family that the check value is stored in.
pub const FAMILY: &str = "key_check";

/// What is sealed. Public: that it opens is what proves the key.
const CHECK_TEXT: &str = "claude-relay";

const PLACE: Place<'static> = Place { family: FAMILY, id: FAMILY, field: "value" };

/// How the keys at hand fit what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFit {
    /// The current key sealed it.
    Current,
    /// A previous key sealed it: a rotation has begun and is not finished.
    Previous,
    /// No key at hand sealed it. Nothing stored can be opened; the relay must not start.
    Wrong {
        /// The key that did.
        needed: KeyFingerprint,
    },
}

/// Makes the check value for the ring's current key.
#[must_use]
pub fn make(ring: &Keyring) -> Sealed {
    ring.seal(PLACE, &CHECK_TEXT.into())
}

/// Tells whether the ring's keys are those that the stored values were sealed with.
///
/// # Errors
///
/// When the check value itself was changed, is no envelope, or is a later version's.
pub fn verify(ring: &Keyring, stored: &Sealed) -> Result<KeyFit, OpenError> {
    let found = match ring.open(PLACE, stored) {
        Err(OpenError { fault: OpenFault::UnknownKey(needed), .. }) => return Ok(KeyFit::Wrong { needed }),
        other => other?,
    };
    if found.expose_secret() != CHECK_TEXT {
        return Err(OpenError {
            family: FAMILY.to_owned(),
            id: FAMILY.to_owned(),
            field: PLACE.field.to_owned(),
            fault: OpenFault::Altered,
        });
    }
    Ok(if ring.is_sealed_by_current(stored) { KeyFit::Current } else { KeyFit::Previous })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::EncryptionKey;

    #[test]
    fn the_key_that_sealed_fits() {
        let ring = Keyring::new(&EncryptionKey::generate(), &[]);
        assert_eq!(verify(&ring, &make(&ring)), Ok(KeyFit::Current));
    }

    #[test]
    fn during_a_rotation_the_previous_key_fits() {
        let old = EncryptionKey::generate();
        let stored = make(&Keyring::new(&old, &[]));
        let rotating = Keyring::new(&EncryptionKey::generate(), &[old]);
        assert_eq!(verify(&rotating, &stored), Ok(KeyFit::Previous));
    }

    #[test]
    fn a_wrong_key_is_told_with_the_fingerprint_of_the_right_one() {
        let right = EncryptionKey::generate();
        let stored = make(&Keyring::new(&right, &[]));
        let ring = Keyring::new(&EncryptionKey::generate(), &[]);
        assert_eq!(verify(&ring, &stored), Ok(KeyFit::Wrong { needed: right.fingerprint() }));
    }

    #[test]
    fn a_damaged_check_value_is_an_error_and_no_verdict() {
        let ring = Keyring::new(&EncryptionKey::generate(), &[]);
        let damaged = Sealed::from_envelope(format!("{}AAAA", make(&ring).as_envelope()));
        assert_eq!(verify(&ring, &damaged).map_err(|error| error.fault), Err(OpenFault::Altered));
        let other_text = ring.seal(PLACE, &"something else".into());
        assert_eq!(verify(&ring, &other_text).map_err(|error| error.fault), Err(OpenFault::Altered));
        let clear = Sealed::from_envelope(CHECK_TEXT.to_owned());
        assert_eq!(verify(&ring, &clear).map_err(|error| error.fault), Err(OpenFault::Malformed));
    }
}
