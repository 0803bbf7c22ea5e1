//! Chooses an account: one eligibility function, one order, one rule for what a failure does. Pure in `now`; no I/O.

pub mod choice;
pub mod cooldown;
pub mod eligibility;
pub mod family;
pub mod lineup;
pub mod turn;

pub use choice::{Among, Choice, Judged, NoChoice, choose};
pub use cooldown::{CooldownRules, Failure, ProviderReset, cooldown_after};
pub use eligibility::{Bound, Demand, Ineligible, Known, eligibility, rests_until};
pub use family::model_family;
pub use lineup::{Lineup, Look, Member};
pub use turn::{Turn, TurnClock};
