//! R21, R22: a track that must lose nothing.

use super::*;

/// Its frames may still be on their way on another stream.
#[test]
fn a_hole_gets_the_reordering_wait_before_its_fetch() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    harness.object(subscription, 2, 0);
    harness.advance_alive(MS * 249);
    assert_eq!((delivered(&mut harness), fetches(&mut harness)), (vec![], vec![]));
    harness.object(subscription, 1, 1).object(subscription, 1, 2);
    assert_eq!(delivered(&mut harness), without_gaps(1, 3), "the missing frames arrived");
    harness.advance_alive(MS * 500);
    assert!(fetches(&mut harness).is_empty());

    send_unreceived(&mut harness, 2, 1, 2);
    harness.object(subscription, 2, 3);
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(2, 1), Location::new(2, 2)));
    fetched(&mut harness, fetch, 2, 1);
    assert_eq!(delivered(&mut harness), without_gaps(4, 4));
    fetched(&mut harness, fetch, 2, 2);
    assert_eq!(delivered(&mut harness), without_gaps(5, 6));
    let repaired = Event::TrackRepaired { track: BOB, frames: 2, duration: MS * 250 };
    assert_eq!(harness.events(), [repaired]);
    complete(&mut harness, fetch);
    assert_eq!((counters(&harness).repaired, counters(&harness).lost), (2, 0));
}

/// The call emits `Recovered` before it sends the FETCH.
#[test]
fn after_an_outage_repair_begins_at_once_but_after_recovered() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 40);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 3, 0);
    let recovered = harness
        .out
        .iter()
        .position(|(_, o)| matches!(o, Output::Event(Event::Recovered { .. })))
        .expect("the call recovers");
    let repair = harness.out.iter().position(|(_, o)| matches!(o, Output::Fetch { .. }));
    assert!(repair.expect("the call fetches") > recovered);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
    for object in 1..=40 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(delivered(&mut harness), without_gaps(1, 41));
}

/// No object arrives on the new subscription. The FETCH is sent when the track is ready.
#[test]
fn a_quiet_track_is_repaired_after_an_outage() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 3);
    reconnect_after(&mut harness, session, MS * 500);
    let (subscription, _) = harness.subscription().expect("a subscription");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 299);
    assert!(fetches(&mut harness).is_empty(), "no FETCH before the track is ready");
    harness.advance_alive(MS);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    for object in 1..=3 {
        fetched(&mut harness, fetch, 1, object);
    }
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), without_gaps(1, 3));
}

#[test]
fn evicted_frames_are_a_gap_and_the_rest_is_delivered() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 5);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let (fetch, ..) = only_fetch(&mut harness);
    harness.out.clear();
    fetched(&mut harness, fetch, 1, 4);
    let evicted = gap(1, 3, GapReason::Evicted);
    assert_eq!(harness.events(), [Event::Gap { track: BOB, gap: evicted }]);
    assert_eq!(delivered(&mut harness), [(4, Some(evicted))]);
    fetched(&mut harness, fetch, 1, 5);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), without_gaps(5, 6));
    assert_eq!((counters(&harness).lost, counters(&harness).repaired), (3, 2));
    assert_eq!(counters(&harness).delivered, 4);
}

#[test]
fn an_empty_fetch_response_means_that_all_frames_are_evicted() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 5);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let (fetch, ..) = only_fetch(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), [(6, Some(gap(1, 5, GapReason::Evicted)))]);
    assert!(fetches(&mut harness).is_empty());
}

#[test]
fn lossless_video_continues_after_a_gap_without_a_keyframe() {
    let (mut harness, _, subscription) = listening(Track::video("video").lossless());
    let sent = harness.bobs_object(1, 1);
    let frame = Frame { keyframe: true, ..sent.frame };
    harness.feed(Input::Object { subscription, object: Object { frame, ..sent } });
    send_unreceived(&mut harness, 1, 2, 1);
    harness.object(subscription, 1, 3).advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), [(1, None), (3, Some(gap(2, 1, GapReason::Evicted)))]);
}

