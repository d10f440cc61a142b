//! R21, R22: a track that must lose nothing.

use super::*;

#[test]
fn what_may_still_be_on_its_way_is_waited_for_before_it_is_asked_for() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 2, 0);
    hand.pass_alive(MS * 249);
    assert_eq!((heard(&mut hand), fetches(&mut hand)), (vec![], vec![]));
    hand.object(subscription, 1, 1).object(subscription, 1, 2);
    assert_eq!(heard(&mut hand), all(1, 3), "it came");
    hand.pass_alive(MS * 500);
    assert!(fetches(&mut hand).is_empty());

    unheard(&mut hand, 2, 1, 2);
    hand.object(subscription, 2, 3);
    hand.pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(2, 1), Location::new(2, 2)));
    fetched(&mut hand, fetch, 2, 1);
    assert_eq!(heard(&mut hand), all(4, 4));
    fetched(&mut hand, fetch, 2, 2);
    assert_eq!(heard(&mut hand), all(5, 6));
    let repaired = Event::TrackRepaired { track: BOB, frames: 2, duration: MS * 250 };
    assert_eq!(hand.events(), [repaired]);
    complete(&mut hand, fetch);
    assert_eq!((counters(&hand).repaired, counters(&hand).lost), (2, 0));
}

#[test]
fn after_an_outage_what_was_missed_is_asked_for_at_once_but_recovered_comes_first() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 40);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 3, 0);
    let recovered = hand
        .out
        .iter()
        .position(|(_, o)| matches!(o, Output::Event(Event::Recovered { .. })))
        .expect("recovered");
    let repair = hand.out.iter().position(|(_, o)| matches!(o, Output::Fetch { .. }));
    assert!(repair.expect("asked for") > recovered);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
    for object in 1..=40 {
        fetched(&mut hand, fetch, 1, object);
    }
    assert_eq!(heard(&mut hand), all(1, 41));
}

#[test]
fn a_track_that_has_gone_quiet_is_asked_for_what_was_said_meanwhile_all_the_same() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    lost_for(&mut hand, session, MS * 500);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription });
    hand.pass_alive(MS * 299);
    assert!(fetches(&mut hand).is_empty(), "not before the track is ready");
    hand.pass_alive(MS);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    for object in 1..=3 {
        fetched(&mut hand, fetch, 1, object);
    }
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(1, 3));
}

#[test]
fn what_the_publisher_no_longer_keeps_is_a_gap_and_the_rest_is_delivered() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    hand.out.clear();
    fetched(&mut hand, fetch, 1, 4);
    let evicted = gap(1, 3, GapReason::Evicted);
    assert_eq!(hand.events(), [Event::Gap { track: BOB, gap: evicted }]);
    assert_eq!(heard(&mut hand), [(4, Some(evicted))]);
    fetched(&mut hand, fetch, 1, 5);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(5, 6));
    assert_eq!((counters(&hand).lost, counters(&hand).repaired), (3, 2));
    assert_eq!(counters(&hand).delivered, 4);
}

#[test]
fn an_answer_with_nothing_in_it_means_that_all_of_it_is_gone() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), [(6, Some(gap(1, 5, GapReason::Evicted)))]);
    assert!(fetches(&mut hand).is_empty());
}

#[test]
fn a_recording_of_video_has_what_follows_a_gap_even_before_the_next_keyframe() {
    let (mut hand, _, subscription) = listening(Track::video("video").lossless());
    let said = hand.said(1, 1);
    let frame = Frame { keyframe: true, ..said.frame };
    hand.give(Input::Object { subscription, object: Object { frame, ..said } });
    unheard(&mut hand, 1, 2, 1);
    hand.object(subscription, 1, 3).pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), [(1, None), (3, Some(gap(2, 1, GapReason::Evicted)))]);
}

