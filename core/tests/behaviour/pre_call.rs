//! R30, R31: the test before a call.

use crate::common::{CallHarness, MS};
use holdline_core::config::{PreCallConfig, RetryPolicy};
use holdline_core::error::{Cause, CauseKind, ErrorCode};
use holdline_core::id::SubscriptionId;
use holdline_core::media::Location;
use holdline_core::pre_call::{HostReport, PreCallReport};
use holdline_core::quality::Rating;
use holdline_core::stats::Outcome;
use holdline_core::{Config, Input, Output};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const GOOD: HostReport = HostReport { ipv4: true, ipv6: false, trust_roots: 1 };

fn test() -> CallHarness {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    config.pre_call = Some(PreCallConfig::default());
    config.policy = RetryPolicy::strict();
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let asked = harness.drain(|o| matches!(o, Output::CheckHost).then_some(()));
    assert_eq!(asked.len(), 1);
    harness
}

fn report(harness: &CallHarness) -> PreCallReport {
    let summary = harness.call.summary().expect("over");
    summary.pre_call.clone().expect("a report")
}

/// A relay that takes 40 ms each way, and loses what `kept` says.
fn looped(kept: impl Fn(u64) -> bool) -> CallHarness {
    let mut harness = test();
    harness.feed(Input::HostChecked { host: GOOD });
    harness.advance(MS * 80);
    let dial = harness.last_dial();
    harness.agree_on(dial);
    harness.advance_alive(MS * 80);
    let (subscription, namespace) = harness.subscription().expect("it listens to itself");
    assert_eq!(namespace[..2], ["room", "alice"]);
    harness.feed(Input::SubscriptionAccepted { subscription });
    let mut returning: Vec<(Duration, holdline_core::media::Object)> = Vec::new();
    let start = harness.now;
    while harness.call.summary().is_none() && harness.now - start < SECOND * 10 {
        harness.advance_alive(MS);
        for (_, object) in harness.drain(|o| match o {
            Output::SendObject { object, .. } => Some(object.clone()),
            _ => None,
        }) {
            returning.push((harness.now - start + MS * 80, object));
        }
        while returning.first().is_some_and(|(at, ..)| harness.now - start >= *at) {
            let (_, object) = returning.remove(0);
            if kept(object.location.object) {
                harness.feed(Input::Object { subscription, object });
            }
        }
    }
    harness
}

#[test]
fn a_relay_that_loops_media_passes_with_its_measurements_within_five_seconds() {
    let harness = looped(|_| true);
    let summary = harness.call.summary().expect("over");
    assert_eq!(summary.outcome, Outcome::Completed);
    // Ready after 460 ms, 49 frames later the last one goes out, and is back 80 ms after that.
    assert_eq!(summary.duration, MS * (460 + 49 * 20 + 80));
    let report = report(&harness);
    assert_eq!((report.sent, report.returned, report.host), (50, 50, Some(GOOD)));
    assert_eq!(report.relay.as_deref(), Some("moqt://relay.example"));
    assert_eq!(report.reached_after, Some(MS * 80));
    // Accepted and alive for 300 ms: it is quiet until the test itself speaks.
    assert_eq!(report.ready_after, Some(MS * 460));
    assert_eq!((report.average_loop, report.longest_loop), (Some(MS * 80), Some(MS * 80)));
    let measured = report.measured.expect("measured");
    assert_eq!((measured.rtt, measured.loss_basis_points), (MS * 10, 0));
    assert_eq!(report.rating, Some(Rating::Excellent));
}

