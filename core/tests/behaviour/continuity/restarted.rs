//! R7, R22: a publisher whose process was restarted.

use super::*;

/// An object of Bob's process with the given incarnation. Two objects form a group.
fn object_of(incarnation: u64, sequence: u64) -> Object {
    Object {
        number: FrameNumber::new(incarnation, sequence),
        ..numbered(Location::new(incarnation + 1 + sequence / 2, sequence % 2), sequence, 0)
    }
}

/// Lets the time pass in which a relay sends what it remembers of a track. An object of the present
/// process arrives again and again, so that the call does not query its publisher.
fn after_remembered_groups(
    harness: &mut CallHarness,
    subscription: SubscriptionId,
    present: &Object,
) {
    for _ in 0..10 {
        harness.advance_alive(MS * 100);
        harness.feed(Input::Object { subscription, object: present.clone() });
    }
    assert_eq!(delivered(harness), []);
}

#[test]
fn a_restarted_publisher_begins_anew() {
    let (mut harness, _, subscription) = listening(lossless());
    harness.feed(Input::Object { subscription, object: object_of(900, 1) });
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(900, 0), Location::new(901, 0)));
    harness.feed(Input::FetchedObject { fetch, object: object_of(900, 0) });
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(delivered(&mut harness), [(0, Some(restarted)), (1, None)]);
    harness.object(subscription, 1, 1);
    assert_eq!(delivered(&mut harness), [], "the call does not return to the former process");
}

/// Frames of the new process are delivered, and later frames of the former process are not.
#[test]
fn a_restart_with_a_clock_set_back_replaces_the_process() {
    let (mut harness, _, subscription) = listening(lossless());
    let receive = |harness: &mut CallHarness, object| {
        harness.feed(Input::Object { subscription, object });
    };
    receive(&mut harness, object_of(900, 0));
    assert_eq!(delivered(&mut harness), [(0, Some(gap(1, 0, GapReason::PublisherRestarted)))]);
    // A relay may remember groups of a process that has ended, and send them in any order. It sends
    // no later group of that process.
    receive(&mut harness, object_of(500, 0));
    receive(&mut harness, object_of(500, 1));
    receive(&mut harness, object_of(400, 2));
    receive(&mut harness, object_of(500, 1));
    receive(&mut harness, object_of(500, 2));
    receive(&mut harness, object_of(500, 1));
    after_remembered_groups(&mut harness, subscription, &object_of(900, 0));
    receive(&mut harness, object_of(900, 3));
    receive(&mut harness, object_of(500, 3));
    assert_eq!(delivered(&mut harness), []);
    // Frames of the former process that have not arrived are lost. The others are delivered.
    receive(&mut harness, object_of(500, 4));
    let reason = GapReason::PublisherRestarted;
    let lost = Gap { at: FrameNumber::new(900, 1), frames: 2, reason };
    assert_eq!(delivered(&mut harness), [(3, Some(lost))]);
    harness.advance_alive(MS * 250);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(500, 0), Location::new(502, u64::MAX)));
    let repeated = counters(&harness).repeated;
    harness.feed(Input::FetchedObject { fetch, object: object_of(900, 4) });
    assert_eq!(counters(&harness).repeated, repeated + 1);
    (0..4).for_each(|sequence| {
        harness.feed(Input::FetchedObject { fetch, object: object_of(500, sequence) });
    });
    let restart = Gap { at: FrameNumber::new(900, 4), frames: 0, reason };
    assert_eq!(delivered(&mut harness), [&[(0, Some(restart))], &without_gaps(1, 4)[..]].concat());
    // A relay may remember a group of the former process as well.
    (4..6).for_each(|sequence| receive(&mut harness, object_of(900, sequence)));
    assert_eq!(counters(&harness).repeated, repeated + 3);
    receive(&mut harness, object_of(500, 5));
    assert_eq!(
        delivered(&mut harness),
        [(5, None)],
        "the call does not return to the former process"
    );
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(900, 9) });
    assert!(!harness.events().contains(&Event::TrackFinished { track: BOB }));
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 6) });
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

/// The new process has sent all its frames before. The call accepts it once it answers a FETCH.
#[test]
fn a_finished_process_with_a_clock_set_back_is_received() {
    // A relay may have nothing of the last group but its end.
    for only_the_end in [false, true] {
        check_finished_process(only_the_end);
    }
}

