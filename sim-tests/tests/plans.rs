//! The named scenarios, and the corpus of plans that once failed: every law holds in both
//! simulators.
//!
//! D7: the failure matrix: a relay that restarts during a call, delayed readiness, disconnect and
//! recovery, for audio and for video; and each fault alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use holdline_core::error::CauseKind;
use holdline_core::stats::Outcome;
use holdline_core::{Event, StateName, Timestamp};
use holdline_sim::{
    CallLog, DeliveredFrame, Fault, FaultKind, FaultPlan, RunLog, Side, Topology, TrackLog,
};
use holdline_sim_tests::{Simulator, Verdict, judge};

/// The plans of a folder, by name.
fn plans(folder: &str) -> BTreeMap<String, FaultPlan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = std::fs::read_dir(folder)
        .expect("the folder exists")
        .map(|file| file.expect("the folder can be read").path());
    let plans = files.map(|file| {
        let name = file.file_stem().expect("the file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("the plan can be read");
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
    plans("scenarios").remove(name).expect("the scenario exists")
}

#[test]
fn scenarios_hold_and_end_alike_in_both_simulators() {
    for (name, plan) in plans("scenarios") {
        let model = played(&name, Simulator::Model, plan.clone());
        let stack = played(&name, Simulator::Stack, plan);
        assert_eq!(endings(&model.log), endings(&stack.log), "{name}");
    }
}

#[test]
fn corpus_plans_violate_no_law() {
    for (name, plan) in plans("corpus") {
        played(&name, Simulator::Model, plan.clone());
        played(&name, Simulator::Stack, plan);
    }
}

/// How each call ended, and which of its tracks were received to their end.
fn endings(log: &RunLog) -> Vec<String> {
    let calls = log.participants.iter().flat_map(|participant| &participant.calls);
    let ending = |call: &CallLog| match call.summary.as_ref().map(|summary| &summary.outcome) {
        None => "killed".to_owned(),
        Some(Outcome::Failed(error)) => format!("{:?}", error.code),
        Some(outcome) => format!("{outcome:?}, {:?}", tracks_to_their_end(call)),
    };
    calls.map(ending).collect()
}

fn tracks_to_their_end(call: &CallLog) -> Vec<(&str, bool)> {
    call.tracks.iter().map(|track| (track.name.as_str(), track.finished)).collect()
}

fn recovered(call: &CallLog) -> usize {
    call.events.iter().filter(|(_, event)| matches!(event, Event::Recovered { .. })).count()
}

#[test]
fn a_relay_restart_is_one_incident_for_every_call() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for name in ["relay-restart-audio", "relay-restart-video"] {
            let verdict = played(name, simulator, plan(name));
            for participant in &verdict.log.participants {
                assert_eq!(recovered(participant.last()), 1, "{name}, {simulator:?}");
            }
        }
    }
}

/// R18: a user can close a call at any moment, and start another one.
#[test]
fn after_hanging_up_a_user_can_call_again() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("hang-up", simulator, plan("hang-up"));
        for (who, participant) in verdict.log.participants.iter().enumerate() {
            let [first, second] = &participant.calls[..] else {
                panic!("{simulator:?}: p{who} must make two calls")
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

/// R1: a new subscription receives current frames within a second, and an ended one receives no
/// more.
#[test]
fn a_new_subscription_receives_current_frames() {
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

/// R32: a call waits two seconds for the relay directory, and then dials the relays of its
/// configuration.
#[test]
fn a_silent_directory_leads_to_the_configured_relays() {
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
        let [(waited, configured), (answered_at_once, listed)] = first[..] else {
            panic!("{first:?}")
        };
        assert_eq!(
            (waited, answered_at_once),
            (Duration::from_secs(2), Duration::ZERO),
            "{simulator:?}"
        );
        assert_ne!(configured, listed, "{simulator:?}");
    }
}

/// R25, R33: device errors and safety alerts are reported whatever the network does.
#[test]
fn reports_are_emitted_during_an_outage() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("present-and-report", simulator, plan("present-and-report"));
        for participant in &verdict.log.participants {
            let call = participant.last();
            assert_eq!((call.reports, call.sent["screen"].len()), (1, 1), "{simulator:?}");
        }
    }
}

