//! Hashing and checking what people type: argon2id for new hashes, bcrypt only to check those of older installations.
//!
//! Every check here costs tens of milliseconds of a core and 19 MiB on purpose: call it on a thread that may block,
//! and bound how many run at once.

use crate::random;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use secrecy::{ExposeSecret, SecretString};

/// Fewest characters of a new password.
pub const PASSWORD_CHARS_MIN: usize = 8;

/// Longest password in bytes: more adds nothing, and hashing it must stay cheap to refuse.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Memory of argon2id in KiB; with [`PASSES`] and [`LANES`] what OWASP's Password Storage Cheat Sheet asks at least.
const MEMORY_KIB: u32 = 19_456;

/// Passes over the memory.
const PASSES: u32 = 2;

/// Lanes.
const LANES: u32 = 1;

/// Dearest stored hash that is computed, in KiB times passes: 256 MiB twice. A damaged or hostile record must not
/// take the machine's memory.
const STORED_WORK_MAX: u64 = 2 * 256 * 1024;

/// Dearest stored bcrypt cost that is computed: 2^14 rounds take about a second.
const STORED_BCRYPT_COST_MAX: u32 = 14;

/// Characters of a generated password: 116 bits.
const GENERATED_CHARS: usize = 20;

/// A password fit to be set. Wiped from memory on drop; `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// A text that may not be set as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least 8 characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most 1,024 bytes")]
    TooLong,
}

/// A stored text that is no password hash known here, or one too dear to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored password hash is neither argon2 nor bcrypt, is damaged, or asks for more work than is allowed")]
pub struct PasswordHashError;

impl Password {
    /// Takes over a password that somebody chose.
    ///
    /// # Errors
    ///
    /// When it has fewer than 8 characters or more than 1,024 bytes.
    pub fn parse(clear: SecretString) -> Result<Self, PasswordError> {
        let text = clear.expose_secret();
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        if text.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordError::TooShort);
        }
        Ok(Self(clear))
    }

    /// Makes one of 20 letters and digits, none of which is taken for another.
    #[must_use]
    pub fn generate() -> Self {
        Self(random::text(random::UNAMBIGUOUS, GENERATED_CHARS))
    }

    /// The password's text, to be shown once.
    #[must_use]
    pub const fn expose(&self) -> &SecretString {
        &self.0
    }

    /// An argon2id hash as a PHC string, with a fresh salt.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness.
    #[must_use]
    pub fn hash(&self) -> String {
        let hashed: PasswordHash = argon2id()
            .hash_password(self.0.expose_secret().as_bytes())
            .expect("the parameters are constants that argon2 accepts, and the system has randomness");
        hashed.to_string()
    }
}

/// Whether `clear` is the password that `stored` was made from: argon2 PHC strings, or bcrypt (`$2a$`, `$2b$`, `$2y$`).
///
/// # Errors
///
/// When `stored` is no such hash, or asks for more memory or work than any hash of ours.
pub fn matches(stored: &str, clear: &SecretString) -> Result<bool, PasswordHashError> {
    if clear.expose_secret().len() > PASSWORD_BYTES_MAX {
        return Ok(false);
    }
    if let Some(cost) = bcrypt_cost(stored) {
        return matches_bcrypt(stored, cost, clear);
    }
    let hash = PasswordHash::new(stored).map_err(|_| PasswordHashError)?;
    let params = argon2_params(&hash).ok_or(PasswordHashError)?;
    if u64::from(params.m_cost()) * u64::from(params.t_cost()) > STORED_WORK_MAX {
        return Err(PasswordHashError);
    }
    Ok(argon2id().verify_password(clear.expose_secret().as_bytes(), &hash).is_ok())
}

/// Does the work of a check for a name that nobody has, so that the time taken does not tell which names exist.
#[expect(clippy::missing_panics_doc, reason = "cannot panic: the lengths it depends on are constants")]
pub fn check_nobody(clear: &SecretString) {
    let bytes = clear.expose_secret().as_bytes();
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    if bytes.len() <= PASSWORD_BYTES_MAX {
        argon2id()
            .hash_password_into(bytes, b"nobody has this!", &mut output)
            .expect("salt and output have lengths that argon2 accepts");
    }
    std::hint::black_box(output);
}

/// Whether a stored hash is weaker than a new one would be, or of another kind; hash again at the next sign-in.
#[must_use]
pub fn needs_rehash(stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let Some(params) = argon2_params(&hash) else { return true };
    let is_argon2id = hash.algorithm == Algorithm::Argon2id.ident();
    !is_argon2id || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants that argon2 accepts");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Its parameters, if `hash` is a whole argon2 hash.
fn argon2_params(hash: &PasswordHash) -> Option<Params> {
    Algorithm::try_from(hash.algorithm.as_str()).ok()?;
    (hash.salt.is_some() && hash.hash.is_some()).then_some(())?;
    Params::try_from(hash).ok()
}

/// The cost of a bcrypt hash; none when `stored` is of another kind.
fn bcrypt_cost(stored: &str) -> Option<u32> {
    let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|start| stored.strip_prefix(start))?;
    rest.split_once('$')?.0.parse().ok()
}

