//! Each planted bug is found within its budget of seeds: the oracles bite.
//!
//! `cargo test --package holdline-sim-tests --features canaries --test canaries`

use holdline_core::Canary;
use holdline_sim::model;
use holdline_sim_tests::Simulator;
use holdline_sim_tests::oracles::all;

/// How many seeds a bug may hide in.
const BUDGET: u64 = 400;

/// Which law a bug breaks that is planted in the calls of that seed.
fn violations(canary: Canary, seed: u64) -> Option<String> {
    let plan = Simulator::Model.plan(seed);
    // The core has laws of its own, and panics where one is broken.
    match model::run_with(&plan, canary) {
        Ok(log) => all(&plan, &log).first().map(|violation| violation.law.to_owned()),
        Err(_) => Some("an invariant of the core".to_owned()),
    }
}

#[test]
fn every_planted_bug_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let mut hidden = Vec::new();
    for canary in Canary::ALL {
        match (0..BUDGET).find_map(|seed| violations(canary, seed).map(|law| (seed, law))) {
            Some((seed, law)) => println!("{canary:?}: found by seed {seed}, breaks {law}"),
            None => hidden.push(canary),
        }
    }
    let _ = std::panic::take_hook();
    assert!(hidden.is_empty(), "not found in {BUDGET} seeds: {hidden:?}");
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 0..BUDGET {
        let plan = Simulator::Model.plan(seed);
        let log = model::run(&plan).expect("played");
        assert_eq!(all(&plan, &log), [], "seed {seed}");
    }
}
