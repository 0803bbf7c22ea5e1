//! Which store this is and which release wrote it (`schema`). A later one's is refused; nothing else is decided here.

use crate::{
    call::{Call, Script},
    engine::Engine,
    error::damaged,
};
use domain::Timestamp;
use redis::{FromRedisValue, Value};
use std::collections::HashMap;
use store::{Family, StoreError};
use uuid::Uuid;

/// The version of what this release writes. It reads that of the release before, too.
pub(crate) const VERSION: u32 = 2;

/// Makes the identity where there is none; replies with what there is.
static IDENTIFY: Script = Script::new(include_str!("../scripts/identify.lua"));

/// Which store this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) store_id: String,
    pub(crate) is_empty: bool,
}

/// A store that this release cannot use. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A newer release has written it.
    #[error(
        "the store in Redis has schema version {found}, and this release knows versions up to {VERSION}: start the newer \
         release, or name another database or REDIS_KEY_PREFIX"
    )]
    Newer {
        /// The version that it has.
        found: u32,
    },
    /// The key is there and is not ours.
    #[error(
        "the key `schema` in Redis is not this relay's: another program uses this database; name another one, or a \
         REDIS_KEY_PREFIX of the relay's own"
    )]
    Foreign,
}

/// Finds out which store this is; makes its identity where there is none.
pub(crate) async fn identify(engine: &Engine, now: Timestamp) -> Result<Identity, crate::OpenError> {
    let operation = "read the store's identity";
    let schema = engine.names().key(Family::Schema, &[]);
    let made = IDENTIFY.on([&schema]).arg(Uuid::now_v7().simple().to_string()).arg(VERSION).arg(now.as_ms());
    let sequence = Call::command("EXISTS").arg(engine.names().key(Family::Change, &["log", "sequence"]));
    let epochs = Call::command("EXISTS").arg(engine.names().key(Family::LedgerEpochs, &[]));
    let [fields, sequence, epochs] = engine.together(operation, [made, sequence, epochs]).await.map_err(foreign)?;
    let fields: HashMap<String, String> = parsed(fields)?;
    let (records, batches): (bool, bool) = (parsed(sequence)?, parsed(epochs)?);
    let version = fields.get("version").and_then(|version| version.parse::<u32>().ok());
    match (version, fields.get("store_id")) {
        (Some(found), _) if found > VERSION => Err(SchemaError::Newer { found }.into()),
        (Some(_), Some(store_id)) => Ok(Identity { store_id: store_id.clone(), is_empty: !records && !batches }),
        _ => Err(SchemaError::Foreign.into()),
    }
}

fn parsed<T: FromRedisValue>(reply: Value) -> Result<T, StoreError> {
    T::from_redis_value(reply).map_err(|_| damaged("read the store's identity"))
}

/// A key of another kind in the place of ours.
fn foreign(error: StoreError) -> crate::OpenError {
    if error.kind == store::error::StoreFailure::Damaged { SchemaError::Foreign.into() } else { error.into() }
}
