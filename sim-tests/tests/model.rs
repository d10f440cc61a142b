//! A campaign on the model of the network. `HOLDLINE_SEEDS=N` plays the seeds from 0 to N.

use std::time::Duration;

use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{CallLog, FaultPlan, RunLog, TrackLog, model};
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
            live.at = live.at + Duration::from_secs(1);
        })
        .contains(&"punctuality")
    );
}

#[test]
fn the_law_of_the_detour_finds_who_waits_for_a_lost_path() {
    let plan = FaultPlan::from_toml(include_str!("../scenarios/path-partition-for-good.toml"))
        .expect("the plan is valid");
    let log = model::run(&plan).expect("the plan can be played");
    assert_eq!(all(&plan, &log), []);
    let judged = |log: &RunLog| {
        let violations = all(&plan, log).into_iter();
        violations.map(|violation| violation.law).collect::<Vec<_>>()
    };
    let lost = Timestamp::from_millis(plan.faults[0].at_ms);
    // The call of the participant that lost its path is live three seconds later than it was.
    let mut late = log.clone();
    let call = late.participants[1].calls.last_mut().expect("the participant has a call");
    let is_live = |event: &Event| matches!(event, Event::StateChanged { to: StateName::Live, .. });
    let live = call.events.iter_mut().find(|(at, event)| *at > lost && is_live(event));
    let (at, _) = live.expect("the call is live again");
    *at = *at + Duration::from_secs(3);
    assert_eq!(judged(&late), ["detour"]);
    // Another participant receives nothing of it for longer than it takes to meet.
    let mut silent = log.clone();
    let call = silent.participants[2].calls.last_mut().expect("the participant has a call");
    let of_it = |track: &&mut TrackLog| track.publisher == 1 && track.name == "live";
    let track = call.tracks.iter_mut().find(of_it).expect("the track is subscribed");
    let met = lost + Duration::from_millis(FaultPlan::MEETING_MS + 1_000);
    track.delivered.retain(|frame| frame.at < lost || frame.at > met);
    assert!(judged(&silent).contains(&"detour"));
}
