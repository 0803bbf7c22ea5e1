//! Wall-clock time as a port. Only the composition root holds a real one.

use domain::Timestamp;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now, UTC. May be set back by the operating system; who needs an order uses sequences, not this.
    fn now(&self) -> Timestamp;
}
