//! Why attempts to connect are made.

use crate::api::error::Cause;
use crate::api::id::IncidentId;
use crate::api::time::Timestamp;

/// The incident that a series of attempts recovers from.
#[derive(Clone, Debug)]
pub(crate) struct Incident {
    pub(crate) id: IncidentId,
    pub(crate) cause: Cause,
    pub(crate) since: Timestamp,
    /// When the outage is reported to the user, unless the silent session comes back before.
    pub(crate) tell_at: Timestamp,
}

/// Why a series of attempts is made.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// To set the call up for the first time.
    SetUp,
    /// To recover from an incident.
    Recover(Incident),
    /// To replace a session that works, as planned: no incident.
    Replace,
}
