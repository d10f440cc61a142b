//! `holdline check`: the pre-call test.

use std::fmt::Write as _;
use std::time::Duration;

use holdline_quinn::pre_call::PreCallReport;
use holdline_quinn::quality::Rating;
use holdline_quinn::stats::{Outcome, Summary};
use holdline_quinn::{Call, CallConfig, ConnectError, Trust};
use serde_json::{Value, json};

use crate::args::CheckArgs;
use crate::exit::Failure;
use crate::say::say;
use crate::wording;

/// The room of the test. Its participant has a unique name, so that tests do not receive each
/// other.
const ROOM: &str = "holdline-check";

pub(crate) async fn run(args: CheckArgs) -> Result<(), Failure> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let name = format!("check-{}-{:x}", std::process::id(), since.unwrap_or_default().as_nanos());
    let mut config = CallConfig::new(&args.relay, ROOM, name);
    if let Some(ca) = &args.ca {
        let trust = Trust::pem_file(ca).map_err(|error| Failure::unusable("--ca", error))?;
        config = config.trust(trust);
    }
    let summary = Call::pre_call_test(config).await.map_err(|error| match error {
        ConnectError::Trust(error) => Failure::unusable("--ca", error),
        other => Failure::Unusable(other.to_string()),
    })?;
    let report = summary.pre_call.clone().unwrap_or_default();
    if args.json {
        say!("{}", in_json(&summary, &report));
    } else {
        say!("{}", in_words(&report).trim_end());
    }
    match &summary.outcome {
        Outcome::Completed | Outcome::Idle => Ok(()),
        Outcome::Failed(error) => Err(Failure::DidNotHold(error.to_string())),
    }
}

fn in_words(report: &PreCallReport) -> String {
    let yes = |can| if can { "yes" } else { "no" };
    let mut words = String::new();
    let mut line = |what: &str, value: String| {
        let _ = writeln!(words, "{what:<22}{value}");
    };
    if let Some(host) = report.host {
        line("UDP over IPv4", yes(host.ipv4).into());
        line("UDP over IPv6", yes(host.ipv6).into());
        line("trusted authorities", host.trust_roots.to_string());
    }
    match (&report.relay, report.reached_after) {
        (Some(relay), Some(after)) => line("relay", format!("{relay} reached in {}", ms(after))),
        _ => line("relay", "not reached".into()),
    }
    if report.relay.is_some() {
        let ready =
            report.ready_after.map_or("never".into(), |after| format!("after {}", ms(after)));
        line("media could pass", ready);
    }
    if report.sent > 0 {
        line("through and back", format!("{} of {} frames", report.returned, report.sent));
    }
    if let (Some(average), Some(longest)) = (report.average_loop, report.longest_loop) {
        line("  took", format!("{} on average, {} at most", ms(average), ms(longest)));
    }
    if let Some(measured) = report.measured {
        line("round trip", ms(measured.rtt));
        line("jitter", ms(measured.jitter));
    }
    if let Some(rating) = report.rating {
        line("a call will be", wording::of_rating(rating).into());
    }
    words
}

fn in_json(summary: &Summary, report: &PreCallReport) -> Value {
    let millis = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1_000.0);
    let (code, message) = match &summary.outcome {
        Outcome::Failed(error) => (Some(error.code.as_str()), Some(error.to_string())),
        Outcome::Completed | Outcome::Idle => (None, None),
    };
    json!({
        "ok": code.is_none(),
        "code": code,
        "message": message,
        "host": report.host.map(|host| json!({
            "udp_ipv4": host.ipv4,
            "udp_ipv6": host.ipv6,
            "trusted_authorities": host.trust_roots,
        })),
        "relay": report.relay,
        "reached_after_ms": millis(report.reached_after),
        "ready_after_ms": millis(report.ready_after),
        "frames_sent": report.sent,
        "frames_returned": report.returned,
        "average_loop_ms": millis(report.average_loop),
        "longest_loop_ms": millis(report.longest_loop),
        "rtt_ms": millis(report.measured.map(|measured| measured.rtt)),
        "jitter_ms": millis(report.measured.map(|measured| measured.jitter)),
        "loss_percent": report.measured.map(|m| f64::from(m.loss_basis_points) / 100.0),
        "rating": report.rating.map(|rating: Rating| wording::of_rating(rating)),
        "took_ms": millis(Some(summary.duration)),
    })
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1_000.0)
}
