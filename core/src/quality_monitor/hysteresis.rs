//! A rating that does not flap.

use crate::api::quality::{Measurement, Rating};

/// A rating that falls at once, and rises only when the values would earn that with a tenth to
/// spare. So it does not flap when a value is on an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hysteresis {
    current: Option<Rating>,
}

impl Hysteresis {
    pub(crate) fn current(&self) -> Option<Rating> {
        self.current
    }

    /// Rates a measurement; returns the old rating (if there was one) and the new, if they differ.
    pub(crate) fn rate(
        &mut self,
        measured: Measurement,
        by: fn(&Measurement) -> Rating,
    ) -> Option<(Option<Rating>, Rating)> {
        let plain = by(&measured);
        let next = match self.current {
            Some(current) if plain > current => by(&measured.with_margin()).max(current),
            Some(_) | None => plain,
        };
        let before = self.current.replace(next);
        (before != Some(next)).then_some((before, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn rtt(ms: u64) -> Measurement {
        Measurement { rtt: Duration::from_millis(ms), ..Measurement::default() }
    }

    #[test]
    fn a_value_swinging_over_an_edge_changes_the_rating_once() {
        let mut session = Hysteresis::default();
        assert_eq!(session.rate(rtt(99), Measurement::rating), Some((None, Rating::Excellent)));
        let change = Some((Some(Rating::Excellent), Rating::Good));
        assert_eq!(session.rate(rtt(101), Measurement::rating), change);
        for ms in [99, 101, 95, 102, 91, 110] {
            assert_eq!(session.rate(rtt(ms), Measurement::rating), None, "{ms} ms");
        }
        let back = Some((Some(Rating::Good), Rating::Excellent));
        assert_eq!(session.rate(rtt(90), Measurement::rating), back);
    }

    #[test]
    fn a_rating_falls_at_once_and_rises_with_a_margin() {
        let mut session = Hysteresis::default();
        session.rate(rtt(1_000), Measurement::rating);
        assert_eq!(session.current(), Some(Rating::Poor));
        session.rate(rtt(95), Measurement::rating);
        assert_eq!(session.current(), Some(Rating::Good), "not Excellent: no tenth to spare");
        session.rate(rtt(401), Measurement::rating);
        assert_eq!(session.current(), Some(Rating::Poor));
    }

    #[test]
    fn the_margin_holds_for_loss_too_small_for_a_tenth() {
        let loss = |loss_basis_points| Measurement { loss_basis_points, ..Measurement::default() };
        let mut audio = Hysteresis::default();
        audio.rate(loss(100), Measurement::rating_by_loss);
        assert_eq!(audio.rate(loss(95), Measurement::rating_by_loss), None);
        assert!(audio.rate(loss(90), Measurement::rating_by_loss).is_some());
    }
}