#[test]
fn a_fetch_response_that_ends_early_is_followed_by_another() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 4);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let (fetch, ..) = only_fetch(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    fetched(&mut harness, fetch, 1, 2);
    complete(&mut harness, fetch);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 3), Location::new(1, u64::MAX)));
    fetched(&mut harness, fetch, 1, 3);
    fetched(&mut harness, fetch, 1, 4);
    assert_eq!(delivered(&mut harness), without_gaps(1, 5));
}

#[test]
fn an_unanswered_fetch_is_repeated_until_the_hole_is_abandoned() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 5);
    reconnect_after(&mut harness, session, MS * 500);
    let subscription = accept_subscription(&mut harness, 2, 0);
    harness.out.clear();
    harness.advance_alive(MS * 1_999);
    assert!(harness.events().is_empty());
    harness.object(subscription, 2, 1).advance_alive(MS);
    assert_eq!(harness.events(), [Event::TrackStalled { track: BOB }]);
    let cancelled =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(cancelled.len(), 1);
    harness.advance_alive(MS * 100);
    assert_eq!(fetches(&mut harness).len(), 1, "the FETCH is repeated after a pause");
    harness.advance_alive(MS * 17_899);
    assert!(delivered(&mut harness).is_empty());
    harness.advance_alive(MS);
    let unanswered = gap(1, 5, GapReason::Unanswered);
    assert_eq!(delivered(&mut harness), [(6, Some(unanswered)), (7, None)]);
    assert!(harness.events().contains(&Event::Gap { track: BOB, gap: unanswered }));
    assert_eq!(counters(&harness).lost, 5);
}

/// The call sends no other FETCH on that session.
#[test]
fn a_relay_without_fetch_support_causes_a_gap_at_once() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 5);
    let session = reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let (fetch, ..) = only_fetch(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    assert_eq!(delivered(&mut harness), [(6, Some(gap(1, 5, GapReason::Unsupported)))]);
    harness.advance_alive(SECOND * 10);
    assert!(fetches(&mut harness).is_empty());
    send_unreceived(&mut harness, 2, 1, 1);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 3, 0);
    assert_eq!(fetches(&mut harness).len(), 1, "the relay of another session may support FETCH");
}

#[test]
fn without_fetch_support_a_new_subscription_does_not_wait() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 1);
    reconnect_after(&mut harness, session, MS * 500);
    let subscription = accept_subscription(&mut harness, 2, 0);
    let fetch = only_fetch(&mut harness).0;
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    delivered(&mut harness);
    send_unreceived(&mut harness, 2, 1, 1);
    harness.feed(Input::SubscriptionEnded { subscription }).advance_alive(MS * 100);
    accept_subscription(&mut harness, 3, 0);
    harness.advance_alive(MS * 1);
    assert_eq!(delivered(&mut harness), [(4, Some(gap(3, 1, GapReason::Unanswered)))]);
}

#[test]
fn a_fetch_without_objects_times_out_and_is_repeated() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 1);
    harness.advance_alive(MS * 33).object(subscription, 1, 2);
    harness.advance_alive(SECOND * 5);
    let fetched = harness.drain(|output| matches!(output, Output::Fetch { .. }).then_some(()));
    let cancelled =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(cancelled[0].0 - fetched[0].0, SECOND * 2);
    let pause = fetched[1].0 - cancelled[0].0;
    assert!(pause >= MS * 50 && pause <= MS * 100, "{pause:?}");
}

#[test]
fn other_deadlines_do_not_shorten_the_pause_before_a_fetch() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 1);
    harness.advance_alive(SECOND * 2).object(subscription, 1, 2).advance_alive(MS * 995);
    let (fetch, ..) = only_fetch(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Failed });
    // The call has been live for three seconds now, and rates its quality.
    harness.advance_alive(MS * 10);
    assert!(fetches(&mut harness).is_empty(), "the pause is not over after 10 ms");
    harness.advance_alive(MS * 90);
    assert_eq!(fetches(&mut harness).len(), 1);
}