#[test]
fn an_answer_that_ends_early_is_asked_for_to_its_end() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 4);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 1);
    fetched(&mut hand, fetch, 1, 2);
    complete(&mut hand, fetch);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 3), Location::new(1, u64::MAX)));
    fetched(&mut hand, fetch, 1, 3);
    fetched(&mut hand, fetch, 1, 4);
    assert_eq!(heard(&mut hand), all(1, 5));
}

#[test]
fn what_nobody_answers_for_is_asked_for_again_and_given_up_by_its_deadline() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    lost_for(&mut hand, session, MS * 500);
    let subscription = come_back(&mut hand, 2, 0);
    hand.out.clear();
    hand.pass_alive(MS * 1_999);
    assert!(hand.events().is_empty());
    hand.object(subscription, 2, 1).pass_alive(MS);
    assert_eq!(hand.events(), [Event::TrackStalled { track: BOB }]);
    let given_up = hand.take(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up.len(), 1);
    hand.pass_alive(MS * 100);
    assert_eq!(fetches(&mut hand).len(), 1, "again, after a pause");
    hand.pass_alive(MS * 17_899);
    assert!(heard(&mut hand).is_empty());
    hand.pass_alive(MS);
    let unanswered = gap(1, 5, GapReason::Unanswered);
    assert_eq!(heard(&mut hand), [(6, Some(unanswered)), (7, None)]);
    assert!(hand.events().contains(&Event::Gap { track: BOB, gap: unanswered }));
    assert_eq!(counters(&hand).lost, 5);
}

#[test]
fn where_the_relay_does_not_do_this_what_is_missing_is_told_at_once_and_not_asked_for_again() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 5);
    let session = lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    assert_eq!(heard(&mut hand), [(6, Some(gap(1, 5, GapReason::Unsupported)))]);
    hand.pass_alive(SECOND * 10);
    assert!(fetches(&mut hand).is_empty());
    unheard(&mut hand, 2, 1, 1);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 3, 0);
    assert_eq!(fetches(&mut hand).len(), 1, "another session may be with another relay");
}

#[test]
fn where_the_relay_does_not_do_this_nobody_waits_after_another_subscription_either() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 1);
    lost_for(&mut hand, session, MS * 500);
    let subscription = come_back(&mut hand, 2, 0);
    let fetch = asked(&mut hand).0;
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Unsupported });
    heard(&mut hand);
    unheard(&mut hand, 2, 1, 1);
    hand.give(Input::SubscriptionEnded { subscription }).pass_alive(MS * 100);
    come_back(&mut hand, 3, 0);
    hand.pass_alive(MS * 1);
    assert_eq!(heard(&mut hand), [(4, Some(gap(3, 1, GapReason::Unanswered)))]);
}

#[test]
fn a_request_that_brings_nothing_is_given_up_when_its_time_is_over_and_made_again_after_a_pause() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 1);
    hand.pass_alive(MS * 33).object(subscription, 1, 2);
    hand.pass_alive(SECOND * 5);
    let asked = hand.take(|output| matches!(output, Output::Fetch { .. }).then_some(()));
    let given_up = hand.take(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up[0].0 - asked[0].0, SECOND * 2);
    let pause = asked[1].0 - given_up[0].0;
    assert!(pause >= MS * 50 && pause <= MS * 100, "{pause:?}");
}

#[test]
fn a_pause_lasts_whatever_else_is_due_meanwhile() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 1);
    hand.pass_alive(SECOND * 2).object(subscription, 1, 2).pass_alive(MS * 995);
    let (fetch, ..) = asked(&mut hand);
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Failed });
    // The call has been live for three seconds now, and its quality is rated.
    hand.pass_alive(MS * 10);
    assert!(fetches(&mut hand).is_empty(), "after 10 ms");
    hand.pass_alive(MS * 90);
    assert_eq!(fetches(&mut hand).len(), 1);
}

