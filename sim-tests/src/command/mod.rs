//! The command line of `holdline-sim`.

mod replay;
mod run;
mod say;
mod shrink;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use holdline_sim::FaultPlan;
use holdline_sim_tests::Simulator;
use holdline_sim_tests::seeds::{Seeds, Shard};

/// Plays calls through seeded faults; every run is reproducible to the byte.
#[derive(Debug, Parser)]
#[command(name = "holdline-sim", version, disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Play a range of seeds and judge each by every law.
    Run(RunArgs),
    /// Play one seed or plan, and print what happened.
    Replay(ReplayArgs),
    /// Make the plan of a failure as small as possible while it violates the same law.
    Shrink(ShrinkArgs),
    /// Play each seed three times, in two processes, on one thread and two, and compare every byte.
    VerifyDeterminism(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// The range of seeds, without its end.
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// Play only part K of N of the seeds.
    #[arg(long, value_name = "K/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// The number of parallel runs; by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Play the bare state machines on a model of the network, instead of the real stack.
    #[arg(long)]
    model: bool,
    /// Write one JSON line for each seed, and one for the whole campaign.
    #[arg(long, value_name = "FILE.jsonl")]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    /// A seed, or a plan file.
    #[arg(value_name = "SEED|PLAN.toml")]
    plan: String,
    /// Play on the model of the network.
    #[arg(long)]
    model: bool,
    /// Print every event of every participant.
    #[arg(long)]
    trace: bool,
    /// Write an HTML page that shows the run.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ShrinkArgs {
    /// A seed, or a plan file.
    #[arg(value_name = "SEED|PLAN.toml")]
    plan: String,
    /// Play on the model of the network.
    #[arg(long)]
    model: bool,
    /// The file for the small plan; by default standard output.
    #[arg(long, value_name = "PLAN.toml")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// The range of seeds, without its end.
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// Print the digests and compare nothing, as the second process does.
    #[arg(long, hide = true)]
    print: bool,
}

pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let done = match args.command {
        Command::Run(args) => run::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Shrink(args) => shrink::run(args),
        Command::VerifyDeterminism(args) => verify::run(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("holdline-sim: {error}");
            ExitCode::from(if matches!(error, CommandError::Unusable(_)) { 2 } else { 1 })
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let is_requested = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if is_requested || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if is_requested { 0 } else { 2 });
    }
    // The first paragraph names the problem; the usage below it is dropped.
    let message = error.to_string();
    let problem = message.split("\n\n").next().unwrap_or(&message);
    let problem = problem.strip_prefix("error: ").unwrap_or(problem);
    eprintln!("holdline-sim: {}", problem.split_whitespace().collect::<Vec<_>>().join(" "));
    ExitCode::from(2)
}

/// Why a command failed.
#[derive(Debug)]
enum CommandError {
    /// An argument or a file is unusable: exit code 2.
    Unusable(String),
    /// A law was violated, or the run failed: exit code 1.
    DidNotHold(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unusable(message) | Self::DidNotHold(message)) = self;
        f.write_str(message)
    }
}

fn simulator(model: bool) -> Simulator {
    if model { Simulator::Model } else { Simulator::Stack }
}

/// The plan that an argument names: the plan of a seed in that simulator, or of a file.
fn plan(given: &str, simulator: Simulator) -> Result<FaultPlan, CommandError> {
    if let Ok(seed) = given.parse() {
        return Ok(simulator.plan(seed));
    }
    let unusable = |problem: String| CommandError::Unusable(format!("{given}: {problem}"));
    let text = std::fs::read_to_string(given).map_err(|error| unusable(error.to_string()))?;
    FaultPlan::from_toml(&text).map_err(|error| unusable(error.to_string()))
}

fn write(file: &Path, text: &str) -> Result<(), CommandError> {
    std::fs::write(file, text)
        .map_err(|error| CommandError::Unusable(format!("{}: {error}", file.display())))
}
