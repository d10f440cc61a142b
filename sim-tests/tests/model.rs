//! A campaign on the model of the network. `HOLDLINE_SEEDS=N` plays the seeds from 0 to N.

use holdline_sim::{CallLog, FaultPlan, RunLog, model};
use holdline_sim_tests::oracles::all;
use holdline_sim_tests::{Simulator, judge};

#[test]
fn no_law_is_broken_in_a_thousand_scenarios() {
    let seeds = std::env::var("HOLDLINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let mut failures = std::collections::BTreeMap::<&str, Vec<(u64, String)>>::new();
    for seed in 0..seeds {
        for violation in judge(Simulator::Model, Simulator::Model.plan(seed))
            .expect("the plan can be played")
            .violations
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
fn equal_seeds_give_equal_digests() {
    let digest =
        |seed| model::run(&FaultPlan::generate(seed)).expect("the plan can be played").digest;
    for seed in 0..20 {
        assert_eq!(digest(seed), digest(seed), "seed {seed}");
        assert_ne!(digest(seed), digest(seed + 1));
    }
}

#[test]
fn the_oracles_find_each_kind_of_violation() {
    let plan = FaultPlan { faults: Vec::new(), ..FaultPlan::generate(1) };
    let judged = |change: fn(&mut CallLog)| {
        let mut log: RunLog = model::run(&plan).expect("the plan can be played");
        assert_eq!(all(&plan, &log), []);
        change(log.participants[0].calls.last_mut().expect("the participant has a call"));
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
            let live = call.tracks[1].delivered.last_mut().expect("a frame was delivered");
            live.at = live.at + std::time::Duration::from_secs(1);
        })
        .contains(&"punctuality")
    );
}
