//! R19, R20, R21: what a publisher keeps, and says again to who asks.

use super::*;

/// A live call that has said so many frames in an outage, 20 ms apart, and is up again.
fn after_saying(frames: u64, retention: Retention) -> (Hand, SessionId) {
    let mut hand = Hand::new(Policy::interactive(), 1);
    hand.give(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    hand.give(Input::Connect);
    let session = hand.accept();
    hand.lose(session);
    for _ in 0..frames {
        hand.send().pass(MS * 20);
    }
    let session = hand.next_dial().session;
    hand.agree_on(session);
    hand.out.clear();
    (hand, session)
}

fn ask(hand: &mut Hand, session: SessionId, request: u64) {
    let (name, first) = (String::from("audio"), Location::new(0, 0));
    hand.give(Input::FetchRequested { session, request, name, first, last: Location::LAST });
}

/// When which frames were said again, counted from now.
fn replayed(hand: &mut Hand, request: u64) -> Vec<(u128, u64)> {
    let now = hand.now;
    let said = hand.take(|output| match output {
        Output::FetchObject { request: of, object, .. } if *of == request => {
            Some(object.number.sequence)
        }
        _ => None,
    });
    said.into_iter().map(|(at, sequence)| ((at - now).as_millis(), sequence)).collect()
}

#[test]
fn what_was_said_without_a_session_is_said_again_to_who_asks_ever_faster_up_to_four_times() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    assert_eq!(hand.call.stats().published[0].counters.kept_back, 100);
    ask(&mut hand, session, 7);
    let accepted = hand.take(|output| match output {
        Output::AcceptFetch { request, last, .. } => Some((*request, *last)),
        _ => None,
    });
    assert_eq!(accepted[0].1, (7, Some(Location::new(3, 49))));
    let start = hand.now;
    let mut said = Vec::new();
    let mut live = Vec::new();
    for _ in 0..60 {
        // What is said now goes out now.
        hand.send();
        live.extend(hand.sent());
        hand.pass_alive(MS * 20);
        let again = hand.take(|output| match output {
            Output::FetchObject { object, .. } => Some(object.number.sequence),
            _ => None,
        });
        said.extend(again.into_iter().map(|(at, number)| ((at - start).as_millis(), number)));
    }
    assert_eq!(live.len(), 60);
    let mut at = 0;
    let mut expected = Vec::new();
    for number in 0..100 {
        expected.push((at / 1_000, number));
        // Micros: a whole, a half, a third and at last a quarter of 20 ms apart, a quarter of a second each.
        at += 20_000 / (at / 250_000 + 1).min(4);
    }
    assert_eq!(said, expected, "no burst");
    let ended = hand.take(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!((ended.len(), (ended[0].0 - start).as_millis()), (1, expected[99].0));
    assert_eq!(hand.call.stats().published[0].counters.replayed, 100);
}

#[test]
fn an_answer_says_at_most_a_thousand_frames_or_half_a_megabyte() {
    let (mut hand, session) = after_saying(5, Retention::lossless());
    for _ in 0..1_500 {
        hand.send();
    }
    ask(&mut hand, session, 1);
    hand.pass_alive(SECOND * 3);
    assert_eq!(replayed(&mut hand, 1).len(), 1_000);

    let (mut hand, session) = after_saying(0, Retention::lossless());
    for size in [500_000, 30_000, 600_000] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        hand.give(Input::Send { track: MIC, frame });
    }
    let mut first = Location::new(0, 0);
    let mut answers = Vec::new();
    for request in 1..=3 {
        let name = "audio".into();
        hand.give(Input::FetchRequested { session, request, name, first, last: Location::LAST });
        let last = hand.take(|output| match output {
            Output::AcceptFetch { last, .. } => *last,
            _ => None,
        });
        first = Location::new(last[0].1.group, last[0].1.object + 1);
        hand.pass_alive(MS * 100);
        answers.push(replayed(&mut hand, request).len());
    }
    assert_eq!(answers, [1, 1, 1], "one frame is said however long it is");
}