/// R32: every token has expired, and the issuer has no other one for some seconds, in which the
/// relay crashes.
#[test]
fn a_call_recovers_once_a_token_is_issued() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("expired-token", simulator, plan("expired-token"));
        for participant in &verdict.log.participants {
            let call = participant.last();
            let failures = call.events.iter().filter_map(|(_, event)| match event {
                Event::AttemptFailed { cause, .. } => Some(cause.kind),
                _ => None,
            });
            let unavailable = failures.filter(|kind| *kind == CauseKind::CredentialUnavailable);
            assert!(unavailable.count() > 0, "{simulator:?}");
            assert_eq!(recovered(call), 1, "{simulator:?}");
        }
    }
}

/// R32: a relay accepts no request on a session whose token has expired. The real relay logs the
/// refusal.
#[test]
fn a_session_is_renewed_when_its_token_expires() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict =
            played("token-expires-while-live", simulator, plan("token-expires-while-live"));
        for (who, participant) in verdict.log.participants.iter().enumerate() {
            let events = || participant.last().events.iter().map(|(_, event)| event);
            let replacing = events().filter_map(|event| match event {
                Event::SessionReplacing { cause } => Some(*cause),
                _ => None,
            });
            let expected: &[CauseKind] =
                if who == 0 { &[CauseKind::CredentialRenewed] } else { &[] };
            assert_eq!(replacing.collect::<Vec<_>>(), expected, "{simulator:?}, p{who}");
            let replaced = events().filter(|e| matches!(e, Event::SessionReplaced { .. })).count();
            assert_eq!(replaced, expected.len(), "{simulator:?}, p{who}");
            let incident = events().find(|e| matches!(e, Event::IncidentStarted { .. }));
            assert_eq!(incident, None, "a renewal interrupts nothing");
        }
    }
}

#[test]
fn a_call_recovers_only_when_its_tracks_are_ready() {
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
fn only_the_participant_that_was_cut_off_reconnects() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for name in ["disconnect-and-recovery-audio", "disconnect-and-recovery-video"] {
            let verdict = played(name, simulator, plan(name));
            let incidents = |who: usize| recovered(verdict.log.participants[who].last());
            assert_eq!((incidents(0), incidents(1)), (1, 0), "{name}, {simulator:?}");
        }
    }
}

/// R13: one of two participants is cut off for ever longer, and has two relays to return to.
/// Sometimes the relay without the other participant answers first.
#[test]
fn two_participants_meet_again_on_one_of_two_relays() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        for seed in 0..24 {
            let mut plan = plan("short-partition-with-two-relays");
            (plan.seed, plan.faults[0].for_ms) = (seed, 700 + seed * 100);
            let heals = plan.healed_ms();
            let name = format!("{simulator:?}, {} ms", plan.faults[0].for_ms);
            let verdict = played(&name, simulator, plan);
            for participant in &verdict.log.participants {
                let call = participant.last();
                let separated = call.events.iter().any(|(_, event)| match event {
                    Event::IncidentStarted { cause, .. } => cause.kind == CauseKind::PeerElsewhere,
                    event => matches!(event, Event::ParticipantAway { .. }),
                });
                assert!(!separated, "{name}");
                let delivered =
                    &call.tracks.iter().find(|t| t.name == "live").expect("a live track").delivered;
                let fresh = delivered.iter().find(|frame| frame.captured_at >= heals * 1_000);
                let after =
                    fresh.expect("a frame was delivered").at - Timestamp::from_millis(heals);
                assert!(after < Duration::from_millis(1_500), "{name}: after {after:?}");
            }
        }
    }
}

/// R13: the participant that stays finds the other one long before the lost path is back.
#[test]
fn participants_meet_on_another_relay_while_a_path_is_lost() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("path-partition", simulator, plan("path-partition"));
        let fault = verdict.plan.faults[0];
        let (met_by, back) = (fault.at_ms + 15_000, fault.at_ms + fault.for_ms);
        for track in live(&verdict.log) {
            let meanwhile = |delivered: &&DeliveredFrame| {
                delivered.captured_at >= met_by * 1_000
                    && delivered.at < Timestamp::from_millis(back)
            };
            let frames = track.delivered.iter().filter(meanwhile).count();
            assert!(frames > 200, "{simulator:?}: {frames} frames of p{}", track.publisher);
        }
        let [left, stayed] = &verdict.log.participants[..] else { panic!("two participants") };
        let moved = |call: &CallLog| {
            call.events.iter().any(|(_, event)| match event {
                Event::IncidentStarted { cause, .. } => cause.kind == CauseKind::PeerElsewhere,
                _ => false,
            })
        };
        let counted = |call: &CallLog| (recovered(call), moved(call));
        let both = (counted(left.last()), counted(stayed.last()));
        assert_eq!(both, ((1, false), (1, true)), "{simulator:?}");
    }
}

