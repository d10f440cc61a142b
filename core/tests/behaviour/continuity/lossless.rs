//! R21, R22: a track that must lose nothing.

use super::*;

#[test]
fn what_may_still_be_on_its_way_is_waited_for_before_it_is_asked_for() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    harness.object(subscription, 2, 0);
    harness.advance_alive(MS * 249);
    assert_eq!((heard(&mut harness), fetches(&mut harness)), (vec![], vec![]));
    harness.object(subscription, 1, 1).object(subscription, 1, 2);
    assert_eq!(heard(&mut harness), all(1, 3), "it came");
    harness.advance_alive(MS * 500);
    assert!(fetches(&mut harness).is_empty());

    unheard(&mut harness, 2, 1, 2);
    harness.object(subscription, 2, 3);
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(2, 1), Location::new(2, 2)));
    fetched(&mut harness, fetch, 2, 1);
    assert_eq!(heard(&mut harness), all(4, 4));
    fetched(&mut harness, fetch, 2, 2);
    assert_eq!(heard(&mut harness), all(5, 6));
    let repaired = Event::TrackRepaired { track: BOB, frames: 2, duration: MS * 250 };
    assert_eq!(harness.events(), [repaired]);
    complete(&mut harness, fetch);
    assert_eq!((counters(&harness).repaired, counters(&harness).lost), (2, 0));
}

#[test]
fn after_an_outage_what_was_missed_is_asked_for_at_once_but_recovered_comes_first() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 40);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 3, 0);
    let recovered = harness
        .out
        .iter()
        .position(|(_, o)| matches!(o, Output::Event(Event::Recovered { .. })))
        .expect("recovered");
    let repair = harness.out.iter().position(|(_, o)| matches!(o, Output::Fetch { .. }));
    assert!(repair.expect("asked for") > recovered);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
    for object in 1..=40 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(heard(&mut harness), all(1, 41));
}

#[test]
fn a_track_that_has_gone_quiet_is_asked_for_what_was_said_meanwhile_all_the_same() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 3);
    lost_for(&mut harness, session, MS * 500);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 299);
    assert!(fetches(&mut harness).is_empty(), "not before the track is ready");
    harness.advance_alive(MS);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    for object in 1..=3 {
        fetched(&mut harness, fetch, 1, object);
    }
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), all(1, 3));
}

#[test]
fn what_the_publisher_no_longer_keeps_is_a_gap_and_the_rest_is_delivered() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 5);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let (fetch, ..) = asked(&mut harness);
    harness.out.clear();
    fetched(&mut harness, fetch, 1, 4);
    let evicted = gap(1, 3, GapReason::Evicted);
    assert_eq!(harness.events(), [Event::Gap { track: BOB, gap: evicted }]);
    assert_eq!(heard(&mut harness), [(4, Some(evicted))]);
    fetched(&mut harness, fetch, 1, 5);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), all(5, 6));
    assert_eq!((counters(&harness).lost, counters(&harness).repaired), (3, 2));
    assert_eq!(counters(&harness).delivered, 4);
}

#[test]
fn an_answer_with_nothing_in_it_means_that_all_of_it_is_gone() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 5);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let (fetch, ..) = asked(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), [(6, Some(gap(1, 5, GapReason::Evicted)))]);
    assert!(fetches(&mut harness).is_empty());
}

#[test]
fn a_recording_of_video_has_what_follows_a_gap_even_before_the_next_keyframe() {
    let (mut harness, _, subscription) = listening(Track::video("video").lossless());
    let said = harness.said(1, 1);
    let frame = Frame { keyframe: true, ..said.frame };
    harness.feed(Input::Object { subscription, object: Object { frame, ..said } });
    unheard(&mut harness, 1, 2, 1);
    harness.object(subscription, 1, 3).advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), [(1, None), (3, Some(gap(2, 1, GapReason::Evicted)))]);
}

#[test]
fn an_answer_that_ends_early_is_asked_for_to_its_end() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 4);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let (fetch, ..) = asked(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    fetched(&mut harness, fetch, 1, 2);
    complete(&mut harness, fetch);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 3), Location::new(1, u64::MAX)));
    fetched(&mut harness, fetch, 1, 3);
    fetched(&mut harness, fetch, 1, 4);
    assert_eq!(heard(&mut harness), all(1, 5));
}

#[test]
fn what_nobody_answers_for_is_asked_for_again_and_given_up_by_its_deadline() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 5);
    lost_for(&mut harness, session, MS * 500);
    let subscription = come_back(&mut harness, 2, 0);
    harness.out.clear();
    harness.advance_alive(MS * 1_999);
    assert!(harness.events().is_empty());
    harness.object(subscription, 2, 1).advance_alive(MS);
    assert_eq!(harness.events(), [Event::TrackStalled { track: BOB }]);
    let given_up =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up.len(), 1);
    harness.advance_alive(MS * 100);
    assert_eq!(fetches(&mut harness).len(), 1, "again, after a pause");
    harness.advance_alive(MS * 17_899);
    assert!(heard(&mut harness).is_empty());
    harness.advance_alive(MS);
    let unanswered = gap(1, 5, GapReason::Unanswered);
    assert_eq!(heard(&mut harness), [(6, Some(unanswered)), (7, None)]);
    assert!(harness.events().contains(&Event::Gap { track: BOB, gap: unanswered }));
    assert_eq!(counters(&harness).lost, 5);
}

