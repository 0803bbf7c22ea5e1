//! How fast the relay is, beside a bare proxy and the upstream itself, measured side by side. Nothing here ships.
//!
//! One run starts three programs: a synthetic upstream, a bare pass-through proxy, the relay. The same load goes to the
//! upstream directly, through the bare proxy, and through the relay, in short rounds that take turns, so that whatever
//! else the machine does hits all three alike. What counts is the difference to the bare proxy: it is what any proxy
//! in this place costs.

pub mod affinity;
pub mod answers;
pub mod figures;
pub mod lists;
pub mod load;
pub mod measure;
pub mod memory;
pub mod plan;
pub mod procfs;
pub mod report;
pub mod target;
pub mod verdict;
