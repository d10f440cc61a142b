//! R26, R27: the events that a call reports, and what it counts.

use crate::common::{BOB, CallHarness, MIC, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::{Event, Input, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// The names of the events, in their order.
fn event_names(harness: &mut CallHarness) -> Vec<String> {
    let events = harness.events();
    let name =
        |event: &Event| format!("{event:?}").split(' ').next().unwrap_or_default().to_owned();
    events.iter().map(name).collect()
}

#[test]
fn events_report_a_recovery_in_order() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND);
    harness.events();
    harness.lose(session);
    harness.accept();
    assert_eq!(
        event_names(&mut harness),
        [
            "IncidentStarted",
            "StateChanged",
            "AttemptStarted",
            "AttemptSucceeded",
            "StateChanged",
            "TrackReady",
            "Recovered",
            "StateChanged",
        ]
    );
}

#[test]
fn attempts_are_reported_as_k_of_n() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::strict(), 1);
    harness.advance_alive(SECOND);
    harness.lose(session);
    harness.advance(SECOND * 40);
    let reported: Vec<(u32, u32)> = harness
        .events()
        .iter()
        .filter_map(|event| match event {
            Event::AttemptStarted { incident: Some(_), attempt, of, .. } => Some((*attempt, *of)),
            _ => None,
        })
        .collect();
    assert_eq!(reported, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
}

/// Consecutive disconnects are counted until the call has been up for long enough.
#[test]
fn recoveries_are_counted_and_timed() {
    let (mut harness, mut session) = CallHarness::live(RetryPolicy::interactive(), 1);
    for (round, took) in [200, 700].into_iter().enumerate() {
        harness.advance_alive(SECOND);
        harness.dials();
        harness.lose(session);
        harness.advance(MS * took);
        session = harness.accept();
        let telemetry = *harness.call.telemetry();
        assert_eq!(telemetry.consecutive_disconnects, round as u64 + 1);
        assert_eq!(telemetry.last_recovery, Some(MS * took));
    }
    let telemetry = *harness.call.telemetry();
    assert_eq!((telemetry.incidents, telemetry.incidents_recovered), (2, 2));
    assert_eq!(telemetry.time_to_recover.count(), 2);
    assert_eq!(telemetry.time_to_recover.longest(), MS * 700);
    assert_eq!(telemetry.success_percent(), Some(100));
    harness.advance_alive(SECOND * 11);
    assert_eq!(harness.call.telemetry().consecutive_disconnects, 0);
    harness.lose(session);
    harness.advance(SECOND * 40);
    assert_eq!(harness.call.telemetry().success_percent(), Some(66));
    let stats = &harness.call.summary().expect("the call is over").stats;
    assert_eq!(stats.telemetry.incidents_failed, 1);
    assert_eq!(stats.state, StateName::Failed);
}

#[test]
fn frames_are_counted_by_track_and_subscription_latency_is_measured() {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.advance_alive(MS * 30);
    harness.object(subscription, 1, 0).object(subscription, 1, 0).object(subscription, 1, 1);
    assert_eq!(harness.call.telemetry().last_subscription_latency, Some(MS * 30));
    harness.send().send();
    harness.feed(Input::Finish { track: MIC });
    harness.send();
    let stats = harness.call.stats();
    let bob = stats.subscribed.iter().find(|track| track.track == BOB);
    let received = bob.expect("the track is listed").counters;
    assert_eq!((received.received, received.delivered, received.repeated), (3, 2, 1));
    let published = stats.published[0].counters;
    assert_eq!((published.accepted, published.sent, published.dropped_finished), (3, 2, 1));
}

#[test]
fn the_call_record_has_its_identifier_and_start_time() {
    let id = |call_id: &str| {
        let mut config = holdline_core::Config::new("moqt://relay.example", "room", "alice");
        (config.call_id, config.initiated_at) = (call_id.into(), 1_800_000_000_000);
        let record = CallHarness::with(config, 1).call.record();
        (record.id, record.initiated_at)
    };
    assert_eq!(id("call-7"), ("call-7".into(), 1_800_000_000_000));
    assert_eq!(id("").0, "room");
}
