//! R18, R36: the planned replacement of a session that works. The new session is joined while the
//! old one carries the call; nothing is interrupted.

use crate::common::{BOB, CallHarness, MIC, MS};
use holdline_core::config::RetryPolicy;
use holdline_core::error::{Cause, CauseKind};
use holdline_core::id::{PublicationId, SessionId};
use holdline_core::{Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A live call with a track each way, whose session is about to be replaced: the dial to the new
/// session, and the old session.
fn replacing() -> (CallHarness, SessionId, SessionId) {
    let (mut harness, old) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.advance_alive(SECOND);
    harness.out.clear();
    harness.feed(Input::ReconnectNow);
    let new = harness.next_dial().session;
    (harness, new, old)
}

/// The publications of the frames that were sent.
fn sent_on(harness: &mut CallHarness) -> Vec<PublicationId> {
    let sent = harness.drain(|output| match output {
        Output::SendObject { publication, .. } => Some(*publication),
        _ => None,
    });
    sent.into_iter().map(|(_, publication)| publication).collect()
}

fn offered_on(harness: &CallHarness, session: SessionId) -> PublicationId {
    let offers = harness.out.iter().filter_map(|(_, output)| match output {
        Output::PublishTrack { session: on, publication, .. } if *on == session => {
            Some(*publication)
        }
        _ => None,
    });
    offers.last().expect("the track is offered")
}

fn planned_events(harness: &CallHarness) -> Vec<&Event> {
    let events = harness.out.iter().filter_map(|(_, output)| match output {
        Output::Event(event) => Some(event),
        _ => None,
    });
    let is_planned = |event: &&Event| {
        matches!(
            event,
            Event::SessionReplacing { .. }
                | Event::SessionReplaced { .. }
                | Event::SessionKept { .. }
                | Event::IncidentStarted { .. }
                | Event::StateChanged { .. }
                | Event::TrackInterrupted { .. }
        )
    };
    events.filter(is_planned).collect()
}

#[test]
fn a_replaced_session_carries_the_call_until_the_new_one_is_ready() {
    let (mut harness, new, old) = replacing();
    let (old_subscription, _) = harness.last_subscription.clone().expect("subscribed");
    harness.feed(Input::Connected { session: new });
    assert_eq!(harness.closed_sessions(), [], "the old session stays");
    harness.object(old_subscription, 1, 0);
    assert_eq!(harness.delivered().len(), 1);
    harness.accept_requests_on(new);
    let (subscription, _) = harness.subscription().expect("subscribed on the new session");
    assert_ne!(subscription, old_subscription);
    assert!(
        !planned_events(&harness)
            .iter()
            .any(|event| matches!(event, Event::SessionReplaced { .. })),
        "Bob's track does not flow on the new session yet"
    );
    harness.object(subscription, 1, 1);
    assert_eq!(harness.delivered().len(), 1);
    let events = planned_events(&harness);
    assert!(
        matches!(
            events[..],
            [
                Event::SessionReplacing { cause: CauseKind::Requested },
                Event::SessionReplaced { attempts: 1, .. }
            ]
        ),
        "no incident, and no change of state: {events:?}"
    );
    assert_eq!(harness.call.state(), StateName::Live);
    assert_eq!(harness.closed_sessions(), [], "the old session drains");
    harness.advance_alive(SECOND * 3);
    assert_eq!(harness.closed_sessions(), [old]);
}

#[test]
fn both_sessions_are_fed_from_the_offer_to_the_end_of_the_drain() {
    let (mut harness, new, _) = replacing();
    harness.send();
    let old_publication = sent_on(&mut harness)[0];
    harness.feed(Input::Connected { session: new });
    let new_publication = offered_on(&harness, new);
    let both = [old_publication, new_publication];
    let first = harness.send().sent();
    assert_eq!(first.len(), 2, "one frame on two sessions");
    assert_eq!((first[0], first[0].object), (first[1], 0), "at one Location, in a new group");
    harness.accept_requests_on(new);
    harness.make_ready();
    assert_eq!(harness.call.telemetry().replacements_done, 1);
    harness.out.clear();
    harness.send();
    assert_eq!(sent_on(&mut harness), both, "the old session drains");
    harness.advance_alive(SECOND * 3);
    harness.send();
    assert_eq!(sent_on(&mut harness), [new_publication]);
    assert_eq!(harness.call.stats().published[0].counters.sent, 4, "frames, not copies");
}

/// A listener far away needs longer to follow: six round trips, and ten seconds at most.
#[test]
fn a_session_drains_for_longer_on_a_long_path() {
    for (rtt_micros, drains) in [(1_000_000, 6), (5_000_000, 10)] {
        let (mut harness, new, old) = replacing();
        harness.feed(Input::Connected { session: new });
        harness.accept_requests_on(new);
        let (received, acknowledged) = (1, 1);
        let report = Input::PathReport { session: old, received, acknowledged, rtt_micros };
        harness.feed(report);
        harness.make_ready();
        harness.feed(Input::Unsubscribe { track: BOB });
        for _ in 1..drains {
            harness.advance_alive(SECOND);
            assert_eq!(harness.closed_sessions(), []);
        }
        harness.advance_alive(SECOND);
        assert_eq!(harness.closed_sessions(), [old]);
    }
}

#[test]
fn a_frame_that_arrives_on_both_sessions_is_delivered_once() {
    let (mut harness, new, _) = replacing();
    let (old, _) = harness.last_subscription.clone().expect("subscribed");
    harness.feed(Input::Connected { session: new });
    harness.accept_requests_on(new);
    let (new, _) = harness.subscription().expect("subscribed");
    for (number, subscription) in [(0, old), (0, new), (1, new), (1, old), (2, old), (2, new)] {
        let object = harness.bobs_object(3, number);
        harness.feed(Input::Object { subscription, object });
    }
    let counters = harness.call.stats().subscribed[0].counters;
    assert_eq!((counters.duplicated, counters.repeated), (3, 0), "expected, and not the peer's");
    assert_eq!(harness.delivered().len(), 3);
}

#[test]
fn a_lost_session_is_recovered_by_the_change_under_way() {
    // Before the new session is up, its dial goes on.
    let (mut harness, new, old) = replacing();
    harness.lose(old);
    assert_eq!(harness.call.state(), StateName::Recovering);
    harness.accept_on(new);
    assert_eq!(harness.call.state(), StateName::Live);
    let telemetry = *harness.call.telemetry();
    assert_eq!((telemetry.replacements_cancelled, telemetry.incidents_recovered), (1, 1));
    // While it is joined, it takes over at once.
    let (mut harness, new, old) = replacing();
    harness.feed(Input::Connected { session: new });
    harness.lose(old);
    assert_eq!(harness.call.state(), StateName::Joining);
    assert!(harness.dials().is_empty(), "a session is up already");
    harness.accept_requests_on(new);
    harness.make_ready();
    assert_eq!(harness.call.state(), StateName::Live);
}

/// Bob has not announced himself on the new session by then.
#[test]
fn a_participant_that_the_new_relay_does_not_know_is_away_after_the_change() {
    let (mut harness, new, old) = replacing();
    harness.feed(Input::Connected { session: new });
    let (session, epoch) = harness.namespace().expect("published");
    harness.feed(Input::NamespaceAccepted { session, epoch });
    let namespace_subscription = harness.last_namespace_subscription.expect("followed");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(MS * 100);
    harness.lose(old);
    harness.advance_alive(SECOND * 3);
    assert!(harness.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
    assert_eq!(harness.call.state(), StateName::Live);
}

#[test]
fn a_new_session_that_falls_silent_or_is_lost_costs_nothing() {
    for silent in [true, false] {
        let (mut harness, new, old) = replacing();
        harness.feed(Input::Connected { session: new });
        harness.out.clear();
        if silent {
            harness.advance_alive_but(new, SECOND);
            assert_eq!(harness.closed_sessions(), [new]);
        } else {
            harness.lose(new);
        }
        assert_eq!(harness.call.state(), StateName::Live);
        assert!(!harness.closed_sessions().contains(&old));
        let next = harness.next_dial().session;
        assert_ne!(next, new, "another attempt follows");
        harness.accept_on(next);
        assert_eq!(harness.call.telemetry().replacements_done, 1);
    }
}

/// The relay accepts everything, but Bob's track, which flows on the old session, does not come.
#[test]
fn a_new_session_without_a_flowing_track_does_not_take_over() {
    let (mut harness, new, old) = replacing();
    harness.feed(Input::Connected { session: new });
    let (session, epoch) = harness.namespace().expect("published");
    harness.feed(Input::NamespaceAccepted { session, epoch });
    let namespace_subscription = harness.last_namespace_subscription.expect("followed");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    harness.advance_alive(SECOND * 6);
    assert_eq!(harness.call.state(), StateName::Live);
    let closed = harness.closed_sessions();
    assert!(closed.contains(&new) && !closed.contains(&old), "{closed:?}");
}

#[test]
fn a_failed_replacement_keeps_the_old_session_if_it_lives() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::Connect);
    let session = harness.accept();
    harness.out.clear();
    harness.feed(Input::ReconnectNow);
    // The whole window passes, and no relay answers.
    harness.advance_alive(SECOND * 30);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(!harness.closed_sessions().contains(&session));
    assert!(matches!(
        planned_events(&harness)[..],
        [Event::SessionReplacing { .. }, Event::SessionKept { cause: Cause { .. } }]
    ));
    assert_eq!(harness.call.telemetry().replacements_failed, 1);
    harness.out.clear();
    harness.lose(session);
    assert!(!harness.dials().is_empty(), "the lost session was the call's session");
}

