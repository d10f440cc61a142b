//! The named scenarios, and the corpus of what campaigns have found: each holds, in both worlds.
//!
//! D7: the failure matrix: a relay that restarts during a call, delayed readiness, disconnect and recovery,
//! for audio and for video; and each fault alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use holdline_core::{CauseKind, Event, Outcome, StateName, Timestamp};
use holdline_sim::{
    CallLog, DeliveredFrame, Fault, FaultKind, FaultPlan, RunLog, Side, Topology, TrackLog,
};
use holdline_sim_tests::{Simulator, Verdict, judge};

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

fn played(name: &str, simulator: Simulator, plan: FaultPlan) -> Verdict {
    let verdict =
        judge(simulator, plan).unwrap_or_else(|error| panic!("{name}, {simulator:?}: {error}"));
    assert_eq!(verdict.violations, [], "{name}, {simulator:?}");
    verdict
}

fn plan(name: &str) -> FaultPlan {
    plans("scenarios").remove(name).expect("a scenario of that name")
}

#[test]
fn every_scenario_holds_in_both_worlds_and_they_agree_on_how_it_ends() {
    for (name, plan) in plans("scenarios") {
        let model = played(&name, Simulator::Model, plan.clone());
        let stack = played(&name, Simulator::Stack, plan);
        assert_eq!(endings(&model.log), endings(&stack.log), "{name}");
    }
}

#[test]
fn what_was_found_once_stays_mended() {
    for (name, plan) in plans("corpus") {
        played(&name, Simulator::Model, plan.clone());
        played(&name, Simulator::Stack, plan);
    }
}

/// How each process ended, and how much it heard of each lossless track.
fn endings(log: &RunLog) -> Vec<String> {
    let calls = log.participants.iter().flat_map(|participant| &participant.calls);
    let ending = |call: &CallLog| match call.summary.as_ref().map(|summary| &summary.outcome) {
        None => "killed".to_owned(),
        Some(Outcome::Failed(error)) => format!("{:?}", error.code),
        Some(outcome) => format!("{outcome:?}, {:?}", heard_to_the_end(call)),
    };
    calls.map(ending).collect()
}

fn heard_to_the_end(call: &CallLog) -> Vec<(&str, bool)> {
    call.tracks.iter().map(|track| (track.name.as_str(), track.finished)).collect()
}

fn recovered(call: &CallLog) -> usize {
    call.events.iter().filter(|(_, event)| matches!(event, Event::Recovered { .. })).count()
}

#[test]
fn a_relay_that_restarts_is_an_incident_of_everybody_and_nothing_is_lost() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for name in ["relay-restart-audio", "relay-restart-video"] {
            let verdict = played(name, simulator, plan(name));
            for participant in &verdict.log.participants {
                assert_eq!(recovered(participant.last()), 1, "{name}, {simulator:?}");
            }
        }
    }
}

/// R18: a call can be closed at any moment, and there can be another one.
#[test]
fn who_hangs_up_is_gone_and_can_call_again() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("hang-up", simulator, plan("hang-up"));
        for (who, participant) in verdict.log.participants.iter().enumerate() {
            let [first, second] = &participant.calls[..] else {
                panic!("{simulator:?}: two calls")
            };
            for call in [first, second] {
                let outcome = call.summary.as_ref().map(|summary| &summary.outcome);
                assert_eq!(outcome, Some(&Outcome::Completed), "{simulator:?}, p{who}");
            }
            let delivered =
                |call: &CallLog| call.tracks.iter().map(|track| track.delivered.len()).min();
            assert!(
                delivered(first) > Some(100) && delivered(second) > Some(100),
                "{simulator:?}, p{who}"
            );
        }
    }
}

/// R1: who listens again hears the present within a second, and no more of what was left.
#[test]
fn who_listens_again_hears_what_is_said_from_then_on() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("stop-listening", simulator, plan("stop-listening"));
        let tracks = &verdict.log.participants[0].last().tracks;
        assert_eq!(
            (tracks.len(), tracks.iter().filter(|track| track.unsubscribed).count()),
            (9, 6)
        );
        for track in tracks {
            let until = if track.since < Timestamp::from_millis(5_000) { 5_000 } else { 13_500 };
            let late = |delivered: &&DeliveredFrame| {
                track.unsubscribed && delivered.at > Timestamp::from_millis(until)
            };
            assert_eq!(track.delivered.iter().find(late), None, "{simulator:?}, {}", track.name);
        }
        let fresh =
            |track: &TrackLog| track.delivered.first().map(|delivered| delivered.at - track.since);
        for track in tracks[3..6].iter() {
            let soon = fresh(track).is_some_and(|fresh| fresh < Duration::from_secs(1));
            assert!(soon, "{simulator:?}, {}", track.name);
        }
    }
}

