//! Where the books' parts lie: the buckets, the fields of the sums, the seconds of a day. Names only; nothing is read or written.

use domain::{Attempt, Day, Timestamp};
use store::{
    Family,
    ledger::{Period, UsageSums},
};

/// The name of nobody: of the key or account of a record that has none. No id has the character.
pub(super) const NOBODY: &str = "~none";

/// Between a sum's name and its group in a field; in the groups of whole relays between platform and model.
pub(super) const GROUP: char = '/';

/// How long before a day's midnight in UTC its seconds are counted from: no zone's day begins earlier.
const DAY_BEGINS_MS: i64 = 30 * 3_600_000;

/// Seconds that are counted in a local day: those of every zone's day of this name.
const DAY_SECONDS: i64 = 82 * 3600;

/// The sums of a record, in the order of [`numbers`].
pub(super) const SUMS: [&str; 10] = [
    "requests",
    "attempts",
    "failures",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_read_tokens",
    "cost_nanos",
    "cost_rated_nanos",
];

/// The sum that every group has, also where it is zero: its presence is the group's.
pub(super) const ATTEMPTS: &str = SUMS[1];

/// The periods of the roll-ups.
pub(super) const PERIODS: [Period; 3] = [Period::Hour, Period::Day, Period::Month];

/// The sums as numbers.
pub(super) fn numbers(sums: &UsageSums) -> [i128; 10] {
    let tokens = &sums.tokens;
    [
        sums.requests.into(),
        sums.attempts.into(),
        sums.failures.into(),
        tokens.input.into(),
        tokens.output.into(),
        tokens.cache_write_5m.into(),
        tokens.cache_write_1h.into(),
        tokens.cache_read.into(),
        sums.cost.0,
        sums.cost_rated.0,
    ]
}

/// Adds `amount` to the sum with this name; an unknown one, of a later release, is passed over.
pub(super) fn add(sums: &mut UsageSums, name: &str, amount: i64) {
    let count = amount.unsigned_abs();
    match name {
        "requests" => sums.requests += count,
        "attempts" => sums.attempts += count,
        "failures" => sums.failures += count,
        "input_tokens" => sums.tokens.input += count,
        "output_tokens" => sums.tokens.output += count,
        "cache_write_5m_tokens" => sums.tokens.cache_write_5m += count,
        "cache_write_1h_tokens" => sums.tokens.cache_write_1h += count,
        "cache_read_tokens" => sums.tokens.cache_read += count,
        "cost_nanos" => sums.cost.0 += i128::from(amount),
        "cost_rated_nanos" => sums.cost_rated.0 += i128::from(amount),
        _ => {}
    }
}

/// The letter of a period in the list of buckets.
pub(super) const fn letter(period: Period) -> char {
    match period {
        Period::Hour => 'h',
        Period::Day => 'd',
        Period::Month => 'm',
    }
}

/// The letter of days on which costs end, in the list of buckets.
pub(super) const COSTS: char = 'c';

/// The families of the roll-ups of keys, of accounts and of the whole relay.
pub(super) const fn families(period: Period) -> [Family; 3] {
    match period {
        Period::Hour => [Family::UsageHourly, Family::UsageAccountHourly, Family::UsageGlobalHourly],
        Period::Day => [Family::UsageDaily, Family::UsageAccount, Family::UsageGlobal],
        Period::Month => [Family::UsageMonthly, Family::UsageAccountMonthly, Family::UsageGlobalMonthly],
    }
}

/// The bucket of `attempt`.
pub(super) fn bucket(period: Period, attempt: &Attempt) -> String {
    match period {
        Period::Hour => attempt.hour.to_string(),
        Period::Day => attempt.hour.day().to_string(),
        Period::Month => attempt.hour.day().month().to_string(),
    }
}

/// The field of a sum within a group.
pub(super) fn field(sum: &str, group: &str) -> String {
    if group.is_empty() { sum.to_owned() } else { format!("{sum}{GROUP}{group}") }
}

/// The spans that a day's cost falls into, by their fields in `api_key_cost`.
pub(super) fn spans(day: Day) -> [String; 3] {
    [format!("day:{day}"), week(day), format!("month:{}", day.month())]
}

/// The field of the week of `day`.
pub(super) fn week(day: Day) -> String {
    format!("week:{}", day.week())
}

/// The last day of the week of `day`.
pub(super) fn week_ends(day: Day) -> Day {
    day.week().first_day().plus_days(6)
}

/// The first second that is counted in a local day, since 1970: its place is 0.
pub(super) fn first_second(day: Day) -> i64 {
    let midnight = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z"));
    (midnight.map_or(0, Timestamp::as_ms) - DAY_BEGINS_MS).div_euclid(1000)
}

/// The last second that is counted in a local day, since 1970.
pub(super) fn last_second(day: Day) -> i64 {
    first_second(day) + DAY_SECONDS - 1
}

/// The second in which `attempt` was admitted, since 1970. A record whose day is not that of its instant, which none of ours is,
/// stands at the end of its day that is nearer.
pub(super) fn second(attempt: &Attempt) -> i64 {
    let day = attempt.hour.day();
    attempt.admitted_at.as_ms().div_euclid(1000).clamp(first_second(day), last_second(day))
}