#[test]
fn few_answers_go_out_at_once_and_the_others_wait() {
    let (mut hand, session) = after_saying(10, Retention::lossless());
    for request in 0..10 {
        ask(&mut hand, session, request);
    }
    let accepted = |hand: &mut Hand| {
        let accepted = hand.take(|output| match output {
            Output::AcceptFetch { request, .. } => Some(*request),
            _ => None,
        });
        accepted.into_iter().map(|(_, request)| request).collect::<Vec<_>>()
    };
    assert_eq!(accepted(&mut hand), [0, 1, 2, 3, 4, 5, 6, 7]);
    replayed(&mut hand, 3);
    hand.give(Input::FetchCancelled { session, request: 3 });
    assert_eq!(accepted(&mut hand), [8]);
    hand.pass_alive(MS * 190);
    assert_eq!(accepted(&mut hand), [9]);
    assert!(replayed(&mut hand, 3).is_empty());
    assert_eq!(replayed(&mut hand, 8).len(), 10);
    hand.pass_alive(MS * 190);
    assert_eq!(replayed(&mut hand, 9).len(), 10);
    assert!(hand.take(|o| matches!(o, Output::RefuseFetch { .. }).then_some(())).is_empty());
    for request in 100..300 {
        ask(&mut hand, session, request);
    }
    let refused = hand.take(|o| matches!(o, Output::RefuseFetch { .. }).then_some(()));
    assert_eq!(refused.len(), 200 - 108, "who asks without end is refused");
}

#[test]
fn a_request_that_is_made_twice_is_answered_once_and_none_outlives_its_session() {
    let (mut hand, session) = after_saying(40, Retention::lossless());
    ask(&mut hand, session, 7);
    ask(&mut hand, session, 7);
    let accepted = |hand: &mut Hand| {
        hand.take(|output| matches!(output, Output::AcceptFetch { .. }).then_some(())).len()
    };
    assert_eq!(accepted(&mut hand), 1);
    hand.pass_alive(MS * 80);
    assert_eq!(replayed(&mut hand, 7).len(), 5, "not twice as fast");
    hand.lose(session);
    let next = hand.next_dial().session;
    hand.agree_on(next);
    hand.out.clear();
    hand.pass_alive(SECOND);
    assert!(replayed(&mut hand, 7).is_empty(), "whoever asked has another session now");
    ask(&mut hand, next, 7);
    assert_eq!(accepted(&mut hand), 1);
}

#[test]
fn an_answer_ends_where_it_was_to_end_even_if_all_of_it_was_let_go_of() {
    let little = Retention { frames: 5, ..Retention::lossless() };
    let (mut hand, session) = after_saying(5, little);
    ask(&mut hand, session, 7);
    for _ in 0..5 {
        hand.send();
    }
    hand.pass_alive(MS * 100);
    assert!(replayed(&mut hand, 7).iter().all(|(_, sequence)| *sequence < 5));
    let ended = hand.take(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!(ended.len(), 1);
}

#[test]
fn an_answer_of_exactly_half_a_megabyte_is_said_whole() {
    let (mut hand, session) = after_saying(0, Retention::lossless());
    for size in [500_000, 24_288, 1] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        hand.give(Input::Send { track: MIC, frame });
    }
    ask(&mut hand, session, 1);
    hand.pass_alive(MS * 100);
    assert_eq!(replayed(&mut hand, 1).len(), 2);
}

#[test]
fn a_track_that_is_not_published_is_refused_and_an_empty_one_answered_with_nothing() {
    let (mut hand, session) = after_saying(0, Retention::lossless());
    let (name, first) = (String::from("screen"), Location::new(0, 0));
    hand.give(Input::FetchRequested { session, request: 1, name, first, last: Location::LAST });
    assert!(matches!(hand.out[..], [(_, Output::RefuseFetch { request: 1, .. })]));
    hand.out.clear();
    ask(&mut hand, session, 2);
    assert!(matches!(
        hand.out[..],
        [
            (_, Output::AcceptFetch { request: 2, last: None, .. }),
            (_, Output::EndFetch { request: 2, .. })
        ]
    ));
}

