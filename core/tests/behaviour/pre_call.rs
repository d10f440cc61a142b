//! R30, R31: the pre-call test.

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

/// A pre-call test that has dialled its relay and requested the check of the host.
fn pre_call_test() -> CallHarness {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    config.pre_call = Some(PreCallConfig::default());
    config.policy = RetryPolicy::strict();
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let checks = harness.drain(|o| matches!(o, Output::CheckHost).then_some(()));
    assert_eq!(checks.len(), 1);
    harness
}

fn report(harness: &CallHarness) -> PreCallReport {
    let summary = harness.call.summary().expect("the test is over");
    summary.pre_call.clone().expect("the test has a report")
}

/// A test through a relay with 40 ms each way. It loses the objects for which `returns` is false.
fn looped(returns: impl Fn(u64) -> bool) -> CallHarness {
    let mut harness = pre_call_test();
    harness.feed(Input::HostChecked { host: GOOD });
    harness.advance(MS * 80);
    let dial = harness.last_dial();
    harness.accept_requests_on(dial);
    harness.advance_alive(MS * 80);
    let (subscription, namespace) = harness.subscription().expect("the test listens to itself");
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
            if returns(object.location.object) {
                harness.feed(Input::Object { subscription, object });
            }
        }
    }
    harness
}

/// The relay returns all media, so the test completes well within its five seconds.
#[test]
fn the_test_of_a_working_relay_reports_its_measurements() {
    let harness = looped(|_| true);
    let summary = harness.call.summary().expect("the test is over");
    assert_eq!(summary.outcome, Outcome::Completed);
    // The track is ready after 460 ms. The last of 50 frames is sent 49 frames later, and returns
    // after another 80 ms.
    assert_eq!(summary.duration, MS * (460 + 49 * 20 + 80));
    let report = report(&harness);
    assert_eq!((report.sent, report.returned, report.host), (50, 50, Some(GOOD)));
    assert_eq!(report.relay.as_deref(), Some("moqt://relay.example"));
    assert_eq!(report.reached_after, Some(MS * 80));
    // The track is ready 300 ms after its acceptance: it is quiet until the test itself sends.
    assert_eq!(report.ready_after, Some(MS * 460));
    assert_eq!((report.average_loop, report.longest_loop), (Some(MS * 80), Some(MS * 80)));
    let measured = report.measured.expect("the relay was measured");
    assert_eq!((measured.rtt, measured.loss_basis_points), (MS * 10, 0));
    assert_eq!(report.rating, Some(Rating::Excellent));
}

/// Frames are missing in the middle, at the end, or altogether. A test without any returned frame
/// fails.
#[test]
fn frames_that_do_not_return_are_counted_and_rated() {
    let harness = looped(|object| object % 10 != 3);
    let report = report(&harness);
    assert_eq!((report.sent, report.returned), (50, 45));
    assert_eq!(report.measured.expect("the relay was measured").loss_basis_points, 1_000);
    assert_eq!(report.rating, Some(Rating::Poor));
    assert_eq!(harness.call.summary().expect("the test is over").outcome, Outcome::Completed);
    let last_ones_missing = self::report(&looped(|object| object < 40));
    assert_eq!(
        last_ones_missing.measured.expect("the relay was measured").loss_basis_points,
        2_000
    );
    let none_returned = looped(|_| false);
    assert_eq!(none_returned.error().code, ErrorCode::SubscriptionNotReady);
    assert_eq!(none_returned.error().root_cause.kind, CauseKind::NothingReturned);
    assert_eq!(
        (self::report(&none_returned).returned, self::report(&none_returned).rating),
        (0, None)
    );
}

#[test]
fn the_test_of_an_unreachable_relay_fails_after_five_seconds() {
    let mut harness = pre_call_test();
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
fn each_failure_has_its_own_error_code() {
    let mut untrusted = pre_call_test();
    let session = untrusted.last_dial();
    let cause = Cause::new(CauseKind::CertificateUntrusted);
    untrusted.feed(Input::DialFailed { session, cause });
    assert_eq!(untrusted.error().code, ErrorCode::TlsUntrusted);

    let mut not_accepted = pre_call_test();
    let session = not_accepted.last_dial();
    not_accepted.feed(Input::Connected { session }).advance_alive(SECOND * 5);
    assert_eq!(not_accepted.error().code, ErrorCode::SetupTimeout);
    assert_eq!(report(&not_accepted).reached_after, Some(Duration::ZERO));

    let mut without_media = pre_call_test();
    without_media.advance(MS);
    let session = without_media.last_dial();
    without_media.accept_requests_on(session);
    without_media.advance_alive(SECOND * 5);
    assert_eq!(without_media.error().code, ErrorCode::SubscriptionNotReady);

    for host in [HostReport { ipv4: false, ..GOOD }, HostReport { trust_roots: 0, ..GOOD }] {
        let mut unsupported = pre_call_test();
        unsupported.feed(Input::HostChecked { host });
        assert_eq!(unsupported.error().code, ErrorCode::UnsupportedHost);
        assert_eq!(report(&unsupported).host, Some(host));
    }
    assert!(HostReport { ipv4: false, ipv6: true, ..GOOD }.is_supported());
}

#[test]
fn a_session_lost_during_the_test_is_its_root_cause() {
    let mut harness = pre_call_test();
    let session = harness.last_dial();
    harness.accept_requests_on(session);
    let (subscription, _) = harness.subscription().expect("the test listens to itself");
    harness.feed(Input::SubscriptionAccepted { subscription });
    harness.advance_alive(MS * 600);
    assert!(harness.sent().len() > 5);
    harness.lose(session);
    harness.advance(SECOND * 5);
    assert_eq!(harness.error().root_cause.kind, CauseKind::ClosedByRelay);
    assert_eq!(harness.error().after, SECOND * 5);
}

#[test]
fn a_normal_call_contains_no_pre_call_test() {
    let mut harness = CallHarness::new(RetryPolicy::interactive(), 1);
    harness.feed(Input::Connect);
    harness.feed(Input::HostChecked { host: HostReport { ipv4: false, ..GOOD } });
    harness.feed(Input::Object {
        subscription: SubscriptionId(9),
        object: crate::common::numbered(Location::new(0, 0), 0, 0),
    });
    assert!(harness.drain(|o| matches!(o, Output::CheckHost).then_some(())).is_empty());
    harness.feed(Input::Close);
    assert_eq!(harness.call.summary().expect("the test is over").pre_call, None);
}

/// The cause differs from that of a relay that accepts everything and returns no media.
#[test]
fn a_relay_that_never_accepts_is_reported_as_not_ready() {
    let mut config = Config::new("moqt://relay.example", "room", "alice");
    config.pre_call = Some(PreCallConfig::default());
    config.ready_timeout = SECOND * 10;
    let mut harness = CallHarness::with(config, 1);
    harness.feed(Input::Connect);
    let session = harness.last_dial();
    harness.feed(Input::Connected { session }).advance_alive(SECOND * 5);
    assert_eq!(harness.error().root_cause.kind, CauseKind::NotReady);
}