#[test]
fn objects_of_a_session_that_is_closed_are_not_delivered() {
    let (mut harness, _, old) = replacing();
    let (subscription, _) = harness.last_subscription.clone().expect("subscribed");
    harness.object(subscription, 7, 0);
    assert_eq!(harness.delivered().len(), 1, "the old session is connected");
    harness.lose(old);
    harness.object(subscription, 7, 1);
    assert!(harness.delivered().is_empty());
}

#[test]
fn reconnect_now_again_brings_the_attempt_forward_and_adds_none() {
    let (mut harness, new, _) = replacing();
    harness.feed(Input::ReconnectNow);
    assert!(harness.dials().is_empty(), "one is in flight");
    harness.feed(Input::DialFailed { session: new, cause: Cause::new(CauseKind::TimedOut) });
    harness.advance_alive(MS);
    harness.feed(Input::ReconnectNow);
    harness.feed(Input::ReconnectNow);
    assert_eq!(harness.dials().len(), 1);
    assert_eq!(harness.call.telemetry().replacements, 1);
}

#[test]
fn a_finished_track_ends_on_both_sessions() {
    let (mut harness, new, _) = replacing();
    harness.feed(Input::Connected { session: new });
    harness.feed(Input::Finish { track: MIC });
    let ends = harness.drain(|output| match output {
        Output::SendEndOfTrack { publication, .. } => Some(*publication),
        _ => None,
    });
    assert_eq!(ends.len(), 2);
    harness.feed(Input::Unsubscribe { track: BOB });
    harness.accept_requests_on(new);
    assert_eq!(harness.call.telemetry().replacements_done, 1, "nothing flows any more");
}
