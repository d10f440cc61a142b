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
fn after_what_is_remembered(
    harness: &mut CallHarness,
    subscription: SubscriptionId,
    present: &Object,
) {
    for _ in 0..10 {
        harness.advance_alive(MS * 100);
        harness.feed(Input::Object { subscription, object: present.clone() });
    }
    assert_eq!(heard(harness), []);
}

#[test]
fn a_publisher_that_comes_back_as_a_new_process_begins_anew() {
    let (mut harness, _, subscription) = listening(lossless());
    harness.feed(Input::Object { subscription, object: of(900, 1) });
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(900, 0), Location::new(901, 0)));
    harness.feed(Input::FetchedObject { fetch, object: of(900, 0) });
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut harness), [(0, Some(restarted)), (1, None)]);
    harness.object(subscription, 1, 1);
    assert_eq!(heard(&mut harness), [], "nobody goes back");
}

#[test]
fn a_new_process_whose_clock_was_set_back_is_heard_and_the_former_one_no_more() {
    let (mut harness, _, subscription) = listening(lossless());
    let come = |harness: &mut CallHarness, object| {
        harness.feed(Input::Object { subscription, object });
    };
    come(&mut harness, of(900, 0));
    assert_eq!(heard(&mut harness), [(0, Some(gap(1, 0, GapReason::PublisherRestarted)))]);
    // A relay may remember groups of a process that is over, and send them in any order. It begins no other one.
    come(&mut harness, of(500, 0));
    come(&mut harness, of(500, 1));
    come(&mut harness, of(400, 2));
    come(&mut harness, of(500, 1));
    come(&mut harness, of(500, 2));
    come(&mut harness, of(500, 1));
    after_what_is_remembered(&mut harness, subscription, &of(900, 0));
    come(&mut harness, of(900, 3));
    come(&mut harness, of(500, 3));
    assert_eq!(heard(&mut harness), []);
    // What the former process had left to say when it ended is lost with it; what came of it is not.
    come(&mut harness, of(500, 4));
    let reason = GapReason::PublisherRestarted;
    let lost = Gap { at: FrameNumber::new(900, 1), frames: 2, reason };
    assert_eq!(heard(&mut harness), [(3, Some(lost))]);
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(500, 0), Location::new(502, u64::MAX)));
    let repeated = counters(&harness).repeated;
    harness.feed(Input::FetchedObject { fetch, object: of(900, 4) });
    assert_eq!(counters(&harness).repeated, repeated + 1);
    (0..4).for_each(|sequence| {
        harness.feed(Input::FetchedObject { fetch, object: of(500, sequence) });
    });
    let anew = Gap { at: FrameNumber::new(900, 4), frames: 0, reason };
    assert_eq!(heard(&mut harness), [&[(0, Some(anew))], &all(1, 4)[..]].concat());
    // Of the former one a relay may remember a group as well.
    (4..6).for_each(|sequence| come(&mut harness, of(900, sequence)));
    assert_eq!(counters(&harness).repeated, repeated + 3);
    come(&mut harness, of(500, 5));
    assert_eq!(heard(&mut harness), [(5, None)], "nobody goes back");
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(900, 9) });
    assert!(!harness.events().contains(&Event::TrackFinished { track: BOB }));
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 6) });
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn a_new_process_whose_clock_was_set_back_is_heard_once_it_answers_even_if_it_has_said_all() {
    // Of its last group a relay may have nothing but the end.
    for only_the_end in [false, true] {
        hears_who_has_said_all(only_the_end);
    }
}