/// The event counts the frames of that hole only.
#[test]
fn each_repair_is_reported_when_its_hole_is_closed() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    send_unreceived(&mut harness, 1, 4, 1);
    harness.object(subscription, 1, 5).advance_alive(MS * 250);
    let repaired = |harness: &mut CallHarness| -> Vec<u64> {
        let events = harness.events().into_iter();
        let frames = events.filter_map(|event| match event {
            Event::TrackRepaired { frames, .. } => Some(frames),
            _ => None,
        });
        frames.collect()
    };
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, 2)));
    fetched(&mut harness, fetch, 1, 1);
    assert!(repaired(&mut harness).is_empty());
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(repaired(&mut harness), [2]);
    complete(&mut harness, fetch);
    harness.advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    fetched(&mut harness, fetch, 1, 4);
    assert_eq!(repaired(&mut harness), [1]);
}

#[test]
fn an_interrupted_repair_continues_on_the_next_session() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 3);
    let session = reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let (first, ..) = only_fetch(&mut harness);
    reconnect_after(&mut harness, session, SECOND);
    accept_subscription(&mut harness, 3, 0);
    assert_ne!(only_fetch(&mut harness).0, first);
    let cancelled =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert!(cancelled.is_empty(), "the FETCH ended with its session");
}

#[test]
fn a_fetch_is_repeated_in_the_publishers_new_namespace() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 3);
    reconnect_after(&mut harness, session, MS * 500);
    let namespace_subscription =
        harness.last_namespace_subscription.expect("a namespace subscription");
    accept_subscription(&mut harness, 2, 0);
    let (fetch, ..) = only_fetch(&mut harness);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let cancelled = |harness: &mut CallHarness| {
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(())).len()
    };
    assert_eq!(cancelled(&mut harness), 0, "the publisher may still answer there");
    // Nothing arrives any more under the former namespace: the publisher has left it.
    harness.advance_alive(MS * 300);
    accept_subscription(&mut harness, 3, 0);
    assert_eq!(cancelled(&mut harness), 1);
    let asked = harness.out.iter().filter_map(|(_, output)| match output {
        Output::Fetch { namespace, .. } => Some(namespace[2].clone()),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), ["501"]);
    assert_ne!(only_fetch(&mut harness).0, fetch);
}

#[test]
fn frames_refused_by_a_full_buffer_are_fetched_later() {
    let little = Retention { frames: 2, ..Retention::lossless() };
    let (mut harness, session, _) = listening(lossless().retaining(little));
    send_unreceived(&mut harness, 1, 1, 1);
    reconnect_after(&mut harness, session, MS * 500);
    let subscription = accept_subscription(&mut harness, 2, 0);
    harness.object(subscription, 2, 1).object(subscription, 2, 2).object(subscription, 2, 3);
    assert_eq!((counters(&harness).held, counters(&harness).refused), (2, 2));
    let (fetch, ..) = only_fetch(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), without_gaps(1, 3));
    harness.object(subscription, 2, 4).advance_alive(MS * 250);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(2, 2), Location::new(2, 3)));
    fetched(&mut harness, fetch, 2, 2);
    fetched(&mut harness, fetch, 2, 3);
    assert_eq!(delivered(&mut harness), without_gaps(4, 6));
}

#[test]
fn eight_tracks_are_repaired_at_once_and_the_others_wait() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    for id in 0..10 {
        let track = Track::audio(id.to_string()).lossless();
        harness.feed(Input::subscribe(TrackId(id), "bob", track));
    }
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    let subscriptions = harness.drain(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        harness.feed(Input::SubscriptionAccepted { subscription });
        let object = numbered(Location::new(1, 3), 3, 0);
        harness.feed(Input::Object { subscription, object });
    }
    let first = fetches(&mut harness);
    assert_eq!(first.len(), 8);
    complete(&mut harness, first[0].0);
    assert_eq!(fetches(&mut harness).len(), 1);
}

