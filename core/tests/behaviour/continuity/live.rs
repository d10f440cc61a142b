//! R23: a track that must not fall behind.

use super::*;

/// A frame of Bob's that was captured then.
fn captured(harness: &mut CallHarness, group: u64, object: u64, at: Duration) -> Object {
    let captured_at = u64::try_from(at.as_micros()).expect("small");
    let said = harness.said(group, object);
    Object { frame: Frame::new(captured_at, said.frame.payload), ..said }
}

fn live() -> Track {
    Track::audio("audio").live(MS * 500)
}

#[test]
fn a_live_track_skips_what_is_later_than_its_budget_and_says_so_once() {
    let (mut harness, session, _) = listening(live());
    harness.advance_alive(MS * 980);
    unheard(&mut harness, 1, 1, 9);
    lost_for(&mut harness, session, SECOND * 3);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    let (subscription, _) = harness.subscription().expect("subscribed");
    // The relay has the current group from its beginning: a second of the past.
    for object in 0..50 {
        let at = now - MS * 980 + MS * 20 * u32::try_from(object).expect("small");
        let object = captured(&mut harness, 5, object, at);
        harness.feed(Input::Object { subscription, object });
    }
    let heard = heard(&mut harness);
    let late = gap(1, 9 + 24, GapReason::TooLate);
    assert_eq!(heard[0], (34, Some(late)), "the first that is not later than 500 ms");
    assert_eq!(heard.len(), 26);
    assert_eq!((counters(&harness).skipped, counters(&harness).lost), (33, 0));
    let gaps = harness.events().into_iter().filter(|event| matches!(event, Event::Gap { .. }));
    assert_eq!(gaps.collect::<Vec<_>>(), [Event::Gap { track: BOB, gap: late }]);
    assert!(fetches(&mut harness).is_empty(), "nobody asks for what is too late");
}

#[test]
fn a_live_track_asks_for_what_can_still_be_in_time() {
    let (mut harness, session, _) = listening(live());
    harness.advance_alive(MS * 100);
    unheard(&mut harness, 1, 1, 5);
    lost_for(&mut harness, session, MS * 100);
    come_back(&mut harness, 2, 0);
    let (fetch, first, last) = asked(&mut harness);
    assert_eq!((first, last), (Location::new(1, 1), Location::new(1, u64::MAX)));
    for object in 1..=5 {
        fetched(&mut harness, fetch, 1, object);
    }
    assert_eq!(heard(&mut harness), all(1, 6));
}

#[test]
fn what_follows_a_frame_that_was_said_as_long_ago_as_the_budget_is_not_asked_for() {
    for (away, asks) in [(MS * 399, 1), (MS * 400, 0)] {
        let (mut harness, session, _) = listening(live());
        harness.advance_alive(MS * 100);
        unheard(&mut harness, 1, 1, 5);
        lost_for(&mut harness, session, away);
        come_back(&mut harness, 2, 0);
        assert_eq!(fetches(&mut harness).len(), asks, "after {away:?}");
    }
}

#[test]
fn a_live_track_waits_for_what_is_missing_until_what_waits_would_be_too_late() {
    let (mut harness, _, subscription) = listening(live());
    harness.advance_alive(MS * 300);
    unheard(&mut harness, 1, 1, 1);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    let object = captured(&mut harness, 2, 0, now - MS * 200);
    harness.feed(Input::Object { subscription, object });
    harness.advance_alive(MS * 299);
    assert!(heard(&mut harness).is_empty());
    harness.advance_alive(MS);
    assert_eq!(heard(&mut harness), [(2, Some(gap(1, 1, GapReason::TooLate)))]);
}

#[test]
fn a_frame_that_is_too_late_itself_keeps_nothing_waiting() {
    let (mut harness, _, subscription) = listening(live());
    harness.advance_alive(SECOND);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    for (object, ago) in [(1, MS * 600), (2, Duration::ZERO)] {
        let object = captured(&mut harness, 1, object, now - ago);
        harness.feed(Input::Object { subscription, object });
    }
    assert_eq!(heard(&mut harness), [(2, Some(gap(1, 1, GapReason::TooLate)))]);
}