#[test]
fn where_the_relay_does_not_do_this_what_is_missing_is_told_at_once_and_not_asked_for_again() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 5);
    let session = lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let (fetch, ..) = asked(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    assert_eq!(heard(&mut harness), [(6, Some(gap(1, 5, GapReason::Unsupported)))]);
    harness.advance_alive(SECOND * 10);
    assert!(fetches(&mut harness).is_empty());
    unheard(&mut harness, 2, 1, 1);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 3, 0);
    assert_eq!(fetches(&mut harness).len(), 1, "another session may be with another relay");
}

#[test]
fn where_the_relay_does_not_do_this_nobody_waits_after_another_subscription_either() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 1);
    lost_for(&mut harness, session, MS * 500);
    let subscription = come_back(&mut harness, 2, 0);
    let fetch = asked(&mut harness).0;
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    heard(&mut harness);
    unheard(&mut harness, 2, 1, 1);
    harness.feed(Input::SubscriptionEnded { subscription }).advance_alive(MS * 100);
    come_back(&mut harness, 3, 0);
    harness.advance_alive(MS * 1);
    assert_eq!(heard(&mut harness), [(4, Some(gap(3, 1, GapReason::Unanswered)))]);
}

#[test]
fn a_request_that_brings_nothing_is_given_up_when_its_time_is_over_and_made_again_after_a_pause() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 1);
    harness.advance_alive(MS * 33).object(subscription, 1, 2);
    harness.advance_alive(SECOND * 5);
    let asked = harness.drain(|output| matches!(output, Output::Fetch { .. }).then_some(()));
    let given_up =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up[0].0 - asked[0].0, SECOND * 2);
    let pause = asked[1].0 - given_up[0].0;
    assert!(pause >= MS * 50 && pause <= MS * 100, "{pause:?}");
}

#[test]
fn a_pause_lasts_whatever_else_is_due_meanwhile() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 1);
    harness.advance_alive(SECOND * 2).object(subscription, 1, 2).advance_alive(MS * 995);
    let (fetch, ..) = asked(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Failed });
    // The call has been live for three seconds now, and its quality is rated.
    harness.advance_alive(MS * 10);
    assert!(fetches(&mut harness).is_empty(), "after 10 ms");
    harness.advance_alive(MS * 90);
    assert_eq!(fetches(&mut harness).len(), 1);
}

#[test]
fn each_repair_is_told_when_its_hole_is_closed_and_with_its_own_frames() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    unheard(&mut harness, 1, 4, 1);
    harness.object(subscription, 1, 5).advance_alive(MS * 250);
    let repaired = |harness: &mut CallHarness| -> Vec<u64> {
        let events = harness.events().into_iter();
        let frames = events.filter_map(|event| match event {
            Event::TrackRepaired { frames, .. } => Some(frames),
            _ => None,
        });
        frames.collect()
    };
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, 2)));
    fetched(&mut harness, fetch, 1, 1);
    assert!(repaired(&mut harness).is_empty());
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(repaired(&mut harness), [2]);
    complete(&mut harness, fetch);
    harness.advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    fetched(&mut harness, fetch, 1, 4);
    assert_eq!(repaired(&mut harness), [1]);
}

#[test]
fn what_was_being_asked_for_is_asked_for_on_the_next_session() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 3);
    let session = lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let (first, ..) = asked(&mut harness);
    lost_for(&mut harness, session, SECOND);
    come_back(&mut harness, 3, 0);
    assert_ne!(asked(&mut harness).0, first);
    let given_up =
        harness.drain(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert!(given_up.is_empty(), "it was lost with its session");
}

#[test]
fn a_publisher_that_is_elsewhere_now_is_asked_there() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 3);
    lost_for(&mut harness, session, MS * 500);
    let namespace_subscription = harness.watching.expect("followed");
    come_back(&mut harness, 2, 0);
    let (fetch, ..) = asked(&mut harness);
    harness.feed(Input::NamespaceAdded { namespace_subscription, epoch: 501 });
    let given_up = harness.drain(|output| match output {
        Output::CancelFetch { fetch } => Some(*fetch),
        _ => None,
    });
    assert_eq!(given_up.iter().map(|(_, fetch)| *fetch).collect::<Vec<_>>(), [fetch]);
    come_back(&mut harness, 3, 0);
    assert_ne!(asked(&mut harness).0, fetch);
}

