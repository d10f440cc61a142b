//! Lateness of frames, measured without a clock that both ends share.

use core::time::Duration;

use crate::api::time::Timestamp;

/// The fastest frame is the reference for at least this long, at most twice as long. After that, a
/// path that became longer for good is accepted.
const MEMORY: Duration = Duration::from_secs(2);

/// Compares the travel times of frames. The clocks of both ends differ by an unknown amount, but
/// that amount is the same for every frame of one publisher process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lateness {
    /// When the present period began.
    since: Option<Timestamp>,
    /// The least difference between arrival and capture, in microseconds: in this period, and then
    /// in the one before.
    least: i64,
    least_before: Option<i64>,
}

impl Lateness {
    /// How much later than the fastest frame one captured at `captured_at` is if delivered now.
    pub(crate) fn of(&self, now: Timestamp, captured_at: u64) -> Duration {
        let fastest = match (self.since, self.least_before) {
            (None, _) => return Duration::ZERO,
            (Some(_), None) => self.least,
            (Some(_), Some(before)) => before.min(self.least),
        };
        let late = transit(now, captured_at).saturating_sub(fastest);
        Duration::from_micros(u64::try_from(late).unwrap_or(0))
    }

    /// A frame arrived.
    pub(crate) fn arrived(&mut self, now: Timestamp, captured_at: u64) {
        let transit = transit(now, captured_at);
        match self.since {
            Some(since) if now - since < MEMORY => self.least = self.least.min(transit),
            Some(_) => {
                self.least_before = Some(self.least);
                self.least = transit;
                self.since = Some(now);
            }
            None => {
                self.least = transit;
                self.since = Some(now);
            }
        }
    }
}

/// The difference between two clocks with unrelated origins; it may be negative.
fn transit(now: Timestamp, captured_at: u64) -> i64 {
    now.as_micros().wrapping_sub(captured_at).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(lateness: &Lateness, now: u64, captured: u64) -> u64 {
        let late = lateness.of(Timestamp::from_millis(now), captured * 1_000);
        u64::try_from(late.as_millis()).expect("small")
    }

    #[test]
    fn lateness_is_the_delay_behind_the_fastest_frame() {
        let mut lateness = Lateness::default();
        assert_eq!(late(&lateness, 500, 0), 0, "no other frame to compare with");
        let clocks = 7_000;
        for (at, captured) in [(100, 20), (110, 40), (190, 60)] {
            lateness.arrived(Timestamp::from_millis(at), (clocks + captured) * 1_000);
        }
        assert_eq!(late(&lateness, 190, clocks + 60), 60);
        assert_eq!(late(&lateness, 1_000, clocks + 80), 850);
        assert_eq!(late(&lateness, 80, clocks + 80), 0, "a new fastest frame is not late");
    }

    #[test]
    fn longer_path_counts_after_a_while_shorter_one_at_once() {
        let mut lateness = Lateness::default();
        let mut worst_after = |from: u64, to: u64, delay: u64| {
            let mut last = 0;
            for captured in (from..to).step_by(20) {
                let at = captured + delay;
                last = late(&lateness, at, captured);
                lateness.arrived(Timestamp::from_millis(at), captured * 1_000);
            }
            last
        };
        assert_eq!(worst_after(0, 3_000, 30), 0);
        assert_eq!(worst_after(3_000, 3_100, 330), 300);
        assert_eq!(worst_after(3_100, 7_100, 330), 0);
        assert_eq!(worst_after(7_100, 7_140, 10), 0);
        assert_eq!(worst_after(7_140, 7_160, 30), 20);
    }

    #[test]
    fn the_fastest_frame_counts_for_the_next_period_only() {
        let mut lateness = Lateness::default();
        for (at, delay) in [(0, 0), (2_000, 10), (4_000, 10)] {
            lateness.arrived(Timestamp::from_millis(at + delay), at * 1_000);
        }
        // The third frame arrived 2 s after the second one, which had begun a new period.
        assert_eq!(late(&lateness, 4_030, 4_000), 30 - 10);
    }

    #[test]
    fn an_absurd_clock_does_not_panic() {
        let mut lateness = Lateness::default();
        for captured in [u64::MAX, 0, 1 << 63, u64::MAX / 3] {
            lateness.arrived(Timestamp::from_millis(1), captured);
            let _ = lateness.of(Timestamp::from_micros(u64::MAX), captured);
            let _ = lateness.of(Timestamp::ZERO, !captured);
        }
    }
}
