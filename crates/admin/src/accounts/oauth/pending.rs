//! A sign-in between its beginning and its end: sealed in the store, of one use, for a while.

use super::conflict;
use crate::{editing, refusal::Refusal, state::Plane};
use domain::{AccountId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::{
    Family, RecordError, Version,
    nouns::OAuthSignIn,
    records::{Condition, TypedRecords},
};
use upstream::oauth::Authorization;
use vault::Place;

/// Times that a sign-in is begun again because somebody else began or finished one at the same moment.
const TRIES_MAX: usize = 8;

/// What finishes a sign-in.
pub(super) enum Pending {
    /// The code that comes back for this state, with this verifier.
    Code(Authorization),
    /// The device code.
    Device(SecretString),
}

/// A sign-in that was begun.
pub(super) struct Begun {
    pub(super) pending: Pending,
    account: AccountId,
    version: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Code { state: String, verifier: String },
    Device { device_code: String },
}

/// Writes what finishes the sign-in of an account, over that of an earlier one.
pub(super) async fn write(
    plane: &Plane,
    account: &AccountId,
    pending: &Pending,
    expires_at: Timestamp,
) -> Result<(), Refusal> {
    let pending = plane.given.keyring.seal(place(account), &pending.to_text());
    let record = OAuthSignIn { account: account.clone(), pending, expires_at, created_at: plane.now() };
    for _ in 0..TRIES_MAX {
        let done = match editing::find::<OAuthSignIn>(plane.store(), account.as_str()).await? {
            None => plane.store().records.add(&record).await,
            Some(earlier) => plane.store().records.change(&earlier.record, &record, Condition::Exists).await,
        };
        match done {
            Ok(_) => return Ok(()),
            Err(RecordError::Duplicate { .. } | RecordError::Missing) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Err(conflict("Others sign this account in all the time: begin again."))
}

/// The sign-in of an account that can be finished now.
pub(super) async fn read(plane: &Plane, account: &AccountId) -> Result<Begun, Refusal> {
    let found = editing::find::<OAuthSignIn>(plane.store(), account.as_str()).await?;
    let found = found.filter(|found| plane.now() < found.record.expires_at);
    let found =
        found.ok_or_else(|| conflict("There is no sign-in to finish: it is over, or was never begun. Begin one."))?;
    let clear = plane.given.keyring.open(place(account), &found.record.pending).map_err(Refusal::internal)?;
    let written: Written = serde_json::from_str(clear.expose_secret()).map_err(Refusal::internal)?;
    let pending = match written {
        Written::Code { state, verifier } => Pending::Code(Authorization { state, verifier: verifier.into() }),
        Written::Device { device_code } => Pending::Device(device_code.into()),
    };
    Ok(Begun { pending, account: account.clone(), version: found.version })
}

/// Ends the sign-in of an account that was begun, if there is one.
pub(super) async fn forget(plane: &Plane, account: &AccountId) -> Result<(), Refusal> {
    match plane.store().records.remove(Family::OAuthSignIn, account.as_str(), None).await {
        Ok(()) | Err(RecordError::Missing) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Begun {
    /// Uses it up.
    ///
    /// # Errors
    ///
    /// When somebody else was quicker, or the store fails.
    pub(super) async fn spend(&self, plane: &Plane) -> Result<(), Refusal> {
        match plane.store().records.remove(Family::OAuthSignIn, self.account.as_str(), Some(self.version)).await {
            Ok(()) => Ok(()),
            Err(RecordError::Missing | RecordError::Conflict { .. }) => {
                Err(conflict("This sign-in was finished, or begun anew, by somebody else."))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Pending {
    fn to_text(&self) -> SecretString {
        let value = match self {
            Self::Code(Authorization { state, verifier }) => {
                serde_json::json!({"code": {"state": state, "verifier": verifier.expose_secret()}})
            }
            Self::Device(code) => serde_json::json!({"device": {"device_code": code.expose_secret()}}),
        };
        SecretString::from(value.to_string())
    }
}

fn place(account: &AccountId) -> Place<'_> {
    Place { family: Family::OAuthSignIn.name(), id: account.as_str(), field: "pending" }
}
