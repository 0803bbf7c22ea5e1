//! Checks the code of a second factor: each is taken once, on whichever node, and wrong ones are slowed down.

use crate::{
    editing,
    extract::IfMatch,
    refusal::{Fault, Refusal, RefusalType},
    state::Plane,
};
use domain::{Admin, AdminId, Timestamp};
use store::{Family, nouns::AdminTotp, records::Versioned};
use vault::{Keyring, Place, TotpSecret, api_keys::hashes_match, totp};

/// Longest code that is looked at, in bytes: a recovery code with spaces around it.
const CODE_BYTES_MAX: usize = 64;

/// Refuses a sign-in of `admin` that `code` does not complete. Who has no second factor needs none.
pub(crate) async fn check(plane: &Plane, admin: &Admin, code: Option<&str>) -> Result<(), Refusal> {
    let found = find(plane, &admin.id).await?;
    if found.is_none_or(|found| found.record.confirmed_at.is_none()) {
        return Ok(());
    }
    let needed = "This administrator has a second factor: send the six digits, or a recovery code, as `code` as well.";
    let code = code.ok_or_else(|| Refusal::new(RefusalType::CodeRequired, needed))?;
    redeem(plane, admin, code).await
}

/// Takes a code of a confirmed second factor, once.
pub(super) async fn redeem(plane: &Plane, admin: &Admin, code: &str) -> Result<(), Refusal> {
    let now = plane.now();
    plane
        .throttle
        .charge_code(&admin.username, now)
        .map_err(|wait| Refusal::wait(wait, "There were too many wrong codes: wait as long as `retry-after` says."))?;
    let taken = editing::edit::<AdminTotp>(plane.store(), admin.id.as_str(), &IfMatch::Any, |totp| {
        spent(&plane.given.keyring, totp, code, now)?.ok_or_else(wrong)
    });
    // Switched off at this moment: as good as a wrong code.
    taken.await?.ok_or_else(wrong)?;
    plane.throttle.code_was_right(&admin.username);
    Ok(())
}

/// The second factor of `admin`, confirmed or not.
pub(super) async fn find(plane: &Plane, admin: &AdminId) -> Result<Option<Versioned<AdminTotp>>, Refusal> {
    editing::find(plane.store(), admin.as_str()).await
}

/// `totp` without the code; none when it is not one of its, or was taken before.
pub(super) fn spent(
    keyring: &Keyring,
    totp: &AdminTotp,
    code: &str,
    now: Timestamp,
) -> Result<Option<AdminTotp>, Refusal> {
    let code = code.trim();
    if code.len() > CODE_BYTES_MAX {
        return Ok(None);
    }
    if let Some(totp::Step(step)) = open(keyring, totp)?.step_of(code, now) {
        let is_new = totp.last_step.is_none_or(|last| last < step);
        return Ok(is_new.then(|| AdminTotp { last_step: Some(step), ..totp.clone() }));
    }
    let hash = totp::recovery_hash(code);
    let place = totp.recovery.iter().position(|kept| hashes_match(kept, &hash));
    Ok(place.map(|place| {
        let mut left = totp.clone();
        left.recovery.remove(place);
        left
    }))
}

fn open(keyring: &Keyring, totp: &AdminTotp) -> Result<TotpSecret, Refusal> {
    let clear = keyring.open(place(&totp.admin), &totp.secret).map_err(Refusal::internal)?;
    TotpSecret::parse(clear).map_err(Refusal::internal)
}

/// Where the secret of an administrator stands.
pub(super) fn place(admin: &AdminId) -> Place<'_> {
    Place { family: Family::AdminTotp.name(), id: admin.as_str(), field: "secret" }
}

pub(super) fn wrong() -> Refusal {
    let fault = Fault::new("code", "is wrong, or was used before; wait for the next one");
    Refusal::new(RefusalType::Unauthenticated, "The code is wrong or was used before: type the next one.").naming(fault)
}
