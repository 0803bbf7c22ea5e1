//! What each key has used and cost: all-time totals in `api_key_usage`, costs by span in `api_key_cost`.

use super::{
    integer,
    roll_up::{SUMS, numbers},
    row::Columns,
    usage::sums,
};
use crate::sql::{row_limit, rows, run};
use domain::{Attempt, Day, KeyId, NanoUsd, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};
use std::collections::HashMap;
use store::{
    StoreError,
    ledger::{KeyTotals, UsageSums},
};

const ADD_COST: &str = "INSERT INTO api_key_cost (span, start, key_id, cost_nanos, cost_rated_nanos)
    VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (span, start, key_id) DO UPDATE SET cost_nanos = cost_nanos + excluded.cost_nanos,
        cost_rated_nanos = cost_rated_nanos + excluded.cost_rated_nanos";

const COST: &str =
    "SELECT cost_nanos, cost_rated_nanos FROM api_key_cost WHERE span = ?1 AND start = ?2 AND key_id = ?3";

/// Days and weeks, a week with its last day.
const PRUNE: &str = "DELETE FROM api_key_cost WHERE (span, start, key_id) IN
    (SELECT span, start, key_id FROM api_key_cost
        WHERE (span = 'day' AND start < ?1) OR (span = 'week' AND start < ?2) ORDER BY start, span, key_id LIMIT ?3)";

/// Sums that `api_key_usage` has a column for: all but the two costs, which stand last.
const COUNTED: usize = SUMS.len() - 2;

/// Cost at list price, and rated.
#[derive(Debug, Clone, Copy, Default)]
struct Costs(NanoUsd, NanoUsd);

/// Adds `attempts` to what their keys have used and cost.
pub(super) fn add(connection: &Connection, attempts: &[Attempt]) -> Result<(), StoreError> {
    let mut days: HashMap<(&KeyId, Day), UsageSums> = HashMap::new();
    let mut last_used: HashMap<&KeyId, Timestamp> = HashMap::new();
    for attempt in attempts {
        let Some(key) = &attempt.key else { continue };
        days.entry((key, attempt.hour.day())).or_default().add(attempt);
        let last = last_used.entry(key).or_insert(attempt.admitted_at);
        *last = (*last).max(attempt.admitted_at);
    }
    let mut totals: HashMap<&KeyId, UsageSums> = HashMap::new();
    let mut costs: HashMap<(&KeyId, &str, String), Costs> = HashMap::new();
    for ((key, day), sums) in days {
        totals.entry(key).or_default().merge(&sums);
        for (span, start) in spans(day).into_iter().chain([("total", String::new())]) {
            let cost = costs.entry((key, span, start)).or_default();
            cost.0 += sums.cost;
            cost.1 += sums.cost_rated;
        }
    }
    let sql = add_totals();
    for (key, sums) in totals {
        let numbers = numbers(&sums)?;
        let counted = numbers.into_iter().take(COUNTED).map(rusqlite::types::Value::from);
        let last: rusqlite::types::Value = last_used[key].as_ms().into();
        let values = [key.as_str().to_owned().into(), last].into_iter().chain(counted);
        run(connection, "add to a key's totals", &sql, params_from_iter(values))?;
    }
    for ((key, span, start), cost) in costs {
        let values = params![span, start, key.as_str(), integer(cost.0.0)?, integer(cost.1.0)?];
        run(connection, "add to a key's cost", ADD_COST, values)?;
    }
    Ok(())
}

/// What `key` has used and cost.
pub(super) fn totals(connection: &Connection, key: &KeyId, today: Day) -> Result<KeyTotals, StoreError> {
    let columns = SUMS[..COUNTED].join(", ");
    let sql = format!("SELECT last_used_at, {columns}, 0, 0 FROM api_key_usage WHERE key_id = ?1");
    let used = |row: &Row<'_>| {
        let last_used_at = Columns(row).value(0).map(Timestamp::from_ms)?;
        Ok(KeyTotals { sums: sums(row, 1)?, last_used_at: Some(last_used_at), ..KeyTotals::default() })
    };
    let totals = rows(connection, "read a key's totals", &sql, [key.as_str()], used)?;
    let Some(mut totals) = totals.into_iter().next() else { return Ok(KeyTotals::default()) };
    let [day, week, month] = spans(today);
    Costs(totals.sums.cost, totals.sums.cost_rated) = cost(connection, key, "total", "")?;
    totals.cost_day = cost(connection, key, day.0, &day.1)?.1;
    totals.cost_week = cost(connection, key, week.0, &week.1)?.1;
    totals.cost_month = cost(connection, key, month.0, &month.1)?.1;
    Ok(totals)
}

/// Removes up to `limit` costs of days and weeks before `day`; says how many.
pub(super) fn prune(connection: &Connection, day: Day, limit: usize) -> Result<usize, StoreError> {
    // A week ends before `day` if it began seven days before it or earlier.
    let week = day.plus_days(-6);
    run(connection, "remove old costs", PRUNE, params![day.to_string(), week.to_string(), row_limit(limit)])
}

fn cost(connection: &Connection, key: &KeyId, span: &str, start: &str) -> Result<Costs, StoreError> {
    let read = |row: &Row<'_>| Ok(Costs(Columns(row).money(0)?, Columns(row).money(1)?));
    let costs = rows(connection, "read a key's cost", COST, params![span, start, key.as_str()], read)?;
    Ok(costs.into_iter().next().unwrap_or_default())
}

fn add_totals() -> String {
    let counted = &SUMS[..COUNTED];
    let sums: Vec<_> = counted.iter().map(|sum| format!("{sum} = {sum} + excluded.{sum}")).collect();
    format!(
        "INSERT INTO api_key_usage (key_id, last_used_at, {}) VALUES (?, ?{}) ON CONFLICT (key_id) DO UPDATE SET
            last_used_at = max(last_used_at, excluded.last_used_at), {}",
        counted.join(", "),
        ", ?".repeat(counted.len()),
        sums.join(", ")
    )
}

/// The spans that a day's cost falls into, each with the name of its first day, a month with its own name.
fn spans(day: Day) -> [(&'static str, String); 3] {
    [("day", day.to_string()), ("week", day.week().to_string()), ("month", day.month().to_string())]
}
