//! The liveness of a path: whether packets arrive and what we send is acknowledged, each by itself.

use core::time::Duration;

use crate::api::error::CauseKind;
use crate::api::id::SessionId;
use crate::api::output::Output;
use crate::api::time::Timestamp;
use crate::context::Context;

/// No path counts as silent sooner than this: scheduling alone may delay packets for so long.
const SHORTEST_SILENCE: Duration = Duration::from_millis(300);
/// Every path without packets counts as silent after this.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);
/// How many reports in a row must show no packet. A driver that was itself suspended resumes with
/// one late report, which proves nothing about the path.
const SILENT_REPORTS: u32 = 3;

/// The counters in a report of a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// UDP datagrams received.
    pub(crate) received: u64,
    /// ACK frames received: they prove that what we send arrives.
    pub(crate) acknowledged: u64,
}

/// One direction of a path.
#[derive(Clone, Debug)]
struct Direction {
    count: u64,
    last_change: Timestamp,
    unchanged: u32,
    /// Whether the count has risen since the path was suspected.
    is_back: bool,
}

impl Direction {
    fn new(now: Timestamp) -> Self {
        Self { count: 0, last_change: now, unchanged: 0, is_back: false }
    }

    fn report(&mut self, now: Timestamp, count: u64) {
        if count > self.count {
            *self = Self { count, last_change: now, unchanged: 0, is_back: true };
        } else {
            self.unchanged = self.unchanged.saturating_add(1);
        }
    }

    fn is_silent(&self, now: Timestamp, rtt: Duration) -> bool {
        self.unchanged >= SILENT_REPORTS && now - self.last_change >= suspect_after(rtt)
    }
}

/// Watches a path's counters, each direction by itself (R2). Each path probe also sends a packet
/// that must be acknowledged, so that silence is never confused with idleness.
#[derive(Clone, Debug)]
pub(crate) struct PathLiveness {
    interval: Duration,
    since: Timestamp,
    next_report: Timestamp,
    receiving: Direction,
    sending: Direction,
}

impl PathLiveness {
    pub(crate) fn new(now: Timestamp, interval: Duration) -> Self {
        let next_report = now + interval;
        let (receiving, sending) = (Direction::new(now), Direction::new(now));
        Self { interval, since: now, next_report, receiving, sending }
    }

    pub(crate) fn deadline(&self) -> Timestamp {
        self.next_report
    }

    /// Probes the path if that is due; a report follows.
    pub(crate) fn advance(&mut self, session: SessionId, cx: &mut Context<'_>) {
        if cx.now >= self.next_report {
            self.next_report = cx.now + self.interval;
            cx.out.push(Output::ProbePath { session });
        }
    }

    pub(crate) fn report(&mut self, now: Timestamp, counters: Counters) {
        self.receiving.report(now, counters.received);
        self.sending.report(now, counters.acknowledged);
    }

    /// The direction that is silent for longer than the path's round trip can explain.
    pub(crate) fn silence(&self, now: Timestamp, rtt: Duration) -> Option<CauseKind> {
        let silence = if self.receiving.is_silent(now, rtt) {
            CauseKind::Silent
        } else if self.sending.is_silent(now, rtt) {
            CauseKind::Unacknowledged
        } else {
            return None;
        };
        // The first packet on a path is answered a round trip later at the earliest.
        (now >= self.since + rtt + suspect_after(rtt)).then_some(silence)
    }

    /// Until when packets are known to have passed in both directions.
    pub(crate) fn carried_until(&self) -> Timestamp {
        self.receiving.last_change.min(self.sending.last_change)
    }

    /// The path is suspected from now on: `is_back` counts from here.
    pub(crate) fn suspect(&mut self) {
        self.receiving.is_back = false;
        self.sending.is_back = false;
    }

    /// Whether packets passed in both directions since the path was suspected.
    pub(crate) fn is_back(&self) -> bool {
        self.receiving.is_back && self.sending.is_back
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
    const RTT: Duration = Duration::from_millis(10);

    fn at(path: &mut PathLiveness, ms: u64, received: u64, acknowledged: u64) -> Option<CauseKind> {
        let now = Timestamp::from_millis(ms);
        path.report(now, Counters { received, acknowledged });
        path.silence(now, RTT)
    }

    #[test]
    fn silence_is_three_unchanged_reports_and_enough_time() {
        let mut path = PathLiveness::new(Timestamp::ZERO, EVERY);
        assert_eq!(at(&mut path, 100, 5, 5), None);
        assert_eq!(at(&mut path, 200, 5, 5), None);
        assert_eq!(at(&mut path, 300, 5, 5), None);
        assert_eq!(at(&mut path, 399, 5, 5), None, "three reports, but not 300 ms");
        assert_eq!(at(&mut path, 400, 5, 5), Some(CauseKind::Silent));
        assert_eq!(at(&mut path, 500, 6, 6), None);
    }

    #[test]
    fn each_direction_is_judged_alone_and_both_must_return() {
        let mut path = PathLiveness::new(Timestamp::ZERO, EVERY);
        for ms in 1..4 {
            assert_eq!(at(&mut path, ms * 100, ms, 0), None);
        }
        assert_eq!(at(&mut path, 400, 4, 0), Some(CauseKind::Unacknowledged));
        path.suspect();
        at(&mut path, 500, 5, 0);
        assert!(!path.is_back(), "one way only");
        at(&mut path, 600, 5, 1);
        assert!(path.is_back());
    }

    #[test]
    fn a_path_carries_only_while_both_directions_do() {
        let mut path = PathLiveness::new(Timestamp::ZERO, EVERY);
        at(&mut path, 100, 1, 1);
        at(&mut path, 200, 2, 1);
        assert_eq!(path.carried_until(), Timestamp::from_millis(100));
        at(&mut path, 300, 2, 2);
        assert_eq!(path.carried_until(), Timestamp::from_millis(200));
    }

    #[test]
    fn a_new_path_gets_one_more_round_trip() {
        for (ms, silence) in [(2_400, None), (2_500, Some(CauseKind::Silent))] {
            let mut path = PathLiveness::new(Timestamp::ZERO, EVERY);
            for report in [100, 200, 300, ms] {
                path.report(Timestamp::from_millis(report), Counters::default());
            }
            let rtt = Duration::from_millis(1_500);
            assert_eq!(path.silence(Timestamp::from_millis(ms), rtt), silence, "after {ms} ms");
        }
    }

    #[test]
    fn one_late_report_after_a_suspended_driver_is_not_silence() {
        let mut path = PathLiveness::new(Timestamp::ZERO, EVERY);
        at(&mut path, 100, 5, 5);
        assert_eq!(at(&mut path, 60_000, 5, 5), None);
        assert_eq!(at(&mut path, 60_100, 6, 6), None);
    }

    #[test]
    fn the_threshold_follows_the_round_trip_within_its_bounds() {
        assert_eq!(suspect_after(Duration::ZERO), SHORTEST_SILENCE);
        assert_eq!(suspect_after(Duration::from_millis(50)), Duration::from_millis(475));
        assert_eq!(suspect_after(Duration::from_secs(3600)), LONGEST_SILENCE);
    }
}
