//! R19, R20, R21: the frames that a publisher retains, and retransmits in FETCH responses.

use super::*;

/// A live call that has sent so many frames during an outage, 20 ms apart, and has a session again.
fn after_sending_offline(frames: u64, retention: Retention) -> (CallHarness, SessionId) {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    harness.feed(Input::Connect);
    let session = harness.accept();
    harness.lose(session);
    for _ in 0..frames {
        harness.send().advance(MS * 20);
    }
    let session = harness.next_dial().session;
    harness.accept_requests_on(session);
    harness.out.clear();
    (harness, session)
}

fn request_fetch(harness: &mut CallHarness, session: SessionId, moq_request: u64) {
    let (name, first) = (String::from("audio"), Location::new(0, 0));
    harness.feed(Input::FetchRequested { session, moq_request, name, first, last: Location::LAST });
}

/// The frames that were retransmitted for a request: when, counted from now, and which.
fn retransmitted(harness: &mut CallHarness, request: u64) -> Vec<(u128, u64)> {
    let now = harness.now;
    let sent = harness.drain(|output| match output {
        Output::FetchObject { moq_request, object, .. } if *moq_request == request => {
            Some(object.number.sequence)
        }
        _ => None,
    });
    sent.into_iter().map(|(at, sequence)| ((at - now).as_millis(), sequence)).collect()
}

/// The pace grows up to four times that of the capture. Live frames are sent at once meanwhile.
#[test]
fn frames_of_an_outage_are_retransmitted_at_a_growing_pace() {
    let (mut harness, session) = after_sending_offline(100, Retention::lossless());
    assert_eq!(harness.call.stats().published[0].counters.kept_back, 100);
    request_fetch(&mut harness, session, 7);
    let accepted = harness.drain(|output| match output {
        Output::AcceptFetch { moq_request, last, .. } => Some((*moq_request, *last)),
        _ => None,
    });
    assert_eq!(accepted[0].1, (7, Some(Location::new(3, 49))));
    let start = harness.now;
    let mut retransmitted = Vec::new();
    let mut live = Vec::new();
    for _ in 0..60 {
        // A live frame is sent at once.
        harness.send();
        live.extend(harness.sent());
        harness.advance_alive(MS * 20);
        let objects = harness.drain(|output| match output {
            Output::FetchObject { object, .. } => Some(object.number.sequence),
            _ => None,
        });
        retransmitted
            .extend(objects.into_iter().map(|(at, number)| ((at - start).as_millis(), number)));
    }
    assert_eq!(live.len(), 60);
    let mut at = 0;
    let mut expected = Vec::new();
    for number in 0..100 {
        expected.push((at / 1_000, number));
        // The spacing in microseconds: 20 ms divided by 1, 2, 3 and at last 4, for 250 ms each.
        at += 20_000 / (at / 250_000 + 1).min(4);
    }
    assert_eq!(retransmitted, expected, "the response is no burst");
    let ended = harness.drain(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!((ended.len(), (ended[0].0 - start).as_millis()), (1, expected[99].0));
    assert_eq!(harness.call.stats().published[0].counters.replayed, 100);
}

#[test]
fn fetch_responses_have_at_most_1000_frames_or_512_kib() {
    let (mut harness, session) = after_sending_offline(5, Retention::lossless());
    for _ in 0..1_500 {
        harness.send();
    }
    request_fetch(&mut harness, session, 1);
    harness.advance_alive(SECOND * 3);
    assert_eq!(retransmitted(&mut harness, 1).len(), 1_000);

    let (mut harness, session) = after_sending_offline(0, Retention::lossless());
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
        answers.push(retransmitted(&mut harness, request).len());
    }
    assert_eq!(answers, [1, 1, 1], "a response sends one frame however large it is");
}

