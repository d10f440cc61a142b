//! R23: a track that must not fall behind.

use super::*;

/// Bob's object, captured at the given time.
fn captured(harness: &mut CallHarness, group: u64, object: u64, at: Duration) -> Object {
    let captured_at = u64::try_from(at.as_micros()).expect("a small number");
    let sent = harness.bobs_object(group, object);
    Object { frame: Frame::new(captured_at, sent.frame.payload), ..sent }
}

fn live() -> Track {
    Track::audio("audio").live(MS * 500)
}

#[test]
fn a_live_track_skips_late_frames_and_reports_one_gap() {
    let (mut harness, session, _) = listening(live());
    harness.advance_alive(MS * 980);
    send_unreceived(&mut harness, 1, 1, 9);
    reconnect_after(&mut harness, session, SECOND * 3);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    let (subscription, _) = harness.subscription().expect("a subscription");
    // The relay sends the current group from its beginning: a second of the past.
    for object in 0..50 {
        let at = now - MS * 980 + MS * 20 * u32::try_from(object).expect("a small number");
        let object = captured(&mut harness, 5, object, at);
        harness.feed(Input::Object { subscription, object });
    }
    let delivered = delivered(&mut harness);
    let late = gap(1, 9 + 24, GapReason::TooLate);
    assert_eq!(delivered[0], (34, Some(late)), "the first frame that is at most 500 ms late");
    assert_eq!(delivered.len(), 26);
    assert_eq!((counters(&harness).skipped, counters(&harness).lost), (33, 0));
    let gaps = harness.events().into_iter().filter(|event| matches!(event, Event::Gap { .. }));
    assert_eq!(gaps.collect::<Vec<_>>(), [Event::Gap { track: BOB, gap: late }]);
    assert!(fetches(&mut harness).is_empty(), "the call fetches no frame that is too late");
}

#[test]
fn a_live_track_fetches_frames_that_can_be_in_time() {
    let (mut harness, session, _) = listening(live());
    harness.advance_alive(MS * 100);
    send_unreceived(&mut harness, 1, 1, 5);
    reconnect_after(&mut harness, session, MS * 100);
    accept_subscription(&mut harness, 2, 0);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, u64::MAX)));
    for object in 1..=5 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(delivered(&mut harness), without_gaps(1, 6));
}

/// The age is that of the last frame before the hole.
#[test]
fn missing_frames_as_old_as_the_budget_are_not_fetched() {
    for (outage, expected) in [(MS * 399, 1), (MS * 400, 0)] {
        let (mut harness, session, _) = listening(live());
        harness.advance_alive(MS * 100);
        send_unreceived(&mut harness, 1, 1, 5);
        reconnect_after(&mut harness, session, outage);
        accept_subscription(&mut harness, 2, 0);
        assert_eq!(fetches(&mut harness).len(), expected, "after {outage:?}");
    }
}

#[test]
fn a_live_track_abandons_holes_before_held_frames_are_late() {
    let (mut harness, _, subscription) = listening(live());
    harness.advance_alive(MS * 300);
    send_unreceived(&mut harness, 1, 1, 1);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    let object = captured(&mut harness, 2, 0, now - MS * 200);
    harness.feed(Input::Object { subscription, object });
    harness.advance_alive(MS * 299);
    assert!(delivered(&mut harness).is_empty());
    harness.advance_alive(MS);
    assert_eq!(delivered(&mut harness), [(2, Some(gap(1, 1, GapReason::TooLate)))]);
}

/// Bob's path was cut and came back by itself: his subscription here never changed. What he could
/// have sent meanwhile is later than the budget, so the present does not wait for it.
#[test]
fn the_first_frame_after_a_publishers_outage_waits_for_nothing() {
    for outage in [MS * 600, SECOND * 2, SECOND * 8] {
        let (mut harness, _, subscription) = listening(live());
        for object in 1..=50 {
            harness.advance_alive(MS * 20);
            let now = harness.now - holdline_core::Timestamp::ZERO;
            let object = captured(&mut harness, 1, object, now);
            harness.feed(Input::Object { subscription, object });
        }
        assert_eq!(delivered(&mut harness).len(), 50);
        harness.advance_alive(outage);
        send_unreceived(&mut harness, 1, 51, 100);
        let now = harness.now - holdline_core::Timestamp::ZERO;
        let object = captured(&mut harness, 2, 0, now);
        harness.feed(Input::Object { subscription, object });
        let skipped = gap(51, 100, GapReason::TooLate);
        assert_eq!(delivered(&mut harness), [(151, Some(skipped))], "after {outage:?}");
    }
}

/// Repeated objects arrive all the time, so there is no outage, but the last new frame is older
/// than the budget. The missing frames have 60 ms.
#[test]
fn a_hole_without_an_outage_waits_a_moment_for_late_frames() {
    let (mut harness, _, subscription) = listening(live());
    for _ in 0..7 {
        harness.advance_alive(MS * 100).object(subscription, 1, 0);
    }
    send_unreceived(&mut harness, 1, 1, 3);
    harness.object(subscription, 2, 0).advance_alive(MS * 59);
    assert!(delivered(&mut harness).is_empty());
    harness.advance_alive(MS);
    assert_eq!(delivered(&mut harness), [(4, Some(gap(1, 3, GapReason::TooLate)))]);
}