#[test]
fn each_repair_is_told_when_its_hole_is_closed_and_with_its_own_frames() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 1, 3);
    unheard(&mut hand, 1, 4, 1);
    hand.object(subscription, 1, 5).pass_alive(MS * 250);
    let repaired = |hand: &mut Hand| -> Vec<u64> {
        let events = hand.events().into_iter();
        let frames = events.filter_map(|event| match event {
            Event::TrackRepaired { frames, .. } => Some(frames),
            _ => None,
        });
        frames.collect()
    };
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, 2)));
    fetched(&mut hand, fetch, 1, 1);
    assert!(repaired(&mut hand).is_empty());
    fetched(&mut hand, fetch, 1, 2);
    assert_eq!(repaired(&mut hand), [2]);
    complete(&mut hand, fetch);
    hand.pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 4);
    assert_eq!(repaired(&mut hand), [1]);
}

#[test]
fn what_was_being_asked_for_is_asked_for_on_the_next_session() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    let session = lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let (first, ..) = asked(&mut hand);
    lost_for(&mut hand, session, SECOND);
    come_back(&mut hand, 3, 0);
    assert_ne!(asked(&mut hand).0, first);
    let given_up = hand.take(|output| matches!(output, Output::CancelFetch { .. }).then_some(()));
    assert!(given_up.is_empty(), "it was lost with its session");
}

#[test]
fn a_publisher_that_is_elsewhere_now_is_asked_there() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    lost_for(&mut hand, session, MS * 500);
    let watch = hand.watching.expect("followed");
    come_back(&mut hand, 2, 0);
    let (fetch, ..) = asked(&mut hand);
    hand.give(Input::EpochAdded { watch, epoch: 501 });
    let given_up = hand.take(|output| match output {
        Output::CancelFetch { fetch } => Some(*fetch),
        _ => None,
    });
    assert_eq!(given_up.iter().map(|(_, fetch)| *fetch).collect::<Vec<_>>(), [fetch]);
    come_back(&mut hand, 3, 0);
    assert_ne!(asked(&mut hand).0, fetch);
}

#[test]
fn what_finds_no_room_is_not_lost_but_asked_for_when_there_is() {
    let little = Retention { frames: 2, ..Retention::lossless() };
    let (mut hand, session, _) = listening(lossless().retaining(little));
    unheard(&mut hand, 1, 1, 1);
    lost_for(&mut hand, session, MS * 500);
    let subscription = come_back(&mut hand, 2, 0);
    hand.object(subscription, 2, 1).object(subscription, 2, 2).object(subscription, 2, 3);
    assert_eq!((counters(&hand).held, counters(&hand).refused), (2, 2));
    let (fetch, ..) = asked(&mut hand);
    fetched(&mut hand, fetch, 1, 1);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), all(1, 3));
    hand.object(subscription, 2, 4).pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(2, 2), Location::new(2, 3)));
    fetched(&mut hand, fetch, 2, 2);
    fetched(&mut hand, fetch, 2, 3);
    assert_eq!(heard(&mut hand), all(4, 6));
}

#[test]
fn few_tracks_are_asked_for_at_once_and_the_others_take_their_turn() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    for id in 0..10 {
        let track = Track::audio(id.to_string()).lossless();
        hand.give(Input::subscribe(TrackId(id), "bob", track));
    }
    hand.give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    let subscriptions = hand.take(|output| match output {
        Output::Subscribe { subscription, .. } => Some(*subscription),
        _ => None,
    });
    for (_, subscription) in subscriptions {
        hand.give(Input::SubscriptionAccepted { subscription });
        let object = numbered(Location::new(1, 3), 3, 0);
        hand.give(Input::Object { subscription, object });
    }
    let first = fetches(&mut hand);
    assert_eq!(first.len(), 8);
    complete(&mut hand, first[0].0);
    assert_eq!(fetches(&mut hand).len(), 1);
}

