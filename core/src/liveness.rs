//! Whether packets still come back on a path.

use core::time::Duration;

use crate::id::SessionId;
use crate::outbox::Outbox;
use crate::output::Output;
use crate::time::Timestamp;

/// No path is called silent sooner than this: scheduling alone may hold packets back so long.
const SHORTEST_SILENCE: Duration = Duration::from_millis(300);
/// Every path without packets is called silent after this.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);
/// How many reports in a row must show no packet. A driver that was itself suspended comes back
/// with one late report, which says nothing about the path.
const SILENT_REPORTS: u32 = 3;

/// Watches the counter of received datagrams. Probes go out at least once per report interval, so
/// that silence is never confused with idleness.
#[derive(Clone, Debug)]
pub(crate) struct Liveness {
    interval: Duration,
    next_report: Timestamp,
    received: u64,
    heard_at: Timestamp,
    unchanged: u32,
}

/// What a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// Packets came.
    Heard,
    /// None came, for less time than would mean anything.
    Quiet,
    /// None came for longer than the path's round trip can explain.
    Silent,
}

impl Liveness {
    pub(crate) fn new(now: Timestamp, interval: Duration) -> Self {
        Self { interval, next_report: now + interval, received: 0, heard_at: now, unchanged: 0 }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.next_report
    }

    /// Asks for a report if one is due.
    pub(crate) fn advance(&mut self, now: Timestamp, session: SessionId, out: &mut Outbox) {
        if now >= self.next_report {
            self.next_report = now + self.interval;
            out.push(Output::ReportPath { session });
        }
    }

    pub(crate) fn report(&mut self, now: Timestamp, received: u64, rtt: Duration) -> Pulse {
        if received > self.received {
            self.received = received;
            self.heard_at = now;
            self.unchanged = 0;
            return Pulse::Heard;
        }
        self.unchanged = self.unchanged.saturating_add(1);
        if self.unchanged >= SILENT_REPORTS && now - self.heard_at >= suspect_after(rtt) {
            Pulse::Silent
        } else {
            Pulse::Quiet
        }
    }
}

/// 3 × (RTT + 4 · RTTVAR) + 25 ms within 300 ms … 1 s, where RTTVAR is RTT / 2 as for a first
/// sample (RFC 9002 section 5.3).
fn suspect_after(rtt: Duration) -> Duration {
    (rtt * 9 + Duration::from_millis(25)).clamp(SHORTEST_SILENCE, LONGEST_SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(100);

    #[test]
    fn silence_is_three_unchanged_reports_and_enough_time() {
        let mut path = Liveness::new(Timestamp::ZERO, EVERY);
        let rtt = Duration::from_millis(10);
        let at = Timestamp::from_millis;
        assert_eq!(path.report(at(100), 5, rtt), Pulse::Heard);
        assert_eq!(path.report(at(200), 5, rtt), Pulse::Quiet);
        assert_eq!(path.report(at(300), 5, rtt), Pulse::Quiet);
        assert_eq!(path.report(at(399), 5, rtt), Pulse::Quiet, "three reports, but not 300 ms");
        assert_eq!(path.report(at(400), 5, rtt), Pulse::Silent);
        assert_eq!(path.report(at(500), 6, rtt), Pulse::Heard);
    }

    #[test]
    fn one_late_report_after_a_suspended_driver_is_not_silence() {
        let mut path = Liveness::new(Timestamp::ZERO, EVERY);
        let rtt = Duration::from_millis(10);
        path.report(Timestamp::from_millis(100), 5, rtt);
        assert_eq!(path.report(Timestamp::from_millis(60_000), 5, rtt), Pulse::Quiet);
        assert_eq!(path.report(Timestamp::from_millis(60_100), 6, rtt), Pulse::Heard);
    }

    #[test]
    fn the_threshold_follows_the_round_trip_within_its_bounds() {
        assert_eq!(suspect_after(Duration::ZERO), SHORTEST_SILENCE);
        assert_eq!(suspect_after(Duration::from_millis(50)), Duration::from_millis(475));
        assert_eq!(suspect_after(Duration::from_secs(3600)), LONGEST_SILENCE);
    }
}
