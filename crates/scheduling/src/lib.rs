//! Chooses an account: one eligibility function, one order, one rule for what a failure does. Pure in `now`; no I/O.

pub mod choice;
pub mod cooldown;
pub mod eligibility;
pub mod family;

pub use choice::{Among, Candidate, Choice, NoChoice, choose};
pub use cooldown::{CooldownRules, Failure, ProviderReset, cooldown_after};
pub use eligibility::{Bound, Demand, Ineligible, eligibility};
pub use family::model_family;