#[test]
fn whoever_wants_all_of_a_track_wants_what_was_said_before_they_came_too_and_misses_what_is_gone() {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::subscribe(BOB, "bob", lossless())).give(Input::Connect);
    let session = hand.last_dial();
    hand.agree_on(session);
    unheard(&mut hand, 1, 0, 20);
    let subscription = come_back(&mut hand, 2, 0);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(BOBS, 0), Location::new(1, u64::MAX)));
    fetched(&mut hand, fetch, 1, 15);
    let before = gap(0, 15, GapReason::BeforeJoining);
    assert_eq!(heard(&mut hand), [(15, Some(before))]);
    for object in 16..20 {
        fetched(&mut hand, fetch, 1, object);
    }
    assert_eq!(heard(&mut hand), all(16, 20));
    complete(&mut hand, fetch);
    assert_eq!((counters(&hand).before_joining, counters(&hand).lost), (15, 0));
    // From now on whatever is missing is missed.
    unheard(&mut hand, 2, 1, 1);
    hand.object(subscription, 2, 2).pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    assert_eq!(heard(&mut hand), [(22, Some(gap(21, 1, GapReason::Evicted)))]);
}

#[test]
fn what_is_being_repaired_has_its_time_from_one_frame_to_the_next() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 3);
    lost_for(&mut hand, session, MS * 500);
    come_back(&mut hand, 2, 0);
    let mut fetch = asked(&mut hand).0;
    hand.pass_alive(MS * 1_000);
    fetched(&mut hand, fetch, 1, 1);
    assert_eq!(heard(&mut hand), all(1, 1));
    // From now on nobody answers.
    hand.pass_alive(MS * 19_999);
    assert!(heard(&mut hand).is_empty());
    fetch = fetches(&mut hand).last().expect("asked again").0;
    // After 2, 4, 8 and 8 s.
    let given_up = hand.take(|o| matches!(o, Output::CancelFetch { .. }).then_some(()));
    assert_eq!(given_up.len(), 3);
    hand.pass_alive(MS);
    assert_eq!(heard(&mut hand), [(4, Some(gap(2, 2, GapReason::Unanswered)))]);
    fetched(&mut hand, fetch, 1, 2);
    assert_eq!(heard(&mut hand), [], "too late");
}

#[test]
fn the_end_of_a_track_waits_for_what_is_missing_before_it() {
    let (mut hand, session, _) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    lost_for(&mut hand, session, MS * 500);
    let (subscription, _) = hand.subscription().expect("subscribed");
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(BOBS, 3) });
    let finished = |hand: &mut Hand| hand.events().contains(&Event::TrackFinished { track: BOB });
    assert!(!finished(&mut hand));
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(1, 1), Location::LAST));
    fetched(&mut hand, fetch, 1, 1);
    fetched(&mut hand, fetch, 1, 2);
    assert_eq!(heard(&mut hand), all(1, 2));
    assert!(finished(&mut hand));
}

#[test]
fn numbers_that_cannot_be_are_a_gap_and_not_a_wait() {
    let (mut hand, _, subscription) = listening(lossless());
    let odd = |location, sequence| Object { location, ..numbered(location, sequence, 0) };
    hand.give(Input::Object { subscription, object: odd(Location::new(1, 1), 50) });
    hand.give(Input::Object { subscription, object: odd(Location::new(0, 0), u64::MAX) });
    assert_eq!(heard(&mut hand)[0].0, 50);
    assert_eq!(heard(&mut hand), []);
    assert_eq!(counters(&hand).lost, 49 + (u64::MAX - 51));
}

#[test]
fn what_came_is_delivered_when_the_call_ends_whatever_is_missing_before_it() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 1, 3);
    hand.give(Input::Close);
    assert_eq!(heard(&mut hand), [(3, Some(gap(1, 2, GapReason::Unanswered)))]);
}

#[test]
fn what_is_held_back_of_a_track_that_is_left_is_let_go() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 1, 3);
    assert_eq!(counters(&hand).held, 1);
    hand.give(Input::Unsubscribe { track: BOB });
    assert_eq!((counters(&hand).held, heard(&mut hand)), (0, vec![]));
}
