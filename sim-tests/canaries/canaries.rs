//! A campaign finds each planted bug within its budget of seeds: the laws bite.
//!
//! `.ci/canaries` applies the patches beside this file to a scratch copy and runs it there.

use holdline_core::planted::{Bug, plant};
use holdline_sim::model;
use holdline_sim_tests::Simulator;
use holdline_sim_tests::oracles::all;

/// The number of seeds that a bug may stay hidden in.
const BUDGET: u64 = 400;

/// The law that the calls of a seed break, if they break one.
fn violated_law(seed: u64) -> Option<String> {
    let plan = Simulator::Model.plan(seed);
    match model::run(&plan) {
        Ok(log) => all(&plan, &log).first().map(|violation| violation.law.to_owned()),
        // The core has laws of its own, and panics where one is broken.
        Err(_) => Some("an invariant of the core".to_owned()),
    }
}

/// One test, because the switch is one for the whole process.
#[test]
fn a_campaign_finds_each_planted_bug_and_nothing_without_one() {
    for seed in 0..BUDGET {
        assert_eq!(violated_law(seed), None, "nothing is planted, and seed {seed}");
    }
    std::panic::set_hook(Box::new(|_| {}));
    let mut hidden = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        match (0..BUDGET).find_map(|seed| violated_law(seed).map(|law| (seed, law))) {
            Some((seed, law)) => println!("{bug:?}: found by seed {seed}, breaks {law}"),
            None => hidden.push(bug),
        }
    }
    let _ = std::panic::take_hook();
    assert!(hidden.is_empty(), "not found in {BUDGET} seeds: {hidden:?}");
}
