//! `verify-determinism`: compares runs of a seed across processes and threads.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use holdline_sim_tests::seeds::Seeds;
use holdline_sim_tests::{Simulator, campaign};

use super::args::VerifyArgs;
use super::error::CommandError;
use super::say::say;

pub(super) fn run(args: VerifyArgs) -> Result<(), CommandError> {
    if args.print {
        for (seed, digest) in digests(&args.seeds, 1)? {
            say!("{seed} {digest:016x}");
        }
        return Ok(());
    }
    // The other process plays the seeds in turn. This one plays them two at a time, and then in
    // turn. Earlier and parallel runs must not change a run.
    let other = other_process(&args.seeds)?;
    let (both, alone) = (digests(&args.seeds, 2)?, digests(&args.seeds, 1)?);
    let other =
        other.wait_with_output().map_err(|error| CommandError::DidNotHold(error.to_string()))?;
    let other = parse(&String::from_utf8_lossy(&other.stdout));
    let mut differ = Vec::new();
    for seed in args.seeds.0.clone() {
        let here = both.get(&seed);
        if here != alone.get(&seed) || here != other.get(&seed) || here.is_none() {
            differ.push(seed.to_string());
        }
    }
    if !differ.is_empty() {
        let seeds = differ.join(", ");
        return Err(CommandError::DidNotHold(format!("the runs of these seeds differ: {seeds}")));
    }
    say!(
        "{} seeds, each played three times, in two processes, on one thread and two: \
         every event and every packet is the same",
        both.len()
    );
    Ok(())
}

fn digests(seeds: &Seeds, jobs: usize) -> Result<BTreeMap<u64, u64>, CommandError> {
    let mut digests = BTreeMap::new();
    let mut violations = Vec::new();
    let ended = campaign::run(Simulator::Stack, seeds.0.clone().collect(), jobs, |played| {
        match played.digest {
            Some(digest) => drop(digests.insert(played.seed, digest)),
            None => violations.extend(played.violations),
        }
    });
    ended.map_err(|seed_error| CommandError::DidNotHold(seed_error.to_string()))?;
    match violations.first() {
        Some(violation) => Err(CommandError::DidNotHold(violation.detail.clone())),
        None => Ok(digests),
    }
}

fn other_process(seeds: &Seeds) -> Result<std::process::Child, CommandError> {
    let start = || {
        let program = std::env::current_exe()?;
        Command::new(program)
            .args(["verify-determinism", "--print", "--seeds", &seeds.to_string()])
            .stdout(Stdio::piped())
            .spawn()
    };
    start().map_err(|error| {
        CommandError::DidNotHold(format!("cannot start a second process: {error}"))
    })
}

fn parse(text: &str) -> BTreeMap<u64, u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let parsed = lines.filter_map(|(seed, digest)| {
        Some((seed.parse().ok()?, u64::from_str_radix(digest, 16).ok()?))
    });
    parsed.collect()
}
