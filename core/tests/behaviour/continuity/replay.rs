//! R19, R20, R21: what a publisher keeps, and says again to who asks.

use super::*;

/// A live call that has said so many frames in an outage, 20 ms apart, and is up again.
fn after_saying(frames: u64, retention: Retention) -> (CallHarness, SessionId) {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    harness.feed(Input::Connect);
    let session = harness.accept();
    harness.lose(session);
    for _ in 0..frames {
        harness.send().advance(MS * 20);
    }
    let session = harness.next_dial().session;
    harness.agree_on(session);
    harness.out.clear();
    (harness, session)
}

fn ask(harness: &mut CallHarness, session: SessionId, request: u64) {
    let (name, first) = (String::from("audio"), Location::new(0, 0));
    harness.feed(Input::FetchRequested {
        session,
        moq_request: request,
        name,
        first,
        last: Location::LAST,
    });
}

/// When which frames were said again, counted from now.
fn replayed(harness: &mut CallHarness, request: u64) -> Vec<(u128, u64)> {
    let now = harness.now;
    let said = harness.drain(|output| match output {
        Output::FetchObject { moq_request: of, object, .. } if *of == request => {
            Some(object.number.sequence)
        }
        _ => None,
    });
    said.into_iter().map(|(at, sequence)| ((at - now).as_millis(), sequence)).collect()
}

