//! A histogram of times, in bounded memory.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// The inclusive upper bounds of the buckets, in milliseconds. The last bucket has none.
const BOUNDS_MS: [u64; 15] = [
    50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 15_000, 20_000, 30_000,
];

/// A histogram of times, such as the metric `time_to_recover_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    buckets: [u32; BOUNDS_MS.len() + 1],
    sum: Duration,
    longest: Duration,
}

impl Histogram {
    pub(crate) fn add(&mut self, time: Duration) {
        let bucket = BOUNDS_MS.partition_point(|bound| Duration::from_millis(*bound) < time);
        self.buckets[bucket] = self.buckets[bucket].saturating_add(1);
        self.sum = self.sum.saturating_add(time);
        self.longest = self.longest.max(time);
    }

    /// The number of times.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|count| u64::from(*count)).sum()
    }

    /// The sum of all times.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest time.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// A time that at least `percent` of all times do not exceed: the upper bound of a bucket, or
    /// the longest time if that is shorter. `None` without times.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let wanted = (self.count() * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                let bound = BOUNDS_MS.get(bucket).map(|bound| Duration::from_millis(*bound));
                return Some(bound.unwrap_or(self.longest).min(self.longest));
            }
        }
        None
    }

    /// The buckets: the inclusive upper bound of each (`None` for the last), and its number of
    /// times.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = BOUNDS_MS.iter().map(|bound| Some(Duration::from_millis(*bound)));
        bounds.chain([None]).zip(self.buckets.iter().map(|count| u64::from(*count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn each_time_is_in_the_bucket_of_its_bound() {
        let mut times = Histogram::default();
        assert_eq!(times.percentile(50), None);
        for ms in [0, 50, 51, 30_000, 30_001, 90_000] {
            times.add(Duration::from_millis(ms));
        }
        let filled: Vec<_> = times.buckets().filter(|(_, count)| *count > 0).collect();
        let ms = Duration::from_millis;
        assert_eq!(
            filled,
            [(Some(ms(50)), 2), (Some(ms(100)), 1), (Some(ms(30_000)), 1), (None, 2)]
        );
        assert_eq!((times.count(), times.longest()), (6, ms(90_000)));
        assert_eq!(times.sum(), ms(150_102));
        assert_eq!(times.percentile(50), Some(ms(100)));
        assert_eq!(times.percentile(100), Some(ms(90_000)));
        assert_eq!(times.percentile(0), Some(ms(50)));
    }

    #[test]
    fn a_percentile_is_never_longer_than_the_longest_time() {
        let mut times = Histogram::default();
        times.add(Duration::from_millis(160));
        assert_eq!(times.percentile(95), Some(Duration::from_millis(160)));
    }
}
