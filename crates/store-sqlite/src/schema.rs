//! The schema's version: creates it, brings an older one up to date, refuses a newer one. No port's statement stands here.

use crate::open::OpenError;
use domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, backup::Backup};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

/// One step of the schema: from the version before its place in the list to its place, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration(pub(crate) &'static str);

/// The version that the last step leads to.
#[expect(clippy::cast_possible_truncation, reason = "there are fewer steps than numbers")]
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Every step, the oldest first. A step that was released never changes.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration(include_str!("../migrations/0001.sql")),
    Migration(include_str!("../migrations/0002.sql")),
    Migration(include_str!("../migrations/0003.sql")),
    Migration(include_str!("../migrations/0004.sql")),
    Migration(include_str!("../migrations/0005.sql")),
    Migration(include_str!("../migrations/0006.sql")),
];

/// Pages copied at once: nothing else uses the file yet.
const COPIED_PAGES: i32 = 4096;

/// Which store this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Random, made with the file.
    pub(crate) store_id: String,
    /// Whether nothing had ever been written to it.
    pub(crate) is_empty: bool,
}

/// Brings the file at `path` to the last of `migrations`, whole or not at all, after a copy of what was there.
pub(crate) fn bring_up_to_date(
    connection: &mut Connection,
    path: &Path,
    migrations: &[Migration],
    now: Timestamp,
) -> Result<Identity, OpenError> {
    let known = migrations.len();
    let found = version(connection).map_err(OpenError::sqlite("read the schema's version"))?;
    match found {
        None if has_tables(connection).map_err(OpenError::sqlite("look at the file"))? => {
            return Err(OpenError::Foreign);
        }
        Some(found) if found > known => return Err(OpenError::Newer { found, known }),
        Some(found) if found < known => copy(connection, &copy_path(path, known))?,
        None | Some(_) => {}
    }
    if found != Some(known) {
        migrate(connection, migrations, found.unwrap_or(0), now)?;
    }
    identity(connection).map_err(OpenError::sqlite("read the store's identity"))
}

fn version(connection: &Connection) -> rusqlite::Result<Option<usize>> {
    let is_there = connection.table_exists(None, "schema")?;
    if !is_there {
        return Ok(None);
    }
    connection.query_row("SELECT version FROM schema", [], |row| row.get(0)).optional()
}

fn has_tables(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

fn migrate(
    connection: &mut Connection,
    migrations: &[Migration],
    from: usize,
    now: Timestamp,
) -> Result<(), OpenError> {
    let failed = |version: usize| move |source| OpenError::Migration { version, source };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed(from + 1))?;
    for (place, migration) in migrations.iter().enumerate().skip(from) {
        transaction.execute_batch(migration.0).map_err(failed(place + 1))?;
    }
    note_version(&transaction, migrations.len(), now).map_err(failed(migrations.len()))?;
    transaction.commit().map_err(failed(migrations.len()))
}

fn note_version(transaction: &Transaction<'_>, version: usize, now: Timestamp) -> rusqlite::Result<()> {
    if transaction.execute("UPDATE schema SET version = ?1", [version])? == 0 {
        let sql = "INSERT INTO schema (version, store_id, created_at) VALUES (?1, lower(hex(randomblob(16))), ?2)";
        transaction.execute(sql, (version, now.as_ms()))?;
    }
    Ok(())
}

fn identity(connection: &Connection) -> rusqlite::Result<Identity> {
    let sql =
        "SELECT store_id, NOT EXISTS (SELECT 1 FROM change) AND NOT EXISTS (SELECT 1 FROM ledger_epoch) FROM schema";
    connection.query_row(sql, [], |row| Ok(Identity { store_id: row.get(0)?, is_empty: row.get(1)? }))
}

fn copy_path(path: &Path, version: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-v{version}"));
    name.into()
}

