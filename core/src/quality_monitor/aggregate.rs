//! Averages over a call.

use core::time::Duration;

use crate::api::quality::Measurement;

/// Sums over the whole call, for averages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aggregate {
    samples: u64,
    jitter_micros: u64,
    loss_basis_points: u64,
    rtt_micros: u64,
}

impl Aggregate {
    pub(crate) fn add(&mut self, measured: Measurement) {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.samples = self.samples.saturating_add(1);
        self.jitter_micros = self.jitter_micros.saturating_add(micros(measured.jitter));
        self.loss_basis_points =
            self.loss_basis_points.saturating_add(u64::from(measured.loss_basis_points));
        self.rtt_micros = self.rtt_micros.saturating_add(micros(measured.rtt));
    }

    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// The average measurement; `None` without samples.
    pub(crate) fn average(&self) -> Option<Measurement> {
        let of = |sum: u64| sum.checked_div(self.samples);
        Some(Measurement {
            jitter: Duration::from_micros(of(self.jitter_micros)?),
            loss_basis_points: u32::try_from(of(self.loss_basis_points)?).unwrap_or(u32::MAX),
            rtt: Duration::from_micros(of(self.rtt_micros)?),
        })
    }
}
