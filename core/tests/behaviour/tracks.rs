//! R1, R4, R17: the lives of publications and subscriptions, apart from the session's.

use crate::common::{BOB, BOBS, CallHarness, MIC, MS, publish, subscribe};
use holdline_core::config::RetryPolicy;
use holdline_core::id::{PublicationId, SubscriptionId, TrackId};
use holdline_core::media::{FrameNumber, Location, Retention, Track};
use holdline_core::{Event, Input, Output, StateName};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_asked_for_before_there_is_a_session_is_carried_out_once_there_is_one() {
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
fn live_speech_goes_before_everything_else_and_nothing_else_does() {
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
fn a_track_that_ends_while_the_session_is_healthy_is_asked_for_again_without_reconnecting() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.object(first, 1, 0).out.clear();
    harness.feed(Input::SubscriptionEnded { subscription: first });
    assert_eq!(harness.events(), [Event::TrackInterrupted { track: BOB }]);
    assert!(harness.subscription().is_none(), "not at once");
    harness.advance_alive(MS * 100);
    let (second, namespace) = harness.subscription().expect("asked for again");
    assert_ne!(first, second);
    assert_eq!(namespace, ["room", "bob", "500"]);
    assert_eq!(harness.call.state(), StateName::Live);
    assert!(harness.dials().is_empty());
    assert_eq!(harness.call.stats().subscribed[0].counters.resubscribed, 1);
}

#[test]
fn a_track_that_is_not_found_is_retried_ever_more_slowly_and_never_given_up() {
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
fn a_request_that_is_not_answered_is_given_up_and_made_again() {
    let (mut harness, _) = CallHarness::joining(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.advance_alive(MS * 2_000);
    let given_up = harness.drain(|o| match o {
        Output::Unsubscribe { subscription } => Some(*subscription),
        _ => None,
    });
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].1, first);
    harness.advance_alive(MS * 100);
    assert!(harness.subscription().is_some());
}

#[test]
fn a_listener_follows_the_newest_epoch_without_touching_its_session() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let namespace_subscription = harness.watching.expect("bob is followed");
    let (old, _) = harness.subscription().expect("subscribed");
    harness.object(old, 1, 0).out.clear();
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 499 });
    assert!(harness.out.is_empty(), "an older one changes nothing");
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let left = harness.drain(|o| match o {
        Output::Unsubscribe { subscription } => Some(*subscription),
        _ => None,
    });
    assert_eq!(left[0].1, old);
    let (new, namespace) = harness.subscription().expect("subscribed anew");
    assert_eq!(namespace, ["room", "bob", "501"]);
    harness.object(old, 1, 1);
    assert!(harness.delivered().is_empty(), "the old subscription is no more");
    harness.object(new, 1, 1).object(new, 2, 0);
    assert_eq!(harness.delivered(), [Location::new(1, 1), Location::new(2, 0)]);
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 501 });
    assert_eq!(harness.subscription().expect("back to what is left").1, ["room", "bob", "500"]);
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 500 });
    harness.out.clear();
    harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 499 });
    harness.advance_alive(MS * 2_000);
    assert!(harness.events().contains(&Event::ParticipantAway { participant: "bob".into() }));
}

#[test]
fn an_object_is_delivered_once_however_often_it_arrives() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (first, _) = harness.subscription().expect("subscribed");
    harness.object(first, 5, 0).object(first, 5, 1);
    harness.feed(Input::SubscriptionEnded { subscription: first });
    harness.advance_alive(MS * 100);
    let (second, _) = harness.subscription().expect("asked for again");
    harness.object(second, 5, 0).object(second, 5, 1).object(second, 5, 2);
    assert_eq!(harness.delivered(), [(5, 0), (5, 1), (5, 2)].map(|(g, o)| Location::new(g, o)));
    let counters = harness.call.stats().subscribed[0].counters;
    assert_eq!((counters.received, counters.delivered, counters.repeated), (6, 4, 2));
}

#[test]
fn groups_last_a_second_and_rise_over_every_session() {
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
    assert_eq!(harness.sent(), [Location::new(5, 0)], "what is kept back has a group of its own");
}

#[test]
fn a_participant_that_comes_back_as_a_new_process_goes_on_above_its_former_groups() {
    let mut config = holdline_core::Config::new("moqt://relay.example", "room", "alice");
    config.first_epoch = 1_800_000_000_000;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio")).feed(Input::Connect);
    harness.accept();
    harness.send();
    assert!(harness.sent()[0].group > 1_800_000_000_000);
}

#[test]
fn the_first_epoch_rises_with_the_clock_and_tells_processes_of_one_millisecond_apart() {
    let at = holdline_core::Config::epoch_at;
    assert_eq!((at(7, 0), at(7, 999), at(8, 0)), (7_000, 7_999, 8_000));
    assert_eq!(at(7, 41_003), 7_003);
    assert_eq!(at(u64::MAX, 5), u64::MAX, "an absurd clock is only a number");
}

