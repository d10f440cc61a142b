//! The pre-call test (R30, R31): a call of a few seconds with itself, through the relay.

use core::time::Duration;

use bytes::Bytes;

use crate::api::id::TrackId;
use crate::api::media::Frame;
use crate::api::pre_call::PreCallReport;
use crate::api::quality::Measurement;
use crate::api::time::Timestamp;
use crate::config::PreCallConfig;

/// The handles of the test's own tracks, which no application uses.
pub(crate) const OUTWARD: TrackId = TrackId(u64::MAX);
pub(crate) const HOMEWARD: TrackId = TrackId(u64::MAX - 1);
pub(crate) const TRACK_NAME: &str = "loop";
/// The payload of one frame, as large as speech: 64 kbit/s at 20 ms.
const PAYLOAD: &[u8] = &[0; 160];
/// How long the last frames may take to return before they count as lost.
const RETURN_TIMEOUT: Duration = Duration::from_millis(500);

/// A pre-call test in progress.
#[derive(Clone, Debug)]
pub(crate) struct PreCall {
    config: PreCallConfig,
    since: Timestamp,
    /// When the next frame is sent; `None` before the call is first live.
    next_frame: Option<Timestamp>,
    /// The sum of the times that frames took to return.
    total_loop: Duration,
    pub(crate) rtt: Duration,
    pub(crate) report: PreCallReport,
}

/// What the test does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Nothing,
    Send(Frame),
    Finish,
}

impl PreCall {
    pub(crate) fn new(config: PreCallConfig, now: Timestamp) -> Self {
        let report = PreCallReport::default();
        let (total_loop, rtt) = (Duration::ZERO, Duration::ZERO);
        Self { config, since: now, next_frame: None, total_loop, rtt, report }
    }

    pub(crate) fn reached(&mut self, relay: &str, now: Timestamp) {
        self.report.relay = Some(relay.into());
        self.report.reached_after = Some(now - self.since);
    }

    pub(crate) fn ready(&mut self, now: Timestamp) {
        self.report.ready_after = self.report.ready_after.or(Some(now - self.since));
        self.next_frame = Some(now);
    }

    pub(crate) fn deadline(&self, live: bool) -> Timestamp {
        let over = self.since + self.config.limit;
        self.next_frame.filter(|_| live).map_or(over, |at| at.min(over))
    }

    /// The step that is due while the call is live.
    pub(crate) fn step(&mut self, now: Timestamp) -> Step {
        if self.is_over(now) || self.report.returned >= self.config.frames {
            return Step::Finish;
        }
        match self.next_frame {
            Some(at) if now >= at && self.report.sent < self.config.frames => {
                self.report.sent += 1;
                let last = self.report.sent == self.config.frames;
                self.next_frame =
                    Some(now + if last { RETURN_TIMEOUT } else { self.config.interval });
                let payload = Bytes::from_static(PAYLOAD);
                Step::Send(Frame::new(now.as_micros(), payload))
            }
            Some(at) if now >= at => Step::Finish,
            Some(_) | None => Step::Nothing,
        }
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.since + self.config.limit
    }

    /// A frame of the test returned.
    pub(crate) fn returned(&mut self, captured_at: u64, now: Timestamp) {
        let took = now - Timestamp::from_micros(captured_at);
        self.report.returned = self.report.returned.saturating_add(1);
        self.total_loop = self.total_loop.saturating_add(took);
        self.report.longest_loop = self.report.longest_loop.max(Some(took));
    }

    /// The report, with the listener's measurements.
    pub(crate) fn finish(mut self, measured: Option<Measurement>) -> PreCallReport {
        let PreCallReport { sent, returned, .. } = self.report;
        self.report.average_loop = self.total_loop.checked_div(returned);
        let lost = u64::from(sent.saturating_sub(returned)) * 10_000;
        let loss = lost.checked_div(u64::from(sent)).unwrap_or_default();
        let loss_basis_points = u32::try_from(loss).unwrap_or(u32::MAX);
        // The listener cannot see a loss at the end; the sender can.
        let measured =
            measured.map(|measured| Measurement { loss_basis_points, rtt: self.rtt, ..measured });
        self.report.rating = measured.map(|measured| measured.rating());
        self.report.measured = measured;
        self.report
    }
}
