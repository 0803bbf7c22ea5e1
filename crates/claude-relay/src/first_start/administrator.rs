//! The first administrator on the way between `init.json` and the store: taken over once per content, written back after a change.

use super::{Decision, InitFile, StoredAdminCredentials, decide};
use crate::{data_dir::DataDir, durable_file::WriteError};
use domain::{Admin, AdminId, Role, Timestamp};
use store::{
    Family, RecordError, Records, StoreError,
    nouns::AdminCredentials,
    records::{Condition, TypedRecords, Versioned},
};

/// What was done about the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenOver {
    /// It was applied to the store.
    Applied,
    /// The store had it, or has something newer.
    Kept,
}

/// Why the administrator could not be kept the same in both places.
#[derive(Debug, thiserror::Error)]
pub enum AdministratorError {
    /// The store refused.
    #[error("the administrator of init.json could not be taken over")]
    Record(#[from] RecordError),
    /// The file could not be written.
    #[error("the changed password could not be written to init.json")]
    Write(#[from] WriteError),
}

impl From<StoreError> for AdministratorError {
    fn from(error: StoreError) -> Self {
        Self::Record(error.into())
    }
}

/// Takes the administrator of `file` over into the store, unless that was done or the store's is newer.
///
/// # Errors
///
/// When the store refuses. What was done until then is repeated by the next start.
pub async fn take_over(
    file: &InitFile,
    records: &dyn Records,
    now: Timestamp,
) -> Result<TakenOver, AdministratorError> {
    let stored = read_credentials(records).await?;
    let known = stored.as_ref().map(|stored| StoredAdminCredentials {
        digest: stored.record.file_digest.clone(),
        updated_at: stored.record.file_updated_at,
    });
    if decide(file, known.as_ref()) == Decision::Keep {
        return Ok(TakenOver::Kept);
    }
    let admin = put_admin(file, stored.as_ref().map(|stored| &stored.record.admin), records, now).await?;
    note_applied(file, admin, records, now).await?;
    Ok(TakenOver::Applied)
}

/// Writes name and password of `admin`, one of which was changed in the store, to `init.json`, if it is the administrator from there.
///
/// # Errors
///
/// When the file or the store refuses: the change stands in the store, and the file's old content is not applied again.
pub async fn write_back(
    admin: &Admin,
    dir: &DataDir,
    records: &dyn Records,
    now: Timestamp,
) -> Result<(), AdministratorError> {
    let Some(stored) = read_credentials(records).await? else { return Ok(()) };
    if stored.record.admin != admin.id {
        return Ok(());
    }
    let file = InitFile {
        username: admin.username.clone(),
        password_hash: admin.password_hash.clone(),
        initialized_at: admin.created_at,
        updated_at: now,
    };
    // The store first: a file that was not written is older than what the store says, and stays unapplied.
    note_applied(&file, admin.id.clone(), records, now).await?;
    file.write(dir)?;
    Ok(())
}

async fn read_credentials(records: &dyn Records) -> Result<Option<Versioned<AdminCredentials>>, RecordError> {
    Ok(records.read::<AdminCredentials>(AdminCredentials::ID).await?)
}

/// The administrator with the file's name and password: the one from there before, else one of that name, else a new one.
async fn put_admin(
    file: &InitFile,
    before: Option<&AdminId>,
    records: &dyn Records,
    now: Timestamp,
) -> Result<AdminId, RecordError> {
    let by_id = match before {
        Some(id) => records.read::<Admin>(id.as_str()).await?,
        None => None,
    };
    let known = match by_id {
        Some(known) => Some(known),
        None => match records.find(Family::AdminUsername, &file.username).await? {
            Some(row) => Some(Versioned::<Admin>::read(Family::Admin, &row)?),
            None => None,
        },
    };
    let Some(Versioned { record: old, .. }) = known else {
        let admin = Admin {
            id: AdminId::from_uuid(uuid::Uuid::now_v7()),
            username: file.username.clone(),
            password_hash: file.password_hash.clone(),
            role: Role::Owner,
            created_at: now,
            updated_at: now,
        };
        records.add(&admin).await?;
        return Ok(admin.id);
    };
    let (username, password_hash) = (file.username.clone(), file.password_hash.clone());
    let new = Admin { username, password_hash, role: Role::Owner, updated_at: now, ..old.clone() };
    records.change(&old, &new, Condition::Exists).await?;
    forget_second_factor(&new.id, records).await?;
    Ok(new.id)
}

/// Who can write the data directory and gives the administrator a new password there has lost the way in: the second factor, too.
async fn forget_second_factor(admin: &AdminId, records: &dyn Records) -> Result<(), RecordError> {
    match records.remove(Family::AdminTotp, admin.as_str(), None).await {
        Ok(()) | Err(RecordError::Missing) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn note_applied(
    file: &InitFile,
    admin: AdminId,
    records: &dyn Records,
    now: Timestamp,
) -> Result<(), RecordError> {
    let noted =
        AdminCredentials { admin, file_digest: file.digest(), file_updated_at: file.updated_at, updated_at: now };
    match read_credentials(records).await? {
        Some(old) => records.change(&old.record, &noted, Condition::Exists).await.map(drop),
        None => records.add(&noted).await.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::first_start::fixture::Fixture;
    use vault::Password;

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn file(password: &str, at: Timestamp) -> InitFile {
        InitFile::new("root".to_owned(), &Password::parse(password.into()).expect("long enough"), at)
    }

    async fn admin(records: &dyn Records) -> Admin {
        let row = records.find(Family::AdminUsername, "root").await.expect("readable").expect("there");
        Versioned::<Admin>::read(Family::Admin, &row).expect("reads back").record
    }

    #[tokio::test]
    async fn the_file_is_applied_once_per_content() {
        let records = store::memory::store().records;
        let first = file("first password", NOW);
        assert_eq!(take_over(&first, &*records, NOW).await.expect("applied"), TakenOver::Applied);
        assert_eq!(take_over(&first, &*records, NOW).await.expect("kept"), TakenOver::Kept);
        assert_eq!(admin(&*records).await.password_hash, first.password_hash);
        let later = file("second password", Timestamp::from_ms(NOW.as_ms() + 1));
        assert_eq!(take_over(&later, &*records, NOW).await.expect("applied"), TakenOver::Applied);
        assert_eq!(admin(&*records).await.password_hash, later.password_hash);
    }

    #[tokio::test]
    async fn a_new_password_in_the_file_takes_the_second_factor_away_and_the_same_file_does_not() {
        let records = store::memory::store().records;
        let first = file("first password", NOW);
        take_over(&first, &*records, NOW).await.expect("applied");
        let totp = store::nouns::AdminTotp {
            admin: admin(&*records).await.id,
            secret: domain::Sealed::from_envelope("v1:k:n:c".to_owned()),
            confirmed_at: Some(NOW),
            last_step: None,
            recovery: Vec::new(),
            created_at: NOW,
        };
        records.add(&totp).await.expect("added");
        let has_one = async || records.get(Family::AdminTotp, totp.admin.as_str()).await.expect("reads").is_some();
        take_over(&first, &*records, NOW).await.expect("kept");
        assert!(has_one().await);
        let later = file("second password", Timestamp::from_ms(NOW.as_ms() + 1));
        take_over(&later, &*records, NOW).await.expect("applied");
        assert!(!has_one().await);
    }

    #[tokio::test]
    async fn an_administrator_who_was_removed_does_not_come_back_with_the_same_file() {
        let records = store::memory::store().records;
        let first = file("first password", NOW);
        take_over(&first, &*records, NOW).await.expect("applied");
        records.remove(Family::Admin, admin(&*records).await.id.as_str(), None).await.expect("removed");
        assert_eq!(take_over(&first, &*records, NOW).await.expect("kept"), TakenOver::Kept);
        assert!(records.find(Family::AdminUsername, "root").await.expect("readable").is_none());
    }

    #[tokio::test]
    async fn a_name_that_was_changed_stands_in_the_file_afterwards() {
        let (fixture, records) = (Fixture::new(), store::memory::store().records);
        let first = file("first password", NOW);
        take_over(&first, &*records, NOW).await.expect("applied");
        let old = admin(&*records).await;
        let renamed = Admin { username: "mira".to_owned(), ..old.clone() };
        records.change(&old, &renamed, Condition::Exists).await.expect("changed");
        let later = Timestamp::from_ms(NOW.as_ms() + 5);
        write_back(&renamed, fixture.dir.dir(), &*records, later).await.expect("written");
        let (written, _) = InitFile::read(&fixture.dir, later).expect("readable").expect("there");
        assert_eq!(written.username, "mira");
        assert_eq!(take_over(&written, &*records, later).await.expect("kept"), TakenOver::Kept);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_later_is_not_undone_by_the_file() {
        let (fixture, records) = (Fixture::new(), store::memory::store().records);
        let first = file("first password", NOW);
        take_over(&first, &*records, NOW).await.expect("applied");
        let old = admin(&*records).await;
        let password = Password::parse("another password".into()).expect("long enough");
        let changed = Admin { password_hash: password.hash(), ..old.clone() };
        records.change(&old, &changed, Condition::Exists).await.expect("changed");
        let later = Timestamp::from_ms(NOW.as_ms() + 5);
        write_back(&changed, fixture.dir.dir(), &*records, later).await.expect("written");
        assert_eq!(take_over(&first, &*records, later).await.expect("kept"), TakenOver::Kept);
        let (written, _) = InitFile::read(&fixture.dir, later).expect("readable").expect("there");
        assert_eq!(take_over(&written, &*records, later).await.expect("kept"), TakenOver::Kept);
        assert_eq!(admin(&*records).await.password_hash, changed.password_hash);
    }
}
