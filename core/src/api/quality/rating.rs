//! Measurements, and the ratings that result from them.

use core::time::Duration;

use serde::{Deserialize, Serialize};

/// A rating of quality. Greater is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Hard to follow.
    Poor,
    /// Disturbed.
    Fair,
    /// Hardly disturbed.
    Good,
    /// As if in the same room.
    Excellent,
}

/// The measured values that a rating results from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Interarrival jitter (RFC 3550, section 6.4.1).
    pub jitter: Duration,
    /// Objects that did not arrive, in hundredths of a percent of the expected ones (0 to 10,000).
    pub loss_basis_points: u32,
    /// Smoothed round-trip time of the path (RFC 9002, section 5.3).
    pub rtt: Duration,
}

/// The greatest values that a rating allows, each bound inclusive.
struct Bounds {
    rating: Rating,
    jitter: Duration,
    loss_basis_points: u32,
    rtt: Duration,
}

const fn bounds(rating: Rating, jitter_ms: u64, loss_basis_points: u32, rtt_ms: u64) -> Bounds {
    let (jitter, rtt) = (Duration::from_millis(jitter_ms), Duration::from_millis(rtt_ms));
    Bounds { rating, jitter, loss_basis_points, rtt }
}

/// The quality table of requirement R29.
const TABLE: [Bounds; 3] = [
    bounds(Rating::Excellent, 20, 50, 100),
    bounds(Rating::Good, 40, 200, 200),
    bounds(Rating::Fair, 80, 500, 400),
];

/// The loss steps of requirement R29 for audio and video (1, 3 and 5 %), in hundredths of a
/// percent. Each is the first value that a rating no longer allows.
const LOSS_STEPS: [(Rating, u32); 3] =
    [(Rating::Excellent, 100), (Rating::Good, 300), (Rating::Fair, 500)];

impl Measurement {
    /// The rating of a session, which the worst of the three values decides. The greatest values
    /// are 20 ms, 0.5 % and 100 ms for excellent; 40 ms, 2 % and 200 ms for good; 80 ms, 5 % and
    /// 400 ms for fair.
    pub fn rating(&self) -> Rating {
        TABLE
            .iter()
            .find(|most| {
                self.jitter <= most.jitter
                    && self.loss_basis_points <= most.loss_basis_points
                    && self.rtt <= most.rtt
            })
            .map_or(Rating::Poor, |most| most.rating)
    }

    /// The rating of one kind of media, by loss alone: under 1 % is excellent, under 3 % good,
    /// under 5 % fair.
    pub fn rating_by_loss(&self) -> Rating {
        LOSS_STEPS
            .iter()
            .find(|(_, too_much)| self.loss_basis_points < *too_much)
            .map_or(Rating::Poor, |(rating, _)| *rating)
    }

    /// This measurement with each value one tenth worse. A better rating is given only if this
    /// earns it too.
    pub(crate) fn with_margin(&self) -> Self {
        Self {
            jitter: self.jitter + self.jitter / 10,
            loss_basis_points: self
                .loss_basis_points
                .saturating_add(self.loss_basis_points.div_ceil(10)),
            rtt: self.rtt + self.rtt / 10,
        }
    }

    /// The worse of both for each value.
    pub(crate) fn worst(self, other: Self) -> Self {
        Self {
            jitter: self.jitter.max(other.jitter),
            loss_basis_points: self.loss_basis_points.max(other.loss_basis_points),
            rtt: self.rtt.max(other.rtt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(jitter_ms: u64, loss_basis_points: u32, rtt_ms: u64) -> Measurement {
        Measurement {
            jitter: Duration::from_millis(jitter_ms),
            loss_basis_points,
            rtt: Duration::from_millis(rtt_ms),
        }
    }

    #[test]
    fn session_bounds_are_inclusive_and_the_worst_value_decides() {
        use Rating::{Excellent, Fair, Good, Poor};
        assert_eq!(measured(0, 0, 0).rating(), Excellent);
        for (best, worse, jitter, loss, rtt) in
            [(Excellent, Good, 20, 50, 100), (Good, Fair, 40, 200, 200), (Fair, Poor, 80, 500, 400)]
        {
            assert_eq!(measured(jitter, loss, rtt).rating(), best);
            assert_eq!(measured(jitter + 1, 0, 0).rating(), worse);
            assert_eq!(measured(0, loss + 1, 0).rating(), worse);
            assert_eq!(measured(0, 0, rtt + 1).rating(), worse);
        }
    }

    #[test]
    fn the_margin_is_one_tenth_of_each_value() {
        assert_eq!(measured(20, 41, 100).with_margin(), measured(22, 46, 110));
        assert_eq!(measured(0, 0, 0).with_margin(), measured(0, 0, 0));
    }

    #[test]
    fn a_media_kind_is_rated_by_loss_alone() {
        use Rating::{Excellent, Fair, Good, Poor};
        for (loss, rating) in [
            (0, Excellent),
            (99, Excellent),
            (100, Good),
            (299, Good),
            (300, Fair),
            (499, Fair),
            (500, Poor),
        ] {
            assert_eq!(measured(9_999, loss, 9_999).rating_by_loss(), rating, "{loss}");
        }
    }
}