#[test]
fn a_lost_path_to_an_unused_relay_is_not_noticed() {
    let name = "path-partition-unused-relay";
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played(name, simulator, plan(name));
        for participant in &verdict.log.participants {
            assert_eq!(recovered(participant.last()), 0, "{simulator:?}");
        }
        assert!(live(&verdict.log).all(|track| track.delivered.iter().all(|f| f.gap.is_none())));
    }
}

#[test]
fn a_network_change_is_no_visible_recovery() {
    for simulator in [Simulator::Model, Simulator::Stack] {
        let verdict = played("network-change", simulator, plan("network-change"));
        let recovering = verdict.log.participants[0].last().events.iter().any(|(_, event)| {
            matches!(event, Event::StateChanged { to: StateName::Recovering, .. })
        });
        assert!(!recovering, "{simulator:?}");
    }
}

#[test]
fn both_simulators_end_generated_plans_alike() {
    for seed in 0..16 {
        let plan = FaultPlan::generate(seed);
        let name = format!("seed {seed}");
        let model = played(&name, Simulator::Model, plan.clone());
        let stack = played(&name, Simulator::Stack, plan);
        assert_eq!(endings(&model.log), endings(&stack.log), "{name}");
    }
}

/// R9: an outage that ends as soon as it is noticed. The packets lost in it fill the publisher's
/// congestion window, and those sent before it may be acknowledged after it: this once took 1.9 s.
#[test]
fn after_a_short_partition_frames_return_within_a_second() {
    let plan = plan("short-partition");
    let heals = plan.healed_ms();
    let verdict = played("short-partition", Simulator::Stack, plan);
    let subscriber = verdict.log.participants[0].last();
    let delivered = &subscriber
        .tracks
        .iter()
        .find(|track| track.name == "live")
        .expect("a live track")
        .delivered;
    let fresh = delivered
        .iter()
        .find(|frame| frame.captured_at >= heals * 1_000)
        .expect("a frame was delivered");
    let after = fresh.at.as_micros() / 1_000 - heals;
    assert!(after < 1_000, "frames returned {after} ms after the end of the outage");
}

/// R21: retransmitted frames delay live frames by at most one frame's length. The reference run is
/// the same one with histories that retain nothing.
#[test]
fn retransmitted_frames_do_not_delay_live_frames() {
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
            // 256 kbit/s: the frames of a 10 s outage are 320 kB.
            lossless_bytes: 640,
            history_ms: 20_000,
        };
        let faults = vec![Fault { at_ms: 6_000, for_ms: 10_000, kind }];
        let plan = FaultPlan { version: 1, seed: 1, topology, faults };
        let mut without_history = plan.clone();
        without_history.topology.history_ms = 1;
        let family = kind.family();
        let (repaired, reference) = (
            played(family, Simulator::Stack, plan),
            played(family, Simulator::Stack, without_history),
        );
        assert!(missing(&repaired.log) == 0 && missing(&reference.log) > 400, "{family}");
        let pairs = live(&repaired.log).zip(live(&reference.log));
        let later = pairs.flat_map(|(track, counterpart)| {
            let settled = |delivered: &&DeliveredFrame| delivered.captured_at > 16_500_000;
            let delivered = track.delivered.iter().filter(settled);
            delivered.filter_map(|delivered| {
                let counterpart =
                    counterpart.delivered.iter().find(|other| other.number == delivered.number)?;
                Some(delivered.at.as_micros().saturating_sub(counterpart.at.as_micros()))
            })
        });
        latest.push((family, Duration::from_micros(later.max().expect("a frame was delivered"))));
    }
    println!("{latest:?}");
    // The latency of each packet varies by up to 4 ms in each direction.
    let bound = Duration::from_millis(20 + 8);
    assert!(latest.iter().all(|(_, later)| *later <= bound), "{latest:?}");
}

fn live(log: &RunLog) -> impl Iterator<Item = &TrackLog> {
    let tracks = log.participants.iter().flat_map(|participant| &participant.last().tracks);
    tracks.filter(|track| track.name == "live")
}

/// How many frames of lossless tracks were reported missing.
fn missing(log: &RunLog) -> u64 {
    let tracks = log.participants.iter().flat_map(|participant| &participant.last().tracks);
    let delivered =
        tracks.filter(|track| track.name == "lossless").flat_map(|track| &track.delivered);
    delivered.filter_map(|delivered| delivered.gap).map(|gap| gap.frames).sum()
}