/// At most 100 requests wait. The call refuses all further ones.
#[test]
fn eight_fetch_responses_run_at_once_and_the_others_wait() {
    let (mut harness, session) = after_sending_offline(10, Retention::lossless());
    for request in 0..10 {
        request_fetch(&mut harness, session, request);
    }
    let accepted = |harness: &mut CallHarness| {
        let accepted = harness.drain(|output| match output {
            Output::AcceptFetch { moq_request, .. } => Some(*moq_request),
            _ => None,
        });
        accepted.into_iter().map(|(_, request)| request).collect::<Vec<_>>()
    };
    assert_eq!(accepted(&mut harness), [0, 1, 2, 3, 4, 5, 6, 7]);
    retransmitted(&mut harness, 3);
    harness.feed(Input::FetchCancelled { session, moq_request: 3 });
    assert_eq!(accepted(&mut harness), [8]);
    harness.advance_alive(MS * 190);
    assert_eq!(accepted(&mut harness), [9]);
    assert!(retransmitted(&mut harness, 3).is_empty());
    assert_eq!(retransmitted(&mut harness, 8).len(), 10);
    harness.advance_alive(MS * 190);
    assert_eq!(retransmitted(&mut harness, 9).len(), 10);
    assert!(harness.drain(|o| matches!(o, Output::RefuseFetch { .. }).then_some(())).is_empty());
    for request in 100..300 {
        request_fetch(&mut harness, session, request);
    }
    let refused = harness.drain(|o| matches!(o, Output::RefuseFetch { .. }).then_some(()));
    assert_eq!(refused.len(), 200 - 108, "requests beyond the limit are refused");
}

/// A request ends with its session.
#[test]
fn a_repeated_fetch_request_is_answered_once() {
    let (mut harness, session) = after_sending_offline(40, Retention::lossless());
    request_fetch(&mut harness, session, 7);
    request_fetch(&mut harness, session, 7);
    let accepted = |harness: &mut CallHarness| {
        harness.drain(|output| matches!(output, Output::AcceptFetch { .. }).then_some(())).len()
    };
    assert_eq!(accepted(&mut harness), 1);
    harness.advance_alive(MS * 80);
    assert_eq!(retransmitted(&mut harness, 7).len(), 5, "the response is not twice as fast");
    harness.lose(session);
    let next = harness.next_dial().session;
    harness.accept_requests_on(next);
    harness.out.clear();
    harness.advance_alive(SECOND);
    assert!(retransmitted(&mut harness, 7).is_empty(), "the request ended with its session");
    request_fetch(&mut harness, next, 7);
    assert_eq!(accepted(&mut harness), 1);
}

#[test]
fn a_fetch_response_ends_although_its_frames_are_evicted() {
    let little = Retention { frames: 5, ..Retention::lossless() };
    let (mut harness, session) = after_sending_offline(5, little);
    request_fetch(&mut harness, session, 7);
    for _ in 0..5 {
        harness.send();
    }
    harness.advance_alive(MS * 100);
    assert!(retransmitted(&mut harness, 7).iter().all(|(_, sequence)| *sequence < 5));
    let ended = harness.drain(|output| matches!(output, Output::EndFetch { .. }).then_some(()));
    assert_eq!(ended.len(), 1);
}

#[test]
fn a_fetch_response_of_exactly_512_kib_is_complete() {
    let (mut harness, session) = after_sending_offline(0, Retention::lossless());
    for size in [500_000, 24_288, 1] {
        let frame = Frame::new(0, Bytes::from(vec![0; size]));
        harness.feed(Input::Send { track: MIC, frame });
    }
    request_fetch(&mut harness, session, 1);
    harness.advance_alive(MS * 100);
    assert_eq!(retransmitted(&mut harness, 1).len(), 2);
}

#[test]
fn an_unknown_track_is_refused_and_an_empty_one_answered() {
    let (mut harness, session) = after_sending_offline(0, Retention::lossless());
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
    request_fetch(&mut harness, session, 2);
    assert!(matches!(
        harness.out[..],
        [
            (_, Output::AcceptFetch { moq_request: 2, last: None, .. }),
            (_, Output::EndFetch { moq_request: 2, .. })
        ]
    ));
}

