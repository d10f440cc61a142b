//! The command line.

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

/// Calls through seeded disasters, each reproducible to the byte.
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
    /// Play one seed or plan, and tell what happened.
    Replay(ReplayArgs),
    /// Make the plan of a failure as small as it goes while the same law is broken.
    Shrink(ShrinkArgs),
    /// Play each seed three times, in two processes, on one thread and two, and compare every byte.
    VerifyDeterminism(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// Which seeds, the last one not included.
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// Only one part of them: part K of N.
    #[arg(long, value_name = "K/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// How many at once; as many as there are cores if not said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Play the bare state machines on a model of the network, instead of the real stack.
    #[arg(long)]
    model: bool,
    /// Write one line of JSON for each seed, and one for all of them.
    #[arg(long, value_name = "FILE.jsonl")]
    json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ReplayArgs {
    /// A seed, or the file of a plan.
    #[arg(value_name = "SEED|PLAN.toml")]
    plan: String,
    /// On the model of the network.
    #[arg(long)]
    model: bool,
    /// Tell every event of every participant.
    #[arg(long)]
    trace: bool,
    /// Write what happened as a page to look at.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ShrinkArgs {
    /// A seed, or the file of a plan.
    #[arg(value_name = "SEED|PLAN.toml")]
    plan: String,
    /// On the model of the network.
    #[arg(long)]
    model: bool,
    /// Where to write the small plan; on standard output if not said.
    #[arg(long, value_name = "PLAN.toml")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// Which seeds, the last one not included.
    #[arg(long, value_name = "A..B")]
    seeds: Seeds,
    /// Print the digest of each, and compare nothing: what the second process does.
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
        Err(failure) => {
            eprintln!("holdline-sim: {failure}");
            ExitCode::from(if matches!(failure, CommandError::Unusable(_)) { 2 } else { 1 })
        }
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let asked_for = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if asked_for || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(if asked_for { 0 } else { 2 });
    }
    // The part that says what is wrong, without the usage below it.
    let message = error.to_string();
    let wrong = message.split("\n\n").next().unwrap_or(&message);
    let wrong = wrong.strip_prefix("error: ").unwrap_or(wrong);
    eprintln!("holdline-sim: {}", wrong.split_whitespace().collect::<Vec<_>>().join(" "));
    ExitCode::from(2)
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum CommandError {
    /// An argument or a file cannot be used: exit code 2.
    Unusable(String),
    /// What was asked did not hold: exit code 1.
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

/// The plan that an argument names: what a seed is in that world, or a file's.
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
