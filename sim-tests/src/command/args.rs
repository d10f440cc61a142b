//! The arguments of `holdline-sim`.

use std::path::PathBuf;

use clap::Parser;
use holdline_sim_tests::seeds::{Seeds, Shard};

/// Plays calls through seeded faults; every run is reproducible to the byte.
#[derive(Debug, Parser)]
#[command(name = "holdline-sim", version, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
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
pub(super) struct RunArgs {
    /// The range of seeds, without its end.
    #[arg(long, value_name = "A..B")]
    pub(super) seeds: Seeds,
    /// Play only part K of N of the seeds.
    #[arg(long, value_name = "K/N", default_value_t = Shard::WHOLE)]
    pub(super) shard: Shard,
    /// The number of parallel runs; by default the number of cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) jobs: Option<u16>,
    /// Play the bare state machines on a model of the network, instead of the real stack.
    #[arg(long)]
    pub(super) model: bool,
    /// Write one JSON line for each seed, and one for the whole campaign.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(super) json: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    /// A seed, or a plan file.
    #[arg(value_name = "SEED|PLAN.toml")]
    pub(super) plan: String,
    /// Play on the model of the network.
    #[arg(long)]
    pub(super) model: bool,
    /// Print every event of every participant.
    #[arg(long)]
    pub(super) trace: bool,
    /// Write an HTML page that shows the run.
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShrinkArgs {
    /// A seed, or a plan file.
    #[arg(value_name = "SEED|PLAN.toml")]
    pub(super) plan: String,
    /// Play on the model of the network.
    #[arg(long)]
    pub(super) model: bool,
    /// The file for the small plan; by default standard output.
    #[arg(long, value_name = "PLAN.toml")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    /// The range of seeds, without its end.
    #[arg(long, value_name = "A..B")]
    pub(super) seeds: Seeds,
    /// Print the digests and compare nothing, as the second process does.
    #[arg(long, hide = true)]
    pub(super) print: bool,
}
