//! R7, R22: a publisher whose process was restarted.

use super::*;

/// An object of such a process of Bob's; two of them are a group.
fn of(incarnation: u64, sequence: u64) -> Object {
    Object {
        number: FrameNumber::new(incarnation, sequence),
        ..numbered(Location::new(incarnation + 1 + sequence / 2, sequence % 2), sequence, 0)
    }
}

/// Whatever a relay remembers of a track has come by then. Of the present process something comes again and again: nobody
/// asks whether it is there.
fn after_what_is_remembered(hand: &mut Hand, subscription: SubscriptionId, present: &Object) {
    for _ in 0..10 {
        hand.pass_alive(MS * 100);
        hand.give(Input::Object { subscription, object: present.clone() });
    }
    assert_eq!(heard(hand), []);
}

#[test]
fn a_publisher_that_comes_back_as_a_new_process_begins_anew() {
    let (mut hand, _, subscription) = listening(lossless());
    hand.give(Input::Object { subscription, object: of(900, 1) });
    hand.pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(900, 0), Location::new(901, 0)));
    hand.give(Input::FetchedObject { fetch, object: of(900, 0) });
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut hand), [(0, Some(restarted)), (1, None)]);
    hand.object(subscription, 1, 1);
    assert_eq!(heard(&mut hand), [], "nobody goes back");
}

