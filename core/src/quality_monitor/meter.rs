//! The meter of one subscribed track: what its listener can measure.

use core::time::Duration;

use crate::api::media::FrameNumber;
use crate::api::quality::Measurement;
use crate::api::time::Timestamp;

/// Jitter and loss of one track, as its listener sees them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrackMeter {
    last: Option<Arrival>,
    /// 16 times the jitter (RFC 3550 appendix A.8), in whole units of the clock (microseconds).
    jitter_times_16: u64,
    highest: Option<FrameNumber>,
    expected: u64,
    received: u64,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: Timestamp,
    captured_at: u64,
}

/// The most that one gap adds to the expected frames: their numbers cannot be trusted.
const MOST_MISSING: u64 = 10_000;

impl TrackMeter {
    /// An object arrived for the first time.
    pub(crate) fn arrived(&mut self, now: Timestamp, number: FrameNumber, captured_at: u64) {
        if let Some(last) = self.last {
            let arrival = now.since(last.at).as_micros();
            let capture = u128::from(captured_at.saturating_sub(last.captured_at));
            let difference = u64::try_from(arrival.abs_diff(capture)).unwrap_or(u64::MAX);
            let shrunk = self.jitter_times_16 - ((self.jitter_times_16 + 8) >> 4);
            self.jitter_times_16 = shrunk.saturating_add(difference.min(u64::MAX >> 8));
        }
        self.last = Some(Arrival { at: now, captured_at });
        self.received += 1;
        self.expected += match self.highest {
            Some(highest) if highest.incarnation == number.incarnation => {
                number.sequence.saturating_sub(highest.sequence).min(MOST_MISSING)
            }
            Some(_) | None => 1,
        };
        self.highest = self.highest.max(Some(number));
    }

    /// The publisher, or the way to it, changed: the next arrival is compared with none before it.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.highest = None;
    }

    /// The measurement since the last call; `None` if no frame was expected.
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

    fn at(meter: &mut TrackMeter, micros: u64, sequence: u64, captured_at: u64) {
        let number = FrameNumber::new(1, sequence);
        meter.arrived(Timestamp::from_micros(micros), number, captured_at);
    }

    #[test]
    fn even_arrivals_have_no_jitter_whatever_the_clocks_say() {
        let mut meter = TrackMeter::default();
        for n in 0..100 {
            at(&mut meter, 5_000_000 + n * FRAME, n, u64::MAX / 2 + n * FRAME);
        }
        let measured = meter.take().expect("objects arrived");
        assert_eq!((measured.jitter, measured.loss_basis_points), (Duration::ZERO, 0));
        assert_eq!(meter.take(), None, "nothing since");
    }

    #[test]
    fn frames_of_a_new_incarnation_are_counted_apart() {
        let mut meter = TrackMeter::default();
        meter.arrived(Timestamp::from_micros(0), FrameNumber::new(1, 7), 0);
        for (n, sequence) in [(1, 0), (2, 2)] {
            meter.arrived(
                Timestamp::from_micros(n * FRAME),
                FrameNumber::new(2, sequence),
                n * FRAME,
            );
        }
        // One of the first incarnation, and three of the next: one of the four is missing.
        assert_eq!(meter.take().expect("objects arrived").loss_basis_points, 2_500);
    }

    #[test]
    fn arrivals_after_a_restart_are_not_compared_with_earlier_ones() {
        let mut meter = TrackMeter::default();
        at(&mut meter, 0, 0, 0);
        meter.restart();
        at(&mut meter, 5_000_000, 250, 1);
        let measured = meter.take().expect("objects arrived");
        assert_eq!((measured.jitter, measured.loss_basis_points), (Duration::ZERO, 0));
    }

    #[test]
    fn jitter_is_that_of_rfc_3550() {
        // J += (|D| - J) / 16, in fractions (section 6.4.1); each arrival swings by another amount.
        let (mut meter, mut jitter) = (TrackMeter::default(), 0.0_f64);
        let mut before = 0;
        for n in 0..200 {
            let late = n * 7_919 % 9_973;
            at(&mut meter, 1_000_000 + n * FRAME + late, n, n * FRAME);
            if n > 0 {
                jitter += (late.abs_diff(before) as f64 - jitter) / 16.0;
                let measured = meter.take().expect("an object arrived").jitter.as_micros() as f64;
                assert!((measured - jitter).abs() <= 2.0, "{measured} and {jitter} after {n}");
            }
            before = late;
        }
        assert!(jitter > 1_000.0);
    }

    #[test]
    fn missing_frames_are_counted_exactly() {
        let mut meter = TrackMeter::default();
        for n in (0..50).filter(|n| n % 10 != 5) {
            at(&mut meter, n * FRAME, n, n * FRAME);
        }
        assert_eq!(meter.take().expect("objects arrived").loss_basis_points, 1_000);
        at(&mut meter, 99 * FRAME, 99, 99 * FRAME);
        assert_eq!(meter.take().expect("one arrived").loss_basis_points, 9_800, "49 of 50");
        at(&mut meter, 100 * FRAME, 70, 0);
        assert_eq!(meter.take(), None, "a late object was expected before");
    }

    #[test]
    fn late_objects_and_absurd_numbers_are_survived() {
        let mut meter = TrackMeter::default();
        at(&mut meter, 0, 5, 0);
        at(&mut meter, u64::MAX, u64::MAX, u64::MAX);
        at(&mut meter, 0, 4, 0);
        meter.arrived(Timestamp::ZERO, FrameNumber::new(u64::MAX, 0), u64::MAX);
        assert_eq!(meter.take().expect("objects arrived").loss_basis_points, 9_996, "bounded");
        meter.restart();
        at(&mut meter, 9, 9, 9);
        assert_eq!(meter.take().expect("an object arrived").loss_basis_points, 0);
        at(&mut meter, u64::MAX, 10, 10);
        at(&mut meter, u64::MAX, 11, u64::MAX);
        let jitter = meter.take().expect("objects arrived").jitter;
        assert!(jitter < Duration::from_micros(u64::MAX >> 8), "{jitter:?} is bounded");
    }
}
