//! Counters of a call.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::stats::histogram::Histogram;

/// Counters of the whole call (requirement R27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Attempts that were started. Always the sum of the next four counters.
    pub attempts: u64,
    /// Attempts that became a session.
    pub attempts_succeeded: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Attempts that were abandoned because another one won, the old path came back, or the call
    /// ended.
    pub attempts_cancelled: u64,
    /// Attempts that are in flight.
    pub attempts_in_flight: u64,
    /// Incidents that began. Always the sum of the next three counters.
    pub incidents: u64,
    /// Incidents after which the call continued.
    pub incidents_recovered: u64,
    /// Incidents during which the call ended, by an error or by the application.
    pub incidents_failed: u64,
    /// Incidents that are not over: 0 or 1.
    pub incidents_open: u64,
    /// Planned changes of the session that began: a renewal, a request of the application. Always
    /// the sum of the next four counters.
    pub replacements: u64,
    /// Planned changes after which another session carries the call.
    pub replacements_done: u64,
    /// Planned changes after which the call stayed on its session.
    pub replacements_failed: u64,
    /// Planned changes that became a recovery, because the session was lost meanwhile, or that the
    /// end of the call cut short.
    pub replacements_cancelled: u64,
    /// Planned changes that are under way: 0 or 1.
    pub replacements_open: u64,
    /// Incidents since a session was last stable.
    pub consecutive_disconnects: u64,
    /// Moves of a live connection to a fresh local socket.
    pub migrations: u64,
    /// The duration of the last recovery, from its detection.
    pub last_recovery: Option<Duration>,
    /// The durations of all recoveries, from their detection.
    pub time_to_recover: Histogram,
    /// From the request of a subscription until its track was ready, the last time.
    pub last_subscription_latency: Option<Duration>,
}

impl Telemetry {
    /// The share of recovered incidents among those that are over, in percent; `None` before the
    /// first one is over (metric `reconnect_success_rate`).
    pub fn success_percent(&self) -> Option<u64> {
        let over = self.incidents_recovered + self.incidents_failed;
        (self.incidents_recovered * 100).checked_div(over)
    }
}
