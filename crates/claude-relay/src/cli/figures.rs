//! Numbers, money and instants as people read them, out of documents. Exact values are what `--json` is for.

use serde_json::Value;
use std::fmt::Write;

/// Fractions of a block from the left: eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Letters of a sparkline, from nothing to the largest.
const STEPS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Blocks of the longest bar.
const BAR_BLOCKS: u64 = 12;

/// Digits behind the point of a cost as the API writes it.
const COST_DIGITS: usize = 9;

/// A text, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A text, or a dash.
pub(crate) fn text_or_dash(value: &Value) -> &str {
    match text(value) {
        "" => "-",
        text => text,
    }
}

/// A count in at most five letters: `9999`, `12.3k`, `1.2M`.
pub(crate) fn count(value: &Value) -> String {
    let number = value.as_u64().unwrap_or_default();
    if number < 10_000 {
        return number.to_string();
    }
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let (unit, name) = units.into_iter().find(|(unit, _)| number >= *unit).unwrap_or((1, ""));
    let tenths = u128::from(number) * 10 / u128::from(unit);
    if tenths >= 1000 { format!("{}{name}", tenths / 10) } else { format!("{}.{}{name}", tenths / 10, tenths % 10) }
}

/// Nano-dollars of a cost; none where it is no cost.
pub(crate) fn nanos(value: &Value) -> Option<i128> {
    let (whole, fraction) = value.as_str()?.split_once('.')?;
    let digits = (fraction.len() == COST_DIGITS).then(|| format!("{whole}{fraction}"))?;
    digits.parse().ok()
}

/// A cost, rounded to hundredths of a cent: `$12.3457`; a dash where there is none.
pub(crate) fn cost(value: &Value) -> String {
    nanos(value).map_or_else(|| "-".to_owned(), cost_of)
}

/// A cost in nano-dollars, rounded the same way.
pub(crate) fn cost_of(nanos: i128) -> String {
    let parts = (nanos.abs() + 50_000) / 100_000;
    let sign = if nanos < 0 { "-" } else { "" };
    if nanos != 0 && parts == 0 {
        return "<$0.0001".to_owned();
    }
    format!("{sign}${}.{:04}", parts / 10_000, parts % 10_000)
}

/// An instant to the minute: `2026-11-23 09:30`.
pub(crate) fn minute(value: &Value) -> String {
    moment(value, "2026-11-23T09:30".len())
}

/// An instant to the second: `2026-11-23 09:30:00`.
pub(crate) fn second(value: &Value) -> String {
    moment(value, "2026-11-23T09:30:00".len())
}

fn moment(value: &Value, length: usize) -> String {
    match text(value).get(..length) {
        Some(moment) => moment.replace('T', " "),
        None => text_or_dash(value).to_owned(),
    }
}

/// A span in its two largest units: `3d 4h`.
pub(crate) fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let largest = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let mut text = String::new();
    let mut rest = seconds;
    for (unit, name) in units.iter().skip(largest).take(2) {
        let sign = if text.is_empty() { "" } else { " " };
        write!(text, "{sign}{}{name}", rest / unit).expect("writing to a string does not fail");
        rest %= unit;
    }
    text
}

/// A size: `1.5 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| bytes >= *unit) else { return format!("{bytes} B") };
    let tenths = u128::from(bytes) * 10 / u128::from(unit);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// A bar for `part` of the largest, `whole`.
pub(crate) fn bar(part: i128, whole: i128) -> String {
    let (Ok(part), Ok(whole)) = (u128::try_from(part), u128::try_from(whole)) else { return String::new() };
    if part == 0 || whole == 0 {
        return String::new();
    }
    let eighths = (part.min(whole) * u128::from(BAR_BLOCKS * 8)).div_ceil(whole);
    let blocks = usize::try_from(eighths / 8).unwrap_or_default();
    let rest = usize::try_from(eighths % 8).unwrap_or_default();
    format!("{}{}", "█".repeat(blocks), EIGHTHS[rest])
}

/// A letter for each amount, as high as it is beside the largest; what is there shows.
pub(crate) fn sparkline(amounts: &[i128]) -> String {
    let largest = amounts.iter().copied().max().unwrap_or_default().max(1);
    let steps = i128::try_from(STEPS.len()).unwrap_or(1);
    let step = |amount: i128| (amount.max(0) * (steps - 1) + largest - 1) / largest;
    amounts.iter().map(|amount| STEPS[usize::try_from(step(*amount)).unwrap_or_default()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_are_short_and_never_more_than_there_is() {
        let counts =
            [0, 9_999, 10_000, 99_999, 123_456, 1_299_999, 5_000_000_000_u64].map(|number| count(&json!(number)));
        assert_eq!(counts, ["0", "9999", "10.0k", "99.9k", "123k", "1.2M", "5.0G"]);
    }

    #[test]
    fn costs_are_rounded_and_never_shown_as_nothing() {
        let costs = ["0.000000000", "0.000000001", "0.000050000", "12.345678901", "-1.500000000"]
            .map(|text| cost(&json!(text)));
        assert_eq!(costs, ["$0.0000", "<$0.0001", "$0.0001", "$12.3457", "-$1.5000"]);
        assert_eq!(cost(&Value::Null), "-");
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        assert_eq!([0, 59, 61, 3_600, 273_600].map(span), ["0s", "59s", "1m 1s", "1h 0m", "3d 4h"]);
    }

    #[test]
    fn instants_are_cut_to_what_a_table_needs() {
        let instant = json!("2026-11-23T09:30:05.123Z");
        assert_eq!((minute(&instant).as_str(), second(&instant).as_str()), ("2026-11-23 09:30", "2026-11-23 09:30:05"));
        assert_eq!(minute(&Value::Null), "-");
    }

    #[test]
    fn the_largest_has_the_longest_bar_and_what_is_there_shows() {
        assert_eq!((bar(10, 10).chars().count(), bar(1, 1_000_000), bar(0, 10)), (12, "▏".to_owned(), String::new()));
        assert_eq!(bar(5, 10), "██████");
    }

    #[test]
    fn a_sparkline_has_a_letter_for_each_amount() {
        assert_eq!(sparkline(&[0, 1, 500, 1000]), " ▁▄█");
        assert_eq!((sparkline(&[0, 0]), sparkline(&[])), ("  ".to_owned(), String::new()));
    }

    #[test]
    fn sizes_have_the_unit_that_fits() {
        assert_eq!([5, 1536, 3 << 30].map(size), ["5 B", "1.5 KiB", "3.0 GiB"]);
    }
}
