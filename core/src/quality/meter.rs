//! What the listener of a track can measure.

use core::time::Duration;

use crate::media::Location;
use crate::quality::Measurement;
use crate::time::Timestamp;

/// Jitter and loss of one track, as its listener sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackMeter {
    last: Option<Arrival>,
    /// RFC 3550 appendix A.8 keeps 16 times the jitter, in whole units of the clock (microseconds).
    jitter_times_16: u64,
    highest: Option<Location>,
    expected: u64,
    received: u64,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Timestamp,
    captured_at: u64,
}

/// The most that one gap adds to what is expected. Locations are a stranger's numbers.
const MOST_MISSING: u64 = 10_000;

impl TrackMeter {
    /// An object came for the first time.
    pub(crate) fn arrived(&mut self, now: Timestamp, location: Location, captured_at: u64) {
        if let Some(last) = self.last {
            let arrival = now.since(last.at).as_micros();
            let capture = u128::from(captured_at.saturating_sub(last.captured_at));
            let difference = u64::try_from(arrival.abs_diff(capture)).unwrap_or(u64::MAX >> 8);
            let shrunk = self.jitter_times_16 - ((self.jitter_times_16 + 8) >> 4);
            self.jitter_times_16 = shrunk.saturating_add(difference.min(u64::MAX >> 8));
        }
        self.last = Some(Arrival { at: now, captured_at });
        self.received += 1;
        self.expected += match self.highest {
            None => 1,
            Some(highest) if location.group == highest.group => {
                location.object.saturating_sub(highest.object).min(MOST_MISSING)
            }
            // What was missing at the end of the last group cannot be known; of the groups
            // between, as much as of the last.
            Some(highest) if location.group > highest.group => {
                let missed = (location.group - highest.group - 1).min(MOST_MISSING);
                let each = highest.object.saturating_add(1).min(MOST_MISSING);
                (missed * each).min(MOST_MISSING) + location.object.min(MOST_MISSING) + 1
            }
            Some(_) => 0,
        };
        self.highest = self.highest.max(Some(location));
    }

    /// The publisher, or the way to it, changed: the next arrival has nothing to be compared with.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.highest = None;
    }

    /// What was measured since the last time; `None` if nothing was expected.
    pub(crate) fn take(&mut self) -> Option<Measurement> {
        if self.expected == 0 {
            return None;
        }
        let lost = self.expected.saturating_sub(self.received);
        let loss = u32::try_from(lost.saturating_mul(10_000) / self.expected).unwrap_or(10_000);
        self.expected = 0;
        self.received = 0;
        Some(Measurement {
            jitter: Duration::from_micros(self.jitter_times_16 >> 4),
            loss_basis_points: loss.min(10_000),
            rtt: Duration::ZERO,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: u64 = 20_000;

    fn at(meter: &mut TrackMeter, micros: u64, group: u64, object: u64, captured_at: u64) {
        meter.arrived(Timestamp::from_micros(micros), Location::new(group, object), captured_at);
    }

    #[test]
    fn even_arrivals_have_no_jitter_whatever_the_clocks_say() {
        let mut meter = TrackMeter::default();
        for n in 0..100 {
            at(&mut meter, 5_000_000 + n * FRAME, 1, n, u64::MAX / 2 + n * FRAME);
        }
        let measured = meter.take().expect("objects came");
        assert_eq!((measured.jitter, measured.loss_basis_points), (Duration::ZERO, 0));
        assert_eq!(meter.take(), None, "nothing since");
    }

    #[test]
    fn arrivals_that_swing_by_16_ms_have_that_jitter() {
        let mut meter = TrackMeter::default();
        for n in 0..1_000 {
            at(&mut meter, 1_000_000 + n * FRAME + (n % 2) * 16_000, 1, n, n * FRAME);
        }
        let jitter = meter.take().expect("objects came").jitter;
        assert!(
            jitter > Duration::from_micros(15_900) && jitter <= Duration::from_millis(16),
            "{jitter:?}"
        );
    }

    #[test]
    fn missing_objects_are_counted_inside_a_group_and_between_groups() {
        let mut meter = TrackMeter::default();
        for n in (0..50).filter(|n| n % 10 != 5) {
            at(&mut meter, n * FRAME, 1, n, n * FRAME);
        }
        assert_eq!(meter.take().expect("objects came").loss_basis_points, 1_000);
        for n in 0..50 {
            at(&mut meter, (100 + n) * FRAME, 3, n, (100 + n) * FRAME);
        }
        assert_eq!(
            meter.take().expect("objects came").loss_basis_points,
            5_000,
            "group 2 is missing"
        );
    }

    #[test]
    fn late_objects_and_absurd_numbers_are_survived() {
        let mut meter = TrackMeter::default();
        at(&mut meter, 0, 5, 0, 0);
        at(&mut meter, u64::MAX, u64::MAX, u64::MAX, u64::MAX);
        at(&mut meter, 0, 4, 7, 0);
        at(&mut meter, 1, 0, 0, u64::MAX);
        assert!(meter.take().expect("objects came").loss_basis_points <= 10_000);
        meter.restart();
        at(&mut meter, 9, 9, 9, 9);
        assert_eq!(meter.take().expect("an object came").loss_basis_points, 0);
    }
}
