//! Counters of a call.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::stats::histogram::Histogram;

/// Telemetry of the whole call (requirement R27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Attempts begun. Always the sum of the four that follow.
    pub attempts: u64,
    /// Attempts that became a session.
    pub attempts_succeeded: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Attempts given up because another one won, or the call ended.
    pub attempts_cancelled: u64,
    /// Attempts in flight.
    pub attempts_in_flight: u64,
    /// Incidents begun. Always the sum of the three that follow.
    pub incidents: u64,
    /// Incidents after which the call went on.
    pub incidents_recovered: u64,
    /// Incidents that ended the call, by error or by the application's wish.
    pub incidents_failed: u64,
    /// Incidents not over yet: 0 or 1.
    pub incidents_open: u64,
    /// Incidents since the last time that a session was up long enough to be called stable.
    pub consecutive_disconnects: u64,
    /// Moves of a live connection to a fresh local socket.
    pub migrations: u64,
    /// How long the last recovery took, from detection.
    pub last_recovery: Option<Duration>,
    /// How long recoveries took, from detection.
    pub time_to_recover: Histogram,
    /// How long a subscription took from its request to its first object, the last time.
    pub last_subscription_latency: Option<Duration>,
}

impl Telemetry {
    /// Which part of all incidents that are over was recovered from, in percent; `None` before the
    /// first (`reconnect_success_rate`).
    pub fn success_percent(&self) -> Option<u64> {
        let over = self.incidents_recovered + self.incidents_failed;
        (self.incidents_recovered * 100).checked_div(over)
    }
}
