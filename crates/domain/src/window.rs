//! The spans over which a provider meters a subscription, as it tells of them with its answers.

use crate::{platform::named, time::Timestamp};
use std::sync::Arc;

named!(
    /// How a window stands, in the provider's words.
    WindowStatus {
        /// Requests are served.
        Allowed = "allowed",
        /// They are served, and the window is nearly used up.
        AllowedWarning = "allowed_warning",
        /// It is used up.
        Rejected = "rejected",
    }
);

/// A window of a subscription, as its provider last told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageWindow {
    /// `five_hour`, `seven_day`, that of one family of models (`seven_day_opus`); 1 to [`Self::NAME_BYTES_MAX`] bytes of `a-z`,
    /// `0-9` and `_`.
    pub name: Arc<str>,
    /// How it stands.
    pub status: WindowStatus,
    /// How much of it is used, in thousandths; above 1000 where the provider lets it be overdrawn. None: it does not say.
    pub used_permille: Option<u32>,
    /// When it begins anew.
    pub resets_at: Timestamp,
    /// When this was told.
    pub told_at: Timestamp,
}

impl UsageWindow {
    /// Longest name, in bytes.
    pub const NAME_BYTES_MAX: usize = 48;

    /// The family of models that alone it meters; none: all that the account serves.
    #[must_use]
    pub fn model_family(&self) -> Option<&str> {
        self.name.strip_prefix("seven_day_")
    }

    /// Whether its provider warns at `now`, or has gone beyond warning, for a model of `family`.
    #[must_use]
    pub fn warns(&self, family: Option<&str>, now: Timestamp) -> bool {
        let covers = self.model_family().is_none_or(|own| Some(own) == family);
        covers && self.status != WindowStatus::Allowed && now < self.resets_at
    }

    /// Whether `name` may be a window's.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=Self::NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_letter)
    }

    /// Whether the provider would be heard anew in this: `later`, of the same name, says something else that matters to people. Use
    /// counts by whole percents, and ends by minutes.
    #[must_use]
    pub fn differs(&self, later: &Self) -> bool {
        let percent = |window: &Self| window.used_permille.map(|permille| permille / 10);
        let apart = later.resets_at.since(self.resets_at).max(self.resets_at.since(later.resets_at));
        self.status != later.status || percent(self) != percent(later) || apart.as_secs() >= 60
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(status: WindowStatus, used_permille: u32, resets_ms: i64) -> UsageWindow {
        let (resets_at, told_at) = (Timestamp::from_ms(resets_ms), Timestamp::from_ms(0));
        UsageWindow { name: "five_hour".into(), status, used_permille: Some(used_permille), resets_at, told_at }
    }

    #[test]
    fn only_what_matters_to_people_is_a_difference() {
        let held = window(WindowStatus::Allowed, 420, 1_000_000);
        assert!(!held.differs(&window(WindowStatus::Allowed, 429, 1_059_000)));
        assert!(!held.differs(&window(WindowStatus::Allowed, 421, 941_000)));
        assert!(held.differs(&window(WindowStatus::Allowed, 430, 1_000_000)));
        assert!(held.differs(&window(WindowStatus::AllowedWarning, 420, 1_000_000)));
        assert!(held.differs(&window(WindowStatus::Allowed, 420, 940_000)));
    }

    #[test]
    fn a_warning_holds_for_what_the_window_meters_until_it_begins_anew() {
        let of = |name: &str, status| UsageWindow { name: name.into(), ..window(status, 950, 1000) };
        let warns = |window: &UsageWindow, family, ms| window.warns(family, Timestamp::from_ms(ms));
        let whole = of("seven_day", WindowStatus::AllowedWarning);
        assert!(warns(&whole, None, 999) && warns(&whole, Some("opus"), 999) && !warns(&whole, None, 1000));
        let opus = of("seven_day_opus", WindowStatus::Rejected);
        assert!(warns(&opus, Some("opus"), 0) && !warns(&opus, Some("sonnet"), 0) && !warns(&opus, None, 0));
        assert!(!warns(&of("five_hour", WindowStatus::Allowed), None, 0));
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for (name, is_one) in [("seven_day_opus", true), ("", false), ("Seven", false), ("a|b", false)] {
            assert_eq!(UsageWindow::is_name(name), is_one, "{name:?}");
        }
        assert!(!UsageWindow::is_name(&"a".repeat(UsageWindow::NAME_BYTES_MAX + 1)));
    }
}
