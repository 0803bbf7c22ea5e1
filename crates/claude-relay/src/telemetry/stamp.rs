//! The time at the beginning of a line, as text. Within one second only its last digits are written anew.

use domain::Timestamp;

/// Length of `2026-11-23T09:30:00.000Z`, and where its milliseconds begin.
const LENGTH: usize = 24;
const MS_AT: usize = 20;

/// The last time that was written.
#[derive(Debug, Default)]
pub(super) struct Stamp {
    second: i64,
    text: Vec<u8>,
}

impl Stamp {
    /// RFC 3339 in UTC with milliseconds.
    pub(super) fn at(&mut self, now: Timestamp) -> &[u8] {
        let (second, ms) = (now.as_ms().div_euclid(1000), now.as_ms().rem_euclid(1000));
        if self.second == second && self.text.len() == LENGTH {
            for (at, unit) in [(MS_AT, 100), (MS_AT + 1, 10), (MS_AT + 2, 1)] {
                self.text[at] = b'0' + u8::try_from(ms / unit % 10).expect("a digit");
            }
        } else {
            *self = Self { second, text: now.to_string().into_bytes() };
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_the_instant_as_it_prints() {
        let mut stamp = Stamp::default();
        for ms in [0, 1, 999, 1000, 1_795_427_400_123, 1_795_427_400_987, 1_795_427_400_005, -1, -1000, i64::MAX] {
            let now = Timestamp::from_ms(ms);
            assert_eq!(stamp.at(now), now.to_string().as_bytes(), "{ms}");
        }
    }
}