#[test]
fn a_running_fetch_response_skips_evicted_frames() {
    let (mut harness, session) =
        after_sending_offline(10, Retention { frames: 10, ..Retention::lossless() });
    request_fetch(&mut harness, session, 1);
    harness.advance_alive(MS * 24);
    for _ in 0..5 {
        harness.send();
    }
    harness.advance_alive(MS * 200);
    let sent: Vec<u64> =
        retransmitted(&mut harness, 1).into_iter().map(|(_, number)| number).collect();
    assert_eq!(sent, [0, 1, 5, 6, 7, 8, 9]);
}

#[test]
fn a_fetch_response_stops_on_a_silent_path() {
    let (mut harness, session) = after_sending_offline(100, Retention::lossless());
    request_fetch(&mut harness, session, 1);
    harness.pass_silent(SECOND);
    let sent = retransmitted(&mut harness, 1).len();
    assert!(sent < 100, "{sent}");
    harness.advance(SECOND);
    assert!(retransmitted(&mut harness, 1).is_empty());
}

#[test]
fn a_waiting_fetch_response_does_not_begin_on_silent_paths() {
    let (mut harness, session) = after_sending_offline(100, Retention::lossless());
    for request in 0..9 {
        request_fetch(&mut harness, session, request);
    }
    harness.advance_alive(MS * 100);
    harness.pass_silent(MS * 500);
    assert_eq!(harness.call.state(), holdline_core::StateName::Suspect);
    harness.out.clear();
    harness.feed(Input::FetchCancelled { session, moq_request: 0 });
    assert!(harness.out.is_empty(), "{:?}", harness.out);
}

/// Responses begin when the path is no longer silent, and all of them at the initial pace.
#[test]
fn a_fetch_on_a_silent_path_is_answered_later() {
    let (mut harness, session) = after_sending_offline(100, Retention::lossless());
    request_fetch(&mut harness, session, 1);
    harness.advance_alive(MS * 300);
    harness.pass_silent(MS * 400);
    assert_eq!(harness.call.state(), holdline_core::StateName::Suspect);
    retransmitted(&mut harness, 1);
    harness.out.clear();
    request_fetch(&mut harness, session, 2);
    request_fetch(&mut harness, session, 3);
    harness.feed(Input::FetchCancelled { session, moq_request: 3 });
    assert!(harness.out.is_empty(), "{:?}", harness.out);
    harness.advance_alive(MS * 201);
    assert_eq!(harness.call.state(), holdline_core::StateName::Live);
    let begun = harness.drain(|output| match output {
        Output::AcceptFetch { moq_request, .. } => Some(*moq_request),
        _ => None,
    });
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(begun[0].1, 2);
    let since = begun[0].0;
    let paces = [1, 2].map(|request| {
        let sent = harness.drain(|output| match output {
            Output::FetchObject { moq_request, .. } if *moq_request == request => Some(()),
            _ => None,
        });
        let at = sent.iter().map(|(at, ())| (*at - since).as_millis());
        at.take(5).collect::<Vec<_>>()
    });
    assert_eq!(paces, [[0, 20, 40, 60, 80]; 2]);
}

#[test]
fn retained_frames_stay_within_the_configured_bytes() {
    let bytes = 64 * 1024;
    let mut harness = CallHarness::new(RetryPolicy::patient(), 1);
    let retention = Retention { bytes, ..Retention::lossless() };
    harness.feed(Input::publish(MIC, Track::audio("audio").retaining(retention)));
    harness.feed(publish(TrackId(9), "other")).feed(Input::Connect);
    let session = harness.accept();
    harness.lose(session);
    let allocated = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let frame = Frame::new(harness.now.as_micros(), Bytes::from(vec![7; 320]));
            harness.feed(Input::Send { track: MIC, frame }).advance(MS * 20);
            harness.out.clear();
        }
    });
    let counters = harness.call.stats().published[0].counters;
    assert_eq!((counters.kept_back, counters.held, counters.held_bytes), (1_000, 204, 204 * 320));
    assert_eq!(counters.evicted.bytes, 796);
    // The bookkeeping of each frame is counted, too.
    let bookkeeping = 204 * 200;
    let limit = i64::try_from(bytes).expect("a small number") + bookkeeping;
    assert!(allocated.bytes_current <= limit, "{allocated:?}");
}