#[test]
fn what_does_not_come_back_is_counted_and_rated() {
    let harness = looped(|object| object % 10 != 3);
    let report = report(&harness);
    assert_eq!((report.sent, report.returned), (50, 45));
    assert_eq!(report.measured.expect("measured").loss_basis_points, 1_000);
    assert_eq!(report.rating, Some(Rating::Poor));
    assert_eq!(harness.call.summary().expect("over").outcome, Outcome::Completed);
    let at_the_end = self::report(&looped(|object| object < 40));
    assert_eq!(at_the_end.measured.expect("measured").loss_basis_points, 2_000);
    let nothing = looped(|_| false);
    assert_eq!(nothing.error().code, ErrorCode::SubscriptionNotReady);
    assert_eq!(nothing.error().root_cause.kind, CauseKind::NothingReturned);
    assert_eq!((self::report(&nothing).returned, self::report(&nothing).rating), (0, None));
}

#[test]
fn a_relay_that_never_answers_ends_the_test_after_five_seconds_with_its_code() {
    let mut harness = test();
    harness.advance(MS * 4_999);
    assert!(harness.call.summary().is_none());
    harness.advance(MS);
    let error = harness.error();
    assert_eq!((error.code, error.after), (ErrorCode::RelayUnreachable, SECOND * 5));
    assert_eq!(error.root_cause.kind, CauseKind::TimedOut);
    let report = report(&harness);
    assert_eq!((report.host, report.relay, report.sent), (None, None, 0));
}

#[test]
fn each_way_to_fail_has_its_code() {
    let mut refused = test();
    let session = refused.last_dial();
    let cause = Cause::new(CauseKind::CertificateUntrusted);
    refused.feed(Input::DialFailed { session, cause });
    assert_eq!(refused.error().code, ErrorCode::TlsUntrusted);

    let mut mute = test();
    let session = mute.last_dial();
    mute.feed(Input::Connected { session }).advance_alive(SECOND * 5);
    assert_eq!(mute.error().code, ErrorCode::SetupTimeout);
    assert_eq!(report(&mute).reached_after, Some(Duration::ZERO));

    let mut stuck = test();
    stuck.advance(MS);
    let session = stuck.last_dial();
    stuck.agree_on(session);
    stuck.advance_alive(SECOND * 5);
    assert_eq!(stuck.error().code, ErrorCode::SubscriptionNotReady);

    for host in [HostReport { ipv4: false, ..GOOD }, HostReport { trust_roots: 0, ..GOOD }] {
        let mut unable = test();
        unable.feed(Input::HostChecked { host });
        assert_eq!(unable.error().code, ErrorCode::UnsupportedHost);
        assert_eq!(report(&unable).host, Some(host));
    }
    assert!(HostReport { ipv4: false, ipv6: true, ..GOOD }.is_supported());
}

#[test]
fn a_path_that_breaks_during_the_test_is_its_result() {
    let mut harness = test();
    let session = harness.last_dial();
    harness.agree_on(session);
    let (subscription, _) = harness.subscription().expect("it listens to itself");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 600);
    assert!(harness.sent().len() > 5);
    harness.lose(session);
    harness.advance(SECOND * 5);
    assert_eq!(harness.error().root_cause.kind, CauseKind::ClosedByRelay);
    assert_eq!(harness.error().after, SECOND * 5);
}

#[test]
fn nothing_of_a_test_is_in_a_call() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::Connect);
    harness.feed(Input::HostChecked { host: HostReport { ipv4: false, ..GOOD } });
    harness.feed(Input::Object {
        subscription: SubscriptionId(9),
        object: crate::common::numbered(Location::new(0, 0), 0, 0),
    });
    assert!(harness.drain(|o| matches!(o, Output::CheckHost).then_some(())).is_empty());
    harness.feed(Input::Close);
    assert_eq!(harness.call.summary().expect("over").pre_call, None);
}

#[test]
fn a_relay_that_does_not_agree_in_time_is_told_from_one_that_returns_nothing() {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    config.pre_call = Some(PreCallConfig::default());
    config.ready_timeout = SECOND * 10;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session }).advance_alive(SECOND * 5);
    assert_eq!(harness.error().root_cause.kind, CauseKind::NotReady);
}
