//! The windows of a subscription, as a provider tells of them in the headers of its answers.
//!
//! Source: Anthropic's unified limits (`anthropic-ratelimit-unified-5h-status`, `-reset` in seconds since 1970, `-utilization` as a
//! share of one; likewise `7d` and `7d_` with a family of models) and ChatGPT's (`x-codex-primary-used-percent`, `-window-minutes`,
//! `-reset-after-seconds`, `-reset-at`; likewise `secondary`), as their own clients read them.

use domain::{Timestamp, UsageWindow, WindowStatus};
use std::{collections::BTreeMap, time::Duration};

const UNIFIED: &str = "anthropic-ratelimit-unified-";
const CODEX: &str = "x-codex-";

/// Windows that one answer tells of at most: more is none that is known.
const WINDOWS_MAX: usize = 16;

/// The furthest end that is believed.
const LASTS_MAX: Duration = Duration::from_secs(62 * 24 * 3600);

/// Use that is believed at most, in thousandths.
const USED_MAX: f64 = 100_000.0;

/// What headers say of one window.
#[derive(Debug, Default)]
struct Told {
    status: Option<WindowStatus>,
    used_permille: Option<u32>,
    resets_at: Option<Timestamp>,
    minutes: Option<u64>,
}

/// The windows that `headers`, names in small letters, tell of at `now`. One without an end to come is left out.
pub fn usage_windows<'h>(headers: impl Iterator<Item = (&'h str, &'h str)>, now: Timestamp) -> Vec<UsageWindow> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for (header, value) in headers {
        let Some((window, field)) = place(header) else { continue };
        if told.len() < WINDOWS_MAX || told.contains_key(&window) {
            told.entry(window).or_default().take(field, value.trim(), now);
        }
    }
    told.into_iter().filter_map(|(name, told)| told.window(&name, now)).collect()
}

/// The window's name and the field that a header is of.
fn place(header: &str) -> Option<(String, &str)> {
    if let Some(rest) = header.strip_prefix(UNIFIED) {
        let (short, field) = rest.rsplit_once('-')?;
        let name = match short.strip_prefix("7d") {
            Some("") => "seven_day".to_owned(),
            Some(family) if family.starts_with('_') => format!("seven_day{family}"),
            _ if short == "5h" => "five_hour".to_owned(),
            _ => return None,
        };
        return UsageWindow::is_name(&name).then_some((name, field));
    }
    let (which, field) = header.strip_prefix(CODEX)?.split_once('-')?;
    matches!(which, "primary" | "secondary").then(|| (which.to_owned(), field))
}

impl Told {
    fn take(&mut self, field: &str, value: &str, now: Timestamp) {
        let seconds = || value.parse::<u64>().ok();
        let share = |of_one: f64| {
            let permille = (value.parse::<f64>().ok()? * of_one).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within its bounds")]
            (0.0..=USED_MAX).contains(&permille).then_some(permille as u32)
        };
        let since_1970 = || Some(Timestamp::from_ms(value.parse::<i64>().ok()?.checked_mul(1000)?));
        match field {
            "status" => self.status = WindowStatus::parse(value),
            "utilization" => self.used_permille = share(1000.0),
            "used-percent" => self.used_permille = share(10.0),
            "reset" | "reset-at" => self.resets_at = since_1970(),
            "reset-after-seconds" => {
                let after = seconds().map(Duration::from_secs).filter(|after| *after <= LASTS_MAX);
                self.resets_at = after.map(|after| now.plus(after)).or(self.resets_at);
            }
            "window-minutes" => self.minutes = seconds(),
            _ => {}
        }
    }

    fn window(self, name: &str, now: Timestamp) -> Option<UsageWindow> {
        let resets_at = self.resets_at.filter(|at| *at > now && at.since(now) <= LASTS_MAX)?;
        let name = match self.minutes {
            Some(300) => "five_hour",
            Some(10_080) => "seven_day",
            _ => name,
        };
        let is_used_up = self.used_permille.is_some_and(|used| used >= 1000);
        let by_use = if is_used_up { WindowStatus::Rejected } else { WindowStatus::Allowed };
        let status = self.status.unwrap_or(by_use);
        Some(UsageWindow { name: name.into(), status, used_permille: self.used_permille, resets_at, told_at: now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_427_400_000);

    fn told(headers: &[(&str, &str)]) -> Vec<(String, &'static str, Option<u32>, u64)> {
        let windows = usage_windows(headers.iter().copied(), NOW).into_iter();
        let told = windows.map(|window| {
            let seconds = window.resets_at.since(NOW).as_secs();
            (window.name.to_string(), window.status.as_str(), window.used_permille, seconds)
        });
        told.collect()
    }

    #[test]
    fn anthropic_s_windows_are_read_with_those_of_families() {
        let headers = [
            ("anthropic-ratelimit-unified-status", "allowed_warning"),
            ("anthropic-ratelimit-unified-reset", "1795427460"),
            ("anthropic-ratelimit-unified-5h-status", "allowed_warning"),
            ("anthropic-ratelimit-unified-5h-reset", "1795427460"),
            ("anthropic-ratelimit-unified-5h-utilization", "0.9149"),
            ("anthropic-ratelimit-unified-7d-reset", "1795428400"),
            ("anthropic-ratelimit-unified-7d-utilization", "1.02"),
            ("anthropic-ratelimit-unified-7d_opus-reset", "1795428400"),
            ("anthropic-ratelimit-unified-7d_opus-status", "allowed"),
            ("anthropic-ratelimit-unified-overage-status", "rejected"),
        ];
        assert_eq!(
            told(&headers),
            [
                ("five_hour".to_owned(), "allowed_warning", Some(915), 60),
                ("seven_day".to_owned(), "rejected", Some(1020), 1000),
                ("seven_day_opus".to_owned(), "allowed", None, 1000),
            ]
        );
    }

    #[test]
    fn chatgpt_s_windows_are_named_by_their_length() {
        let headers = [
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-after-seconds", "90"),
            ("x-codex-secondary-used-percent", "100"),
            ("x-codex-secondary-window-minutes", "1440"),
            ("x-codex-secondary-reset-at", "1795427460"),
            ("x-codex-credits-balance", "7"),
        ];
        assert_eq!(
            told(&headers),
            [("five_hour".to_owned(), "allowed", Some(125), 90), ("secondary".to_owned(), "rejected", Some(1000), 60),]
        );
    }

    #[test]
    fn what_cannot_be_is_left_out() {
        for (reset, utilization) in [("0", "0.5"), ("soon", "0.5"), ("1895427460", "0.5"), ("-1", "0.5")] {
            let headers = [
                ("anthropic-ratelimit-unified-5h-reset", reset),
                ("anthropic-ratelimit-unified-5h-utilization", utilization),
            ];
            assert_eq!(told(&headers), [], "{reset}");
        }
        for utilization in ["NaN", "-0.1", "1e9", "much"] {
            let headers = [
                ("anthropic-ratelimit-unified-5h-reset", "1795427460"),
                ("anthropic-ratelimit-unified-5h-utilization", utilization),
            ];
            assert_eq!(told(&headers), [("five_hour".to_owned(), "allowed", None, 60)], "{utilization}");
        }
        let many: Vec<_> =
            (0..100).map(|n| (format!("anthropic-ratelimit-unified-7d_f{n}-reset"), "1795427460")).collect();
        let headers: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(told(&headers).len(), WINDOWS_MAX);
    }
}
