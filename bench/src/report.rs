//! The results for people and for programs. Nothing is computed here.

use crate::{
    figures::mebibytes,
    measure::{CellResult, Figures},
    memory::MemoryResult,
    verdict::{Verdict, verdicts},
};
use std::fmt::{self, Display, Formatter};

/// Everything that one run gave.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Cores that the run had.
    pub cores: usize,
    /// All cells, in the order in which they were measured.
    pub cells: Vec<CellResult>,
    /// Memory of the proxies.
    pub memory: Vec<MemoryResult>,
    /// How the relay stands to the aims; empty without a relay.
    pub verdicts: Vec<Verdict>,
}

/// A figure that may not be there.
struct Maybe(Option<f64>, usize);

impl Report {
    /// Puts the results together and judges them.
    #[must_use]
    pub fn new(cores: usize, cells: Vec<CellResult>, memory: Vec<MemoryResult>) -> Self {
        let verdicts = verdicts(&cells, &memory);
        Self { cores, cells, memory, verdicts }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut heading = None;
        for result in &self.cells {
            let here = (result.cell.placement, result.cell.scenario);
            if heading != Some(here) {
                write_heading(f, result)?;
                heading = Some(here);
            }
            for figures in &result.targets {
                write_figures(f, result.cell.connections, figures)?;
            }
        }
        write_memory(f, &self.memory)?;
        for verdict in &self.verdicts {
            let word = if verdict.met == verdict.of { "met   " } else { "missed" };
            write!(f, "\n{word} {}: in {} of {}", verdict.aim, verdict.met, verdict.of)?;
            write!(f, "; worst {:.2} ({})", verdict.worst, verdict.worst_at)?;
        }
        writeln!(f)
    }
}

impl Display for Maybe {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or_default();
        match self.0 {
            Some(figure) => write!(f, "{figure:width$.*}", self.1),
            None => write!(f, "{:>width$}", "·"),
        }
    }
}

fn write_heading(f: &mut Formatter<'_>, result: &CellResult) -> fmt::Result {
    let beyond = if result.cell.scenario.is_paced() { ", beyond the pace" } else { "" };
    writeln!(f, "\n{}, {}  (times in µs{})", result.cell.scenario.name(), result.cell.placement.name(), beyond)?;
    writeln!(
        f,
        "{:>5} {:<7}{:>9}{:>8}{:>11}{:>11}{:>11}{:>10}{:>10}{:>9}{:>7}",
        "conns", "target", "req/s", "of bare", "p50", "p99", "first p50", "p50 over", "p99 over", "cpu/req", "cores"
    )
}

fn write_figures(f: &mut Formatter<'_>, connections: usize, figures: &Figures) -> fmt::Result {
    writeln!(
        f,
        "{connections:>5} {:<7}{:>9.0}{:>8}{:>11.1}{:>11.1}{:>11.1}{:>10}{:>10}{:>9}{:>7}",
        figures.target.name(),
        figures.per_second,
        Maybe(figures.throughput_of_bare, 2),
        figures.p50_us,
        figures.p99_us,
        figures.first_byte_p50_us,
        Maybe(figures.p50_over_bare_us, 1),
        Maybe(figures.p99_over_bare_us, 1),
        Maybe(figures.cpu_us_per_request, 1),
        Maybe(figures.cores_busy, 2),
    )
}

fn write_memory(f: &mut Formatter<'_>, results: &[MemoryResult]) -> fmt::Result {
    if results.is_empty() {
        return Ok(());
    }
    writeln!(f, "\nresident memory in MiB (of that, not mapped from a file)")?;
    writeln!(f, "{:<7}{:>16}{:>16}{:>16}{:>9}", "target", "idle", "after load", "1,000 streams", "peak")?;
    for result in results {
        write!(f, "{:<7}", result.target.name())?;
        for memory in [result.idle, result.after_load, result.streaming] {
            write!(f, "{:>8.1} ({:>5.1})", mebibytes(memory.resident), mebibytes(memory.anonymous))?;
        }
        writeln!(f, "{:>9.1}", mebibytes(result.streaming.peak))?;
    }
    Ok(())
}
