//! `bench`: measures the relay beside a bare proxy and the upstream itself, in one run, and says how it stands.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the terminal speaks to its terminal")]

use bench::{
    affinity::{self, Cores, Placement, Sides},
    lists::{REQUESTS, measure_lists},
    measure::{Cell, CellResult, measure},
    memory::{self, MemoryResult},
    plan::{Plan, Scenario},
    report::Report,
    target::{Programs, Stage, StoreKind},
};
use clap::Parser;
use std::{error::Error, path::PathBuf, process::ExitCode};
use tokio::runtime::{Builder, Runtime};

/// Most threads of the load: more would take cores from what is measured.
const LOAD_THREADS_MAX: usize = 2;

/// Measures the relay beside a bare proxy and the upstream itself.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct Options {
    /// Measure less: under a minute instead of under ten
    #[arg(long)]
    quick: bool,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    /// The relay's executable [default: `claude-relay` beside this program; left out if it is not there]
    #[arg(long)]
    relay: Option<PathBuf>,
    /// Leave the relay out, wherever it is
    #[arg(long)]
    without_relay: bool,
    /// What keeps the relay's records [default: sqlite; with --lists: both]
    #[arg(long, value_enum)]
    store: Option<StoreKind>,
    /// Measure the administrators' lists in a large installation, and nothing else
    #[arg(long, conflicts_with_all = ["without_relay", "scenario", "connections"])]
    lists: bool,
    /// Requests of each question to the lists
    #[arg(long, default_value_t = REQUESTS, requires = "lists")]
    requests: usize,
    /// Measure only this kind of request; may be given more than once
    #[arg(long, value_enum)]
    scenario: Vec<Scenario>,
    /// Measure only this number of connections; may be given more than once
    #[arg(long)]
    connections: Vec<usize>,
}

impl Options {
    fn plan(&self) -> Plan {
        let mut plan = if self.quick { Plan::quick() } else { Plan::full() };
        if !self.scenario.is_empty() {
            plan.scenarios.clone_from(&self.scenario);
        }
        if !self.connections.is_empty() {
            plan.connections.clone_from(&self.connections);
            plan.paced_connections.clone_from(&self.connections);
        }
        plan
    }

    fn programs(&self) -> Result<Programs, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let beside = |name: &str| own.with_file_name(name);
        let default = Some(beside("claude-relay")).filter(|path| path.exists());
        let relay = if self.without_relay { None } else { self.relay.clone().or(default) };
        if relay.is_none() {
            eprintln!("without the relay");
        }
        Ok(Programs {
            fast_upstream: beside("fast-upstream"),
            bare_proxy: beside("bare-proxy"),
            relay,
            store: self.store.unwrap_or(StoreKind::Sqlite),
        })
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match if options.lists { run_lists(&options) } else { run(&options) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let (plan, programs, cores) = (options.plan(), options.programs()?, affinity::own_cores()?);
    let (mut cells, mut memories) = (Vec::new(), Vec::new());
    memory::allow_open_streams()?;
    for &placement in &plan.placements {
        let Some(sides) = placement.sides(&cores) else {
            eprintln!("{}: too few cores", placement.name());
            continue;
        };
        let runtime = load_runtime(&sides)?;
        let (measured, used) = runtime.block_on(measure_placement(placement, &sides, &programs, &plan))?;
        cells.extend(measured);
        memories.extend(used);
    }
    let report = Report::new(cores.len(), cells, memories);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}

/// Each engine in turn, with the whole machine.
fn run_lists(options: &Options) -> Result<(), Box<dyn Error>> {
    let relay = options.programs()?.relay.ok_or("the lists are the relay's: name its executable by --relay")?;
    let kinds = options.store.map_or_else(|| vec![StoreKind::Sqlite, StoreKind::Redis], |kind| vec![kind]);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let mut reports = Vec::new();
    for kind in kinds {
        eprintln!("lists, {kind:?}");
        let report = runtime.block_on(measure_lists(&relay, kind, options.quick, options.requests))?;
        if !options.json {
            println!("{report}");
        }
        reports.push(report);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    Ok(())
}

/// The load's own threads, on its side of the machine.
fn load_runtime(sides: &Sides) -> Result<Runtime, Box<dyn Error>> {
    let cores: Cores = sides.others.clone();
    let threads = cores.len().min(LOAD_THREADS_MAX);
    let confine = move || {
        if let Err(error) = affinity::confine_to(&cores) {
            eprintln!("a thread of the load is not confined: {error}");
        }
    };
    Ok(Builder::new_multi_thread().worker_threads(threads).on_thread_start(confine).enable_all().build()?)
}

/// Memory is measured once, where the proxies have all cores.
async fn measure_placement(
    placement: Placement,
    sides: &Sides,
    programs: &Programs,
    plan: &Plan,
) -> Result<(Vec<CellResult>, Vec<MemoryResult>), Box<dyn Error>> {
    let stage = Stage::set(programs, sides).await?;
    let targets = stage.targets();
    let idle = if placement == Placement::Shared { memory::settled(targets).await? } else { Vec::new() };
    let mut results = Vec::new();
    for &scenario in &plan.scenarios {
        for &connections in plan.connections_of(scenario) {
            eprintln!("{}, {connections} connections, {}", scenario.name(), placement.name());
            results.push(measure(Cell { placement, scenario, connections }, targets, plan).await?);
        }
    }
    let mut memories = Vec::new();
    if !idle.is_empty() {
        let after_load = memory::settled(targets).await?;
        let streaming = memory::streaming(targets).await?;
        for ((idle, after_load), streaming) in idle.into_iter().zip(after_load).zip(streaming) {
            let (idle, after_load, streaming) = (idle, after_load.1, streaming.1);
            memories.push(MemoryResult { target: idle.0, idle: idle.1, after_load, streaming });
        }
    }
    Ok((results, memories))
}
