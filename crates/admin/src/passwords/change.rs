//! How passwords are changed: by whoever signs in with them, and by those who may set them for others. Sessions end with a password.

use super::Chosen;
use crate::{
    editing,
    extract::IfMatch,
    faults::Faults,
    refusal::{Refusal, RefusalType},
    session,
    state::Plane,
    wire::ClearText,
};
use domain::{Admin, Timestamp, User};
use serde::Deserialize;
use store::{Record, Session, sessions::SessionSubject};
use utoipa::ToSchema;
use vault::Guesser;

/// Somebody who signs in with a password.
pub(crate) trait SignsIn: Record + Sync {
    /// What they are called, to people.
    const WORD: &'static str;

    /// Whose sessions theirs are.
    fn subject(&self) -> SessionSubject;

    fn password_hash(&self) -> &str;

    /// The same with another password since `now`.
    fn with_password(&self, hash: String, now: Timestamp) -> Self;
}

/// A change of one's own password.
#[derive(Deserialize, ToSchema)]
#[schema(as = PasswordChange,
    example = json!({"current_password": "correct horse battery staple", "new_password": "a longer horse"}))]
pub(crate) struct PasswordChange {
    /// The password that holds now.
    #[schema(value_type = String, format = Password, max_length = 1024)]
    pub(crate) current_password: ClearText,
    /// The password that shall hold: 8 characters to 1,024 bytes.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1024)]
    pub(crate) new_password: ClearText,
}

/// Sets the password of the one with this id to what is `given`, or to a generated one, and ends all their sessions. Gives them as they
/// are now, and the password where it was generated.
///
/// # Errors
///
/// When the password cannot be taken, or there is nobody with this id.
pub(crate) async fn set<T: SignsIn>(
    plane: &Plane,
    id: &str,
    given: Option<ClearText>,
    missing: fn() -> Refusal,
) -> Result<(T, Option<String>), Refusal> {
    let mut faults = Faults::default();
    let Chosen { password, shown } = Chosen::parse(given, "password", &mut faults);
    faults.settle()?;
    // Before the hash, which takes tens of milliseconds.
    editing::find::<T>(plane.store(), id).await?.ok_or_else(missing)?;
    let (now, hash) = (plane.now(), plane.passwords.hash(password).await?);
    let changed =
        editing::edit::<T>(plane.store(), id, &IfMatch::Any, |person| Ok(person.with_password(hash.clone(), now)));
    let person = changed.await?.ok_or_else(missing)?.record;
    plane.store().sessions.revoke_all(&person.subject(), None).await?;
    Ok((person, shown))
}

/// Changes the password of `person`, whose guesses are counted under `name`, and ends all their sessions but this one. Gives them as
/// they are now.
///
/// # Errors
///
/// When the current password is not theirs, the new one cannot be taken, it was changed meanwhile, or they are gone.
pub(crate) async fn change_own<T: SignsIn>(
    plane: &Plane,
    person: &T,
    name: &str,
    session: &Session,
    change: PasswordChange,
) -> Result<T, Refusal> {
    let new = super::parse(change.new_password.0).map_err(|reason| Refusal::field("new_password", reason))?;
    let current = Some(person.password_hash().to_owned());
    if !session::guess(plane, Guesser::SignedIn, name, current, change.current_password.0).await? {
        return Err(Refusal::field("current_password", "is not your password; type it again"));
    }
    let hash = plane.passwords.hash(new).await?;
    let changed = store_own(plane, person, &hash).await?;
    plane.store().sessions.revoke_all(&session.subject, Some(&session.id)).await?;
    Ok(changed)
}

async fn store_own<T: SignsIn>(plane: &Plane, person: &T, hash: &str) -> Result<T, Refusal> {
    let now = plane.now();
    let changed = editing::edit::<T>(plane.store(), person.id(), &IfMatch::Any, |found| {
        if found.password_hash() != person.password_hash() {
            let message = "The password was changed elsewhere at the same time: sign in again.";
            return Err(Refusal::new(RefusalType::Conflict, message));
        }
        Ok(found.with_password(hash.to_owned(), now))
    });
    Ok(changed.await?.ok_or_else(gone::<T>)?.record)
}

/// Somebody was removed while they were signed in.
pub(crate) fn gone<T: SignsIn>() -> Refusal {
    Refusal::new(RefusalType::Unauthenticated, format!("This {} was removed: sign in as another.", T::WORD))
}

impl SignsIn for Admin {
    const WORD: &'static str = "administrator";

    fn subject(&self) -> SessionSubject {
        SessionSubject::Admin(self.id.clone())
    }

    fn password_hash(&self) -> &str {
        &self.password_hash
    }

    fn with_password(&self, hash: String, now: Timestamp) -> Self {
        Self { password_hash: hash, updated_at: now, ..self.clone() }
    }
}

impl SignsIn for User {
    const WORD: &'static str = "user";

    fn subject(&self) -> SessionSubject {
        SessionSubject::User(self.id.clone())
    }

    fn password_hash(&self) -> &str {
        &self.password_hash
    }

    fn with_password(&self, hash: String, now: Timestamp) -> Self {
        Self { password_hash: hash, updated_at: now, ..self.clone() }
    }
}
