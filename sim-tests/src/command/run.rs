//! `run`: plays a campaign and prints its summary.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::time::Instant;

use holdline_sim_tests::Simulator;
use holdline_sim_tests::campaign::{self, SeedOutcome};
use holdline_sim_tests::summary::CampaignSummary;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::RunArgs;
use super::error::CommandError;
use super::input::simulator;
use super::say::say;

/// How many violations are printed one by one.
const LISTED: usize = 20;

pub(super) fn run(args: RunArgs) -> Result<(), CommandError> {
    let simulator = simulator(args.model);
    let seeds: Vec<u64> = args.seeds.0.clone().filter(|seed| args.shard.has(*seed)).collect();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or_else(cores, usize::from);
    let mut lines = match &args.json {
        Some(file) => Some(BufWriter::new(File::create(file).map_err(|error| {
            CommandError::Unusable(format!("--json {}: {error}", file.display()))
        })?)),
        None => None,
    };
    let cannot_write = |error: std::io::Error| CommandError::DidNotHold(format!("--json: {error}"));

    let (started, mut summary, mut written) = (Instant::now(), CampaignSummary::default(), Ok(()));
    let progress = progress(seeds.len() as u64);
    let ended = campaign::run(simulator, seeds, jobs, |played| {
        if let (Some(lines), Ok(())) = (&mut lines, &written) {
            written = writeln!(lines, "{}", seed_line(&played));
        }
        for violation in &played.violations {
            progress.suspend(|| {
                eprintln!("seed {} breaks {}: {}", played.seed, violation.law, violation.detail);
            });
        }
        summary.add(played);
        progress.inc(1);
    });
    progress.finish_and_clear();
    let took = started.elapsed();
    written.map_err(cannot_write)?;
    if let Some(mut lines) = lines {
        writeln!(lines, "{}", summary_line(&summary))
            .and_then(|()| lines.flush())
            .map_err(cannot_write)?;
    }
    say!("Seeds {} on the {}, shard {}", args.seeds, name(simulator), args.shard);
    say!("{}", summary.table(took).trim_end());
    ended.map_err(|seed_error| {
        CommandError::DidNotHold(format!(
            "{seed_error}; {}",
            reproduce(simulator, seed_error.seed())
        ))
    })?;
    if summary.holds() {
        return Ok(());
    }
    for (seed, law, how) in summary.failures.iter().take(LISTED) {
        say!("\nseed {seed}, commit {}, breaks {law}: {how}", env!("HOLDLINE_COMMIT"));
        say!("  {}", reproduce(simulator, *seed));
    }
    let mut problems: Vec<String> = Vec::new();
    if !summary.failures.is_empty() {
        problems.push(format!("{} laws were broken", summary.failures.len()));
    }
    for (family, ms) in summary.late() {
        problems.push(format!(
            "after {family}, the 95th percentile of recovery is {ms} ms, over the bound"
        ));
    }
    Err(CommandError::DidNotHold(problems.join("; ")))
}

fn name(simulator: Simulator) -> &'static str {
    match simulator {
        Simulator::Model => "model",
        Simulator::Stack => "real stack",
    }
}

/// The command that reproduces a run.
fn reproduce(simulator: Simulator, seed: u64) -> String {
    let model = if simulator == Simulator::Model { " --model" } else { "" };
    format!("cargo run --release --bin holdline-sim -- replay {seed}{model} --trace")
}

fn progress(seeds: u64) -> ProgressBar {
    let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left";
    let style = ProgressStyle::with_template(style);
    ProgressBar::new(seeds).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn seed_line(played: &SeedOutcome) -> serde_json::Value {
    let violations: Vec<_> = played
        .violations
        .iter()
        .map(|violation| json!({ "law": violation.law, "how": violation.detail }))
        .collect();
    let recovery = played.coverage.recovery.iter();
    let recovery: serde_json::Map<_, _> =
        recovery.map(|(family, times)| ((*family).to_owned(), json!(times.longest()))).collect();
    json!({
        "seed": played.seed,
        "holds": played.violations.is_empty(),
        "broken": violations,
        "longest_ms": recovery,
        "digest": played.digest.map(|digest| format!("{digest:016x}")),
        "took_ms": u64::try_from(played.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn summary_line(summary: &CampaignSummary) -> serde_json::Value {
    let recovery: serde_json::Map<_, _> = summary
        .coverage
        .recovery
        .iter()
        .map(|(family, times)| {
            let percentiles = json!({
                "times": times.count(),
                "p50_ms": times.per_mille(500),
                "p95_ms": times.per_mille(950),
                "p99_ms": times.per_mille(990),
                "longest_ms": times.longest(),
            });
            ((*family).to_owned(), percentiles)
        })
        .collect();
    json!({
        "summary": {
            "commit": env!("HOLDLINE_COMMIT"),
            "played": summary.played,
            "broken": summary.failures.len(),
            "holds": summary.holds(),
            "recovery": recovery,
            "cells": summary.coverage.cells.len(),
        }
    })
}
