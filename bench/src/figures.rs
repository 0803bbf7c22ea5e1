//! Small arithmetic on measured numbers. Pure.

use std::time::Duration;

/// A count as a real number; exact up to 2^53, far beyond any count here.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// Events per second; zero for no time.
#[must_use]
pub fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { real(count) / elapsed.as_secs_f64() }
}

/// Nanoseconds as microseconds.
#[must_use]
pub fn micros(nanos: u64) -> f64 {
    real(nanos) / 1_000.0
}

/// Bytes as mebibytes.
#[must_use]
pub fn mebibytes(bytes: u64) -> f64 {
    real(bytes) / f64::from(1_u32 << 20)
}

/// The middle one, or the mean of the two in the middle; none of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(values[middle - 1], upper)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_not_moved_by_an_outlier() {
        assert_eq!(median(vec![1.0, 900.0, 3.0]), Some(3.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
