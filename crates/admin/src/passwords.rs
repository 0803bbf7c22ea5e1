//! Checks and hashes passwords off the runtime's threads, few at a time: each takes 19 MiB and tens of milliseconds of a core.

pub(crate) mod change;

use crate::{
    faults::{Faults, Reason},
    refusal::Refusal,
    wire::ClearText,
};
use secrecy::{ExposeSecret, SecretString};
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vault::{Password, passwords};

/// Computations at once: a sign-in is rare, and a flood of them must not take memory or cores from requests.
const AT_ONCE_MAX: usize = 2;

/// Computations that run or wait; beyond it a sign-in is refused at once. A wait of about a second at most.
const WAITING_MAX: usize = 32;

/// The gate in front of password hashing.
#[derive(Debug)]
pub(crate) struct PasswordChecks {
    running: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A password that shall hold, and its text where nobody knows it yet.
pub(crate) struct Chosen {
    pub(crate) password: Password,
    /// To be shown once; none where somebody chose it.
    pub(crate) shown: Option<String>,
}

/// A permit to compute one hash.
struct Turn {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Chosen {
    /// The password that was `given` in `field`, or a generated one.
    pub(crate) fn parse(given: Option<ClearText>, field: &'static str, faults: &mut Faults) -> Self {
        let Some(ClearText(clear)) = given else { return Self::generate() };
        match parse(clear) {
            Ok(password) => Self { password, shown: None },
            Err(reason) => {
                faults.add(field, reason);
                Self::generate()
            }
        }
    }

    fn generate() -> Self {
        let password = Password::generate();
        let shown = Some(password.expose().expose_secret().to_owned());
        Self { password, shown }
    }
}

/// A password that may be set.
pub(crate) fn parse(clear: SecretString) -> Result<Password, Reason> {
    Password::parse(clear).map_err(|error| format!("cannot be taken: {error}; choose another").into())
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE_MAX)), places: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

impl PasswordChecks {
    /// Whether `clear` is the password of `stored`; without a stored hash it costs the same and is not.
    pub(crate) async fn matches(&self, stored: Option<String>, clear: SecretString) -> Result<bool, Refusal> {
        let checked = self.compute(move || {
            let Some(stored) = stored else {
                passwords::check_nobody(&clear);
                return Ok(false);
            };
            passwords::matches(&stored, &clear)
        });
        checked.await?.map_err(Refusal::internal)
    }

    /// The hash to store for `password`.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Refusal> {
        self.compute(move || password.hash()).await
    }

    /// Waits for a turn and computes. The turn ends with the computation, also when nobody waits for its result any more.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let turn = self.turn().await?;
        let computed = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        computed.await.map_err(Refusal::internal)
    }

    async fn turn(&self) -> Result<Turn, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_full| {
            let message = "Too many people sign in at this moment; try again in a few seconds.";
            Refusal::wait(Duration::from_secs(2), message)
        })?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(Refusal::internal)?;
        Ok(Turn { _running: running, _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::RefusalType;

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let checks = PasswordChecks::default();
        let _all = Arc::clone(&checks.places).acquire_many_owned(32).await.expect("open");
        let refusal = checks.matches(None, SecretString::from("x")).await.expect_err("full");
        assert_eq!(refusal.r#type, RefusalType::TooManyRequests);
    }

    #[tokio::test]
    async fn the_right_password_matches_and_a_name_that_nobody_has_never_does() {
        let checks = PasswordChecks::default();
        let password = Password::parse(SecretString::from("correct horse")).expect("long enough");
        let hash = checks.hash(password).await.expect("hashes");
        assert!(checks.matches(Some(hash.clone()), SecretString::from("correct horse")).await.expect("checks"));
        assert!(!checks.matches(Some(hash), SecretString::from("wrong horse")).await.expect("checks"));
        assert!(!checks.matches(None, SecretString::from("nobody has this!")).await.expect("checks"));
    }
}
