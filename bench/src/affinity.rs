//! Which cores a program or thread may run on. A process inherits the cores of the thread that starts it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;

/// A set of cores, by number, ascending.
pub type Cores = Vec<usize>;

/// How the cores are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Everything runs on all cores.
    Shared,
    /// The proxy has the first core for itself; load and upstream have the others.
    Pinned,
}

/// The cores of each side under one placement.
#[derive(Debug, Clone)]
pub struct Sides {
    /// Cores of the proxy.
    pub proxy: Cores,
    /// Cores of the load and of the upstream.
    pub others: Cores,
}

impl Placement {
    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared cores",
            Self::Pinned => "proxy on one core",
        }
    }

    /// Shares out `cores`; none when there are too few.
    #[must_use]
    pub fn sides(self, cores: &[usize]) -> Option<Sides> {
        match (self, cores) {
            (_, []) | (Self::Pinned, [_]) => None,
            (Self::Shared, all) => Some(Sides { proxy: all.to_vec(), others: all.to_vec() }),
            (Self::Pinned, [first, rest @ ..]) => Some(Sides { proxy: vec![*first], others: rest.to_vec() }),
        }
    }
}

/// The cores that this thread may run on.
///
/// # Errors
///
/// When the system does not say.
pub fn own_cores() -> io::Result<Cores> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

/// Confines this thread, and what it starts from now on, to `cores`.
///
/// # Errors
///
/// When the system refuses.
pub fn confine_to(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_pinned_only_where_another_core_is_left() {
        assert!(Placement::Pinned.sides(&[3]).is_none());
        let sides = Placement::Pinned.sides(&[1, 4, 5]).unwrap();
        assert_eq!((sides.proxy, sides.others), (vec![1], vec![4, 5]));
    }
}