/// R32: a call waits two seconds for whoever knows the relays, and then takes those that it was given.
#[test]
fn who_is_not_told_the_relays_takes_the_last_resort() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("silent-directory", simulator, plan("silent-directory"));
        let first = verdict.log.participants.iter().filter_map(|participant| {
            let call = participant.last();
            call.events.iter().find_map(|(at, event)| match event {
                Event::AttemptStarted { relay, .. } => Some((*at - call.since, relay)),
                _ => None,
            })
        });
        let first: Vec<(Duration, &String)> = first.collect();
        let [(waited, last_resort), (told_at_once, named)] = first[..] else { panic!("{first:?}") };
        assert_eq!(
            (waited, told_at_once),
            (Duration::from_secs(2), Duration::ZERO),
            "{simulator:?}"
        );
        assert_ne!(last_resort, named, "{simulator:?}");
    }
}

/// R25, R33: what the application reports is told, whatever the network does.
#[test]
fn reports_are_told_while_nothing_comes_through() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("present-and-report", simulator, plan("present-and-report"));
        for participant in &verdict.log.participants {
            let call = participant.last();
            assert_eq!((call.reports, call.sent["screen"].len()), (1, 1), "{simulator:?}");
        }
    }
}

/// R32: everybody's token has expired and there is no other one for some seconds, in which the relay crashes.
#[test]
fn who_has_nothing_to_show_comes_back_when_there_is_something() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("expired-token", simulator, plan("expired-token"));
        for participant in &verdict.log.participants {
            let call = participant.last();
            let failures = call.events.iter().filter_map(|(_, event)| match event {
                Event::AttemptFailed { cause, .. } => Some(cause.kind),
                _ => None,
            });
            let nothing = failures.filter(|kind| *kind == CauseKind::CredentialUnavailable);
            assert!(nothing.count() > 0, "{simulator:?}");
            assert_eq!(recovered(call), 1, "{simulator:?}");
        }
    }
}

/// R32: a relay agrees to nothing new on a session whose token has expired. The real one says so in its notes.
#[test]
fn a_session_is_renewed_when_its_token_expires() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict =
            played("token-expires-while-live", simulator, plan("token-expires-while-live"));
        for (who, participant) in verdict.log.participants.iter().enumerate() {
            let incidents = participant.last().events.iter().filter_map(|(_, event)| match event {
                Event::IncidentStarted { cause, .. } => Some(cause.kind),
                _ => None,
            });
            let expected: &[CauseKind] =
                if who == 0 { &[CauseKind::CredentialRenewed] } else { &[] };
            assert_eq!(incidents.collect::<Vec<_>>(), expected, "{simulator:?}, p{who}");
        }
    }
}

#[test]
fn accepted_is_not_ready() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for name in ["delayed-readiness-audio", "delayed-readiness-video"] {
            let verdict = played(name, simulator, plan(name));
            for participant in &verdict.log.participants {
                let ready_at =
                    participant.last().events.iter().find_map(|(at, event)| match event {
                        Event::Recovered { .. } => Some(at.as_micros()),
                        _ => None,
                    });
                let slow_until = 8_500_000;
                assert!(
                    ready_at.is_some_and(|at| at > slow_until),
                    "{name}, {simulator:?}: {ready_at:?}"
                );
            }
        }
    }
}

#[test]
fn who_is_cut_off_comes_back_and_the_other_one_stays() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for name in ["disconnect-and-recovery-audio", "disconnect-and-recovery-video"] {
            let verdict = played(name, simulator, plan(name));
            let incidents = |who: usize| recovered(verdict.log.participants[who].last());
            assert_eq!((incidents(0), incidents(1)), (1, 0), "{name}, {simulator:?}");
        }
    }
}

/// R13: one of two is cut off, for longer and longer, and has another relay to go to. Sometimes that answers first, and
/// the other one would be found there only seconds later.
#[test]
fn who_was_cut_off_goes_back_to_where_the_other_one_is() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for seed in 0..24 {
            let mut plan = plan("short-partition-with-two-relays");
            (plan.seed, plan.faults[0].for_ms) = (seed, 700 + seed * 100);
            let heals = plan.healed_ms();
            let name = format!("{simulator:?}, {} ms", plan.faults[0].for_ms);
            let verdict = played(&name, simulator, plan);
            for participant in &verdict.log.participants {
                let call = participant.last();
                let parted = call.events.iter().any(|(_, event)| match event {
                    Event::IncidentStarted { cause, .. } => cause.kind == CauseKind::PeerElsewhere,
                    event => matches!(event, Event::ParticipantAway { .. }),
                });
                assert!(!parted, "{name}");
                let delivered =
                    &call.tracks.iter().find(|t| t.name == "live").expect("there").delivered;
                let fresh =
                    delivered.iter().find(|delivered| delivered.captured_at >= heals * 1_000);
                let after = fresh.expect("heard").at - Timestamp::from_millis(heals);
                assert!(after < Duration::from_millis(1_500), "{name}: after {after:?}");
            }
        }
    }
}

