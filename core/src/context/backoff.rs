//! Random pauses before a retry.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

use crate::api::limits::SHORTEST_PAUSE;

/// A pause drawn evenly from the upper `percent` of `bound`, never less than 1 ms.
pub(crate) fn jittered(bound: Duration, percent: u8, rng: &mut ChaCha8Rng) -> Duration {
    let bound = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
    let chance = bound / 100 * u64::from(percent.min(100));
    // Multiply-shift: even to within 2^-64, without a loop of rejections.
    let drawn = (u128::from(rng.next_u64()) * (u128::from(chance) + 1)) >> 64;
    let drawn = u64::try_from(drawn).unwrap_or(chance);
    Duration::from_micros(bound - drawn).max(SHORTEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn a_pause_spans_exactly_its_jitter_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let bound = Duration::from_secs(1);
        let mut shortest = bound;
        let mut longest = Duration::ZERO;
        for _ in 0..10_000 {
            let pause = jittered(bound, 20, &mut rng);
            assert!(pause <= bound && pause >= Duration::from_millis(800), "{pause:?}");
            shortest = shortest.min(pause);
            longest = longest.max(pause);
        }
        assert!(shortest < Duration::from_millis(801) && longest > Duration::from_millis(999));
    }

    #[test]
    fn full_jitter_never_draws_a_pause_of_zero() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..10_000 {
            assert!(jittered(SHORTEST_PAUSE, 100, &mut rng) >= SHORTEST_PAUSE);
        }
        assert_eq!(jittered(Duration::from_secs(9), 0, &mut rng), Duration::from_secs(9));
    }

    #[test]
    fn one_seed_draws_one_sequence_of_pauses() {
        let draw = || {
            let mut rng = ChaCha8Rng::seed_from_u64(42);
            [(); 8].map(|()| jittered(Duration::from_secs(30), 100, &mut rng))
        };
        assert_eq!(draw(), draw());
    }
}
