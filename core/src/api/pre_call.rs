//! What a pre-call test reports (R30, R31).

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::quality::{Measurement, Rating};

/// What the host can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Whether it can send UDP over IPv4.
    pub ipv4: bool,
    /// Whether it can send UDP over IPv6.
    pub ipv6: bool,
    /// How many authorities there are to believe a relay's certificate by.
    pub trust_roots: u32,
}

impl HostReport {
    /// Whether a call can be made from here at all.
    pub fn is_supported(&self) -> bool {
        (self.ipv4 || self.ipv6) && self.trust_roots > 0
    }
}

/// What the test has found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreCallReport {
    /// What the host can do; `None` if it has not said so in time.
    pub host: Option<HostReport>,
    /// The relay that was reached.
    pub relay: Option<String>,
    /// How long it took to set up a session with it.
    pub reached_after: Option<Duration>,
    /// How long it took until media could pass.
    pub ready_after: Option<Duration>,
    /// Frames sent.
    pub sent: u32,
    /// Frames that came back.
    pub returned: u32,
    /// How long frames took through the relay and back, on average.
    pub average_loop: Option<Duration>,
    /// How long the slowest of them took.
    pub longest_loop: Option<Duration>,
    /// Jitter, loss and round trip; `None` if nothing came back.
    pub measured: Option<Measurement>,
    /// How good a call will be.
    pub rating: Option<Rating>,
}