#[test]
fn a_new_process_whose_clock_was_set_back_is_heard_and_the_former_one_no_more() {
    let (mut hand, _, subscription) = listening(lossless());
    let come = |hand: &mut Hand, object| {
        hand.give(Input::Object { subscription, object });
    };
    come(&mut hand, of(900, 0));
    assert_eq!(heard(&mut hand), [(0, Some(gap(1, 0, GapReason::PublisherRestarted)))]);
    // A relay may remember groups of a process that is over, and send them in any order. It begins no other one.
    come(&mut hand, of(500, 0));
    come(&mut hand, of(500, 1));
    come(&mut hand, of(400, 2));
    come(&mut hand, of(500, 1));
    come(&mut hand, of(500, 2));
    come(&mut hand, of(500, 1));
    after_what_is_remembered(&mut hand, subscription, &of(900, 0));
    come(&mut hand, of(900, 3));
    come(&mut hand, of(500, 3));
    assert_eq!(heard(&mut hand), []);
    // What the former process had left to say when it ended is lost with it; what came of it is not.
    come(&mut hand, of(500, 4));
    let reason = GapReason::PublisherRestarted;
    let lost = Gap { at: FrameNumber::new(900, 1), frames: 2, reason };
    assert_eq!(heard(&mut hand), [(3, Some(lost))]);
    hand.pass_alive(MS * 250);
    let (fetch, first, last) = asked(&mut hand);
    assert_eq!((first, last), (Location::new(500, 0), Location::new(502, u64::MAX)));
    let repeated = counters(&hand).repeated;
    hand.give(Input::FetchedObject { fetch, object: of(900, 4) });
    assert_eq!(counters(&hand).repeated, repeated + 1);
    (0..4).for_each(|sequence| {
        hand.give(Input::FetchedObject { fetch, object: of(500, sequence) });
    });
    let anew = Gap { at: FrameNumber::new(900, 4), frames: 0, reason };
    assert_eq!(heard(&mut hand), [&[(0, Some(anew))], &all(1, 4)[..]].concat());
    // Of the former one a relay may remember a group as well.
    (4..6).for_each(|sequence| come(&mut hand, of(900, sequence)));
    assert_eq!(counters(&hand).repeated, repeated + 3);
    come(&mut hand, of(500, 5));
    assert_eq!(heard(&mut hand), [(5, None)], "nobody goes back");
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(900, 9) });
    assert!(!hand.events().contains(&Event::TrackFinished { track: BOB }));
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 6) });
    assert!(hand.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn a_new_process_whose_clock_was_set_back_is_heard_once_it_answers_even_if_it_has_said_all() {
    // Of its last group a relay may have nothing but the end.
    for only_the_end in [false, true] {
        hears_who_has_said_all(only_the_end);
    }
}

fn hears_who_has_said_all(only_the_end: bool) {
    let (mut hand, _, subscription) = listening(lossless());
    let last_group = |hand: &mut Hand, subscription| {
        if !only_the_end {
            hand.give(Input::Object { subscription, object: of(500, 2) });
        }
        hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    };
    hand.give(Input::Object { subscription, object: of(900, 0) });
    heard(&mut hand);
    last_group(&mut hand, subscription);
    hand.pass_alive(SECOND);
    let (fetch, first, _) = asked(&mut hand);
    assert_eq!((first, heard(&mut hand)), (Location::new(901, 1), Vec::new()));
    // Of what was asked for it has nothing. But it is there.
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = hand.take(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert_eq!(left.len(), 1, "what was not believed is to come again");
    hand.pass_alive(SECOND);
    let (again, _) = hand.subscription().expect("subscribed anew");
    assert_ne!(again, subscription);
    hand.give(Input::SubscriptionAccepted { subscription: again });
    last_group(&mut hand, again);
    hand.pass_alive(MS * 250);
    let (fetch, first, _) = asked(&mut hand);
    assert_eq!(first, Location::new(500, 0));
    hand.give(Input::FetchedObject { fetch, object: of(500, 0) });
    hand.give(Input::FetchedObject { fetch, object: of(500, 1) });
    hand.give(Input::FetchedObject { fetch, object: of(500, 2) });
    let anew =
        Gap { at: FrameNumber::new(900, 1), frames: 0, reason: GapReason::PublisherRestarted };
    assert_eq!(heard(&mut hand), [(0, Some(anew)), (1, None), (2, None)]);
    assert!(hand.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn who_answers_on_another_subscription_does_not_answer_for_a_process_that_was_heard_on_the_last_one()
 {
    let (mut hand, session, subscription) = listening(lossless());
    for incarnation in [900, 500] {
        hand.give(Input::Object { subscription, object: of(incarnation, 0) });
    }
    lost_for(&mut hand, session, MS * 500);
    let (again, _) = hand.subscription().expect("subscribed");
    hand.give(Input::SubscriptionAccepted { subscription: again });
    hand.pass_alive(SECOND);
    let (fetch, _, _) = asked(&mut hand);
    hand.give(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = hand.take(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert!(left.is_empty(), "whoever answers has said nothing yet");
}

#[test]
fn of_two_former_processes_neither_is_taken_for_a_new_group_of_the_other() {
    let (mut hand, _, subscription) = listening(lossless());
    let come = |hand: &mut Hand, object| {
        hand.give(Input::Object { subscription, object });
    };
    come(&mut hand, of(900, 0));
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut hand), [(0, Some(restarted))]);
    come(&mut hand, of(400, 0));
    after_what_is_remembered(&mut hand, subscription, &of(900, 0));
    come(&mut hand, of(500, 0));
    come(&mut hand, of(900, 1));
    assert_eq!(heard(&mut hand), [(1, None)]);
}

#[test]
fn a_new_process_is_heard_whose_end_comes_before_its_next_group() {
    let (mut hand, _, subscription) = listening(lossless());
    for object in [of(900, 0), of(500, 0)] {
        hand.give(Input::Object { subscription, object });
    }
    heard(&mut hand);
    after_what_is_remembered(&mut hand, subscription, &of(900, 0));
    hand.give(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    hand.give(Input::Object { subscription, object: of(500, 2) });
    hand.pass_alive(MS * 250);
    let (_, first, _) = asked(&mut hand);
    assert_eq!(first, Location::new(500, 0), "it is asked for what it said before");
}

#[test]
fn what_a_new_process_said_and_no_longer_keeps_is_missed() {
    let (mut hand, _, subscription) = listening(lossless());
    for object in [of(900, 0), of(500, 0)] {
        hand.give(Input::Object { subscription, object });
    }
    heard(&mut hand);
    after_what_is_remembered(&mut hand, subscription, &of(900, 0));
    hand.give(Input::Object { subscription, object: of(500, 2) });
    hand.pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    let missed =
        Gap { at: FrameNumber::new(900, 1), frames: 2, reason: GapReason::PublisherRestarted };
    assert_eq!(heard(&mut hand), [(2, Some(missed))]);
    assert_eq!((counters(&hand).lost, counters(&hand).before_joining), (2, 0), "we were there");
}

#[test]
fn a_new_process_that_answers_what_the_former_one_was_asked_begins_anew() {
    let (mut hand, _, subscription) = listening(lossless());
    unheard(&mut hand, 1, 1, 2);
    hand.object(subscription, 1, 3).pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    hand.give(Input::FetchedObject { fetch, object: of(900, 1) });
    let before = gap(1, 2, GapReason::Evicted);
    let anew = gap(4, 1, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut hand), [(3, Some(before)), (1, Some(anew))]);
    assert_eq!((counters(&hand).lost, counters(&hand).repaired), (3, 1));
}

/// Bob's process is there. Its clock was set back when it began, and a relay still remembers the last group of the
/// one before it.
fn taken_for_a_former_process(track: Track) -> (Hand, SubscriptionId, Vec<Object>) {
    let (mut hand, _, subscription) = listening(track);
    let said = vec![hand.said(1, 1), hand.said(1, 2), hand.said(2, 0), hand.said(3, 0)];
    hand.give(Input::Object { subscription, object: of(900, 35) });
    (hand, subscription, said)
}

#[test]
fn a_process_that_was_taken_for_a_former_one_is_heard_on_from_where_it_was_left() {
    for answers in [false, true] {
        let (mut hand, mut subscription, said) = taken_for_a_former_process(lossless());
        hand.give(Input::Object { subscription, object: said[2].clone() });
        if answers {
            // All that is known by then is that whoever publishes now has nothing of the other one.
            hand.pass_alive(MS * 250);
            let (fetch, first, _) = asked(&mut hand);
            assert_eq!(first, Location::new(900, 0));
            complete(&mut hand, fetch);
            let left = hand.take(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
            assert_eq!(left.len(), 1, "what was not believed is to come again");
            hand.pass_alive(SECOND);
            (subscription, _) = hand.subscription().expect("subscribed anew");
            hand.give(Input::SubscriptionAccepted { subscription });
        }
        // Within that a relay would have sent what it remembers.
        if !answers {
            hand.pass_alive(SECOND);
        }
        let asked_before = fetches(&mut hand);
        hand.give(Input::Object { subscription, object: said[3].clone() });
        asked_before.iter().for_each(|(fetch, ..)| complete(&mut hand, *fetch));
        hand.pass_alive(MS * 250);
        let (fetch, first, last) = asked(&mut hand);
        assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
        for object in &said[..3] {
            hand.give(Input::FetchedObject { fetch, object: object.clone() });
        }
        let back = gap(1, 0, GapReason::PublisherRestarted);
        assert_eq!(heard(&mut hand), [(1, Some(back)), (2, None), (3, None), (4, None)]);
        assert_eq!(counters(&hand).lost, 1, "what came of the former one and waited");
    }
}

#[test]
fn a_process_that_was_taken_for_a_former_one_may_have_nothing_left_to_say_but_the_end() {
    let (mut hand, subscription, _) = taken_for_a_former_process(lossless());
    let end = FrameNumber::new(BOBS, 1);
    hand.give(Input::EndOfTrack { subscription, number: end });
    hand.pass_alive(MS * 250);
    let (fetch, ..) = asked(&mut hand);
    complete(&mut hand, fetch);
    hand.pass_alive(SECOND);
    let (again, _) = hand.subscription().expect("subscribed anew");
    hand.give(Input::SubscriptionAccepted { subscription: again });
    hand.give(Input::EndOfTrack { subscription: again, number: end });
    assert!(hand.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn a_new_process_is_not_late_by_the_clock_of_the_former_one() {
    let (mut hand, _, subscription) = listening(Track::audio("audio"));
    for sequence in 0..4 {
        let said = of(900, sequence);
        // An hour before.
        let captured_at = said.frame.captured_at.wrapping_sub(3_600_000_000);
        let frame = Frame { captured_at, ..said.frame };
        hand.give(Input::Object { subscription, object: Object { frame, ..said } });
        hand.pass_alive(MS * 20);
    }
    assert_eq!(heard(&mut hand).len(), 4);
}

#[test]
fn what_is_missing_of_a_process_is_counted_in_front_of_its_next_frame_whoever_was_believed_in_between()
 {
    let (mut hand, _, subscription) = listening(Track::audio("audio").live(SECOND * 2));
    hand.pass_alive(SECOND * 3);
    let said = hand.said(1, 1);
    let frame = Frame::new(said.frame.captured_at - 2_100_000, said.frame.payload.clone());
    hand.give(Input::Object { subscription, object: Object { frame, ..said } });
    assert_eq!(counters(&hand).skipped, 1, "too late, and told with the next");
    hand.give(Input::Object { subscription, object: of(900, 35) });
    // The first of these is not believed.
    hand.object(subscription, 2, 0).pass_alive(SECOND);
    hand.object(subscription, 3, 0).pass_alive(SECOND * 2);
    assert_eq!(heard(&mut hand), [(3, Some(gap(2, 2, GapReason::PublisherRestarted)))]);
}