#[test]
fn nobody_is_told_of_a_phone_that_changes_its_network() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("network-change", simulator, plan("network-change"));
        let told = verdict.log.participants[0].last().events.iter().any(|(_, event)| {
            matches!(event, Event::StateChanged { to: StateName::Recovering, .. })
        });
        assert!(!told, "{simulator:?}");
    }
}

#[test]
fn both_worlds_agree_on_generated_plans() {
    for seed in 0..16 {
        let plan = FaultPlan::generate(seed);
        let name = format!("seed {seed}");
        let model = played(&name, Simulator::Model, plan.clone());
        let stack = played(&name, Simulator::Stack, plan);
        assert_eq!(endings(&model.log), endings(&stack.log), "{name}");
    }
}

/// R9: an outage that is over as soon as it is noticed. What it has swallowed fills the congestion window of
/// whoever spoke into it, and what was sent before it may be acknowledged after it: it took 1.9 s once.
#[test]
fn who_was_cut_off_for_as_long_as_it_takes_to_notice_is_heard_again_within_a_second() {
    let plan = plan("short-partition");
    let heals = plan.healed_ms();
    let verdict = played("short-partition", Simulator::Stack, plan);
    let listener = verdict.log.participants[0].last();
    let delivered =
        &listener.tracks.iter().find(|track| track.name == "live").expect("there").delivered;
    let fresh =
        delivered.iter().find(|delivered| delivered.captured_at >= heals * 1_000).expect("heard");
    let after = fresh.at.as_micros() / 1_000 - heals;
    assert!(after < 1_000, "{after} ms after the end of it");
}

/// R21: live frames come no later while what was missed is said again than they come without it, by more than
/// one frame's time. The other run is the same one, but for histories that hold nothing.
#[test]
fn what_is_said_again_does_not_hold_up_what_is_said_now() {
    let mut latest = Vec::new();
    for (kind, latency_ms) in [
        (FaultKind::Partition { participant: 0, side: Side::Both }, [25, 40]),
        (FaultKind::Partition { participant: 1, side: Side::Down }, [43, 74]),
        (FaultKind::NetworkChange { participant: 1, announced: true }, [43, 74]),
        (FaultKind::Suspend { participant: 0 }, [10, 60]),
        (FaultKind::RelayCrash { relay: 0 }, [70, 60]),
    ] {
        let topology = Topology {
            participants: 2,
            relays: 1,
            latency_ms: latency_ms.to_vec(),
            frame_ms: 20,
            speech_ms: 30_000,
            video: false,
            // 256 kbit/s: what is missed in 10 s is 320 kB.
            lossless_bytes: 640,
            history_ms: 20_000,
        };
        let faults = vec![Fault { at_ms: 6_000, for_ms: 10_000, kind }];
        let plan = FaultPlan { version: 1, seed: 1, topology, faults };
        let mut forgetful = plan.clone();
        forgetful.topology.history_ms = 1;
        let family = kind.family();
        let (said_again, not) =
            (played(family, Simulator::Stack, plan), played(family, Simulator::Stack, forgetful));
        assert!(missing(&said_again.log) == 0 && missing(&not.log) > 400, "{family}");
        let pairs = live(&said_again.log).zip(live(&not.log));
        let later = pairs.flat_map(|(track, twin)| {
            let settled = |delivered: &&DeliveredFrame| delivered.captured_at > 16_500_000;
            let delivered = track.delivered.iter().filter(settled);
            delivered.filter_map(|delivered| {
                let twin = twin.delivered.iter().find(|other| other.number == delivered.number)?;
                Some(delivered.at.as_micros().saturating_sub(twin.at.as_micros()))
            })
        });
        latest.push((family, Duration::from_micros(later.max().expect("heard"))));
    }
    println!("{latest:?}");
    // Latency is drawn for each packet, up to 4 ms each way.
    let bound = Duration::from_millis(20 + 8);
    assert!(latest.iter().all(|(_, later)| *later <= bound), "{latest:?}");
}

fn live(log: &RunLog) -> impl Iterator<Item = &TrackLog> {
    let tracks = log.participants.iter().flat_map(|participant| &participant.last().tracks);
    tracks.filter(|track| track.name == "live")
}

/// How many frames of lossless tracks were told to be missing.
fn missing(log: &RunLog) -> u64 {
    let tracks = log.participants.iter().flat_map(|participant| &participant.last().tracks);
    let delivered =
        tracks.filter(|track| track.name == "lossless").flat_map(|track| &track.delivered);
    delivered.filter_map(|delivered| delivered.gap).map(|gap| gap.frames).sum()
}