#[test]
fn what_was_said_without_a_session_is_said_again_to_who_asks_ever_faster_up_to_four_times() {
    let (mut harness, session) = after_saying(100, Retention::lossless());
    assert_eq!(harness.call.stats().published[0].counters.kept_back, 100);
    ask(&mut harness, session, 7);
    let accepted = harness.drain(|output| match output {
        Output::AcceptFetch { moq_request: request, last, .. } => Some((*request, *last)),
        _ => None,
    });
    assert_eq!(accepted[0].1, (7, Some(Location::new(3, 49))));
    let start = harness.now;
    let mut said = Vec::new();
    let mut live = Vec::new();
    for _ in 0..60 {
        // What is said now goes out now.
        harness.send();
        live.extend(harness.sent());
        harness.advance_alive(MS * 20);
        let again = harness.drain(|output| match output {
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
    let ended = harness.drain(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!((ended.len(), (ended[0].0 - start).as_millis()), (1, expected[99].0));
    assert_eq!(harness.call.stats().published[0].counters.replayed, 100);
}

#[test]
fn an_answer_says_at_most_a_thousand_frames_or_half_a_megabyte() {
    let (mut harness, session) = after_saying(5, Retention::lossless());
    for _ in 0..1_500 {
        harness.send();
    }
    ask(&mut harness, session, 1);
    harness.advance_alive(SECOND * 3);
    assert_eq!(replayed(&mut harness, 1).len(), 1_000);

    let (mut harness, session) = after_saying(0, Retention::lossless());
    for size in [500_000, 30_000, 600_000] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        harness.feed(Input::Send { track: MIC, frame });
    }
    let mut first = Location::new(0, 0);
    let mut answers = Vec::new();
    for request in 1..=3 {
        let name = "audio".into();
        harness.feed(Input::FetchRequested {
            session,
            moq_request: request,
            name,
            first,
            last: Location::LAST,
        });
        let last = harness.drain(|output| match output {
            Output::AcceptFetch { last, .. } => *last,
            _ => None,
        });
        first = Location::new(last[0].1.group, last[0].1.object + 1);
        harness.advance_alive(MS * 100);
        answers.push(replayed(&mut harness, request).len());
    }
    assert_eq!(answers, [1, 1, 1], "one frame is said however long it is");
}

#[test]
fn few_answers_go_out_at_once_and_the_others_wait() {
    let (mut harness, session) = after_saying(10, Retention::lossless());
    for request in 0..10 {
        ask(&mut harness, session, request);
    }
    let accepted = |harness: &mut CallHarness| {
        let accepted = harness.drain(|output| match output {
            Output::AcceptFetch { moq_request: request, .. } => Some(*request),
            _ => None,
        });
        accepted.into_iter().map(|(_, request)| request).collect::<Vec<_>>()
    };
    assert_eq!(accepted(&mut harness), [0, 1, 2, 3, 4, 5, 6, 7]);
    replayed(&mut harness, 3);
    harness.feed(Input::FetchCancelled { session, moq_request: 3 });
    assert_eq!(accepted(&mut harness), [8]);
    harness.advance_alive(MS * 190);
    assert_eq!(accepted(&mut harness), [9]);
    assert!(replayed(&mut harness, 3).is_empty());
    assert_eq!(replayed(&mut harness, 8).len(), 10);
    harness.advance_alive(MS * 190);
    assert_eq!(replayed(&mut harness, 9).len(), 10);
    assert!(harness.drain(|o| matches!(o, Output::RefuseFetch { .. }).then_some(())).is_empty());
    for request in 100..300 {
        ask(&mut harness, session, request);
    }
    let refused = harness.drain(|o| matches!(o, Output::RefuseFetch { .. }).then_some(()));
    assert_eq!(refused.len(), 200 - 108, "who asks without end is refused");
}

#[test]
fn a_request_that_is_made_twice_is_answered_once_and_none_outlives_its_session() {
    let (mut harness, session) = after_saying(40, Retention::lossless());
    ask(&mut harness, session, 7);
    ask(&mut harness, session, 7);
    let accepted = |harness: &mut CallHarness| {
        harness.drain(|output| matches!(output, Output::AcceptFetch { .. }).then_some(())).len()
    };
    assert_eq!(accepted(&mut harness), 1);
    harness.advance_alive(MS * 80);
    assert_eq!(replayed(&mut harness, 7).len(), 5, "not twice as fast");
    harness.lose(session);
    let next = harness.next_dial().session;
    harness.agree_on(next);
    harness.out.clear();
    harness.advance_alive(SECOND);
    assert!(replayed(&mut harness, 7).is_empty(), "whoever asked has another session now");
    ask(&mut harness, next, 7);
    assert_eq!(accepted(&mut harness), 1);
}

#[test]
fn an_answer_ends_where_it_was_to_end_even_if_all_of_it_was_let_go_of() {
    let little = Retention { frames: 5, ..Retention::lossless() };
    let (mut harness, session) = after_saying(5, little);
    ask(&mut harness, session, 7);
    for _ in 0..5 {
        harness.send();
    }
    harness.advance_alive(MS * 100);
    assert!(replayed(&mut harness, 7).iter().all(|(_, sequence)| *sequence < 5));
    let ended = harness.drain(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!(ended.len(), 1);
}

#[test]
fn an_answer_of_exactly_half_a_megabyte_is_said_whole() {
    let (mut harness, session) = after_saying(0, Retention::lossless());
    for size in [500_000, 24_288, 1] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        harness.feed(Input::Send { track: MIC, frame });
    }
    ask(&mut harness, session, 1);
    harness.advance_alive(MS * 100);
    assert_eq!(replayed(&mut harness, 1).len(), 2);
}

#[test]
fn a_track_that_is_not_published_is_refused_and_an_empty_one_answered_with_nothing() {
    let (mut harness, session) = after_saying(0, Retention::lossless());
    let (name, first) = (String::from("screen"), Location::new(0, 0));
    harness.feed(Input::FetchRequested {
        session,
        moq_request: 1,
        name,
        first,
        last: Location::LAST,
    });
    assert!(matches!(harness.out[..], [(_, Output::RefuseFetch { moq_request: 1, .. })]));
    harness.out.clear();
    ask(&mut harness, session, 2);
    assert!(matches!(
        harness.out[..],
        [
            (_, Output::AcceptFetch { moq_request: 2, last: None, .. }),
            (_, Output::EndFetch { moq_request: 2, .. })
        ]
    ));
}

#[test]
fn an_answer_passes_over_what_is_let_go_of_while_it_goes_out() {
    let (mut harness, session) =
        after_saying(10, Retention { frames: 10, ..Retention::lossless() });
    ask(&mut harness, session, 1);
    harness.advance_alive(MS * 24);
    for _ in 0..5 {
        harness.send();
    }
    harness.advance_alive(MS * 200);
    let said: Vec<u64> = replayed(&mut harness, 1).into_iter().map(|(_, number)| number).collect();
    assert_eq!(said, [0, 1, 5, 6, 7, 8, 9]);
}

#[test]
fn a_silent_path_is_not_fed_with_answers_either() {
    let (mut harness, session) = after_saying(100, Retention::lossless());
    ask(&mut harness, session, 1);
    harness.pass_silent(SECOND);
    let said = replayed(&mut harness, 1).len();
    assert!(said < 100, "{said}");
    harness.advance(SECOND);
    assert!(replayed(&mut harness, 1).is_empty());
}

#[test]
fn an_answer_that_waits_for_its_turn_does_not_begin_on_a_silent_path() {
    let (mut harness, session) = after_saying(100, Retention::lossless());
    for request in 0..9 {
        ask(&mut harness, session, request);
    }
    harness.advance_alive(MS * 100);
    harness.pass_silent(MS * 500);
    assert_eq!(harness.call.state(), holdline_core::StateName::Suspect);
    harness.out.clear();
    harness.feed(Input::FetchCancelled { session, moq_request: 0 });
    assert!(harness.out.is_empty(), "{:?}", harness.out);
}

#[test]
fn who_asks_while_the_path_is_silent_is_answered_once_it_is_back_and_as_slowly_as_at_first() {
    let (mut harness, session) = after_saying(100, Retention::lossless());
    ask(&mut harness, session, 1);
    harness.advance_alive(MS * 300);
    harness.pass_silent(MS * 400);
    assert_eq!(harness.call.state(), holdline_core::StateName::Suspect);
    replayed(&mut harness, 1);
    harness.out.clear();
    ask(&mut harness, session, 2);
    ask(&mut harness, session, 3);
    harness.feed(Input::FetchCancelled { session, moq_request: 3 });
    assert!(harness.out.is_empty(), "{:?}", harness.out);
    harness.advance_alive(MS * 201);
    assert_eq!(harness.call.state(), holdline_core::StateName::Live);
    let begun = harness.drain(|output| match output {
        Output::AcceptFetch { moq_request: request, .. } => Some(*request),
        _ => None,
    });
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(begun[0].1, 2);
    let since = begun[0].0;
    let paces = [1, 2].map(|request| {
        let said = harness.drain(|output| match output {
            Output::FetchObject { moq_request: of, .. } if *of == request => Some(()),
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
    let mut harness = CallHarness::new(RetryPolicy::patient(), 1);
    let retention = Retention { bytes, ..Retention::lossless() };
    harness.feed(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    harness.feed(publish(TrackId(9), "other")).feed(Input::Connect);
    let session = harness.accept();
    harness.lose(session);
    let kept = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let frame = Frame::new(harness.now.as_micros(), Bytes::from(vec![7; 320]));
            harness.feed(Input::Send { track: MIC, frame }).advance(MS * 20);
            harness.out.clear();
        }
    });
    let counters = harness.call.stats().published[0].counters;
    assert_eq!((counters.kept_back, counters.held, counters.held_bytes), (1_000, 204, 204 * 320));
    assert_eq!(counters.evicted.bytes, 796);
    // What is around each frame is counted, too.
    let around = 204 * 200;
    assert!(kept.bytes_current <= i64::try_from(bytes).expect("small") + around, "{kept:?}");
}
