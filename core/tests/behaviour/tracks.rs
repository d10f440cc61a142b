//! R1, R4, R17: publications and subscriptions, which begin and end apart from the session.

use crate::common::{BOB, BOBS_INCARNATION, CallHarness, MIC, MS, publish, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::id::{PublicationId, SubscriptionId, TrackId};
use holdline_core::media::{FrameNumber, Location, Object, Retention, Track};
use holdline_core::{Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn requests_made_before_a_session_are_sent_once_it_exists() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let published = harness.drain(|o| match o {
        Output::PublishTrack { name, .. } => Some(name.clone()),
        _ => None,
    });
    assert_eq!(published.len(), 1);
    let (_, namespace) = harness.subscription().expect("subscribed");
    assert_eq!(namespace, ["room", "bob", "500"]);
}

#[test]
fn only_live_speech_is_expedited() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    harness.out.clear();
    let budget = Duration::from_millis(300);
    let tracks = [
        Track::audio("speech"),
        Track::audio("speech, tight").live(budget),
        Track::audio("recording").lossless(),
        Track::video("camera"),
    ];
    for (id, track) in (50..).zip(tracks) {
        harness.feed(Input::publish(TrackId(id), track));
    }
    let offered = harness.drain(|output| match output {
        Output::PublishTrack { session: on, name, expedited, .. } if *on == session => {
            Some((name.clone(), *expedited))
        }
        _ => None,
    });
    let offered: Vec<(String, bool)> = offered.into_iter().map(|(_, offered)| offered).collect();
    let expected =
        [("speech", true), ("speech, tight", true), ("recording", false), ("camera", false)];
    assert_eq!(offered, expected.map(|(name, expedited)| (name.to_owned(), expedited)));
}

#[test]
fn a_track_that_ends_is_requested_again_on_its_session() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.object(first, 1, 0).out.clear();
    harness.feed(Input::SubscriptionEnded { subscription: first });
    assert_eq!(harness.events(), [Event::TrackInterrupted { track: BOB }]);
    assert!(harness.subscription().is_none(), "the request is not repeated at once");
    harness.advance_alive(MS * 100);
    let (second, namespace) = harness.subscription().expect("the track was requested again");
    assert_ne!(first, second);
    assert_eq!(namespace, ["room", "bob", "500"]);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.dials().is_empty());
    assert_eq!(harness.call.stats().subscribed[0].counters.resubscribed, 1);
}

/// The call never abandons it. The pause grows to 2 s.
#[test]
fn a_missing_track_is_requested_ever_more_slowly() {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::interactive(), 1);
    let mut last = harness.now;
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let (subscription, _) = harness.subscription().expect("subscribed");
        pauses.push(harness.now - last);
        last = harness.now;
        harness.feed(Input::SubscriptionEnded { subscription });
        while !harness.out.iter().any(|(_, o)| matches!(o, Output::Subscribe { .. })) {
            harness.advance_alive(MS);
        }
    }
    assert!(pauses[1] <= MS * 101 && pauses[1] >= MS * 50, "{pauses:?}");
    assert!(pauses[11] <= MS * 2_001 && pauses[11] >= MS * 1_000, "{pauses:?}");
    assert!(harness.events().iter().all(|e| !matches!(e, Event::TrackInterrupted { .. })));
}

#[test]
fn an_unanswered_request_is_abandoned_and_repeated() {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.advance_alive(MS * 2_000);
    let abandoned = harness.drain(|o| match o {
        Output::Unsubscribe { subscription } => Some(*subscription),
        _ => None,
    });
    assert_eq!(abandoned.len(), 1);
    assert_eq!(abandoned[0].1, first);
    harness.advance_alive(MS * 100);
    assert!(harness.subscription().is_some());
}

fn left(harness: &mut CallHarness) -> Vec<SubscriptionId> {
    let left = harness.drain(|o| match o {
        Output::Unsubscribe { subscription } => Some(*subscription),
        _ => None,
    });
    left.into_iter().map(|(_, subscription)| subscription).collect()
}

/// A call that listens to Bob, who has announced a newer namespace beside the one that flows: the
/// subscriptions under both.
fn followed_beside() -> (CallHarness, SubscriptionId, SubscriptionId) {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    let (old, _) = harness.subscription().expect("subscribed");
    harness.object(old, 1, 0);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let (new, _) = harness.subscription().expect("subscribed beside");
    harness.out.clear();
    (harness, old, new)
}