#[test]
fn what_a_publisher_keeps_no_more_is_skipped_and_not_lost_if_it_is_too_late_in_any_case() {
    let (mut harness, _, _) = listening(live());
    harness.advance_alive(SECOND);
    let (fetch, first, _) = asked(&mut harness);
    assert_eq!(first, Location::new(1, 1), "a look after a second of silence");
    unheard(&mut harness, 1, 1, 10);
    let now = harness.now - holdline_core::Timestamp::ZERO;
    for (object, ago) in [(9, MS * 600), (11, MS * 100)] {
        let object = captured(&mut harness, 1, object, now - ago);
        harness.feed(Input::FetchedObject { fetch, object });
    }
    assert_eq!(heard(&mut harness), [(11, Some(gap(1, 10, GapReason::TooLate)))]);
    assert_eq!(
        (counters(&harness).skipped, counters(&harness).lost),
        (9, 1),
        "one could have been had"
    );
}

#[test]
fn a_live_track_with_no_room_lets_the_past_go() {
    let little = Retention { frames: 2, ..Retention::live() };
    let (mut harness, _, subscription) = listening(live().retaining(little));
    unheard(&mut harness, 1, 1, 1);
    for object in 0..3 {
        harness.object(subscription, 2, object);
    }
    let too_late = gap(1, 1, GapReason::TooLate);
    assert_eq!(heard(&mut harness), [(2, Some(too_late)), (3, None), (4, None)]);
}

#[test]
fn a_live_video_track_goes_on_with_a_keyframe_after_a_gap_if_it_has_any() {
    for (has_keyframes, heard_after) in [(true, vec![6, 7]), (false, vec![3, 4, 5, 6, 7])] {
        let track = Track { kind: MediaKind::Video, ..live() };
        let (mut harness, session, subscription) = listening(track);
        let frame = |harness: &mut CallHarness, group, object, keyframe| {
            let said = harness.said(group, object);
            let frame = Frame { keyframe: keyframe && has_keyframes, ..said.frame };
            Object { frame, ..said }
        };
        let object = frame(&mut harness, 1, 1, true);
        harness.feed(Input::Object { subscription, object });
        unheard(&mut harness, 1, 2, 1);
        lost_for(&mut harness, session, SECOND);
        let (subscription, _) = harness.subscription().expect("subscribed");
        harness.out.clear();
        for object in 0..5 {
            let object = frame(&mut harness, 2, object, object == 3);
            harness.feed(Input::Object { subscription, object });
        }
        let heard = heard(&mut harness);
        let sequences: Vec<u64> = heard.iter().map(|(sequence, _)| *sequence).collect();
        assert_eq!(sequences, heard_after);
        assert_eq!(heard[0].1.map(|gap| gap.frames), Some(sequences[0] - 2));
    }
}

#[test]
fn a_live_video_track_does_not_wait_for_ever_for_a_keyframe() {
    let (mut harness, session, subscription) =
        listening(Track { kind: MediaKind::Video, ..live() });
    let said = harness.said(1, 1);
    let object = Object { frame: Frame { keyframe: true, ..said.frame }, ..said };
    harness.feed(Input::Object { subscription, object });
    unheard(&mut harness, 1, 2, 1);
    lost_for(&mut harness, session, SECOND);
    let subscription = come_back(&mut harness, 2, 0);
    harness.out.clear();
    for object in 1..6 {
        harness.advance_alive(MS * 999).object(subscription, 2, object);
    }
    assert!(heard(&mut harness).is_empty());
    harness.advance_alive(MS * 5).object(subscription, 2, 6);
    assert_eq!(heard(&mut harness), [(9, Some(gap(2, 7, GapReason::TooLate)))]);
}