/// The frames of that time that the publisher has evicted are a gap, but do not count as lost.
#[test]
fn a_lossless_track_fetches_frames_from_before_its_subscription() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", lossless())).feed(Input::Connect);
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    send_unreceived(&mut harness, 1, 0, 20);
    let subscription = accept_subscription(&mut harness, 2, 0);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(BOBS_INCARNATION, 0), Location::new(1, u64::MAX)));
    fetched(&mut harness, fetch, 1, 15);
    let before = gap(0, 15, GapReason::BeforeJoining);
    assert_eq!(delivered(&mut harness), [(15, Some(before))]);
    for object in 16..20 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(delivered(&mut harness), without_gaps(16, 20));
    complete(&mut harness, fetch);
    assert_eq!((counters(&harness).before_joining, counters(&harness).lost), (15, 0));
    // From now on, missing frames are no longer from before the subscription.
    send_unreceived(&mut harness, 2, 1, 1);
    harness.object(subscription, 2, 2).advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(delivered(&mut harness), [(22, Some(gap(21, 1, GapReason::Evicted)))]);
}

#[test]
fn each_repaired_frame_restarts_the_time_of_a_repair() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 3);
    reconnect_after(&mut harness, session, MS * 500);
    accept_subscription(&mut harness, 2, 0);
    let mut fetch = only_fetch(&mut harness).0;
    harness.advance_alive(MS * 1_000);
    fetched(&mut harness, fetch, 1, 1);
    assert_eq!(delivered(&mut harness), without_gaps(1, 1));
    // From now on, the publisher does not answer.
    harness.advance_alive(MS * 19_999);
    assert!(delivered(&mut harness).is_empty());
    fetch = fetches(&mut harness).last().expect("the FETCH is repeated").0;
    // The timeouts are 2, 4, 8 and 8 s.
    let cancelled = harness.drain(|o| matches!(o, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(cancelled.len(), 3);
    harness.advance_alive(MS);
    assert_eq!(delivered(&mut harness), [(4, Some(gap(2, 2, GapReason::Unanswered)))]);
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(delivered(&mut harness), [], "the frame is too late");
}

#[test]
fn the_end_of_a_track_waits_for_missing_frames() {
    let (mut harness, session, _) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    reconnect_after(&mut harness, session, MS * 500);
    let (subscription, _) = harness.subscription().expect("a subscription");
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS_INCARNATION, 3) });
    let finished =
        |harness: &mut CallHarness| harness.events().contains(&Event::TrackFinished { track: BOB });
    assert!(!finished(&mut harness));
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    fetched(&mut harness, fetch, 1, 1);
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(delivered(&mut harness), without_gaps(1, 2));
    assert!(finished(&mut harness));
}

#[test]
fn impossible_frame_numbers_cause_a_gap_and_no_wait() {
    let (mut harness, _, subscription) = listening(lossless());
    let odd = |location, sequence| Object { location, ..numbered(location, sequence, 0) };
    harness.feed(Input::Object { subscription, object: odd(Location::new(1, 1), 50) });
    harness.feed(Input::Object { subscription, object: odd(Location::new(0, 0), u64::MAX) });
    assert_eq!(delivered(&mut harness)[0].0, 50);
    assert_eq!(delivered(&mut harness), []);
    assert_eq!(counters(&harness).lost, 49 + (u64::MAX - 51));
}

/// The missing frames before them are reported as a gap.
#[test]
fn held_frames_are_delivered_when_the_call_closes() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    harness.feed(Input::Close);
    assert_eq!(delivered(&mut harness), [(3, Some(gap(1, 2, GapReason::Unanswered)))]);
}

#[test]
fn unsubscribing_from_a_track_discards_its_held_frames() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    assert_eq!(counters(&harness).held, 1);
    harness.feed(Input::Unsubscribe { track: BOB });
    assert_eq!((counters(&harness).held, delivered(&mut harness)), (0, vec![]));
}