/// The new namespace is of a session that failed, or the one that flows is withdrawn at once.
#[test]
fn the_subscription_that_flows_stays_if_the_newer_one_fails() {
    let (mut harness, old, new) = followed_beside();
    harness.feed(Input::SubscriptionEnded { subscription: new });
    harness.object(old, 1, 1);
    assert_eq!(harness.delivered(), [Location::new(1, 1)]);
    harness.advance_alive(MS * 100);
    let (again, namespace) = harness.subscription().expect("the newer one is retried");
    assert_eq!((namespace[2].as_str(), left(&mut harness).len()), ("501", 0));
    // The one that flows ends: the other one takes its place, whatever its stage.
    harness.feed(Input::SubscriptionEnded { subscription: old });
    assert!(harness.events().contains(&Event::TrackInterrupted { track: BOB }));
    harness.object(again, 2, 0);
    assert_eq!(harness.delivered(), [Location::new(2, 0)]);
}

/// Frame 1 is missing on the newer subscription.
#[test]
fn a_newer_subscription_that_begins_later_waits_for_what_it_lacks() {
    let (mut harness, old, new) = followed_beside();
    harness.bobs_object(1, 1);
    harness.object(new, 2, 0);
    assert_eq!(left(&mut harness), [], "the old one may bring what is missing");
    harness.object(old, 1, 1);
    assert_eq!(harness.delivered(), [Location::new(1, 1), Location::new(2, 0)]);
    harness.object(new, 2, 1);
    assert_eq!(left(&mut harness), [old], "it has");
    // The old one brings nothing more.
    let (mut harness, old, new) = followed_beside();
    harness.bobs_object(1, 1);
    harness.object(new, 2, 0);
    harness.advance_alive(SECOND);
    harness.object(new, 2, 1);
    assert_eq!(left(&mut harness), [old], "it had a second");
}

/// A new connection of the publisher has a small congestion window.
#[test]
fn a_newer_subscription_that_lags_behind_does_not_take_over() {
    let (mut harness, old, new) = followed_beside();
    harness.object(old, 1, 1).object(old, 1, 2).object(new, 1, 0).object(new, 1, 1);
    assert_eq!(left(&mut harness), [], "the next frame would be late");
    harness.advance_alive(SECOND * 2);
    harness.object(old, 1, 3).object(new, 1, 2);
    assert_eq!(left(&mut harness), [], "nor does it later");
    harness.object(new, 1, 3);
    assert_eq!(left(&mut harness), [old], "it is level");
}

#[test]
fn a_quiet_track_changes_over_once_the_newer_subscription_stayed_alive() {
    let (mut harness, old, new) = followed_beside();
    harness.feed(Input::SubscriptionAccepted { subscription: new });
    harness.advance_alive(MS * 299);
    assert_eq!(left(&mut harness), []);
    harness.advance_alive(MS);
    assert_eq!(left(&mut harness), [old]);
}

/// The SUBSCRIBE_OK of the one that flows may come after its first objects.
#[test]
fn a_late_acceptance_of_the_older_subscription_says_nothing_of_the_newer() {
    let (mut harness, old, _) = followed_beside();
    harness.feed(Input::SubscriptionAccepted { subscription: old });
    harness.advance_alive(MS * 400);
    assert_eq!(left(&mut harness), []);
}

#[test]
fn a_newer_subscription_without_an_answer_is_given_up_after_two_seconds() {
    let (mut harness, _, new) = followed_beside();
    harness.advance_alive(MS * 1_999);
    assert_eq!(left(&mut harness), []);
    harness.advance_alive(MS);
    assert_eq!(left(&mut harness), [new]);
}

#[test]
fn a_restarted_publisher_is_followed_at_its_first_frame() {
    let (mut harness, old, new) = followed_beside();
    let object = harness.bobs_object(9, 0);
    let number = FrameNumber::new(BOBS_INCARNATION + 1, 0);
    harness.feed(Input::Object { subscription: new, object: Object { number, ..object } });
    assert_eq!(left(&mut harness), [old]);
}

/// Somebody announces namespace after namespace.
#[test]
fn newer_namespaces_are_followed_at_most_once_a_second() {
    let (mut harness, ..) = followed_beside();
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    let mut requested = 0;
    for epoch in 502..552 {
        harness.feed(Input::NamespaceAdded { namespace_subscription, epoch });
        requested += harness.drain(|o| matches!(o, Output::Subscribe { .. }).then_some(())).len();
        harness.advance_alive(MS * 100);
    }
    assert!((4..=6).contains(&requested), "{requested} requests in five seconds");
}

