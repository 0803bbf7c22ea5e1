//! How long a key lives once it was used: whole days, or whole hours.

use crate::faults::Reason;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

/// Longest life, in days: ten years; who means longer means never.
const DAYS_MAX: u32 = 3650;

/// The same in hours.
const HOURS_MAX: u32 = DAYS_MAX * 24;

const HOUR: Duration = Duration::from_secs(3600);
const HOURS_OF_DAY: u64 = 24;

/// A span of whole days, `{"days": 30}`, or of whole hours, `{"hours": 12}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lifetime {
    /// 1 to 3,650 days of 24 hours.
    Days(u32),
    /// 1 to 87,600 hours.
    Hours(u32),
}

impl Lifetime {
    /// The span.
    pub(crate) fn parse(self) -> Result<Duration, Reason> {
        let (hours, fits) = match self {
            Self::Days(days) => (u64::from(days) * HOURS_OF_DAY, (1..=DAYS_MAX).contains(&days)),
            Self::Hours(hours) => (u64::from(hours), (1..=HOURS_MAX).contains(&hours)),
        };
        if !fits {
            return Err("is out of range; write 1 to 3650 days, or 1 to 87600 hours".into());
        }
        Ok(Duration::from_secs(hours * HOUR.as_secs()))
    }

    /// A stored span; one that is not of whole hours is rounded up to one.
    pub(crate) fn of(span: Duration) -> Self {
        let hours = u32::try_from(span.as_secs().div_ceil(HOUR.as_secs())).unwrap_or(u32::MAX);
        if hours.is_multiple_of(24) { Self::Days(hours / 24) } else { Self::Hours(hours) }
    }
}

impl PartialSchema for Lifetime {
    fn schema() -> RefOr<Schema> {
        let span = |unit: &str, max: u32| {
            let count = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(max));
            ObjectBuilder::new().property(unit, count).required(unit).max_properties(Some(1))
        };
        OneOfBuilder::new()
            .item(span("days", DAYS_MAX))
            .item(span("hours", HOURS_MAX))
            .description(Some("A span of whole days, or of whole hours."))
            .examples([serde_json::json!({"days": 30}), serde_json::json!({"hours": 12})])
            .into()
    }
}

impl ToSchema for Lifetime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reads_as_it_is_written() {
        for (text, hours) in [("{\"days\":30}", 720), ("{\"hours\":5}", 5)] {
            let lifetime: Lifetime = serde_json::from_str(text).expect("a lifetime");
            let span = lifetime.parse().expect("in range");
            assert_eq!(span, HOUR * hours);
            assert_eq!(serde_json::to_string(&Lifetime::of(span)).expect("serialises"), text);
        }
    }

    #[test]
    fn no_span_is_empty_or_endless() {
        for wrong in [Lifetime::Days(0), Lifetime::Hours(0), Lifetime::Days(3651), Lifetime::Hours(u32::MAX)] {
            assert!(wrong.parse().is_err(), "{wrong:?}");
        }
    }
}
