//! Money as integers: prices in pico-dollars per token, sums in nano-dollars.

use std::{fmt, iter::Sum, ops::AddAssign};

/// Pico-dollars (1e-12 USD): the price of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct PicoUsd(pub u64);

/// Nano-dollars (1e-9 USD): a cost, rounded once per attempt; sums of them are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct NanoUsd(pub i128);

/// An exact fraction that a price is multiplied by, such as 11/10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Multiplier {
    numerator: u32,
    denominator: u32,
}

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Rounds pico-dollars, half to even, to nano-dollars.
    #[must_use]
    pub fn round_pico(pico: i128) -> Self {
        Self(div_half_even(pico, 1000))
    }

    /// Reads what [`fmt::Display`] writes: dollars with up to nine decimals.
    #[must_use]
    pub fn parse_usd(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 24 || fraction.len() > 9 || !plain(whole) || !plain(fraction) {
            return None;
        }
        let nanos: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
        Some(Self(sign * nanos))
    }
}

impl Multiplier {
    /// Times one.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// `numerator / denominator`; none when the denominator is zero.
    #[must_use]
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        if denominator == 0 { None } else { Some(Self { numerator, denominator }) }
    }

    /// Reads a decimal such as `1.1` or `0.5` exactly; up to six decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        // One fraction for each number: `1.50` is `1.5`.
        let written = fraction.len();
        let fraction = fraction.trim_end_matches('0');
        if whole.is_empty() || written > 6 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        let numerator = format!("{whole}{fraction}").parse().ok()?;
        Self::new(numerator, 10_u32.pow(u32::try_from(fraction.len()).ok()?))
    }

    /// Numerator and denominator.
    #[must_use]
    pub const fn parts(self) -> (u32, u32) {
        (self.numerator, self.denominator)
    }

    /// `amount` times this, rounded half to even.
    #[must_use]
    pub fn of(self, amount: NanoUsd) -> NanoUsd {
        NanoUsd(div_half_even(amount.0 * i128::from(self.numerator), i128::from(self.denominator)))
    }
}

/// `value / divisor`, ties to the even quotient. `divisor` is positive.
#[must_use]
pub fn div_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    match (rest * 2).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

impl AddAssign for NanoUsd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

impl fmt::Display for Multiplier {
    /// `0.5`, `6`, `1.1`; a fraction that is no decimal as `1/3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (numerator, denominator) = self.parts();
        let decimals = denominator.ilog10() as usize;
        match (10_u32.pow(denominator.ilog10()) == denominator, numerator % denominator) {
            (false, _) => write!(f, "{numerator}/{denominator}"),
            (true, 0) => write!(f, "{}", numerator / denominator),
            (true, rest) => {
                let fraction = format!("{rest:0decimals$}");
                write!(f, "{}.{}", numerator / denominator, fraction.trim_end_matches('0'))
            }
        }
    }
}

impl fmt::Display for NanoUsd {
    /// Dollars with nine decimals, `0.001250000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (pico, nano) in [(1499, 1), (1500, 2), (1501, 2), (2500, 2), (2501, 3), (500, 0), (-500, 0), (-1500, -2)] {
            assert_eq!(NanoUsd::round_pico(pico), NanoUsd(nano), "{pico} pico-dollars");
        }
    }

    #[test]
    fn dollars_read_as_they_print() {
        for nanos in [0, 1, -1, 1_250_000, 12_000_000_000, i128::from(u64::MAX)] {
            assert_eq!(NanoUsd::parse_usd(&NanoUsd(nanos).to_string()), Some(NanoUsd(nanos)));
        }
        assert_eq!(NanoUsd::parse_usd("1.5"), Some(NanoUsd(1_500_000_000)));
        for wrong in ["", ".5", "1e3", "1.0000000001", "--1", "1.-5"] {
            assert_eq!(NanoUsd::parse_usd(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_multiplier_is_exact() {
        let geo = Multiplier::parse("1.1").expect("a decimal");
        assert_eq!(geo.of(NanoUsd(10)), NanoUsd(11));
        assert_eq!(Multiplier::parse("0.5").map(|half| half.of(NanoUsd(3))), Some(NanoUsd(2)));
        assert_eq!(Multiplier::new(1, 0), None);
    }

    #[test]
    fn multipliers_are_written_as_people_write_them_and_read_back_the_same() {
        for (numerator, denominator, text) in
            [(6, 1, "6"), (20, 10, "2"), (11, 10, "1.1"), (5, 10, "0.5"), (1050, 1000, "1.05"), (1, 3, "1/3")]
        {
            assert_eq!(Multiplier::new(numerator, denominator).map(|times| times.to_string()).as_deref(), Some(text));
        }
        for (text, same) in
            [("1.50", "1.5"), ("1000.000000", "1000"), ("0.000001", "0.000001"), ("2.", "2"), ("0", "0")]
        {
            assert_eq!(Multiplier::parse(text), Multiplier::parse(same), "{text}");
            assert_eq!(Multiplier::parse(text).map(|times| times.to_string()).as_deref(), Some(same));
        }
        for wrong in ["", ".5", "1.0000000", "1.2.3", "1e3", "-1", "4294967296"] {
            assert_eq!(Multiplier::parse(wrong), None, "{wrong:?}");
        }
    }
}