#[test]
fn a_listener_follows_the_newest_epoch_within_its_session() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    let (old, _) = harness.subscription().expect("subscribed");
    harness.object(old, 1, 0).out.clear();
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 499 });
    assert!(harness.out.is_empty(), "an older epoch changes nothing");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    assert_eq!(left(&mut harness), [], "the old subscription flows");
    let (new, namespace) = harness.subscription().expect("the track is subscribed to once more");
    assert_eq!(namespace, ["room", "bob", "501"]);
    harness.object(old, 1, 1);
    assert_eq!(harness.delivered(), [Location::new(1, 1)]);
    harness.object(new, 1, 1).object(new, 2, 0);
    assert_eq!(harness.delivered(), [Location::new(2, 0)], "each frame once");
    assert_eq!(left(&mut harness), [old], "the new one covers it");
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 501 });
    harness.advance_alive(SECOND);
    assert_eq!(
        harness.subscription().expect("the subscription follows the remaining epoch").1,
        ["room", "bob", "500"]
    );
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 500 });
    harness.out.clear();
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 499 });
    harness.advance_alive(MS * 2_000);
    assert!(harness.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
}

#[test]
fn an_object_that_arrives_repeatedly_is_delivered_once() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.object(first, 5, 0).object(first, 5, 1);
    harness.feed(Input::SubscriptionEnded { subscription: first });
    harness.advance_alive(MS * 100);
    let (second, _) = harness.subscription().expect("the track was requested again");
    harness.object(second, 5, 0).object(second, 5, 1).object(second, 5, 2);
    assert_eq!(harness.delivered(), [(5, 0), (5, 1), (5, 2)].map(|(g, o)| Location::new(g, o)));
    let counters = harness.call.stats().subscribed[0].counters;
    assert_eq!((counters.received, counters.delivered, counters.repeated), (6, 4, 2));
}

#[test]
fn groups_last_a_second_and_rise_over_all_sessions() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    for _ in 0..60 {
        harness.send().advance_alive(MS * 20);
    }
    let before = harness.sent();
    assert_eq!(before.len(), 60);
    assert_eq!(before[0], Location::new(2, 0));
    assert_eq!(before[49], Location::new(2, 49));
    assert_eq!(before[50], Location::new(3, 0));
    harness.lose(session);
    harness.send();
    harness.accept();
    harness.send();
    assert_eq!(
        harness.sent(),
        [Location::new(5, 0)],
        "a frame without a session has a group of its own"
    );
}

#[test]
fn a_restarted_participant_continues_above_its_former_groups() {
    let mut config = holdline_core::Config::new("moqt://relay.example", "room", "alice");
    config.first_epoch = 1_800_000_000_000;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio")).feed(Input::Connect);
    harness.accept();
    harness.send();
    assert!(harness.sent()[0].group > 1_800_000_000_000);
}

/// Two processes that begin in the same millisecond differ, too.
#[test]
fn first_epochs_rise_with_the_clock_and_differ_between_processes() {
    let at = holdline_core::Config::epoch_at;
    assert_eq!((at(7, 0), at(7, 999), at(8, 0)), (7_000, 7_999, 8_000));
    assert_eq!(at(7, 41_003), 7_003);
    assert_eq!(at(u64::MAX, 5), u64::MAX, "an absurd clock does not overflow");
}

#[test]
fn a_publication_that_ends_is_offered_again_on_its_session() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let offered = |harness: &mut CallHarness| {
        harness.drain(|o| match o {
            Output::PublishTrack { session, publication, .. } => Some((*session, *publication)),
            _ => None,
        })
    };
    let first = offered(&mut harness)[0].1;
    harness.feed(Input::PublicationEnded { publication: first.1 });
    harness.send();
    assert!(harness.sent().is_empty());
    harness.advance_alive(MS * 100);
    let second = offered(&mut harness)[0].1;
    assert_eq!(second.0, session);
    assert_ne!(second.1, first.1);
    assert_eq!(harness.send().sent().len(), 1);
}

