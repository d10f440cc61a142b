//! The named scenarios, and the corpus of what campaigns have found: each holds, in both worlds.
//!
//! D7: the failure matrix: a relay that restarts during a call, delayed readiness, disconnect and recovery,
//! for audio and for video; and each fault alone.

use std::collections::BTreeMap;
use std::path::Path;

use holdline_core::{Event, Outcome, StateName};
use holdline_sim::{FaultPlan, Life, Record};
use holdline_sim_tests::{Verdict, World, judge};

/// The plans of a folder, by name.
fn plans(folder: &str) -> BTreeMap<String, FaultPlan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder).expect("there").map(|file| file.expect("read").path());
    let plans = files.map(|file| {
        let name = file.file_stem().expect("named").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("read");
        (
            name.clone(),
            FaultPlan::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}")),
        )
    });
    plans.collect()
}

fn played(name: &str, world: World, plan: FaultPlan) -> Verdict {
    let verdict = judge(world, plan).unwrap_or_else(|error| panic!("{name}, {world:?}: {error}"));
    assert_eq!(verdict.broken, [], "{name}, {world:?}");
    verdict
}

fn plan(name: &str) -> FaultPlan {
    plans("scenarios").remove(name).expect("a scenario of that name")
}

#[test]
fn every_scenario_holds_in_both_worlds_and_they_agree_on_how_it_ends() {
    for (name, plan) in plans("scenarios") {
        let model = played(&name, World::Model, plan.clone());
        let stack = played(&name, World::Stack, plan);
        assert_eq!(endings(&model.record), endings(&stack.record), "{name}");
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    for (name, plan) in plans("corpus") {
        played(&name, World::Model, plan.clone());
        played(&name, World::Stack, plan);
    }
}

/// How each process ended, and how much it heard of each lossless track.
fn endings(record: &Record) -> Vec<String> {
    let lives = record.participants.iter().flat_map(|participant| &participant.lives);
    let ending = |life: &Life| match life.summary.as_ref().map(|summary| &summary.outcome) {
        None => "killed".to_owned(),
        Some(Outcome::Failed(error)) => format!("{:?}", error.code),
        Some(outcome) => format!("{outcome:?}, {:?}", heard_to_the_end(life)),
    };
    lives.map(ending).collect()
}

fn heard_to_the_end(life: &Life) -> Vec<(&str, bool)> {
    life.tracks.iter().map(|track| (track.name.as_str(), track.finished)).collect()
}

fn recovered(life: &Life) -> usize {
    life.events.iter().filter(|(_, event)| matches!(event, Event::Recovered { .. })).count()
}

#[test]
fn a_relay_that_restarts_is_an_incident_of_everybody_and_nothing_is_lost() {
    for world in [World::Model, World::Stack] {
        for name in ["relay-restart-audio", "relay-restart-video"] {
            let verdict = played(name, world, plan(name));
            for participant in &verdict.record.participants {
                assert_eq!(recovered(participant.last()), 1, "{name}, {world:?}");
            }
        }
    }
}

#[test]
fn accepted_is_not_ready() {
    for world in [World::Model, World::Stack] {
        for name in ["delayed-readiness-audio", "delayed-readiness-video"] {
            let verdict = played(name, world, plan(name));
            for participant in &verdict.record.participants {
                let ready_at =
                    participant.last().events.iter().find_map(|(at, event)| match event {
                        Event::Recovered { .. } => Some(at.as_micros()),
                        _ => None,
                    });
                let slow_until = 8_500_000;
                assert!(
                    ready_at.is_some_and(|at| at > slow_until),
                    "{name}, {world:?}: {ready_at:?}"
                );
            }
        }
    }
}

#[test]
fn who_is_cut_off_comes_back_and_the_other_one_stays() {
    for world in [World::Model, World::Stack] {
        for name in ["disconnect-and-recovery-audio", "disconnect-and-recovery-video"] {
            let verdict = played(name, world, plan(name));
            let incidents = |who: usize| recovered(verdict.record.participants[who].last());
            assert_eq!((incidents(0), incidents(1)), (1, 0), "{name}, {world:?}");
        }
    }
}

#[test]
fn nobody_is_told_of_a_phone_that_changes_its_network() {
    for world in [World::Model, World::Stack] {
        let verdict = played("network-change", world, plan("network-change"));
        let told = verdict.record.participants[0].last().events.iter().any(|(_, event)| {
            matches!(event, Event::StateChanged { to: StateName::Recovering, .. })
        });
        assert!(!told, "{world:?}");
    }
}

#[test]
fn both_worlds_agree_on_generated_plans() {
    for seed in 0..16 {
        let plan = FaultPlan::generate(seed);
        let name = format!("seed {seed}");
        let model = played(&name, World::Model, plan.clone());
        let stack = played(&name, World::Stack, plan);
        assert_eq!(endings(&model.record), endings(&stack.record), "{name}");
    }
}
