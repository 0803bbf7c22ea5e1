//! Whether the secrets at hand fit the store: asked before anything stored is opened. Reads and writes no store itself.

use super::Secrets;
use domain::Sealed;
use std::path::PathBuf;
use vault::{KeyFingerprint, KeyFit, OpenError, key_check};

/// How the secrets fit the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChecked {
    /// They do.
    Fits,
    /// The previous key does: a rotation has begun and is not finished.
    FitsPrevious,
    /// The store has no check value yet: this one is to be stored, before anything is sealed.
    New(Sealed),
}

/// Secrets that do not fit the store. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyCheckError {
    /// Another key.
    #[error(
        "ENCRYPTION_KEY does not fit the data in {}: it has the fingerprint {given}, the data needs the key with the \
         fingerprint {needed}. Put that key back, in the environment or in secrets.env; nothing was changed",
        dir.display()
    )]
    Wrong {
        /// The data directory.
        dir: PathBuf,
        /// The key at hand.
        given: KeyFingerprint,
        /// The key that the data was sealed with.
        needed: KeyFingerprint,
    },
    /// The check value itself is damaged.
    #[error("whether ENCRYPTION_KEY fits the data in {} cannot be told: {cause}; restore a backup of the store", dir.display())]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// Why.
        cause: OpenError,
    },
}

/// Compares the secrets with the check value that the store of data directory `dir` holds, if it holds one.
///
/// # Errors
///
/// When none of the keys sealed it, or it was damaged.
pub fn check_key(secrets: &Secrets, stored: Option<&Sealed>, dir: PathBuf) -> Result<KeyChecked, KeyCheckError> {
    let ring = secrets.keyring();
    let Some(stored) = stored else { return Ok(KeyChecked::New(key_check::make(&ring))) };
    match key_check::verify(&ring, stored) {
        Ok(KeyFit::Current) => Ok(KeyChecked::Fits),
        Ok(KeyFit::Previous) => Ok(KeyChecked::FitsPrevious),
        Ok(KeyFit::Wrong { needed }) => Err(KeyCheckError::Wrong { dir, given: ring.fingerprint(), needed }),
        Err(cause) => Err(KeyCheckError::Damaged { dir, cause }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::{EncryptionKey, JwtSecret};

    fn secrets(current: EncryptionKey, previous: Option<EncryptionKey>) -> Secrets {
        let jwt_secret = JwtSecret::generate();
        Secrets { encryption_key: current, encryption_key_previous: previous, jwt_secret }
    }

    fn check(secrets: &Secrets, stored: Option<&Sealed>) -> Result<KeyChecked, KeyCheckError> {
        check_key(secrets, stored, PathBuf::from("/srv/data"))
    }

    fn made_by(secrets: &Secrets) -> Sealed {
        match check(secrets, None) {
            Ok(KeyChecked::New(sealed)) => sealed,
            other => panic!("no check value was made: {other:?}"),
        }
    }

    #[test]
    fn a_new_store_gets_a_check_value_that_fits_from_then_on() {
        let secrets = secrets(EncryptionKey::generate(), None);
        assert_eq!(check(&secrets, Some(&made_by(&secrets))), Ok(KeyChecked::Fits));
    }

    #[test]
    fn in_a_rotation_the_previous_key_fits() {
        let old = EncryptionKey::generate();
        let stored = made_by(&secrets(old.clone(), None));
        assert_eq!(check(&secrets(EncryptionKey::generate(), Some(old)), Some(&stored)), Ok(KeyChecked::FitsPrevious));
    }

    #[test]
    fn a_wrong_key_is_refused_with_the_way_out() {
        let (right, wrong) = (EncryptionKey::generate(), EncryptionKey::generate());
        let stored = made_by(&secrets(right.clone(), None));
        let error = check(&secrets(wrong.clone(), None), Some(&stored)).expect_err("wrong");
        let expected = format!(
            "ENCRYPTION_KEY does not fit the data in /srv/data: it has the fingerprint {}, the data needs the key with the \
             fingerprint {}. Put that key back, in the environment or in secrets.env; nothing was changed",
            wrong.fingerprint(),
            right.fingerprint()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_damaged_check_value_is_refused_and_never_replaced() {
        let stored = Sealed::from_envelope("garbage".to_owned());
        let error = check(&secrets(EncryptionKey::generate(), None), Some(&stored)).expect_err("damaged");
        assert!(error.to_string().ends_with("restore a backup of the store"), "{error}");
    }
}