fn hears_who_has_said_all(only_the_end: bool) {
    let (mut harness, _, subscription) = listening(lossless());
    let last_group = |harness: &mut CallHarness, subscription| {
        if !only_the_end {
            harness.feed(Input::Object { subscription, object: of(500, 2) });
        }
        harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    };
    harness.feed(Input::Object { subscription, object: of(900, 0) });
    heard(&mut harness);
    last_group(&mut harness, subscription);
    harness.advance_alive(SECOND);
    let (fetch, first, _) = asked(&mut harness);
    assert_eq!((first, heard(&mut harness)), (Location::new(901, 1), Vec::new()));
    // Of what was asked for it has nothing. But it is there.
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert_eq!(left.len(), 1, "what was not believed is to come again");
    harness.advance_alive(SECOND);
    let (again, _) = harness.subscription().expect("subscribed anew");
    assert_ne!(again, subscription);
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    last_group(&mut harness, again);
    harness.advance_alive(MS * 250);
    let (fetch, first, _) = asked(&mut harness);
    assert_eq!(first, Location::new(500, 0));
    harness.feed(Input::FetchedObject { fetch, object: of(500, 0) });
    harness.feed(Input::FetchedObject { fetch, object: of(500, 1) });
    harness.feed(Input::FetchedObject { fetch, object: of(500, 2) });
    let anew =
        Gap { at: FrameNumber::new(900, 1), frames: 0, reason: GapReason::PublisherRestarted };
    assert_eq!(heard(&mut harness), [(0, Some(anew)), (1, None), (2, None)]);
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn who_answers_on_another_subscription_does_not_answer_for_a_process_that_was_heard_on_the_last_one()
 {
    let (mut harness, session, subscription) = listening(lossless());
    for incarnation in [900, 500] {
        harness.feed(Input::Object { subscription, object: of(incarnation, 0) });
    }
    lost_for(&mut harness, session, MS * 500);
    let (again, _) = harness.subscription().expect("subscribed");
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    harness.advance_alive(SECOND);
    let (fetch, _, _) = asked(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert!(left.is_empty(), "whoever answers has said nothing yet");
}

#[test]
fn of_two_former_processes_neither_is_taken_for_a_new_group_of_the_other() {
    let (mut harness, _, subscription) = listening(lossless());
    let come = |harness: &mut CallHarness, object| {
        harness.feed(Input::Object { subscription, object });
    };
    come(&mut harness, of(900, 0));
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut harness), [(0, Some(restarted))]);
    come(&mut harness, of(400, 0));
    after_what_is_remembered(&mut harness, subscription, &of(900, 0));
    come(&mut harness, of(500, 0));
    come(&mut harness, of(900, 1));
    assert_eq!(heard(&mut harness), [(1, None)]);
}

#[test]
fn a_new_process_is_heard_whose_end_comes_before_its_next_group() {
    let (mut harness, _, subscription) = listening(lossless());
    for object in [of(900, 0), of(500, 0)] {
        harness.feed(Input::Object { subscription, object });
    }
    heard(&mut harness);
    after_what_is_remembered(&mut harness, subscription, &of(900, 0));
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    harness.feed(Input::Object { subscription, object: of(500, 2) });
    harness.advance_alive(MS * 250);
    let (_, first, _) = asked(&mut harness);
    assert_eq!(first, Location::new(500, 0), "it is asked for what it said before");
}

#[test]
fn what_a_new_process_said_and_no_longer_keeps_is_missed() {
    let (mut harness, _, subscription) = listening(lossless());
    for object in [of(900, 0), of(500, 0)] {
        harness.feed(Input::Object { subscription, object });
    }
    heard(&mut harness);
    after_what_is_remembered(&mut harness, subscription, &of(900, 0));
    harness.feed(Input::Object { subscription, object: of(500, 2) });
    harness.advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    complete(&mut harness, fetch);
    let missed =
        Gap { at: FrameNumber::new(900, 1), frames: 2, reason: GapReason::PublisherRestarted };
    assert_eq!(heard(&mut harness), [(2, Some(missed))]);
    assert_eq!(
        (counters(&harness).lost, counters(&harness).before_joining),
        (2, 0),
        "we were there"
    );
}

#[test]
fn a_new_process_that_answers_what_the_former_one_was_asked_begins_anew() {
    let (mut harness, _, subscription) = listening(lossless());
    unheard(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3).advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    harness.feed(Input::FetchedObject { fetch, object: of(900, 1) });
    let before = gap(1, 2, GapReason::Evicted);
    let anew = gap(4, 1, GapReason::PublisherRestarted);
    assert_eq!(heard(&mut harness), [(3, Some(before)), (1, Some(anew))]);
    assert_eq!((counters(&harness).lost, counters(&harness).repaired), (3, 1));
}

