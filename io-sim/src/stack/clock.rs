//! The time of a run, on the host that asks.

use std::time::Duration;

/// In microseconds from the start of the run.
pub(crate) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Waits until then, in microseconds from the start of the run.
pub(crate) async fn sleep_until(micros: u64) {
    tokio::time::sleep(Duration::from_micros(micros.saturating_sub(now()))).await;
}
