//! Simulated time on the current host. All times are in microseconds from the start of the run.

use std::time::Duration;

use tokio::time::Instant;

/// The current time.
pub(crate) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Sleeps until the given time.
pub(crate) async fn sleep_until(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros.saturating_sub(now()))).await;
}

/// The clock of one process. It is cheaper to read than `now`, because turmoil need not look up the
/// current host: per-packet code uses it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The start of the run on this process's tokio clock.
    start: Instant,
}

impl Clock {
    /// The clock of the current process.
    pub(crate) fn here() -> Self {
        Self { start: Instant::now() - Duration::from_micros(now()) }
    }

    /// The current time.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The given time as a tokio instant.
    pub(crate) fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }
}
