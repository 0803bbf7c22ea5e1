//! What the operator multiplies list prices by, to say what use shall count.

use crate::{money::Multiplier, platform::Platform};
use std::collections::BTreeMap;

/// Largest factor that may be set.
pub const RATE_MAX: u32 = 1000;

/// Factors by the platform of the account that served. They make the rated cost of the list cost, which stays beside it. A key's
/// own factor stands in the place of the relay's, it is not multiplied with it; a platform without either has factor one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateMultipliers(BTreeMap<Platform, Multiplier>);

impl RateMultipliers {
    /// The factor of `platform`, if it has one here.
    #[must_use]
    pub fn of(&self, platform: Platform) -> Option<Multiplier> {
        self.0.get(&platform).copied()
    }

    /// Each platform that has a factor, with it.
    pub fn iter(&self) -> impl Iterator<Item = (Platform, Multiplier)> {
        self.0.iter().map(|(&platform, &times)| (platform, times))
    }

    /// Whether no platform has a factor.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Platform, Multiplier)> for RateMultipliers {
    fn from_iter<I: IntoIterator<Item = (Platform, Multiplier)>>(factors: I) -> Self {
        Self(factors.into_iter().collect())
    }
}
