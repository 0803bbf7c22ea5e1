//! What the books say of every key at once: read from the totals and costs of keys, and from their roll-ups by day.

use super::SqliteLedger;
use crate::{error::failed, sql::rows};
use async_trait::async_trait;
use domain::{KeyId, NanoUsd, Timestamp};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;
use store::{
    Rankings, StoreError,
    error::StoreFailure,
    rankings::{CostSpan, Days},
};

const LAST_USES: &str = "SELECT key_id, last_used_at FROM api_key_usage";

const COSTS: &str = "SELECT key_id, cost_rated_nanos FROM api_key_cost WHERE span = ?1 AND start = ?2";

const OF_MODEL: &str =
    "SELECT DISTINCT key_id FROM usage_daily WHERE model = ?1 AND day BETWEEN ?2 AND ?3 AND key_id <> ''";

#[async_trait]
impl Rankings for SqliteLedger {
    async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
        let read = self.0.readers.read(|connection| {
            rows(connection, "read when keys were last used", LAST_USES, [], |row| {
                Ok((key(row)?, Timestamp::from_ms(number(row)?)))
            })
        });
        read.await
    }

    async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
        self.0.readers.read(move |connection| costs(connection, days)).await
    }

    async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError> {
        let model = model.to_owned();
        let read = self.0.readers.read(move |connection| {
            let values = params![model, days.from().to_string(), days.to().to_string()];
            rows(connection, "read the keys of a model", OF_MODEL, values, key)
        });
        read.await
    }
}

fn costs(connection: &Connection, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
    let mut costs: HashMap<KeyId, NanoUsd> = HashMap::new();
    for span in days.spans() {
        let (span, start) = match span {
            CostSpan::Day(day) => ("day", day.to_string()),
            CostSpan::Week(week) => ("week", week.to_string()),
            CostSpan::Month(month) => ("month", month.to_string()),
        };
        let read = |row: &Row<'_>| {
            *costs.entry(key(row)?).or_default() += NanoUsd(number(row)?.into());
            Ok(())
        };
        rows(connection, "read the costs of keys", COSTS, [span, &start], read)?;
    }
    Ok(costs.into_iter().collect())
}

fn key(row: &Row<'_>) -> Result<KeyId, StoreError> {
    let text = row.get_ref(0).and_then(|id| Ok(id.as_str()?)).map_err(failed("read a key's id"))?;
    KeyId::parse(text).map_err(|_| StoreError::new(format!("read the key's id {text:?}"), StoreFailure::Damaged))
}

fn number(row: &Row<'_>) -> Result<i64, StoreError> {
    row.get(1).map_err(failed("read a key's sum"))
}
