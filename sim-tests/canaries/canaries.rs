//! A campaign finds each planted bug within its budget of seeds, or the scenario of planned changes
//! does: the laws bite.
//!
//! `.ci/canaries` applies the patches beside this file to a scratch copy and runs it there.

use holdline_core::planted::{Bug, plant};
use holdline_sim::{FaultPlan, model};
use holdline_sim_tests::Simulator;
use holdline_sim_tests::oracles::all;

/// The number of seeds that a bug may stay hidden in.
const BUDGET: u64 = 400;

/// The law that the calls of a plan break, if they break one.
fn violated_law(plan: &FaultPlan) -> Option<String> {
    match model::run(plan) {
        Ok(log) => all(plan, &log).first().map(|violation| violation.law.to_owned()),
        // The core has laws of its own, and panics where one is broken.
        Err(_) => Some("an invariant of the core".to_owned()),
    }
}

/// The scenario, and the plans of the seeds.
fn plans() -> impl Iterator<Item = (String, FaultPlan)> {
    let scenario = include_str!("../scenarios/planned-changes.toml");
    let scenario = FaultPlan::from_toml(scenario).expect("a plan");
    let seeds = (0..BUDGET).map(|seed| (format!("seed {seed}"), Simulator::Model.plan(seed)));
    seeds.chain([("planned-changes".to_owned(), scenario)])
}

/// One test, because the switch is one for the whole process.
#[test]
fn a_campaign_finds_each_planted_bug_and_nothing_without_one() {
    for (name, plan) in plans() {
        assert_eq!(violated_law(&plan), None, "nothing is planted, and {name}");
    }
    std::panic::set_hook(Box::new(|_| {}));
    let mut hidden = Vec::new();
    for bug in Bug::ALL {
        plant(Some(bug));
        match plans().find_map(|(name, plan)| violated_law(&plan).map(|law| (name, law))) {
            Some((name, law)) => println!("{bug:?}: found by {name}, breaks {law}"),
            None => hidden.push(bug),
        }
    }
    let _ = std::panic::take_hook();
    assert!(hidden.is_empty(), "not found in {BUDGET} seeds: {hidden:?}");
}
