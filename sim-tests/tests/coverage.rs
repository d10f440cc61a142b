//! Campaigns reach every cell of the transition matrix, unless
//! `docs/testing/transition-coverage.md` gives a reason.

use std::collections::BTreeSet;

use holdline_core::StateName;
use holdline_sim::FaultPlan;
use holdline_sim::model::INPUTS;
use holdline_sim_tests::coverage::Coverage;
use holdline_sim_tests::{Simulator, campaign, judge};

const SEEDS: u64 = 10_000;

type Cell = (StateName, &'static str);

/// The cells that a row of the table lists.
fn listed(row: &'static str) -> Vec<Cell> {
    let columns: Vec<&str> = row.split('|').map(str::trim).collect();
    let [_, states, inputs, why, _] = columns[..] else {
        panic!("the row must have three columns: {row}")
    };
    assert!(!why.is_empty(), "the row must give a reason: {row}");
    let of = |name: &str| {
        let state = StateName::ALL.into_iter().find(|state| state.to_string() == name);
        state.unwrap_or_else(|| panic!("{name} is no state"))
    };
    let states: Vec<StateName> = match states {
        "every" => StateName::ALL.to_vec(),
        some => some.split(", ").map(of).collect(),
    };
    let known = |input: &str| assert!(INPUTS.contains(&input), "{input} is no input");
    let inputs = inputs.split(", ").inspect(|input| known(input));
    inputs.flat_map(|input| states.iter().map(move |state| (*state, input))).collect()
}

#[test]
fn every_cell_is_reached_or_has_a_reason() {
    let table = include_str!("../../docs/testing/transition-coverage.md")
        .lines()
        .filter(|line| line.starts_with("| "));
    let mut not_met = BTreeSet::new();
    for cell in table.skip(1).flat_map(listed) {
        assert!(not_met.insert(cell), "{cell:?} is listed twice");
    }
    let mut met = BTreeSet::new();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    campaign::run(Simulator::Model, (0..SEEDS).collect(), jobs, |played| {
        met.extend(played.coverage.cells);
    })
    .expect("every seed has an outcome");
    let reached_after_all: Vec<&Cell> = met.intersection(&not_met).collect();
    assert!(
        reached_after_all.is_empty(),
        "reached, but listed as not reached: {reached_after_all:?}"
    );
    let all = StateName::ALL.into_iter().flat_map(|state| INPUTS.iter().map(move |i| (state, *i)));
    let forgotten: Vec<Cell> =
        all.filter(|cell| !met.contains(cell) && !not_met.contains(cell)).collect();
    assert!(forgotten.is_empty(), "neither reached nor listed: {forgotten:?}");
}

#[test]
fn a_fault_counts_in_the_state_in_which_it_begins() {
    let plan = FaultPlan::from_toml(include_str!("../scenarios/reconnect.toml"))
        .expect("the plan is valid");
    let verdict = judge(Simulator::Model, plan).expect("the plan can be played");
    let faults = Coverage::of(&verdict.plan, &verdict.log).faults;
    assert_eq!(faults.get(&("reconnect", StateName::Live)), Some(&1), "{faults:?}");
}
