//! The report of a pre-call test (requirements R30 and R31 of `docs/REQUIREMENTS.md`).
//!
//! [`Config::pre_call`](crate::Config::pre_call) turns a call into a test, whose report is in the
//! [`Summary`](crate::stats::Summary).

use alloc::string::String;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::quality::{Measurement, Rating};

/// The capabilities of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Whether the host can send UDP over IPv4.
    pub ipv4: bool,
    /// Whether the host can send UDP over IPv6.
    pub ipv6: bool,
    /// The number of authorities whose certificates for relays are trusted.
    pub trust_roots: u32,
}

impl HostReport {
    /// Whether this host can make calls: it can send UDP, and it trusts some authority.
    pub fn is_supported(&self) -> bool {
        (self.ipv4 || self.ipv6) && self.trust_roots > 0
    }
}

/// The result of a pre-call test.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreCallReport {
    /// The capabilities of the host; `None` if the driver did not report them in time.
    pub host: Option<HostReport>,
    /// The address of the relay that was reached; `None` if none was.
    pub relay: Option<String>,
    /// From the start of the test until the session with that relay was up.
    pub reached_after: Option<Duration>,
    /// From the start of the test until media could pass.
    pub ready_after: Option<Duration>,
    /// Frames that were sent through the relay.
    pub sent: u32,
    /// Frames that came back.
    pub returned: u32,
    /// The average time of a frame through the relay and back.
    pub average_loop: Option<Duration>,
    /// The time of the slowest frame through the relay and back.
    pub longest_loop: Option<Duration>,
    /// Jitter, loss and round-trip time; `None` if nothing was measured. A frame that did not come
    /// back counts as lost.
    pub measured: Option<Measurement>,
    /// The expected quality of a call; `None` if nothing was measured.
    pub rating: Option<Rating>,
}