/// Frames after the end are dropped and counted.
#[test]
fn the_end_of_a_track_is_sent_on_each_session() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let ends = |harness: &mut CallHarness| {
        harness
            .drain(|o| match o {
                Output::SendEndOfTrack { .. } => Some(()),
                _ => None,
            })
            .len()
    };
    harness.feed(Input::Finish { track: MIC }).feed(Input::Finish { track: MIC });
    assert_eq!(ends(&mut harness), 1);
    harness.send();
    assert!(harness.sent().is_empty());
    assert_eq!(harness.call.stats().published[0].counters.dropped_finished, 1);
    harness.lose(session);
    harness.accept();
    assert_eq!(ends(&mut harness), 1);
}

#[test]
fn a_finished_track_closes_and_is_not_requested_again() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.object(subscription, 1, 0).out.clear();
    let number = FrameNumber::new(BOBS_INCARNATION, harness.sent_by_bob.len() as u64);
    harness.feed(Input::EndOfTrack { subscription, number });
    assert_eq!(harness.events(), [Event::TrackFinished { track: BOB }]);
    assert_eq!(
        harness.drain(|o| match o {
            Output::CloseTrack { track } => Some(*track),
            _ => None,
        })[0]
            .1,
        BOB
    );
    harness.lose(session);
    harness.accept();
    assert!(harness.subscription().is_none());
}

/// The call continues.
#[test]
fn an_invalid_track_is_refused_with_its_reason() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let mut refused = |input| {
        harness.out.clear();
        harness.feed(input);
        match &harness.events()[..] {
            [Event::TrackRefused { problem, .. }] => problem.clone(),
            other => panic!("{other:?}"),
        }
    };
    let publish = |id, name: &str| publish(TrackId(id), name);
    let subscribe = |id, participant: &str, name: &str| subscribe(TrackId(id), participant, name);
    assert_eq!(refused(publish(9, "")), "track must not be empty");
    assert_eq!(refused(publish(9, "audio")), "track audio is published already");
    assert_eq!(refused(subscribe(9, "a/b", "audio")), "participant must not contain '/'");
    assert_eq!(
        refused(subscribe(9, "bob", "audio")),
        "track audio of bob is subscribed to already"
    );
    for id in 100..163 {
        harness.feed(publish(id, &id.to_string()));
    }
    harness.out.clear();
    harness.feed(publish(200, "one too many"));
    assert!(matches!(&harness.events()[..], [Event::TrackRefused { .. }]));
    assert_eq!(harness.call.stats().published.len(), 64);
}

/// Only subscribed tracks have a stream to close.
#[test]
fn a_refused_track_closes_unless_its_handle_is_in_use() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let mut closed = |input| {
        harness.out.clear();
        harness.feed(input);
        assert!(matches!(&harness.events()[..], [Event::TrackRefused { .. }]));
        let closed = harness.drain(|output| match output {
            Output::CloseTrack { track } => Some(*track),
            _ => None,
        });
        closed.into_iter().map(|(_, track)| track).collect::<Vec<_>>()
    };
    assert_eq!(closed(subscribe(TrackId(9), "bob", "audio")), [TrackId(9)]);
    assert_eq!(closed(subscribe(BOB, "bob", "screen")), []);
    let none = Retention { frames: 0, ..Retention::live() };
    let track = Track::audio("screen").retaining(none);
    assert_eq!(closed(Input::subscribe(TrackId(9), "bob", track.clone())), [TrackId(9)]);
    assert_eq!(closed(Input::publish(TrackId(9), track)), []);
    let never = Track::audio("screen").live(Duration::ZERO);
    assert_eq!(closed(Input::subscribe(TrackId(9), "bob", never)), [TrackId(9)]);
}

/// A new session does not request the track again.
#[test]
fn unsubscribe_ends_the_subscription_for_good() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.out.clear();
    harness.feed(Input::Unsubscribe { track: BOB });
    let left = harness.drain(|o| match o {
        Output::Unsubscribe { subscription } => Some(*subscription),
        _ => None,
    });
    assert_eq!(left[0].1, subscription);
    harness.lose(session);
    harness.advance(SECOND);
    harness.accept();
    assert!(harness.subscription().is_none());
}

#[test]
fn an_ended_track_stays_in_the_summary_and_may_return() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.object(subscription, 1, 0);
    harness.feed(Input::Unsubscribe { track: BOB });
    assert_eq!(harness.call.stats().subscribed[0].counters.delivered, 2);
    for id in 100..300 {
        harness.feed(subscribe(TrackId(id), "bob", "audio"));
        assert!(harness.subscription().is_some(), "track {id} was requested again");
        harness.feed(Input::Unsubscribe { track: TrackId(id) });
    }
    assert_eq!(harness.call.stats().subscribed.len(), 64, "the summary is bounded");
}