fn matches_bcrypt(stored: &str, cost: u32, clear: &SecretString) -> Result<bool, PasswordHashError> {
    if cost > STORED_BCRYPT_COST_MAX {
        return Err(PasswordHashError);
    }
    bcrypt::verify(clear.expose_secret(), stored).map_err(|_| PasswordHashError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::ParamsBuilder;

    /// Test vector of OpenBSD's and John the Ripper's bcrypt.
    const BCRYPT_OF_U_STAR_U: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn password(text: &str) -> Password {
        Password::parse(text.into()).expect("a password")
    }

    #[test]
    fn argon2id_gives_the_tag_of_rfc_9106_5_3() {
        let params = ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).expect("12 bytes"))
            .build()
            .expect("parameters");
        let argon2 =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params).expect("a secret of 8 bytes");
        let mut tag = [0; 32];
        argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).expect("a tag");
        assert_eq!(hex::encode(tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
    }

    #[test]
    fn a_hash_is_a_phc_string_with_the_stated_cost_and_matches_its_password_only() {
        let hash = password("correct horse").hash();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(matches(&hash, &"correct horse".into()), Ok(true));
        for wrong in ["", "correct horsf", "correct horse "] {
            assert_eq!(matches(&hash, &wrong.into()), Ok(false), "{wrong:?}");
        }
    }

    #[test]
    fn the_same_password_never_hashes_the_same() {
        assert_ne!(password("correct horse").hash(), password("correct horse").hash());
    }

    #[test]
    fn bcrypt_hashes_of_older_installations_match_in_all_three_spellings() {
        for kind in ["2a", "2b", "2y"] {
            let hash = BCRYPT_OF_U_STAR_U.replacen("2a", kind, 1);
            assert_eq!(matches(&hash, &"U*U".into()), Ok(true), "{kind}");
            assert_eq!(matches(&hash, &"U*V".into()), Ok(false), "{kind}");
        }
    }

    #[test]
    fn what_is_weaker_or_of_another_kind_needs_a_rehash_and_ours_does_not() {
        assert!(!needs_rehash(&password("correct horse").hash()));
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(!needs_rehash(&format!("$argon2id$v=19$m=65536,t=3,p=4${salt_and_hash}")));
        assert!(needs_rehash(&format!("$argon2id$v=19$m=4096,t=3,p=1${salt_and_hash}")));
        assert!(needs_rehash(&format!("$argon2i$v=19$m=65536,t=3,p=4${salt_and_hash}")));
        assert!(needs_rehash(BCRYPT_OF_U_STAR_U) && needs_rehash("") && needs_rehash("clear"));
    }

    #[test]
    fn what_is_no_hash_is_an_error_and_never_matches() {
        for stored in ["", "clear", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1", "$2a$05$short", "$1$ab$cd"] {
            assert_eq!(matches(stored, &"clear".into()), Err(PasswordHashError), "{stored:?}");
        }
    }

    #[test]
    fn a_stored_hash_that_asks_for_too_much_work_is_not_computed() {
        let salt_and_hash = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let stored = format!("$argon2id$v=19$m=4194304,t=1,p=1${salt_and_hash}");
        assert_eq!(matches(&stored, &"x".into()), Err(PasswordHashError));
        let stored = BCRYPT_OF_U_STAR_U.replacen("05", "31", 1);
        assert_eq!(matches(&stored, &"U*U".into()), Err(PasswordHashError));
    }

    #[test]
    fn a_password_has_8_characters_and_at_most_1024_bytes() {
        let parse = |text: &str| Password::parse(text.into()).map(|_| ());
        assert_eq!(parse("1234567"), Err(PasswordError::TooShort));
        assert_eq!(parse("ééééééé"), Err(PasswordError::TooShort));
        assert_eq!(parse("12345678"), Ok(()));
        assert_eq!(parse(&"x".repeat(1024)), Ok(()));
        assert_eq!(parse(&"x".repeat(1025)), Err(PasswordError::TooLong));
    }

    #[test]
    fn a_text_too_long_to_be_a_password_matches_nothing() {
        let hash = password("correct horse").hash();
        assert_eq!(matches(&hash, &"x".repeat(PASSWORD_BYTES_MAX + 1).as_str().into()), Ok(false));
        check_nobody(&"x".repeat(PASSWORD_BYTES_MAX + 1).as_str().into());
    }

    #[test]
    fn a_generated_password_may_be_set() {
        let generated = Password::generate();
        assert_eq!(generated.expose().expose_secret().len(), 20);
        assert!(Password::parse(generated.expose().clone()).is_ok());
    }

    #[test]
    fn debug_prints_no_password() {
        assert!(!format!("{:?}", password("correct horse")).contains("horse"));
    }
}
