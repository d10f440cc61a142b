//! How late a frame is, without a clock that both ends share.

use core::time::Duration;

use crate::api::time::Timestamp;

/// For how long the fastest frame counts as how fast frames can be; at least once, at most twice as
/// long. A path that has become longer for good is believed after that.
const MEMORY: Duration = Duration::from_secs(2);

/// Compares how long frames have travelled: the clocks of both ends differ by an unknown amount,
/// but it is the same for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lateness {
    /// Since when `least` is gathered.
    since: Option<Timestamp>,
    /// The least difference between arrival and capture, in microseconds.
    least: i64,
    least_before: Option<i64>,
}

impl Lateness {
    /// How much later than the fastest a frame would be if it were delivered now, by its capture.
    pub(crate) fn of(&self, now: Timestamp, captured_at: u64) -> Duration {
        let fastest = match (self.since, self.least_before) {
            (None, _) => return Duration::ZERO,
            (Some(_), None) => self.least,
            (Some(_), Some(before)) => before.min(self.least),
        };
        let late = transit(now, captured_at).saturating_sub(fastest);
        Duration::from_micros(u64::try_from(late).unwrap_or(0))
    }

    /// A frame came.
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

/// The difference between two clocks that began anywhere; it may be of either sign.
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
    fn a_frame_is_as_late_as_it_is_behind_the_fastest() {
        let mut lateness = Lateness::default();
        assert_eq!(late(&lateness, 500, 0), 0, "nothing to compare it with");
        let clocks = 7_000;
        for (at, captured) in [(100, 20), (110, 40), (190, 60)] {
            lateness.arrived(Timestamp::from_millis(at), (clocks + captured) * 1_000);
        }
        assert_eq!(late(&lateness, 190, clocks + 60), 60);
        assert_eq!(late(&lateness, 1_000, clocks + 80), 850);
        assert_eq!(late(&lateness, 80, clocks + 80), 0, "a new fastest is not late");
    }

    #[test]
    fn a_path_that_became_longer_is_believed_after_a_while_and_a_shorter_one_at_once() {
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
    fn the_fastest_counts_for_two_seconds_after_those_in_which_it_came_and_not_a_moment_longer() {
        let mut lateness = Lateness::default();
        for (at, delay) in [(0, 0), (2_000, 10), (4_000, 10)] {
            lateness.arrived(Timestamp::from_millis(at + delay), at * 1_000);
        }
        // The third came 2 s after the second, which had begun to be gathered anew.
        assert_eq!(late(&lateness, 4_030, 4_000), 30 - 10);
    }

    #[test]
    fn an_absurd_clock_is_only_a_number() {
        let mut lateness = Lateness::default();
        for captured in [u64::MAX, 0, 1 << 63, u64::MAX / 3] {
            lateness.arrived(Timestamp::from_millis(1), captured);
            let _ = lateness.of(Timestamp::from_micros(u64::MAX), captured);
            let _ = lateness.of(Timestamp::ZERO, !captured);
        }
    }
}
