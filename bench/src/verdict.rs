//! The aims, and whether what was measured meets them. The aims are fixed; the verdicts never are.

use crate::{figures::mebibytes, measure::CellResult, memory::MemoryResult, target::TargetKind};

/// The least throughput, as a part of the bare proxy's.
const THROUGHPUT_OF_BARE_MIN: f64 = 0.8;

/// The most that the median may be over the bare proxy's, in microseconds, where nothing queues: at one connection.
/// With more, a closed loop turns every difference in throughput into waiting, and the aim above says the same.
const P50_OVER_BARE_US_MAX: f64 = 50.0;

/// The most memory when idle, in MiB.
const IDLE_MEBIBYTES_MAX: f64 = 15.0;

/// The most memory with a thousand streams open, in MiB.
const STREAMING_MEBIBYTES_MAX: f64 = 60.0;

/// An aim and how the relay stands to it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// The aim.
    pub aim: &'static str,
    /// Cells that meet it.
    pub met: usize,
    /// Cells that were measured for it.
    pub of: usize,
    /// The worst figure measured, in the aim's unit.
    pub worst: f64,
    /// Where that was.
    pub worst_at: String,
}

/// Which end of a scale is the bad one.
#[derive(Debug, Clone, Copy)]
enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

impl Aim {
    fn is_met_by(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(bound) => figure >= bound,
            Self::AtMost(bound) => figure <= bound,
        }
    }

    fn is_worse(self, figure: f64, other: f64) -> bool {
        match self {
            Self::AtLeast(_) => figure < other,
            Self::AtMost(_) => figure > other,
        }
    }
}

/// Judges the relay's figures. Without a relay there are no verdicts.
#[must_use]
pub fn verdicts(cells: &[CellResult], memory: &[MemoryResult]) -> Vec<Verdict> {
    let relay_memory = || memory.iter().filter(|result| result.target == TargetKind::Relay);
    let throughput = cells.iter().filter(|result| !result.cell.scenario.is_paced());
    let throughput = throughput.filter_map(|cell| Some((cell.of(TargetKind::Relay)?.throughput_of_bare?, name(cell))));
    let latency = cells.iter().filter(|result| result.cell.connections == 1 && !result.cell.scenario.is_paced());
    let latency = latency.filter_map(|cell| Some((cell.of(TargetKind::Relay)?.p50_over_bare_us?, name(cell))));
    let idle = relay_memory().map(|result| (mebibytes(result.idle.resident), "idle".to_owned()));
    let streaming = relay_memory().map(|result| (mebibytes(result.streaming.resident), "streaming".to_owned()));
    let judged = [
        judge("throughput at least 0.8 of the bare proxy's", Aim::AtLeast(THROUGHPUT_OF_BARE_MIN), throughput),
        judge("p50 at most 50 µs over the bare proxy's (1 connection)", Aim::AtMost(P50_OVER_BARE_US_MAX), latency),
        judge("at most 15 MiB when idle", Aim::AtMost(IDLE_MEBIBYTES_MAX), idle),
        judge("at most 60 MiB with 1,000 streams open", Aim::AtMost(STREAMING_MEBIBYTES_MAX), streaming),
    ];
    judged.into_iter().flatten().collect()
}

fn judge(text: &'static str, aim: Aim, figures: impl Iterator<Item = (f64, String)>) -> Option<Verdict> {
    let mut verdict: Option<Verdict> = None;
    for (figure, at) in figures {
        let so_far =
            verdict.get_or_insert_with(|| Verdict { aim: text, met: 0, of: 0, worst: figure, worst_at: at.clone() });
        so_far.of += 1;
        so_far.met += usize::from(aim.is_met_by(figure));
        if aim.is_worse(figure, so_far.worst) {
            (so_far.worst, so_far.worst_at) = (figure, at);
        }
    }
    verdict
}

fn name(result: &CellResult) -> String {
    let cell = &result.cell;
    format!("{}, {} connections, {}", cell.scenario.name(), cell.connections, cell.placement.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(aim: Aim, figures: &[f64]) -> Verdict {
        judge("aim", aim, figures.iter().map(|&figure| (figure, figure.to_string()))).unwrap()
    }

    #[test]
    fn a_verdict_counts_what_meets_the_aim_and_names_the_worst() {
        let verdict = judged(Aim::AtLeast(0.8), &[0.9, 0.7, 0.8]);
        assert_eq!((verdict.met, verdict.of, verdict.worst_at.as_str()), (2, 3, "0.7"));
        let verdict = judged(Aim::AtMost(50.0), &[10.0, 51.0]);
        assert_eq!((verdict.met, verdict.of, verdict.worst_at.as_str()), (1, 2, "51"));
    }

    #[test]
    fn without_figures_there_is_no_verdict() {
        assert_eq!(judge("aim", Aim::AtMost(1.0), std::iter::empty()), None);
    }
}