#[test]
fn what_finds_no_room_is_not_lost_but_asked_for_when_there_is() {
    let little = Retention { frames: 2, ..Retention::lossless() };
    let (mut harness, session, _) = listening(lossless().retaining(little));
    unheard(&mut harness, 1, 1, 1);
    lost_for(&mut harness, session, MS * 500);
    let subscription = come_back(&mut harness, 2, 0);
    harness.object(subscription, 2, 1).object(subscription, 2, 2).object(subscription, 2, 3);
    assert_eq!((counters(&harness).held, counters(&harness).refused), (2, 2));
    let (fetch, ..) = asked(&mut harness);
    fetched(&mut harness, fetch, 1, 1);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), all(1, 3));
    harness.object(subscription, 2, 4).advance_alive(MS * 250);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(2, 2), Location::new(2, 3)));
    fetched(&mut harness, fetch, 2, 2);
    fetched(&mut harness, fetch, 2, 3);
    assert_eq!(heard(&mut harness), all(4, 6));
}

#[test]
fn few_tracks_are_asked_for_at_once_and_the_others_take_their_turn() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    for id in 0..10 {
        let track = Track::audio(id.to_string()).lossless();
        harness.feed(Input::subscribe(TrackId(id), "bob", track));
    }
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.agree_on(session);
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

#[test]
fn whoever_wants_all_of_a_track_wants_what_was_said_before_they_came_too_and_misses_what_is_gone() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::subscribe(BOB, "bob", lossless())).feed(Input::Connect);
    let session = harness.last_dial();
    harness.agree_on(session);
    unheard(&mut harness, 1, 0, 20);
    let subscription = come_back(&mut harness, 2, 0);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(BOBS, 0), Location::new(1, u64::MAX)));
    fetched(&mut harness, fetch, 1, 15);
    let before = gap(0, 15, GapReason::BeforeJoining);
    assert_eq!(heard(&mut harness), [(15, Some(before))]);
    for object in 16..20 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(heard(&mut harness), all(16, 20));
    complete(&mut harness, fetch);
    assert_eq!((counters(&harness).before_joining, counters(&harness).lost), (15, 0));
    // From now on whatever is missing is missed.
    unheard(&mut harness, 2, 1, 1);
    harness.object(subscription, 2, 2).advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    complete(&mut harness, fetch);
    assert_eq!(heard(&mut harness), [(22, Some(gap(21, 1, GapReason::Evicted)))]);
}

#[test]
fn what_is_being_repaired_has_its_time_from_one_frame_to_the_next() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 3);
    lost_for(&mut harness, session, MS * 500);
    come_back(&mut harness, 2, 0);
    let mut fetch = asked(&mut harness).0;
    harness.advance_alive(MS * 1_000);
    fetched(&mut harness, fetch, 1, 1);
    assert_eq!(heard(&mut harness), all(1, 1));
    // From now on nobody answers.
    harness.advance_alive(MS * 19_999);
    assert!(heard(&mut harness).is_empty());
    fetch = fetches(&mut harness).last().expect("asked again").0;
    // After 2, 4, 8 and 8 s.
    let given_up = harness.drain(|o| matches!(o, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up.len(), 3);
    harness.advance_alive(MS);
    assert_eq!(heard(&mut harness), [(4, Some(gap(2, 2, GapReason::Unanswered)))]);
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(heard(&mut harness), [], "too late");
}

#[test]
fn the_end_of_a_track_waits_for_what_is_missing_before_it() {
    let (mut harness, session, _) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    lost_for(&mut harness, session, MS * 500);
    let (subscription, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS, 3) });
    let finished =
        |harness: &mut CallHarness| harness.events().contains(&Event::TrackFinished { track: BOB });
    assert!(!finished(&mut harness));
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    fetched(&mut harness, fetch, 1, 1);
    fetched(&mut harness, fetch, 1, 2);
    assert_eq!(heard(&mut harness), all(1, 2));
    assert!(finished(&mut harness));
}

#[test]
fn numbers_that_cannot_be_are_a_gap_and_not_a_wait() {
    let (mut harness, _, subscription) = listening(lossless());
    let odd = |location, sequence| Object { location, ..numbered(location, sequence, 0) };
    harness.feed(Input::Object { subscription, object: odd(Location::new(1, 1), 50) });
    harness.feed(Input::Object { subscription, object: odd(Location::new(0, 0), u64::MAX) });
    assert_eq!(heard(&mut harness)[0].0, 50);
    assert_eq!(heard(&mut harness), []);
    assert_eq!(counters(&harness).lost, 49 + (u64::MAX - 51));
}

#[test]
fn what_came_is_delivered_when_the_call_ends_whatever_is_missing_before_it() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    harness.feed(Input::Close);
    assert_eq!(heard(&mut harness), [(3, Some(gap(1, 2, GapReason::Unanswered)))]);
}

#[test]
fn what_is_held_back_of_a_track_that_is_left_is_let_go() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3);
    assert_eq!(counters(&harness).held, 1);
    harness.feed(Input::Unsubscribe { track: BOB });
    assert_eq!((counters(&harness).held, heard(&mut harness)), (0, vec![]));
}