/// Copies the whole store to `to`: written aside, synced, renamed. An earlier copy of that name is replaced.
fn copy(connection: &Connection, to: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::File { path: to.to_owned(), source };
    let mut aside = to.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    if aside.exists() {
        fs::remove_file(&aside).map_err(failed)?;
    }
    crate::open::create_private(&aside).map_err(failed)?;
    let copied = Connection::open(&aside).and_then(|mut target| {
        Backup::new(connection, &mut target)?.run_to_completion(COPIED_PAGES, Duration::ZERO, None)
    });
    copied.map_err(OpenError::sqlite("copy the store before its schema changes"))?;
    File::open(&aside).and_then(|file| file.sync_all()).map_err(failed)?;
    fs::rename(&aside, to).map_err(failed)?;
    crate::open::sync_directory(to).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const FIRST: Migration = Migration(
        "CREATE TABLE schema (version INTEGER NOT NULL, store_id TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
         CREATE TABLE change (sequence INTEGER); CREATE TABLE ledger_epoch (epoch TEXT); CREATE TABLE old (a INTEGER);",
    );
    const SECOND: Migration = Migration("ALTER TABLE old RENAME TO new; INSERT INTO new VALUES (2);");
    const BROKEN: Migration = Migration("ALTER TABLE new RENAME TO newer; CREATE TABLE newer (a INTEGER);");

    fn brought_up(directory: &TempDir, migrations: &[Migration]) -> Result<Identity, OpenError> {
        let path = directory.path().join("relay.db");
        let mut connection = Connection::open(&path).expect("a file");
        bring_up_to_date(&mut connection, &path, migrations, Timestamp::from_ms(1))
    }

    fn tables(path: &Path) -> Vec<String> {
        let connection = Connection::open(path).expect("a file");
        let sql = "SELECT name FROM sqlite_schema WHERE name IN ('old', 'new', 'newer') ORDER BY name";
        let mut statement = connection.prepare(sql).expect("a statement");
        let names = statement.query_map([], |row| row.get(0)).expect("rows");
        names.collect::<rusqlite::Result<_>>().expect("names")
    }

    #[test]
    fn a_new_file_gets_every_step_and_no_copy() {
        let directory = tempfile::tempdir().expect("a directory");
        let identity = brought_up(&directory, &[FIRST, SECOND]).expect("a schema");
        assert!(identity.is_empty);
        assert_eq!(tables(&directory.path().join("relay.db")), ["new"]);
        assert!(!directory.path().join("relay.db.before-v2").exists());
    }

    #[test]
    fn an_older_file_is_copied_and_brought_up_to_date_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = brought_up(&directory, &[FIRST]).expect("a schema");
        let second = brought_up(&directory, &[FIRST, SECOND]).expect("a schema");
        assert_eq!(first, second);
        assert_eq!(tables(&directory.path().join("relay.db")), ["new"]);
        assert_eq!(tables(&directory.path().join("relay.db.before-v2")), ["old"]);
        fs::remove_file(directory.path().join("relay.db.before-v2")).expect("the copy");
        brought_up(&directory, &[FIRST, SECOND]).expect("nothing to do");
        assert!(!directory.path().join("relay.db.before-v2").exists());
    }

    #[test]
    fn keys_of_an_older_store_are_found_by_their_labels_and_texts() {
        let directory = tempfile::tempdir().expect("a directory");
        brought_up(&directory, &MIGRATIONS[..2]).expect("an older schema");
        let connection = Connection::open(directory.path().join("relay.db")).expect("a file");
        let keys = "INSERT INTO api_key (id, version, name, tags, state) VALUES
            ('a', 1, 'laptop', '[\"ci\",\"x\",\"x\"]', 'active'), ('b', 1, 'desk', NULL, 'deleted'), ('c', 1, NULL, '[', NULL)";
        connection.execute(keys, []).expect("some keys");
        drop(connection);
        brought_up(&directory, MIGRATIONS).expect("a schema");
        let connection = Connection::open(directory.path().join("relay.db")).expect("a file");
        let told = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).expect("an answer");
        let items = "SELECT group_concat(item || ' ' || id || ' ' || state, ', ') FROM api_key_tags";
        assert_eq!(told(items), "ci a active, x a active");
        let found =
            "SELECT group_concat(id) FROM api_key_trigrams JOIN api_key_searched ON number = api_key_trigrams.rowid
            WHERE api_key_trigrams MATCH '\"esk\"'";
        assert_eq!(told(found), "b");
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let directory = tempfile::tempdir().expect("a directory");
        brought_up(&directory, &[FIRST]).expect("a schema");
        let failed = brought_up(&directory, &[FIRST, SECOND, BROKEN]).expect_err("a broken step");
        assert!(matches!(failed, OpenError::Migration { version: 3, .. }), "{failed}");
        assert_eq!(tables(&directory.path().join("relay.db")), ["old"]);
        brought_up(&directory, &[FIRST]).expect("still the first version");
    }
}
