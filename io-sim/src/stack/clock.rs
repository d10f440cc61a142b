//! The time of a run, on the host that asks. All times are in microseconds from its start.

use std::time::Duration;

use tokio::time::Instant;

/// What time it is.
pub(crate) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Waits until then.
pub(crate) async fn sleep_until(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros.saturating_sub(now()))).await;
}

/// The clock of one process, for who asks at each packet: turmoil first looks up whose time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When the run began, as this process counts.
    start: Instant,
}

impl Clock {
    /// That of the process that asks.
    pub(crate) fn here() -> Self {
        Self { start: Instant::now() - Duration::from_micros(now()) }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When it will be that time.
    pub(crate) fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }
}
