//! The record of a call: participants, status, times and safety alerts.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

/// The status of a call, for a list of calls.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// The call is being set up.
    #[default]
    Initiated,
    /// The call was live, but no participant that we listen to has been online yet.
    Ringing,
    /// A participant answered, or the call listens to nobody.
    Active,
    /// The call is over, without an error.
    Ended,
    /// The call is over because of an error.
    Failed,
}

/// A participant of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParticipantRecord {
    /// The name in the room.
    pub name: String,
    /// Whether the participant was ever online.
    pub seen: bool,
    /// Whether the participant is online now.
    pub present: bool,
}

/// A safety alert that was raised in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyAlert {
    /// From the start of the call to the alert.
    pub after: Duration,
    /// The description, at most [`CallRecord::LONGEST_DETAIL`] bytes.
    pub detail: String,
}

/// The record of a call (requirement R33). Times count from
/// [`Input::Connect`](crate::Input::Connect).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The identifier: [`Config::call_id`](crate::Config::call_id), or the room without one.
    pub id: String,
    /// The participants: ourselves first, then those that we listen to.
    pub participants: Vec<ParticipantRecord>,
    /// The status.
    pub status: CallStatus,
    /// [`Config::initiated_at`](crate::Config::initiated_at), in milliseconds since 1970.
    pub initiated_at: u64,
    /// When the call was first live.
    pub ringing_after: Option<Duration>,
    /// When the call became active.
    pub active_after: Option<Duration>,
    /// When the call ended or failed.
    pub ended_after: Option<Duration>,
    /// The first [`CallRecord::MOST_ALERTS`] safety alerts.
    pub safety_alerts: Vec<SafetyAlert>,
    /// The number of all safety alerts.
    pub safety_alert_count: u64,
}

impl CallRecord {
    /// The number of safety alerts that are retained.
    pub const MOST_ALERTS: usize = 16;
    /// The longest description of a safety alert, in bytes; longer ones are cut.
    pub const LONGEST_DETAIL: usize = 1024;

    pub(crate) fn reached(&mut self, status: CallStatus, after: Duration) {
        self.status = status;
        let moment = match status {
            CallStatus::Initiated => return,
            CallStatus::Ringing => &mut self.ringing_after,
            CallStatus::Active => &mut self.active_after,
            CallStatus::Ended | CallStatus::Failed => &mut self.ended_after,
        };
        if moment.is_none() {
            *moment = Some(after);
        }
    }

    pub(crate) fn alert(&mut self, after: Duration, detail: &str) {
        self.safety_alert_count = self.safety_alert_count.saturating_add(1);
        if self.safety_alerts.len() < Self::MOST_ALERTS {
            self.safety_alerts.push(SafetyAlert { after, detail: cut(detail).into() });
        }
    }
}

/// The longest beginning of a text that has at most [`CallRecord::LONGEST_DETAIL`] bytes.
pub(crate) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(CallRecord::LONGEST_DETAIL);
    &text[..end]
}