#[test]
fn an_answer_passes_over_what_is_let_go_of_while_it_goes_out() {
    let (mut hand, session) = after_saying(10, Retention { frames: 10, ..Retention::lossless() });
    ask(&mut hand, session, 1);
    hand.pass_alive(MS * 24);
    for _ in 0..5 {
        hand.send();
    }
    hand.pass_alive(MS * 200);
    let said: Vec<u64> = replayed(&mut hand, 1).into_iter().map(|(_, number)| number).collect();
    assert_eq!(said, [0, 1, 5, 6, 7, 8, 9]);
}

#[test]
fn a_silent_path_is_not_fed_with_answers_either() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    ask(&mut hand, session, 1);
    hand.pass_silent(SECOND);
    let said = replayed(&mut hand, 1).len();
    assert!(said < 100, "{said}");
    hand.pass(SECOND);
    assert!(replayed(&mut hand, 1).is_empty());
}

#[test]
fn an_answer_that_waits_for_its_turn_does_not_begin_on_a_silent_path() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    for request in 0..9 {
        ask(&mut hand, session, request);
    }
    hand.pass_alive(MS * 100);
    hand.pass_silent(MS * 500);
    assert_eq!(hand.call.state(), holdline_core::StateName::Suspect);
    hand.out.clear();
    hand.give(Input::FetchCancelled { session, request: 0 });
    assert!(hand.out.is_empty(), "{:?}", hand.out);
}

#[test]
fn who_asks_while_the_path_is_silent_is_answered_once_it_is_back_and_as_slowly_as_at_first() {
    let (mut hand, session) = after_saying(100, Retention::lossless());
    ask(&mut hand, session, 1);
    hand.pass_alive(MS * 300);
    hand.pass_silent(MS * 400);
    assert_eq!(hand.call.state(), holdline_core::StateName::Suspect);
    replayed(&mut hand, 1);
    hand.out.clear();
    ask(&mut hand, session, 2);
    ask(&mut hand, session, 3);
    hand.give(Input::FetchCancelled { session, request: 3 });
    assert!(hand.out.is_empty(), "{:?}", hand.out);
    hand.pass_alive(MS * 201);
    assert_eq!(hand.call.state(), holdline_core::StateName::Live);
    let begun = hand.take(|output| match output {
        Output::AcceptFetch { request, .. } => Some(*request),
        _ => None,
    });
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(begun[0].1, 2);
    let since = begun[0].0;
    let paces = [1, 2].map(|request| {
        let said = hand.take(|output| match output {
            Output::FetchObject { request: of, .. } if *of == request => Some(()),
            _ => None,
        });
        let at = said.iter().map(|(at, ())| (*at - since).as_millis());
        at.take(5).collect::<Vec<_>>()
    });
    assert_eq!(paces, [[0, 20, 40, 60, 80]; 2]);
}

#[test]
fn what_is_kept_in_an_outage_stays_within_the_bytes_that_were_configured() {
    let bytes = 64 * 1024;
    let mut hand = Hand::new(Policy::patient(), 1);
    let retention = Retention { bytes, ..Retention::lossless() };
    hand.give(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    hand.give(publish(TrackId(9), "other")).give(Input::Connect);
    let session = hand.accept();
    hand.lose(session);
    let kept = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let frame = Frame::new(hand.now.as_micros(), Bytes::from(vec![7; 320]));
            hand.give(Input::Send { track: MIC, frame }).pass(MS * 20);
            hand.out.clear();
        }
    });
    let counters = hand.call.stats().published[0].counters;
    assert_eq!((counters.kept_back, counters.held, counters.held_bytes), (1_000, 204, 204 * 320));
    assert_eq!(counters.evicted.bytes, 796);
    // What is around each frame is counted, too.
    let around = 204 * 200;
    assert!(kept.bytes_current <= i64::try_from(bytes).expect("small") + around, "{kept:?}");
}