#[test]
fn a_publication_that_ends_on_a_healthy_session_is_offered_again() {
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

#[test]
fn the_end_of_a_track_is_told_again_on_a_new_session_and_frames_after_it_are_dropped() {
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
fn a_finished_track_closes_its_stream_and_is_not_asked_for_again() {
    let (mut harness, session) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.object(subscription, 1, 0).out.clear();
    let number = FrameNumber::new(BOBS, harness.said.len() as u64);
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

#[test]
fn a_track_that_cannot_be_is_refused_with_the_reason_and_the_call_goes_on() {
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

#[test]
fn the_stream_of_a_refused_track_is_closed_unless_its_handle_is_in_use() {
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

#[test]
fn an_unsubscribed_track_is_left_and_its_stream_closed() {
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
fn a_track_that_is_over_stays_in_the_summary_and_makes_room_for_the_same_one_anew() {
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.object(subscription, 1, 0);
    harness.feed(Input::Unsubscribe { track: BOB });
    assert_eq!(harness.call.stats().subscribed[0].counters.delivered, 2);
    for id in 100..300 {
        harness.feed(subscribe(TrackId(id), "bob", "audio"));
        assert!(harness.subscription().is_some(), "asked for anew, {id}");
        harness.feed(Input::Unsubscribe { track: TrackId(id) });
    }
    assert_eq!(harness.call.stats().subscribed.len(), 64, "bounded all the same");
}

#[test]
fn whom_a_call_listens_to_and_what_it_knows_of_them_is_bounded() {
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

    // A relay that tells of ever newer namespaces, and ends each watch.
    let (mut harness, _) = CallHarness::live(RetryPolicy::interactive(), 1);
    for epoch in 0..10_000 {
        let namespace_subscription = harness.watching.expect("bob is followed");
        harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 1_000 + epoch });
        if epoch % 30 == 29 {
            harness
                .feed(Input::NamespaceSubscriptionEnded { namespace_subscription })
                .advance_alive(SECOND * 3);
            harness.out.clear();
        }
    }
    let shown = format!("{:?}", harness.call);
    assert!(shown.len() < 16 * 1024, "{} bytes", shown.len());
}

/// A live call that is woken for nothing but its tracks.
fn undisturbed() -> (CallHarness, SubscriptionId, PublicationId) {
    let mut config = holdline_core::Config::new("moqt://relay.example", "room", "alice");
    (config.probe_interval, config.quality_interval) = (SECOND * 999, SECOND * 999);
    let mut harness = CallHarness::with(config, 1);
    harness.feed(publish(MIC, "audio")).feed(subscribe(BOB, "bob", "audio")).feed(Input::Connect);
    harness.accept();
    let (subscription, _) = harness.subscription().expect("subscribed");
    let publication = offered(&mut harness).expect("offered");
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

#[test]
fn what_was_refused_or_ended_is_asked_for_again_within_100_ms_even_if_nothing_else_happens() {
    let (mut harness, subscription, publication) = undisturbed();
    let namespace_subscription = harness.watching.expect("followed");
    harness.feed(Input::NamespaceSubscriptionEnded { namespace_subscription }).advance(MS * 100);
    assert!(harness.namespace_subscription().is_some_and(|anew| anew != namespace_subscription));
    harness.feed(Input::SubscriptionEnded { subscription }).advance(MS * 100);
    assert!(harness.subscription().is_some());
    harness.feed(Input::PublicationEnded { publication }).advance(MS * 100);
    assert!(offered(&mut harness).is_some());
}

#[test]
fn what_an_earlier_watch_knew_holds_until_the_new_one_had_time_to_tell() {
    let (mut harness, ..) = undisturbed();
    let namespace_subscription = harness.watching.expect("followed");
    harness.feed(Input::NamespaceSubscriptionEnded { namespace_subscription }).advance(MS * 100);
    let namespace_subscription = harness.namespace_subscription().expect("followed again");
    harness.feed(Input::NamespaceSubscriptionAccepted { namespace_subscription });
    let left = |harness: &mut CallHarness| {
        harness.drain(|output| matches!(output, Output::Unsubscribe { .. }).then_some(())).len()
    };
    harness.advance(MS * 299);
    assert_eq!(left(&mut harness), 0);
    harness.advance(MS);
    assert_eq!(left(&mut harness), 1, "it is not told of: it is not there");
}

#[test]
fn the_32_newest_namespaces_of_a_participant_are_known_and_no_more() {
    let known = |epochs: u64, ended: bool| {
        let (mut harness, ..) = undisturbed();
        let mut namespace_subscription = harness.watching.expect("followed");
        harness.feed(Input::NamespaceRemoved { namespace_subscription, epoch: 500 });
        for epoch in 1..=epochs {
            harness.feed(Input::NamespaceAdded { namespace_subscription, epoch });
        }
        if ended {
            harness
                .feed(Input::NamespaceSubscriptionEnded { namespace_subscription })
                .advance(MS * 100);
            namespace_subscription = harness.namespace_subscription().expect("followed again");
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
