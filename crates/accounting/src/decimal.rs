//! Decimal text to whole pico-dollars and back, exactly: a price never passes through a float.

use crate::{error::Problem, model_price::PRICE_PICO_MAX};
use domain::{PicoUsd, money::div_half_even};

/// Digits that are read of a number; an `i128` holds any number of so many.
const DIGITS_MAX: usize = 30;

/// Exponents beyond it are no prices.
const EXPONENT_MAX: i32 = 60;

/// What a written figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// US dollars per token.
    UsdPerToken,
    /// US dollars per million tokens.
    UsdPerMillion,
}

impl Unit {
    /// Pico-dollars per token in one of this unit, as a power of ten.
    const fn pico_exponent(self) -> i32 {
        match self {
            Self::UsdPerToken => 12,
            Self::UsdPerMillion => 6,
        }
    }
}

/// Reads a JSON number (`3`, `0.25`, `3e-06`) as a price. What is finer than a pico-dollar is rounded half to even.
///
/// # Errors
///
/// When it is no number, negative, above a dollar per token, or rounds to nothing though it is something.
pub(crate) fn parse_price(text: &str, unit: Unit) -> Result<PicoUsd, Problem> {
    let number = Decimal::parse(text)?;
    if number.digits == 0 {
        return Ok(PicoUsd(0));
    }
    if number.negative {
        return Err(Problem::Negative);
    }
    let pico = shift(number.digits, number.exponent + unit.pico_exponent()).ok_or(Problem::AboveMax)?;
    match u64::try_from(pico) {
        Ok(0) => Err(Problem::BelowMin),
        Ok(pico) if pico <= PRICE_PICO_MAX => Ok(PicoUsd(pico)),
        _ => Err(Problem::AboveMax),
    }
}

/// Writes a price in dollars per million tokens with no more digits than it needs; [`parse_price`] reads it back.
pub(crate) fn usd_per_million(price: PicoUsd) -> String {
    let (whole, fraction) = (price.0 / 1_000_000, price.0 % 1_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:06}").trim_end_matches('0').to_owned()
}

/// `digits` times ten to the `exponent`.
struct Decimal {
    negative: bool,
    digits: i128,
    exponent: i32,
}

impl Decimal {
    fn parse(text: &str) -> Result<Self, Problem> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || whole.len() + fraction.len() > DIGITS_MAX {
            return Err(Problem::NotANumber);
        }
        let exponent: i32 = exponent.parse().map_err(|_| Problem::NotANumber)?;
        if !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&exponent) {
            return Err(Problem::NotANumber);
        }
        let digits = format!("{whole}{fraction}").parse().map_err(|_| Problem::NotANumber)?;
        let decimals = i32::try_from(fraction.len()).map_err(|_| Problem::NotANumber)?;
        Ok(Self { negative, digits, exponent: exponent - decimals })
    }
}

/// `digits` times ten to the `exponent`, rounded half to even; none when an `i128` does not hold it.
fn shift(digits: i128, exponent: i32) -> Option<i128> {
    let power = 10_i128.checked_pow(exponent.unsigned_abs());
    if exponent >= 0 {
        return digits.checked_mul(power?);
    }
    // A divisor that an `i128` does not hold is more than twice what DIGITS_MAX digits can say.
    Some(power.map_or(0, |divisor| div_half_even(digits, divisor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_read_exactly_in_every_spelling() {
        for text in ["3e-06", "3E-6", "0.000003", "0.0000030", "30.0e-7", "3e-0006"] {
            assert_eq!(parse_price(text, Unit::UsdPerToken), Ok(PicoUsd(3_000_000)), "{text}");
        }
        assert_eq!(parse_price("18.75", Unit::UsdPerMillion), Ok(PicoUsd(18_750_000)));
        assert_eq!(parse_price("0", Unit::UsdPerToken), Ok(PicoUsd(0)));
        assert_eq!(parse_price("1", Unit::UsdPerToken), Ok(PicoUsd(PRICE_PICO_MAX)));
    }

    #[test]
    fn what_is_finer_than_a_pico_dollar_goes_to_the_even_neighbour() {
        assert_eq!(parse_price("4.6875e-09", Unit::UsdPerToken), Ok(PicoUsd(4688)));
        assert_eq!(parse_price("0.0000025", Unit::UsdPerMillion), Ok(PicoUsd(2)));
        assert_eq!(parse_price("0.00000251", Unit::UsdPerMillion), Ok(PicoUsd(3)));
    }

    #[test]
    fn wrong_figures_are_refused_by_kind() {
        for (text, problem) in [
            ("-0.1", Problem::Negative),
            ("1.000000000001", Problem::AboveMax),
            ("1e59", Problem::AboveMax),
            ("1e-13", Problem::BelowMin),
            ("1e-59", Problem::BelowMin),
            ("1e61", Problem::NotANumber),
            ("", Problem::NotANumber),
            (".5", Problem::NotANumber),
            ("NaN", Problem::NotANumber),
            ("+1", Problem::NotANumber),
            ("1e", Problem::NotANumber),
            ("1 ", Problem::NotANumber),
            ("1234567890123456789012345678901", Problem::NotANumber),
        ] {
            assert_eq!(parse_price(text, Unit::UsdPerToken), Err(problem), "{text:?}");
        }
    }

    #[test]
    fn a_price_prints_as_it_reads() {
        for pico in [0, 1, 10, 4688, 300_000, 3_000_000, 18_750_000, PRICE_PICO_MAX] {
            let text = usd_per_million(PicoUsd(pico));
            assert_eq!(parse_price(&text, Unit::UsdPerMillion), Ok(PicoUsd(pico)), "{text}");
        }
        assert_eq!(usd_per_million(PicoUsd(18_750_000)), "18.75");
    }
}
