//! How long something took, in words; it measures and decides nothing.

use std::time::Duration;

/// `4.2 s` below a minute, `3 min 07 s` from there on.
pub(crate) fn in_words(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_minute_is_told_in_seconds() {
        assert_eq!(in_words(Duration::from_millis(4_200)), "4.2 s");
    }

    #[test]
    fn more_than_a_minute_is_told_in_minutes_and_seconds() {
        assert_eq!(in_words(Duration::from_secs(187)), "3 min 07 s");
    }
}