fn check_finished_process(only_the_end: bool) {
    let (mut harness, _, subscription) = listening(lossless());
    let last_group = |harness: &mut CallHarness, subscription| {
        if !only_the_end {
            harness.feed(Input::Object { subscription, object: object_of(500, 2) });
        }
        harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    };
    harness.feed(Input::Object { subscription, object: object_of(900, 0) });
    delivered(&mut harness);
    last_group(&mut harness, subscription);
    harness.advance_alive(SECOND);
    let (fetch, first, _) = only_fetch(&mut harness);
    assert_eq!((first, delivered(&mut harness)), (Location::new(901, 1), Vec::new()));
    // The publisher has none of the requested frames. But it answers.
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert_eq!(left.len(), 1, "the call subscribes again to receive the ignored objects");
    harness.advance_alive(SECOND);
    let (again, _) = harness.subscription().expect("a new subscription");
    assert_ne!(again, subscription);
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    last_group(&mut harness, again);
    harness.advance_alive(MS * 250);
    let (fetch, first, _) = only_fetch(&mut harness);
    assert_eq!(first, Location::new(500, 0));
    harness.feed(Input::FetchedObject { fetch, object: object_of(500, 0) });
    harness.feed(Input::FetchedObject { fetch, object: object_of(500, 1) });
    harness.feed(Input::FetchedObject { fetch, object: object_of(500, 2) });
    let restart =
        Gap { at: FrameNumber::new(900, 1), frames: 0, reason: GapReason::PublisherRestarted };
    assert_eq!(delivered(&mut harness), [(0, Some(restart)), (1, None), (2, None)]);
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

/// That process sent a frame on the earlier subscription only. Another process may answer now.
#[test]
fn a_fetch_response_confirms_no_process_of_an_earlier_subscription() {
    let (mut harness, session, subscription) = listening(lossless());
    for incarnation in [900, 500] {
        harness.feed(Input::Object { subscription, object: object_of(incarnation, 0) });
    }
    reconnect_after(&mut harness, session, MS * 500);
    let (again, _) = harness.subscription().expect("a subscription");
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    harness.advance_alive(SECOND);
    let (fetch, _, _) = only_fetch(&mut harness);
    harness.feed(Input::FetchEnded { fetch, end: FetchEnd::Complete });
    let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
    assert!(left.is_empty(), "the process that answers has sent no frame yet");
}

/// The call accepts such a process only after a later group of that same process.
#[test]
fn groups_of_two_former_processes_confirm_neither_of_them() {
    let (mut harness, _, subscription) = listening(lossless());
    let receive = |harness: &mut CallHarness, object| {
        harness.feed(Input::Object { subscription, object });
    };
    receive(&mut harness, object_of(900, 0));
    let restarted = gap(1, 0, GapReason::PublisherRestarted);
    assert_eq!(delivered(&mut harness), [(0, Some(restarted))]);
    receive(&mut harness, object_of(400, 0));
    after_remembered_groups(&mut harness, subscription, &object_of(900, 0));
    receive(&mut harness, object_of(500, 0));
    receive(&mut harness, object_of(900, 1));
    assert_eq!(delivered(&mut harness), [(1, None)]);
}

#[test]
fn a_new_process_is_accepted_whose_end_arrives_first() {
    let (mut harness, _, subscription) = listening(lossless());
    for object in [object_of(900, 0), object_of(500, 0)] {
        harness.feed(Input::Object { subscription, object });
    }
    delivered(&mut harness);
    after_remembered_groups(&mut harness, subscription, &object_of(900, 0));
    harness.feed(Input::EndOfTrack { subscription, number: FrameNumber::new(500, 3) });
    harness.feed(Input::Object { subscription, object: object_of(500, 2) });
    harness.advance_alive(MS * 250);
    let (_, first, _) = only_fetch(&mut harness);
    assert_eq!(first, Location::new(500, 0), "the call fetches its earlier frames");
}

#[test]
fn frames_that_a_new_process_has_evicted_are_lost() {
    let (mut harness, _, subscription) = listening(lossless());
    for object in [object_of(900, 0), object_of(500, 0)] {
        harness.feed(Input::Object { subscription, object });
    }
    delivered(&mut harness);
    after_remembered_groups(&mut harness, subscription, &object_of(900, 0));
    harness.feed(Input::Object { subscription, object: object_of(500, 2) });
    harness.advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    complete(&mut harness, fetch);
    let missed =
        Gap { at: FrameNumber::new(900, 1), frames: 2, reason: GapReason::PublisherRestarted };
    assert_eq!(delivered(&mut harness), [(2, Some(missed))]);
    assert_eq!(
        (counters(&harness).lost, counters(&harness).before_joining),
        (2, 0),
        "the call was subscribed at that time"
    );
}

#[test]
fn a_new_process_that_answers_an_old_fetch_begins_anew() {
    let (mut harness, _, subscription) = listening(lossless());
    send_unreceived(&mut harness, 1, 1, 2);
    harness.object(subscription, 1, 3).advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    harness.feed(Input::FetchedObject { fetch, object: object_of(900, 1) });
    let before = gap(1, 2, GapReason::Evicted);
    let restart = gap(4, 1, GapReason::PublisherRestarted);
    assert_eq!(delivered(&mut harness), [(3, Some(before)), (1, Some(restart))]);
    assert_eq!((counters(&harness).lost, counters(&harness).repaired), (3, 1));
}

/// Bob's process is online. Its clock was set back when it began, and a relay still remembers the
/// last group of the process before it. Returns the objects that Bob's process sends.
fn mistaken_for_a_former_process(track: Track) -> (CallHarness, SubscriptionId, Vec<Object>) {
    let (mut harness, _, subscription) = listening(track);
    let sent = vec![
        harness.bobs_object(1, 1),
        harness.bobs_object(1, 2),
        harness.bobs_object(2, 0),
        harness.bobs_object(3, 0),
    ];
    harness.feed(Input::Object { subscription, object: object_of(900, 35) });
    (harness, subscription, sent)
}

/// The listener continues with the first frame of that process that it has not delivered.
#[test]
fn a_process_mistaken_for_a_former_one_is_resumed() {
    for answers in [false, true] {
        let (mut harness, mut subscription, sent) = mistaken_for_a_former_process(lossless());
        harness.feed(Input::Object { subscription, object: sent[2].clone() });
        if answers {
            // The call knows only that the present publisher has no frame of the other process.
            harness.advance_alive(MS * 250);
            let (fetch, first, _) = only_fetch(&mut harness);
            assert_eq!(first, Location::new(900, 0));
            complete(&mut harness, fetch);
            let left = harness.drain(|o| matches!(o, Output::Unsubscribe { .. }).then_some(()));
            assert_eq!(left.len(), 1, "the call subscribes again to receive the ignored objects");
            harness.advance_alive(SECOND);
            (subscription, _) = harness.subscription().expect("a new subscription");
            harness.feed(Input::SubscriptionAccepted { subscription });
        }
        // Within this time a relay would have sent what it remembers.
        if !answers {
            harness.advance_alive(SECOND);
        }
        let earlier_fetches = fetches(&mut harness);
        harness.feed(Input::Object { subscription, object: sent[3].clone() });
        earlier_fetches.iter().for_each(|(fetch, ..)| complete(&mut harness, *fetch));
        harness.advance_alive(MS * 250);
        let (fetch, first, last) = only_fetch(&mut harness);
        assert_eq!((first, last), (Location::new(1, 1), Location::new(2, u64::MAX)));
        for object in &sent[..3] {
            harness.feed(Input::FetchedObject { fetch, object: object.clone() });
        }
        let back = gap(1, 0, GapReason::PublisherRestarted);
        assert_eq!(delivered(&mut harness), [(1, Some(back)), (2, None), (3, None), (4, None)]);
        assert_eq!(counters(&harness).lost, 1, "the held frame of the former process is lost");
    }
}

/// It has nothing left to send but the end of its track.
#[test]
fn a_process_mistaken_for_a_former_one_can_finish() {
    let (mut harness, subscription, _) = mistaken_for_a_former_process(lossless());
    let end = FrameNumber::new(BOBS_INCARNATION, 1);
    harness.feed(Input::EndOfTrack { subscription, number: end });
    harness.advance_alive(MS * 250);
    let (fetch, ..) = only_fetch(&mut harness);
    complete(&mut harness, fetch);
    harness.advance_alive(SECOND);
    let (again, _) = harness.subscription().expect("a new subscription");
    harness.feed(Input::SubscriptionAccepted { subscription: again });
    harness.feed(Input::EndOfTrack { subscription: again, number: end });
    assert!(harness.events().contains(&Event::TrackFinished { track: BOB }));
}

/// A new process may have a different clock.
#[test]
fn the_clock_of_a_former_process_makes_no_frame_late() {
    let (mut harness, _, subscription) = listening(Track::audio("audio"));
    for sequence in 0..4 {
        let sent = object_of(900, sequence);
        // The clock of the new process is an hour behind.
        let captured_at = sent.frame.captured_at.wrapping_sub(3_600_000_000);
        let frame = Frame { captured_at, ..sent.frame };
        harness.feed(Input::Object { subscription, object: Object { frame, ..sent } });
        harness.advance_alive(MS * 20);
    }
    assert_eq!(delivered(&mut harness).len(), 4);
}

/// The call believed another process in between.
#[test]
fn a_gap_precedes_the_next_frame_of_its_process() {
    let (mut harness, _, subscription) = listening(Track::audio("audio").live(SECOND * 2));
    harness.advance_alive(SECOND * 3).object(subscription, 1, 1).advance_alive(MS * 100);
    let sent = harness.bobs_object(1, 2);
    let frame = Frame::new(sent.frame.captured_at - 2_100_000, sent.frame.payload.clone());
    harness.feed(Input::Object { subscription, object: Object { frame, ..sent } });
    assert_eq!(
        counters(&harness).skipped,
        1,
        "the frame is too late; the next one reports the gap"
    );
    harness.feed(Input::Object { subscription, object: object_of(900, 35) });
    // The call does not believe the first of these.
    harness.object(subscription, 2, 0).advance_alive(SECOND);
    harness.object(subscription, 3, 0).advance_alive(SECOND * 2);
    let restarted = gap(3, 2, GapReason::PublisherRestarted);
    assert_eq!(delivered(&mut harness), [(1, None), (4, Some(restarted))]);
}