/// A silence that is shorter than the budget: the missing frames can still be in time. They cannot
/// be on their way any more, so they are requested at once.
#[test]
fn frames_missed_in_a_short_outage_are_fetched_at_once() {
    let (mut harness, _, subscription) = listening(live());
    harness.advance_alive(MS * 100);
    send_unreceived(&mut harness, 1, 1, 10);
    harness.advance_alive(MS * 200).object(subscription, 2, 0);
    let (fetch, first, last) = only_fetch(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, u64::MAX)));
    for object in 1..=10 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(delivered(&mut harness), without_gaps(1, 11));
}

#[test]
fn a_late_frame_does_not_delay_the_next_one() {
    let (mut harness, _, subscription) = listening(live());
    harness.advance_alive(SECOND);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    for (object, ago) in [(1, MS * 600), (2, Duration::ZERO)] {
        let object = captured(&mut harness, 1, object, now - ago);
        harness.feed(Input::Object { subscription, object });
    }
    assert_eq!(delivered(&mut harness), [(2, Some(gap(1, 1, GapReason::TooLate)))]);
}

#[test]
fn evicted_frames_that_would_be_late_count_as_skipped() {
    let (mut harness, _, _) = listening(live());
    harness.advance_alive(SECOND);
    let (fetch, first, _) = only_fetch(&mut harness);
    assert_eq!(first, Location::new(1, 1), "the publisher is queried after a second of silence");
    send_unreceived(&mut harness, 1, 1, 10);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    for (object, ago) in [(9, MS * 600), (11, MS * 100)] {
        let object = captured(&mut harness, 1, object, now - ago);
        harness.feed(Input::FetchedObject { fetch, object });
    }
    assert_eq!(delivered(&mut harness), [(11, Some(gap(1, 10, GapReason::TooLate)))]);
    assert_eq!(
        (counters(&harness).skipped, counters(&harness).lost),
        (9, 1),
        "one frame could have been in time"
    );
}

#[test]
fn a_live_track_with_a_full_buffer_abandons_its_hole() {
    let little = Retention { frames: 2, ..Retention::live() };
    let (mut harness, _, subscription) = listening(live().retaining(little));
    send_unreceived(&mut harness, 1, 1, 1);
    for object in 0..3 {
        harness.object(subscription, 2, object);
    }
    let too_late = gap(1, 1, GapReason::TooLate);
    assert_eq!(delivered(&mut harness), [(2, Some(too_late)), (3, None), (4, None)]);
}

/// A track without keyframes continues with the next frame.
#[test]
fn live_video_continues_with_a_keyframe_after_a_gap() {
    for (has_keyframes, expected) in [(true, vec![6, 7]), (false, vec![3, 4, 5, 6, 7])] {
        let track = Track { kind: MediaKind::Video, ..live() };
        let (mut harness, session, subscription) = listening(track);
        let frame = |harness: &mut CallHarness, group, object, keyframe| {
            let sent = harness.bobs_object(group, object);
            let frame = Frame { keyframe: keyframe && has_keyframes, ..sent.frame };
            Object { frame, ..sent }
        };
        let object = frame(&mut harness, 1, 1, true);
        harness.feed(Input::Object { subscription, object });
        send_unreceived(&mut harness, 1, 2, 1);
        reconnect_after(&mut harness, session, SECOND);
        let (subscription, _) = harness.subscription().expect("a subscription");
        harness.out.clear();
        for object in 0..5 {
            let object = frame(&mut harness, 2, object, object == 3);
            harness.feed(Input::Object { subscription, object });
        }
        let delivered = delivered(&mut harness);
        let sequences: Vec<u64> = delivered.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, expected);
        assert_eq!(delivered[0].1.map(|gap| gap.frames), Some(sequences[0] - 2));
    }
}

#[test]
fn live_video_does_not_wait_for_ever_for_a_keyframe() {
    let (mut harness, session, subscription) =
        listening(Track { kind: MediaKind::Video, ..live() });
    let sent = harness.bobs_object(1, 1);
    let object = Object { frame: Frame { keyframe: true, ..sent.frame }, ..sent };
    harness.feed(Input::Object { subscription, object });
    send_unreceived(&mut harness, 1, 2, 1);
    reconnect_after(&mut harness, session, SECOND);
    let subscription = accept_subscription(&mut harness, 2, 0);
    harness.out.clear();
    for object in 1..6 {
        harness.advance_alive(MS * 999).object(subscription, 2, object);
    }
    assert!(delivered(&mut harness).is_empty());
    harness.advance_alive(MS * 5).object(subscription, 2, 6);
    assert_eq!(delivered(&mut harness), [(9, Some(gap(2, 7, GapReason::TooLate)))]);
}