#[test]
fn participants_and_their_known_namespaces_are_bounded() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    for number in 0..300 {
        let track = TrackId(number);
        harness.feed(subscribe(track, &format!("p{number}"), "audio"));
        harness.feed(Input::Unsubscribe { track });
    }
    let refused = harness.events().into_iter().filter_map(|event| match event {
        Event::TrackRefused { problem, .. } => Some(problem),
        _ => None,
    });
    let refused: Vec<String> = refused.collect();
    assert_eq!(refused.len(), 300 - 256);
    assert!(refused[0].contains("256 participants"), "{}", refused[0]);

    // This relay reports ever newer namespaces, and ends each namespace subscription.
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    for epoch in 0..10_000 {
        let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
        harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 1_000 + epoch });
        if epoch % 30 == 29 {
            harness
                .feed(Input::NamespaceSubscriptionEnded { namespace_subscription })
                .advance_alive(SECOND * 3);
            harness.out.clear();
        }
    }
    let text = format!("{:?}", harness.call);
    assert!(text.len() < 16 * 1024, "the call has {} bytes", text.len());
}

/// A live call whose deadlines concern only its tracks.
fn with_long_intervals() -> (CallHarness, SubscriptionId, PublicationId) {
    let mut config = holdline_core::Config::new("moqt://relay.example", "room", "alice");
    (config.probe_interval, config.quality_interval) = (SECOND * 999, SECOND * 999);
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio")).feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    harness.accept();
    let (subscription, _) = harness.subscription().expect("subscribed");
    let publication = offered(&mut harness).expect("the track is offered");
    harness.out.clear();
    (harness, subscription, publication)
}

fn offered(harness: &mut CallHarness) -> Option<PublicationId> {
    let offered = harness.drain(|output| match output {
        Output::PublishTrack { publication, .. } => Some(*publication),
        _ => None,
    });
    offered.last().map(|(_, publication)| *publication)
}

/// No other deadline of the call has to wake it.
#[test]
fn ended_requests_are_repeated_within_100_ms() {
    let (mut harness, subscription, publication) = with_long_intervals();
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    harness.feed(Input::NamespaceSubscriptionEnded { namespace_subscription }).advance(MS * 100);
    assert!(harness.namespace_subscription().is_some_and(|new| new != namespace_subscription));
    harness.feed(Input::SubscriptionEnded { subscription }).advance(MS * 100);
    assert!(harness.subscription().is_some());
    harness.feed(Input::PublicationEnded { publication }).advance(MS * 100);
    assert!(offered(&mut harness).is_some());
}

/// They hold until the new namespace subscription had time to report them.
#[test]
fn known_namespaces_outlast_their_subscription_by_300_ms() {
    let (mut harness, ..) = with_long_intervals();
    let namespace_subscription = harness.last_namespace_subscription.expect("bob is followed");
    harness.feed(Input::NamespaceSubscriptionEnded { namespace_subscription }).advance(MS * 100);
    let namespace_subscription = harness.namespace_subscription().expect("bob is followed again");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    let left = |harness: &mut CallHarness| {
        harness.drain(|output| matches!(output, Output::Unsubscribe { .. }).then_some(())).len()
    };
    harness.advance(MS * 299);
    assert_eq!(left(&mut harness), 0);
    harness.advance(MS);
    assert_eq!(left(&mut harness), 1, "a namespace that was not reported again is gone");
}

#[test]
fn only_the_32_newest_namespaces_of_a_participant_are_retained() {
    let known = |epochs: u64, ended: bool| {
        let (mut harness, ..) = with_long_intervals();
        let mut namespace_subscription =
            harness.last_namespace_subscription.expect("bob is followed");
        harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 500 });
        for epoch in 1..=epochs {
            harness.feed(Input::NamespaceAdded { namespace_subscription, epoch });
        }
        if ended {
            harness
                .feed(Input::NamespaceSubscriptionEnded { namespace_subscription })
                .advance(MS * 100);
            namespace_subscription =
                harness.namespace_subscription().expect("bob is followed again");
        }
        for epoch in (2..=epochs).rev() {
            harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch });
        }
        harness.subscription().map(|(_, namespace)| namespace[2].clone())
    };
    for ended in [false, true] {
        assert_eq!(known(32, ended).as_deref(), Some("1"));
        assert_ne!(known(33, ended).as_deref(), Some("1"));
    }
}
