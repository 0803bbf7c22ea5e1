//! Encryption at rest, key hashing, password hashing. Knows no store, no clock and no I/O but the system's randomness.
//!
//! * [`secrets`]: the two secrets of an installation, `ENCRYPTION_KEY` and `JWT_SECRET`, checked once at the door.
//! * [`keyring`]: sealing and opening of stored secrets, each bound to its place; rotation reads the old key.
//! * [`key_check`]: whether the key at hand is the one that the stored values were sealed with.
//! * [`api_keys`]: making and hashing the keys that clients hold.
//! * [`passwords`]: hashing and checking what people type.
//! * [`throttle`]: slowing down those who guess.
//! * [`totp`]: the codes of a second factor.

pub mod api_keys;
mod envelope;
pub mod key_check;
pub mod keyring;
pub mod passwords;
mod random;
pub mod secrets;
pub mod throttle;
pub mod totp;

pub use api_keys::{IssuedKey, KeyPrefix, KeyPrefixError};
pub use key_check::KeyFit;
pub use keyring::{Keyring, OpenError, OpenFault, Place};
pub use passwords::{Password, PasswordError, PasswordHashError};
pub use secrets::{EncryptionKey, EncryptionKeyError, JwtSecret, JwtSecretError, KeyFingerprint};
pub use throttle::{Guess, Guesser, Throttle};
pub use totp::{TotpSecret, TotpSecretError};
