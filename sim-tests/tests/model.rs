//! A campaign on the model network. `HOLDLINE_SEEDS=N` plays the seeds from 0 to N.

use holdline_sim::{CallLog, FaultPlan, RunLog, model};
use holdline_sim_tests::oracles::all;
use holdline_sim_tests::{Simulator, judge};

#[test]
fn no_law_is_broken_in_a_thousand_scenarios() {
    let seeds = std::env::var("HOLDLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let mut failures = std::collections::BTreeMap::<&str, Vec<(u64, String)>>::new();
    for seed in 0..seeds {
        for violation in
            judge(Simulator::Model, Simulator::Model.plan(seed)).expect("played").violations
        {
            failures.entry(violation.law).or_default().push((seed, violation.detail));
        }
    }
    for (law, failures) in &failures {
        println!("{law}: {} failures", failures.len());
        for (seed, how) in failures.iter().take(6) {
            println!("  seed {seed}: {how}");
        }
    }
    assert!(failures.is_empty());
}

#[test]
fn a_plan_played_twice_is_the_same_to_the_last_output_and_another_seed_is_not() {
    let digest = |seed| model::run(&FaultPlan::generate(seed)).expect("played").digest;
    for seed in 0..20 {
        assert_eq!(digest(seed), digest(seed), "seed {seed}");
        assert_ne!(digest(seed), digest(seed + 1));
    }
}

#[test]
fn what_breaks_a_law_is_found() {
    let plan = FaultPlan { faults: Vec::new(), ..FaultPlan::generate(1) };
    let judged = |change: fn(&mut CallLog)| {
        let mut log: RunLog = model::run(&plan).expect("played");
        assert_eq!(all(&plan, &log), []);
        change(log.participants[0].calls.last_mut().expect("alive"));
        let violations = all(&plan, &log);
        violations.into_iter().map(|violation| violation.law).collect::<Vec<_>>()
    };
    assert!(judged(|call| drop(call.tracks[0].delivered.remove(100))).contains(&"continuity"));
    assert!(judged(|call| call.tracks[0].delivered.swap(100, 101)).contains(&"continuity"));
    assert!(
        judged(|call| {
            let again = call.tracks[0].delivered[100].clone();
            call.tracks[0].delivered.insert(100, again);
        })
        .contains(&"continuity")
    );
    assert!(
        judged(|call| call.tracks[0].delivered[100].payload = vec![1].into())
            .contains(&"continuity")
    );
    assert!(judged(|call| drop(call.tracks[0].delivered.pop())).contains(&"conservation"));
    assert!(judged(|call| call.reports += 1).contains(&"conservation"));
    assert!(judged(|call| call.tracks[0].finished = false).contains(&"liveness"));
    assert!(judged(|call| call.state = None).contains(&"liveness"));
    assert!(
        judged(|call| {
            let live = call.tracks[1].delivered.last_mut().expect("heard");
            live.at = live.at + std::time::Duration::from_secs(1);
        })
        .contains(&"punctuality")
    );
}