/// Bob's process is there. Its clock was set back when it began, and a relay still remembers the last group of the
/// one before it.
fn taken_for_a_former_process(track: Track) -> (CallHarness, SubscriptionId, Vec<Object>) {
    let (mut harness, _, subscription) = listening(track);
    let said = vec![harness.said(1, 1), harness.said(1, 2), harness.said(2, 0), harness.said(3, 0)];
    harness.feed(Input::Object { subscription, object: of(900, 35) });
    (harness, subscription, said)
}

#[test]
fn a_process_that_was_taken_for_a_former_one_is_heard_on_from_where_it_was_left() {
    for answers in [false, true] {
        let (mut harness, mut subscription, said) = taken_for_a_former_process(lossless());
        harness.feed(Input::Object { subscription, object: said[2].clone() });
        if answers {
            // All that is known by then is that whoever publishes now has nothing of the other one.
            harness.advance_alive(MS * 250);
            let (fetch, first, _) = asked(&mut harness);
            assert_eq!(first, Location::new(900, 0));
            complete(&mut harness, fetch);
            let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
            assert_eq!(left.len(), 1, "what was not believed is to come again");
            harness.advance_alive(SECOND);
            (subscription, _) = harness.subscription().expect("subscribed anew");
            harness.feed(Input::SubscriptionAccepted { subscription });
        }
        // Within that a relay would have sent what it remembers.
        if !answers {
            harness.advance_alive(SECOND);
        }
        let asked_before = fetches(&mut harness);
        harness.feed(Input::Object { subscription, object: said[3].clone() });
        asked_before.iter().for_each(|(fetch, ..)| complete(&mut harness, *fetch));
        harness.advance_alive(MS * 250);
        let (fetch, first, last) = asked(&mut harness);
        assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
        for object in &said[..3] {
            harness.feed(Input::FetchedObject { fetch, object: object.clone() });
        }
        let back = gap(1, 0, GapReason::PublisherRestarted);
        assert_eq!(heard(&mut harness), [(1, Some(back)), (2, None), (3, None), (4, None)]);
        assert_eq!(counters(&harness).lost, 1, "what came of the former one and waited");
    }
}

#[test]
fn a_process_that_was_taken_for_a_former_one_may_have_nothing_left_to_say_but_the_end() {
    let (mut harness, subscription, _) = taken_for_a_former_process(lossless());
    let end = FrameNumber::new(BOBS, 1);
    harness.feed(Input::EndOfTrack { subscription, number: end });
    harness.advance_alive(MS * 250);
    let (fetch, ..) = asked(&mut harness);
    complete(&mut harness, fetch);
    harness.advance_alive(SECOND);
    let (again, _) = harness.subscription().expect("subscribed anew");
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    harness.feed(Input::EndOfTrack { subscription: again, number: end });
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

#[test]
fn a_new_process_is_not_late_by_the_clock_of_the_former_one() {
    let (mut harness, _, subscription) = listening(Track::audio("audio"));
    for sequence in 0..4 {
        let said = of(900, sequence);
        // An hour before.
        let captured_at = said.frame.captured_at.wrapping_sub(3_600_000_000);
        let frame = Frame { captured_at, ..said.frame };
        harness.feed(Input::Object { subscription, object: Object { frame, ..said } });
        harness.advance_alive(MS * 20);
    }
    assert_eq!(heard(&mut harness).len(), 4);
}

#[test]
fn what_is_missing_of_a_process_is_counted_in_front_of_its_next_frame_whoever_was_believed_in_between()
 {
    let (mut harness, _, subscription) = listening(Track::audio("audio").live(SECOND * 2));
    harness.advance_alive(SECOND * 3);
    let said = harness.said(1, 1);
    let frame = Frame::new(said.frame.captured_at - 2_100_000, said.frame.payload.clone());
    harness.feed(Input::Object { subscription, object: Object { frame, ..said } });
    assert_eq!(counters(&harness).skipped, 1, "too late, and told with the next");
    harness.feed(Input::Object { subscription, object: of(900, 35) });
    // The first of these is not believed.
    harness.object(subscription, 2, 0).advance_alive(SECOND);
    harness.object(subscription, 3, 0).advance_alive(SECOND * 2);
    assert_eq!(heard(&mut harness), [(3, Some(gap(2, 2, GapReason::PublisherRestarted)))]);
}
