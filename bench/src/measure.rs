//! Measures one cell: one kind of request at one number of connections, on all targets in turns.

use crate::{
    affinity::Placement,
    figures::{median, micros, per_second, real},
    load::{Fleet, Round, Shot},
    plan::{Plan, Scenario},
    procfs,
    target::{Target, TargetKind},
};
use hdrhistogram::Histogram;
use std::{io, time::Duration};

/// Significant digits of recorded times: to a thousandth of each.
const TIME_DIGITS: u8 = 3;

/// What is measured together.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Cell {
    /// How the cores are shared out.
    pub placement: Placement,
    /// The kind of request.
    pub scenario: Scenario,
    /// Connections at once.
    pub connections: usize,
}

/// What a cell gave.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CellResult {
    /// What was measured.
    pub cell: Cell,
    /// One entry a target.
    pub targets: Vec<Figures>,
}

/// The figures of one target in one cell. Times in microseconds.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figures {
    /// Which target.
    pub target: TargetKind,
    /// Requests measured.
    pub requests: u64,
    /// Requests per second, over all rounds.
    pub per_second: f64,
    /// Median time to the end of the answer; of a paced stream, what it takes beyond the upstream's pace.
    pub p50_us: f64,
    /// 99th percentile of the same.
    pub p99_us: f64,
    /// Median time to the first byte of the body.
    pub first_byte_p50_us: f64,
    /// 99th percentile of the same.
    pub first_byte_p99_us: f64,
    /// How far `p50_us` is over the bare proxy's.
    pub p50_over_bare_us: Option<f64>,
    /// How far `p99_us` is over the bare proxy's.
    pub p99_over_bare_us: Option<f64>,
    /// Throughput as a part of the bare proxy's: median of the rounds, each compared with its neighbour.
    pub throughput_of_bare: Option<f64>,
    /// Processor time of the proxy a request.
    pub cpu_us_per_request: Option<f64>,
    /// Processor time of the proxy a second: 1 is one core. Where it is lower than what the proxy may use, the load or
    /// the upstream was the bottleneck, and the processor time a request says more than the throughput.
    pub cores_busy: Option<f64>,
}

/// What is gathered of one target.
struct Gathering<'a> {
    target: &'a Target,
    fleet: Fleet,
    pace_total: u64,
    total: Histogram<u64>,
    first_byte: Histogram<u64>,
    rates: Vec<f64>,
    requests: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl CellResult {
    /// The figures of one target.
    #[must_use]
    pub fn of(&self, kind: TargetKind) -> Option<&Figures> {
        self.targets.iter().find(|figures| figures.target == kind)
    }
}

/// Measures `cell` on all `targets`: rounds in turns, the first target another one each time.
///
/// # Errors
///
/// When an answer was wrong or a target broke.
pub async fn measure(cell: Cell, targets: &[Target], plan: &Plan) -> io::Result<CellResult> {
    let (rounds, span, warm_up) = plan.rounds_of(cell.scenario);
    let body = cell.scenario.body();
    let mut gatherings = Vec::with_capacity(targets.len());
    for target in targets {
        let shot = Shot::new(target, &body, cell.scenario.answer(), None);
        let mut fleet = Fleet::open(target, cell.connections, shot).await?;
        if !warm_up.is_zero() {
            fleet.round(warm_up).await?;
        }
        gatherings.push(Gathering::new(target, fleet, cell.scenario.pace_total()));
    }
    for round in 0..rounds {
        for turn in 0..gatherings.len() {
            let next = (round + turn) % gatherings.len();
            gatherings[next].gather(span).await?;
        }
    }
    Ok(CellResult { cell, targets: figures(&gatherings) })
}

impl<'a> Gathering<'a> {
    fn new(target: &'a Target, fleet: Fleet, pace_total: Duration) -> Self {
        let histogram = || Histogram::new(TIME_DIGITS).expect("0 to 5 digits are allowed");
        Self {
            target,
            fleet,
            pace_total: u64::try_from(pace_total.as_nanos()).unwrap_or(u64::MAX),
            total: histogram(),
            first_byte: histogram(),
            rates: Vec::new(),
            requests: 0,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    async fn gather(&mut self, span: Duration) -> io::Result<()> {
        let before = self.cpu_time()?;
        let round = self.fleet.round(span).await?;
        self.cpu += self.cpu_time()?.saturating_sub(before);
        self.add(&round);
        Ok(())
    }

    fn add(&mut self, round: &Round) {
        for sample in &round.samples {
            let total = sample.total.saturating_sub(self.pace_total);
            for (histogram, time) in [(&mut self.total, total), (&mut self.first_byte, sample.first_byte)] {
                histogram.record(time).expect("a histogram that grows by itself takes every value");
            }
        }
        let count = u64::try_from(round.samples.len()).unwrap_or(u64::MAX);
        self.requests += count;
        self.elapsed += round.elapsed;
        self.rates.push(per_second(count, round.elapsed));
    }

    fn cpu_time(&self) -> io::Result<Duration> {
        self.target.pid().map_or(Ok(Duration::ZERO), procfs::cpu_time)
    }
}

fn figures(gatherings: &[Gathering<'_>]) -> Vec<Figures> {
    let bare = gatherings.iter().find(|gathering| gathering.target.kind() == TargetKind::Bare);
    gatherings.iter().map(|gathering| figures_of(gathering, bare)).collect()
}

fn figures_of(gathering: &Gathering<'_>, bare: Option<&Gathering<'_>>) -> Figures {
    let bare = bare.filter(|_| gathering.target.kind() == TargetKind::Relay);
    let at = |histogram: &Histogram<u64>, quantile: f64| micros(histogram.value_at_quantile(quantile));
    let over = |quantile: f64| bare.map(|bare| at(&gathering.total, quantile) - at(&bare.total, quantile));
    let proxied = gathering.target.pid().is_some();
    Figures {
        target: gathering.target.kind(),
        requests: gathering.requests,
        per_second: per_second(gathering.requests, gathering.elapsed),
        p50_us: at(&gathering.total, 0.5),
        p99_us: at(&gathering.total, 0.99),
        first_byte_p50_us: at(&gathering.first_byte, 0.5),
        first_byte_p99_us: at(&gathering.first_byte, 0.99),
        p50_over_bare_us: over(0.5),
        p99_over_bare_us: over(0.99),
        throughput_of_bare: bare.and_then(|bare| median(ratios(&gathering.rates, &bare.rates))),
        cpu_us_per_request: proxied.then(|| gathering.cpu.as_secs_f64() * 1e6 / real(gathering.requests.max(1))),
        cores_busy: proxied.then(|| gathering.cpu.as_secs_f64() / gathering.elapsed.as_secs_f64()),
    }
}

fn ratios(rates: &[f64], of: &[f64]) -> Vec<f64> {
    rates.iter().zip(of).filter(|(_, of)| **of > 0.0).map(|(rate, of)| rate / of).collect()
}
